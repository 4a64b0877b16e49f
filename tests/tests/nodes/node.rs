//! Nodes: processes of one server program that share their rooms, each with a proxy on its way to Redis, behind a load
//! balancer without sticky sessions.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Duration;

use dialogue_tests::Folder;
use dialogue_tests::proxy::Proxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::process::Process;
use super::redis::{Redis, RedisCluster};
use super::{eventually_async, free_port};

/// One node.
pub(crate) struct Node {
    process: Process,
    port: u16,
    /// Where it finds Redis.
    urls: String,
    /// Its way to Redis. With a Redis Cluster, nodes connect to the addresses that its servers tell them.
    road: Option<Proxy>,
    number: usize,
    starts: usize,
}

/// Some nodes and their balancer.
pub(crate) struct Nodes {
    pub(crate) nodes: Vec<Node>,
    balancer: Proxy,
    logs: Folder,
}

impl Nodes {
    /// Starts nodes on one Redis, and waits until they are ready.
    pub(crate) async fn start(count: usize, redis: &Redis) -> Self {
        let nodes = Self::start_without_waiting(count, redis).await;
        nodes.until_ready().await;
        nodes
    }

    /// Starts nodes on one Redis that need not run yet.
    pub(crate) async fn start_without_waiting(count: usize, redis: &Redis) -> Self {
        let mut roads = Vec::new();
        for _ in 0..count {
            let road = Proxy::to(redis.address()).await;
            roads.push((format!("redis://{}", road.address()), Some(road)));
        }
        Self::on(roads).await
    }

    /// Starts nodes on a Redis Cluster, each with the address of another server, and waits until they are ready.
    pub(crate) async fn start_on_cluster(count: usize, cluster: &RedisCluster) -> Self {
        let url = |node: usize| format!("redis://{}", cluster.servers[node % cluster.servers.len()].address());
        let nodes = Self::on((0..count).map(|node| (url(node), None)).collect()).await;
        nodes.until_ready().await;
        nodes
    }

    async fn on(roads: Vec<(String, Option<Proxy>)>) -> Self {
        let logs = Folder::new("nodes");
        let nodes: Vec<_> = roads
            .into_iter()
            .enumerate()
            .map(|(number, (urls, road))| {
                let port = free_port();
                Node {
                    process: launch(&logs, port, &urls, number, 0),
                    port,
                    urls,
                    road,
                    number,
                    starts: 1,
                }
            })
            .collect();
        let balancer = Proxy::in_turn(nodes.iter().map(Node::address)).await;
        Self { nodes, balancer, logs }
    }

    /// The address of the load balancer.
    pub(crate) fn url(&self) -> String {
        self.balancer.url()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.balancer.address()
    }

    /// Waits until each node has reached Redis once.
    pub(crate) async fn until_ready(&self) {
        for node in &self.nodes {
            eventually_async(&format!("node {} is ready", node.number), || async {
                node.status_of_ready().await == Some(200)
            })
            .await;
        }
    }

    /// Sends SIGKILL to a node, and starts it again on the same port.
    pub(crate) fn kill_and_restart(&mut self, node: usize) {
        self.kill(node);
        self.restart(node);
    }

    pub(crate) fn kill(&mut self, node: usize) {
        self.nodes[node].process.kill();
    }

    /// Sends SIGTERM, and waits until the node has said goodbye to its clients and ended.
    pub(crate) async fn stop(&mut self, node: usize) {
        self.nodes[node].process.stop().await;
    }

    pub(crate) fn restart(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        node.process = launch(&self.logs, node.port, &node.urls, node.number, node.starts);
        node.starts += 1;
    }

    /// Cuts the ways of all nodes to Redis.
    pub(crate) fn each_road(&self, change: impl Fn(&Proxy)) {
        self.nodes.iter().for_each(|node| change(node.road()));
    }

    /// The lines of all nodes' logs that contain this.
    pub(crate) fn log_lines(&self, part: &str) -> Vec<String> {
        let mut found = Vec::new();
        for node in &self.nodes {
            for start in 0..node.starts {
                let log = std::fs::read_to_string(self.logs.path().join(log_name(node.number, start)));
                let log = log.unwrap_or_default();
                found.extend(log.lines().filter(|line| line.contains(part)).map(str::to_owned));
            }
        }
        found
    }
}

impl Node {
    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The URL for clients that must be on this node.
    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address())
    }

    pub(crate) fn road(&self) -> &Proxy {
        self.road.as_ref().expect("a proxy on the way to Redis")
    }

    pub(crate) fn pause(&self) {
        self.process.pause();
    }

    pub(crate) fn resume(&self) {
        self.process.resume();
    }

    /// The status of `/dialogue/ready`, if the node answers at once.
    pub(crate) async fn status_of_ready(&self) -> Option<u16> {
        let asking = async {
            let mut stream = TcpStream::connect(self.address()).await.ok()?;
            let request = b"GET /dialogue/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
            stream.write_all(request).await.ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            answer.split(' ').nth(1)?.parse().ok()
        };
        tokio::time::timeout(Duration::from_secs(5), asking).await.ok()?
    }
}

fn log_name(node: usize, start: usize) -> String {
    format!("node-{node}-{start}.log")
}

fn launch(logs: &Folder, port: u16, urls: &str, number: usize, start: usize) -> Process {
    let log = File::create(logs.path().join(log_name(number, start))).expect("a log");
    let mut process = Process::start(
        Command::new(env!("CARGO_BIN_EXE_served"))
            .env("REDIS", urls)
            .env("PORT", port.to_string())
            .stdout(Stdio::piped())
            .stderr(log),
    );
    let mut address = String::new();
    let output = process.child().stdout.take().expect("a pipe");
    BufReader::new(output).read_line(&mut address).expect("an address");
    assert!(address.contains(&port.to_string()), "node {number} serves: {address:?}");
    process
}

/// After a failure, the logs are what explains it.
impl Drop for Nodes {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for node in &self.nodes {
            for start in 0..node.starts {
                let name = log_name(node.number, start);
                let log = std::fs::read_to_string(self.logs.path().join(&name)).unwrap_or_default();
                let lines: Vec<_> = log.lines().collect();
                let shown = lines.len().saturating_sub(25);
                println!(
                    "---- {name}, the last of {} lines\n{}",
                    lines.len(),
                    lines[shown..].join("\n")
                );
            }
        }
    }
}
