//! The server for benchmarks: `cargo run --release -p fanout [-- --threads N]`. `PORT` sets the port (default 3000).
//!
//! It has one event, which is validated like any other. Its limits are raised, so that it does not throttle the load.

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

rooms! {
    /// Every room of this server.
    Rooms;

    /// The room that all clients subscribe to.
    Chat = "chat" {
        events: [Message],
        default_subscriptions: [Message],
    }

    /// Further rooms, one for each id that the load joins.
    ChatNumber { n: u32 } = "chat-{n}" {
        name: "Chat",
        events: [Message],
        default_subscriptions: [Message],
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
    let dialogue = Dialogue::builder()
        .rooms::<Rooms>()
        .trust_client_identity()
        .limits(
            Limits::default()
                .with_inbound_frames(1_000_000)
                .with_queue_frames(65_536)
                .with_queue_bytes(64 * 1024 * 1024)
                .with_max_rooms(1_000_000),
        )
        .build()?;
    let address = dialogue.start((Ipv4Addr::LOCALHOST, port)).await?;
    let stopped = dialogue.stop_on_signal();
    println!("The fanout server runs at {address}");
    stopped.await?;
    Ok(())
}
