//! Three servers of Redis in cluster mode, and replicas.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use redis::Value;

use super::server::Server;

pub(crate) struct Cluster {
    pub(crate) servers: Vec<(String, Server)>,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        Self::with(|port| vec!["--port".to_owned(), port.to_owned()], &[])
    }

    /// With settings that depend on the port, and with options of `redis-cli`.
    pub(super) fn with(settings: impl Fn(&str) -> Vec<String>, options: &[&str]) -> Self {
        let ports = free_ports(6);
        let servers: Vec<_> = (0..3)
            .map(|n| (ports[n].clone(), start(settings(&ports[n]), &ports[n + 3])))
            .collect();
        let addresses = servers.iter().map(|(port, _)| format!("127.0.0.1:{port}"));
        let created = Command::new("redis-cli")
            .args(options)
            .args(["--cluster", "create"])
            .args(addresses)
            .arg("--cluster-yes")
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(created.success());
        let cluster = Self { servers };
        cluster.until_ok();
        cluster
    }

    fn until_ok(&self) {
        let is_ready = |server: &Server| {
            let info: String = redis::cmd("CLUSTER").arg("INFO").query(&mut server.connect()).unwrap();
            info.contains("cluster_state:ok")
        };
        while !self.servers.iter().all(|(_, server)| is_ready(server)) {
            sleep(Duration::from_millis(20));
        }
    }

    /// Adds a replica of a server, and waits until it has its data.
    pub(super) fn add_replica(&mut self, of: usize) {
        let ports = free_ports(2);
        let settings = vec!["--port".to_owned(), ports[0].clone()];
        let server = start(settings, &ports[1]);
        let run = |server: &Server, words: &[&str]| -> redis::RedisResult<Value> {
            let mut command = redis::cmd(words[0]);
            command.arg(&words[1..]).query(&mut server.connect())
        };
        let id: String = redis::from_redis_value(run(&self.servers[of].1, &["CLUSTER", "MYID"]).unwrap()).unwrap();
        // The port of the bus is not the usual one.
        let introduced = ["CLUSTER", "MEET", "127.0.0.1", &ports[0], &ports[1]];
        run(&self.servers[of].1, &introduced).unwrap();
        while run(&server, &["CLUSTER", "REPLICATE", &id]).is_err() {
            sleep(Duration::from_millis(20));
        }
        let is_synced = || {
            let info: String = redis::cmd("INFO")
                .arg("replication")
                .query(&mut server.connect())
                .unwrap();
            info.contains("master_link_status:up")
        };
        while !is_synced() {
            sleep(Duration::from_millis(20));
        }
        self.servers.push((ports[0].clone(), server));
        self.until_ok();
    }

    /// The server that has a slot.
    pub(crate) fn owner(&self, slot: u16) -> usize {
        let reply: Vec<(u16, u16, Value)> = redis::cmd("CLUSTER")
            .arg("SLOTS")
            .query(&mut self.servers.last().unwrap().1.connect())
            .unwrap();
        let owner = reply
            .iter()
            .find(|(first, last, _)| (*first..=*last).contains(&slot))
            .unwrap();
        let Value::Array(node) = &owner.2 else {
            panic!("{owner:?}")
        };
        let Value::Int(port) = node[1] else { panic!("{node:?}") };
        self.servers
            .iter()
            .position(|(own, _)| *own == port.to_string())
            .unwrap()
    }
}

fn start(mut settings: Vec<String>, bus: &str) -> Server {
    let more = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
    settings.extend(more.map(str::to_owned));
    settings.extend(["--repl-diskless-sync-delay", "0", "--cluster-port", bus].map(str::to_owned));
    let settings: Vec<_> = settings.iter().map(String::as_str).collect();
    Server::with(&settings)
}

fn free_ports(count: usize) -> Vec<String> {
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners
        .iter()
        .map(|listener| listener.local_addr().unwrap().port().to_string())
        .collect()
}
