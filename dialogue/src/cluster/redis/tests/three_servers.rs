//! Three servers of Redis in cluster mode.

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
        let ports = free_ports();
        let servers: Vec<_> = (0..3)
            .map(|n| {
                let (port, bus) = (ports[n].clone(), &ports[n + 3]);
                let server = Server::with(&[
                    "--port",
                    &port,
                    "--cluster-enabled",
                    "yes",
                    "--cluster-port",
                    bus,
                    "--cluster-node-timeout",
                    "2000",
                ]);
                (port, server)
            })
            .collect();
        let addresses = servers.iter().map(|(port, _)| format!("127.0.0.1:{port}"));
        let created = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(addresses)
            .arg("--cluster-yes")
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(created.success());
        let is_ready = |server: &Server| {
            let info: String = redis::cmd("CLUSTER").arg("INFO").query(&mut server.connect()).unwrap();
            info.contains("cluster_state:ok")
        };
        while !servers.iter().all(|(_, server)| is_ready(server)) {
            sleep(Duration::from_millis(20));
        }
        Self { servers }
    }

    /// The server that has a slot.
    pub(crate) fn owner(&self, slot: u16) -> usize {
        let reply: Vec<(u16, u16, Value)> = redis::cmd("CLUSTER")
            .arg("SLOTS")
            .query(&mut self.servers[0].1.connect())
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

fn free_ports() -> Vec<String> {
    let listeners: Vec<_> = (0..6).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners
        .iter()
        .map(|listener| listener.local_addr().unwrap().port().to_string())
        .collect()
}
