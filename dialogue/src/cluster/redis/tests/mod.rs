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
use self::server::Server;
use self::three_servers::Cluster;
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
