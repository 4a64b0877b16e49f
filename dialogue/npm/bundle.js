// Bundles the modules of `src/` into `client.js`, the one file that servers and the npm package contain.
//
// `node bundle.js` writes the file; `node bundle.js --check` fails if the file differs. A module may use only what this
// script understands: `import { … } from "./….js"`, exported declarations, and types from `/** @import … */`. The script
// joins the modules without these lines, from the entry to what it imports. They then share one scope, so two modules
// may not declare the same name. No module may use what it imports before every module is loaded. The script also
// rejects circular imports, unused files, and exports that nothing imports.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const ENTRY = "index.js";
const FIRST_LINE = "// Generated from dialogue/npm/src by dialogue/npm/bundle.js. Edit the modules, then run the script.\n";

const IMPORT = /^import \{([^}]+)\} from "(\.[^"]+)";\n/gm;
const TYPE_IMPORT = /^\/\*\* @import (?:\{([^}]+)\}|\* as \w+) from "(\.[^"]+)" \*\/\n/gm;
const EXPORT_FROM = /^export \{([^}]+)\} from "(\.[^"]+)";\n/gm;
const DECLARATION = /^(export )?(?:async )?(?:class|const|function|let) (\w+)/gm;
const TYPE = /^(?:\/\*\*| \*) @typedef (?:\{.*\} )?(\w+)/gm;

/** Joins the modules of a folder, or throws an error that says why they cannot be joined. */
export function bundle(folder) {
  const modules = new Map();
  const order = [];
  load(ENTRY, []);

  /** Loads a module and everything that it imports, and puts the module before them. */
  function load(file, importers) {
    if (importers.includes(file)) throw new Error(`circular import: ${[...importers, file].join(" → ")}`);
    if (modules.has(file)) return;
    const module = read(folder, file);
    modules.set(file, module);
    for (const { from } of module.imports) if (inside(from)) load(from, [...importers, file]);
    order.unshift(file);
  }

  for (const file of readdirSync(folder, { recursive: true })) {
    if (file.endsWith(".js") && !modules.has(file)) throw new Error(`${file} is not imported by any module`);
  }
  checkNames(modules);
  const published = modules.get(ENTRY).imports.flatMap(({ names }) => names);
  const outside = new Set(order.flatMap((file) => modules.get(file).outside));
  const [entry, ...others] = order.map((file) => modules.get(file).code.trim());
  const sections = others.map((code, index) => `${ruler(order[index + 1])}\n${exporting(code, published)}`);
  return `${FIRST_LINE}//\n${entry}\n\n${[...outside].join("")}\n${sections.join("\n\n")}\n`;
}

const inside = (file) => !file.startsWith("..");

const ruler = (file) => `// ==== ${file} ====`;

/** Removes the keyword `export`, except from what the entry exports. */
const exporting = (code, published) =>
  code.replace(DECLARATION, (line, _, name) => (published.includes(name) ? line : line.replace(/^export /, "")));

/** Reads a module: its code without imports, what it imports and exports, and its type imports from outside. */
function read(folder, file) {
  const imports = [];
  const outside = [];
  const take = (line, names = "", path) => {
    const from = normalize(join(dirname(file), path)).replaceAll("\\", "/");
    imports.push({ names: names.split(",").map((name) => name.trim()).filter(Boolean), from });
    if (!inside(from)) outside.push(line.replace(path, `./${relative("..", from)}`));
    return "";
  };
  const code = [IMPORT, TYPE_IMPORT, EXPORT_FROM].reduce(
    (text, pattern) => text.replace(pattern, take),
    readFileSync(join(folder, file), "utf8"),
  );
  const left = code.match(/^(import\b|export (?!(async )?(class|const|function|let) ).*|.*@import).*/m);
  if (left) throw new Error(`${file}: the script does not understand \`${left[0]}\``);
  const tidy = code.replace(/\n{3,}/g, "\n\n");
  const declared = [...code.matchAll(DECLARATION)].map(([, exported, name]) => ({ name, exported: Boolean(exported) }));
  const types = [...code.matchAll(TYPE)].map(([, name]) => ({ name, exported: undefined })); // types need no `export`
  return { code: tidy, imports, outside, names: [...declared, ...types] };
}

/** Checks that what is imported is exported, that what is exported is imported, and that no name is declared twice. */
function checkNames(modules) {
  for (const [file, { imports }] of modules) {
    for (const { names, from } of imports.filter(({ from }) => inside(from))) {
      const exports = modules.get(from).names.filter(({ exported }) => exported !== false).map(({ name }) => name);
      const unknown = names.find((name) => !exports.includes(name));
      if (unknown) throw new Error(`${file}: ${from} does not export ${unknown}`);
    }
  }
  const owners = new Map();
  const imported = new Set([...modules.values()].flatMap(({ imports }) => imports.flatMap(({ names }) => names)));
  for (const [file, { names }] of modules) {
    for (const { name, exported } of names) {
      if (owners.has(name)) throw new Error(`${name} is declared in ${owners.get(name)} and in ${file}`);
      owners.set(name, file);
      if (exported && !imported.has(name)) throw new Error(`${file}: no module imports the exported name ${name}`);
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const target = join(FOLDER, "client.js");
  const text = bundle(join(FOLDER, "src"));
  if (!process.argv.includes("--check")) writeFileSync(target, text);
  else if (readFileSync(target, "utf8") !== text) {
    console.error("dialogue/npm/client.js differs from its modules: run `node dialogue/npm/bundle.js`");
    process.exitCode = 1;
  }
}
