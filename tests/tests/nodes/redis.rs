//! Redis servers of a test: one alone, one with a replica, or three that share the slots.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Duration;

use dialogue_tests::Folder;

use super::process::Process;
use super::{eventually, free_port};

/// A `redis-server` on a port and in a folder of its own. It ends with the value.
pub(crate) struct Redis {
    process: Process,
    port: u16,
    settings: Vec<String>,
    // Removed after the process has ended.
    folder: Folder,
}

impl Redis {
    /// Starts a server that keeps nothing when it ends.
    pub(crate) async fn start() -> Self {
        Self::with(&["--appendonly", "no"]).await
    }

    /// Starts a server with these settings.
    pub(crate) async fn with(settings: &[&str]) -> Self {
        let (folder, port) = (Folder::new("redis"), free_port());
        let settings: Vec<_> = settings.iter().map(|&setting| setting.to_owned()).collect();
        let process = launch(port, &folder, &settings);
        let server = Self {
            process,
            port,
            settings,
            folder,
        };
        server.until_ready().await;
        server
    }

    /// Starts a server that copies the one at this address, and waits until it has.
    pub(crate) async fn replica_of(primary: SocketAddr) -> Self {
        let (host, port) = (primary.ip().to_string(), primary.port().to_string());
        let replica = Self::with(&["--replicaof", &host, &port, "--repl-diskless-sync-delay", "0"]).await;
        eventually("the replica is in step", || {
            let info: String = replica.ask(&["INFO", "replication"]);
            info.contains("master_link_status:up")
        })
        .await;
        replica
    }

    async fn until_ready(&self) {
        eventually("redis-server answers", || {
            self.connect()
                .is_ok_and(|mut connection| redis::cmd("PING").query::<String>(&mut connection).is_ok())
        })
        .await;
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn connect(&self) -> redis::RedisResult<redis::Connection> {
        let client = redis::Client::open(format!("redis://{}", self.address()))?;
        let connection = client.get_connection_with_timeout(Duration::from_secs(2))?;
        connection.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(connection)
    }

    /// The answer to a command.
    #[track_caller]
    pub(crate) fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_ask(words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    pub(crate) fn try_ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut self.connect()?)
    }

    /// Sends SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Sends SIGKILL if it still runs, and starts the server again at the same address, with the files that it has written.
    pub(crate) async fn restart(&mut self) {
        self.process.kill();
        self.process = launch(self.port, &self.folder, &self.settings);
        self.until_ready().await;
    }

    /// Stops the process until `resume`.
    pub(crate) fn pause(&self) {
        self.process.pause();
    }

    pub(crate) fn resume(&self) {
        self.process.resume();
    }
}

fn launch(port: u16, folder: &Folder, settings: &[String]) -> Process {
    let mut command = Command::new("redis-server");
    command
        .args([
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--port",
            &port.to_string(),
            "--dir",
        ])
        .arg(folder.path())
        .args(settings)
        .stdout(Stdio::null());
    Process::start(&mut command)
}

/// Three servers of one Redis Cluster.
pub(crate) struct RedisCluster {
    pub(crate) servers: Vec<Redis>,
}

impl RedisCluster {
    pub(crate) async fn start() -> Self {
        let mut servers = Vec::new();
        for _ in 0..3 {
            let bus = free_port().to_string();
            let settings = [
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                "2000",
                "--cluster-port",
                &bus,
            ];
            servers.push(Redis::with(&settings).await);
        }
        let created = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(servers.iter().map(|server| server.address().to_string()))
            .arg("--cluster-yes")
            .stdout(Stdio::null())
            .status();
        assert!(created.expect("redis-cli starts").success());
        let cluster = Self { servers };
        eventually("the Redis Cluster works", || {
            let works = |server: &Redis| server.ask::<String>(&["CLUSTER", "INFO"]).contains("cluster_state:ok");
            cluster.servers.iter().all(works)
        })
        .await;
        cluster
    }

    /// The server that has a slot.
    pub(crate) fn owner(&self, slot: u16) -> usize {
        let reply: Vec<(u16, u16, redis::Value)> = self.servers[0].ask(&["CLUSTER", "SLOTS"]);
        let found = reply
            .into_iter()
            .find(|(first, last, _)| (*first..=*last).contains(&slot));
        let (_, _, owner) = found.expect("all slots are served");
        let port = match owner {
            redis::Value::Array(owner) => match owner.get(1) {
                Some(redis::Value::Int(port)) => *port,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        let has_port = |server: &Redis| i64::from(server.port()) == port;
        self.servers.iter().position(has_port).expect("one of the servers")
    }

    /// The slot of the keys of a room that is in use.
    pub(crate) fn slot_of(&self, room: &str) -> u16 {
        let keys = self.servers.iter().flat_map(|server| keys_of(server, room));
        let key = keys.into_iter().next().expect("the room has keys");
        self.servers[0].ask(&["CLUSTER", "KEYSLOT", &key])
    }

    /// Moves a slot to the next server, key by key, as `redis-cli --cluster reshard` does. Blocks.
    pub(crate) fn move_slot(&self, slot: u16) {
        let from = self.owner(slot);
        let to = (from + 1) % self.servers.len();
        let ids = [from, to].map(|server| self.servers[server].ask::<String>(&["CLUSTER", "MYID"]));
        let number = slot.to_string();
        let set = |server: usize, words: &[&str]| {
            let words: Vec<_> = ["CLUSTER", "SETSLOT", &number].iter().chain(words).copied().collect();
            self.servers[server].ask::<()>(&words);
        };
        set(to, &["IMPORTING", &ids[0]]);
        set(from, &["MIGRATING", &ids[1]]);
        let port = self.servers[to].port().to_string();
        loop {
            let keys: Vec<String> = self.servers[from].ask(&["CLUSTER", "GETKEYSINSLOT", &number, "100"]);
            if keys.is_empty() {
                break;
            }
            for key in keys {
                // A key that is removed meanwhile is not there any more.
                self.servers[from].ask::<String>(&["MIGRATE", "127.0.0.1", &port, &key, "0", "5000"]);
            }
        }
        for server in [to, from, 3 - from - to] {
            set(server, &["NODE", &ids[1]]);
        }
    }
}

/// The keys of a room on a server.
pub(crate) fn keys_of(server: &Redis, room: &str) -> Vec<String> {
    let keys: Vec<String> = server.ask(&["KEYS", &format!("*:{room}*")]);
    keys
}
