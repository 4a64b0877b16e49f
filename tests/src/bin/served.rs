//! The fixture's rooms in a separate process, for attacks on a whole process: its memory, its file descriptors, its
//! signals. It prints its address and serves until a signal stops it. It fails if the drain does not finish in time. Pages
//! of the origin in `ALLOW_ORIGIN` may connect, too. With `STORE`, the rooms are in this file. With `REDIS`, it is a node that
//! shares its rooms with all others on the Redis of this URL. `PORT` is any free one by default.

use std::net::Ipv4Addr;
use std::time::Duration;

use dialogue::redis::Redis;
use dialogue::sqlite::Sqlite;
use dialogue::{Dialogue, Limits};
use dialogue_tests::Rooms;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let milliseconds = |name| std::env::var(name).ok()?.parse().ok().map(Duration::from_millis);
    let defaults = Limits::default();
    let redis = std::env::var("REDIS").ok();
    let mut builder = Dialogue::builder().rooms::<Rooms>().trust_client_identity().limits(
        Limits::default()
            .with_connect_deadline(milliseconds("CONNECT_DEADLINE").unwrap_or(defaults.connect_deadline))
            .with_write_deadline(milliseconds("WRITE_DEADLINE").unwrap_or(defaults.write_deadline))
            .with_queue_bytes(16 * 1024 * 1024)
            // A client that is away must not miss more than a rejoin replays. With Redis, outages are long.
            .with_replay_events(if redis.is_some() { 50_000 } else { 5_000 })
            .with_replay_bytes(8 * 1024 * 1024),
    );
    if let Ok(origin) = std::env::var("ALLOW_ORIGIN") {
        builder = builder.allow_origin(origin);
    }
    if let Some(file) = std::env::var_os("STORE") {
        builder = builder.store(Sqlite::open(file));
    }
    if let Some(url) = redis {
        builder = builder.cluster(Redis::connect(url)).logger(dialogue::default_logger());
    }
    let port = std::env::var("PORT").ok().map_or(Ok(0), |port| port.parse())?;
    let dialogue = builder.build()?;
    let address = dialogue.start((Ipv4Addr::LOCALHOST, port)).await?;
    let stopped = dialogue.stop_on_signal();
    println!("{address}");
    stopped.await?;
    Ok(())
}
