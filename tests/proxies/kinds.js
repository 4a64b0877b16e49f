// The proxies: how each is started as a foreground process without privileges, and how tests vary its configuration.
// Each kind has:
//
// - `arguments(file, folder)`: its command line;
// - `complete(config, { folder, http, https })`: a whole file around the configuration of the page;
// - `plain(config)`: without TLS;
// - `prefix(config, block)`, `two(config, block)`: with another block of the page;
// - `impatient(config)`: with timeouts of two seconds;
// - `host(config)`: with a mistake, so that the server receives another Host than the browser's;
// - `deaf(config)`: with a mistake, so that it drops upgrades, if it can make this mistake;
// - `checks`: whether it asks servers if they are ready;
// - `keeps`: whether it keeps idle connections to a server as long as it may;
// - `http2(config)`: with WebSockets over HTTP/2, if it has an option for them.
import { blocks, insert, replace } from "./page.js";

const nginx = {
  command: "nginx",
  language: "nginx",
  checks: false,
  keeps: true,
  arguments: (file, folder) => ["-c", file, "-p", folder, "-e", "stderr", "-g", "daemon off;"],
  complete: (config, { folder }) => {
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    const paths = temporary.map((name) => `  ${name}_temp_path ${folder}/${name};`).join("\n");
    return `pid ${folder}/pid;\nevents {}\nhttp {\n  access_log off;\n${paths}\n${config}\n}\n`;
  },
  plain: (config) => replace(config.replaceAll(/^ *ssl_.*\n/gm, ""), " ssl http2", ""),
  prefix: (config, block) => insert(config, block, "    location / {"),
  two: (config, block) => replace(config, /^upstream .*?^}\n/ms, block),
  impatient: (config) => replace(config, "proxy_read_timeout 60s", "proxy_read_timeout 2s"),
  host: (config) => replace(config, "$http_host", "$host"),
  deaf: (config) => replace(config, /^ *proxy_http_version .*\n.* Upgrade .*\n.* Connection .*\n/m, ""),
};

const caddy = {
  command: "caddy",
  language: "caddyfile",
  checks: true,
  keeps: true,
  arguments: (file) => ["run", "--adapter", "caddyfile", "--config", file],
  complete: (config, { folder, http, https }) => {
    const options = ["admin off", "skip_install_trust", "default_bind 127.0.0.1"];
    if (!config.includes("http://")) options.push(`http_port ${http}`, `https_port ${https}`);
    const log = "log {\n  output stderr\n  level ERROR\n}";
    return `{\n${[...options, `storage file_system ${folder}`, log].join("\n")}\n}\n${config}`;
  },
  plain: (config) => replace(replace(config, /^ *tls .*\n/m, ""), "\nchat.example {", "\nhttp://chat.example:443 {"),
  prefix: (config, block) => insert(config, block, "    import dialogue"),
  two: (config, block) => replace(config, /^\(dialogue\) .*?^}\n/ms, block),
  impatient: (config) => replace(config, "keepalive 60s", "keepalive 60s\nread_timeout 2s\nwrite_timeout 2s"),
  host: (config) => replace(config, "transport http", "header_up Host {upstream_hostport}\ntransport http"),
};

const haproxy = {
  command: "haproxy",
  language: "haproxy",
  checks: true,
  keeps: false,
  arguments: (file) => ["-db", "-q", "-f", file],
  complete: (config) => `global\n    maxconn 1000\n\n${config}`,
  plain: (config) => replace(replace(config, / ssl crt .*/, ""), /^ *http-request redirect .*\n/m, ""),
  prefix: (config, block) => insert(config, block, "    server one"),
  two: (config, block) => replace(config, /^backend dialogue\n(?: .*\n)*/m, block),
  impatient: (config) => config.replaceAll(/timeout (client|server|tunnel) 60s/g, "timeout $1 2s"),
  host: (config) => insert(config, "    http-request set-header Host 127.0.0.1:3000\n", "    default_backend"),
};

const APACHE_MODULES = [
  "mpm_event", "authz_core", "headers", "http2", "lbmethod_byrequests", "proxy", "proxy_balancer", "proxy_hcheck",
  "proxy_http", "reqtimeout", "slotmem_shm", "socache_shmcb", "ssl", "alias",
];

const apache = {
  command: "apache2",
  language: "apache",
  checks: true,
  keeps: true,
  arguments: (file, folder) => ["-DFOREGROUND", "-d", folder, "-f", file],
  complete: (config, { folder, http, https }) => {
    const modules = APACHE_MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so\n`);
    return `${modules.join("")}
ServerName localhost
DefaultRuntimeDir ${folder}
PidFile ${folder}/pid
Mutex file:${folder}
ErrorLog ${folder}/log
LogLevel error
Listen 127.0.0.1:${http}
Listen 127.0.0.1:${https} http
KeepAliveTimeout 60
RequestReadTimeout header=20 body=2
${config}`;
  },
  plain: (config) => replace(config.replaceAll(/^ *SSL.*\n/gm, ""), /^ *Protocols .*\n/m, ""),
  prefix: (config, block) => insert(config, block, '    ProxyPass "/"'),
  two: (config, block) => replace(config, /^ *ProxyPass "\/" .*\n/m, block),
  impatient: (config) => replace(config, "Timeout 60", "Timeout 2"),
  host: (config) => replace(config, /^ *ProxyPreserveHost On\n/m, ""),
  deaf: (config) => replace(config, " upgrade=websocket", ""),
  http2: (config) => insert(config, "    H2WebSockets on\n", "    Protocols"),
};

/** The kinds by their names, each with its `blocks` of the page. */
export const KINDS = Object.fromEntries(
  Object.entries({ nginx, caddy, haproxy, apache }).map(([name, kind]) => [
    name,
    { name, ...kind, blocks: blocks(kind.language) },
  ]),
);
