//! Tests against a real `redis-server`.

mod connections;
mod contact;
mod engine;
mod failover;
mod faults;
mod log;
mod many_channels;
mod model;
mod moves;
mod proxy;
mod routes;
mod scripts;
pub(crate) mod server;
pub(crate) mod three_servers;

use self::connections::fast;
use self::engine::{Node, Options};
use self::server::Server;
use self::three_servers::Cluster;
use super::keys::{Keys, contact_key};
use super::settings::Redis;

/// The settings for one server, with short times.
pub(crate) fn single(server: &Server) -> Redis {
    Redis::connect(format!("unix://{}", server.socket().display())).timing(fast())
}

/// The settings for a Redis Cluster, with short times.
pub(crate) fn clustered(cluster: &Cluster) -> Redis {
    let urls = cluster
        .servers
        .iter()
        .map(|(port, _)| format!("redis://127.0.0.1:{port}"));
    Redis::cluster(urls).timing(fast())
}

/// Appends an event to a room that has a log already, as a node whose messages are all lost.
pub(crate) fn append_unheard(server: &Server, room: &str, event: &str) {
    let mut node = Node::on(server.connect(), "unheard");
    node.keys = Keys::new("dialogue", 0, 256).unwrap();
    node.partition = node.keys.partition(room);
    // Writes the message to a key.
    node.command = "GETSET";
    let meta = node.keys.meta(room);
    let (epoch, run): (String, String) = node.redis(&[b"HMGET", &meta, b"epoch", b"run"]);
    node.server.set(run.leak());
    let options = Options {
        known: Some(epoch),
        ..Options::default()
    };
    node.append_with(room, &[engine::event(event)], &[(event, 100)], &options);
}

/// What the nodes have agreed on, as Redis has it.
pub(crate) fn agreement(server: &Server) -> std::collections::HashMap<String, String> {
    let key: &[u8] = &contact_key("dialogue");
    redis::cmd("HGETALL").arg(key).query(&mut server.connect()).unwrap()
}
