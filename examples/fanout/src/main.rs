//! The server for benchmarks: `cargo run --release -p fanout [-- --threads N]`. `PORT` sets the port (default 3000). Built
//! with the feature `cluster`, it shares its rooms with other servers through the Redis in `REDIS_URL`, if that is set.
//!
//! It has one event without history and the same with history. Both are validated like any other. Its limits are raised, so
//! that it does not throttle the load.

use std::net::Ipv4Addr;

use dialogue::Limits;
use dialogue::prelude::*;

/// A chat line.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[serde(rename_all = "camelCase")]
#[event(name = "message")]
struct Message {
    /// The text of the line.
    #[schemars(length(min = 1, max = 1000))]
    text: String,
    /// The sender, as claimed by the client.
    sender_id: String,
}

/// A chat line that the room keeps.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[serde(rename_all = "camelCase")]
#[event(name = "kept", history = 50)]
struct Kept {
    /// The text of the line.
    #[schemars(length(min = 1, max = 1000))]
    text: String,
    /// The sender, as claimed by the client.
    sender_id: String,
}

rooms! {
    /// Every room of this server.
    Rooms;

    /// The room that all clients subscribe to.
    Chat = "chat" {
        events: [Message, Kept],
        default_subscriptions: [Message, Kept],
    }

    /// Further rooms, one for each id that the load joins.
    ChatNumber { n: u32 } = "chat-{n}" {
        name: "Chat",
        events: [Message, Kept],
        default_subscriptions: [Message, Kept],
        on_demand: true,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = match std::env::var("PORT") {
        Ok(port) => port.parse().map_err(|_| "PORT must be a number from 0 to 65535")?,
        Err(_) => 3000,
    };
    let mut arguments = std::env::args().skip(1);
    let threads = match (arguments.next().as_deref(), arguments.next()) {
        (Some("--threads"), Some(threads)) => threads.parse()?,
        _ => 1,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()?;
    runtime.block_on(serve(port))
}

async fn serve(port: u16) -> Result<(), Box<dyn std::error::Error>> {
    let builder = Dialogue::builder().rooms::<Rooms>().trust_client_identity().limits(
        Limits::default()
            .with_inbound_frames(1_000_000)
            .with_queue_frames(65_536)
            .with_queue_bytes(64 * 1024 * 1024)
            .with_max_rooms(1_000_000),
    );
    #[cfg(feature = "cluster")]
    let builder = match std::env::var("REDIS_URL") {
        Ok(url) => builder.cluster(dialogue::redis::Redis::connect(url)),
        Err(_) => builder,
    };
    let dialogue = builder.build()?;
    let address = dialogue.start((Ipv4Addr::LOCALHOST, port)).await?;
    let stopped = dialogue.stop_on_signal();
    println!("The fanout server runs at {address}");
    stopped.await?;
    Ok(())
}
