//! The server that benchmarks drive: `cargo run --release -p fanout [-- --threads N]`, `PORT` (default 3000).
//!
//! One event, validated like any other; limits raised so that the load is not throttled.

use std::net::Ipv4Addr;

use dialogue::Limits;
use dialogue::prelude::*;

/// A chat line.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[serde(rename_all = "camelCase")]
#[event(name = "message")]
struct Message {
    /// What was said.
    #[schemars(length(min = 1, max = 1000))]
    text: String,
    /// Who says that they said it.
    sender_id: String,
}

rooms! {
    /// Every room of this server.
    Rooms;

    /// Where everyone listens.
    Chat = "chat" {
        events: [Message],
        default_subscriptions: [Message],
    }

    /// As many more as the load asks for.
    ChatNumber { n: u32 } = "chat-{n}" {
        name: "Chat",
        events: [Message],
        default_subscriptions: [Message],
        on_demand: true,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = match std::env::var("PORT") {
        Ok(port) => port.parse()?,
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
    let dialogue = Dialogue::builder()
        .rooms::<Rooms>()
        .trust_client_identity()
        .limits(Limits {
            inbound_frames: 1_000_000,
            queue_frames: 65_536,
            queue_bytes: 64 * 1024 * 1024,
            max_rooms: 1_000_000,
            ..Limits::default()
        })
        .build()?;
    let address = dialogue.start((Ipv4Addr::LOCALHOST, port)).await?;
    let stopped = dialogue.stop_on_signal();
    println!("fanout on {address}");
    stopped.await?;
    Ok(())
}
