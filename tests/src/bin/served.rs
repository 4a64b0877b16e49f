//! The fixture's rooms in a separate process, for attacks on a whole process: its memory, its file descriptors, its
//! signals. It prints its address and serves until a signal stops it. It fails if the drain does not finish in time. Pages
//! of the origin in `ALLOW_ORIGIN` may connect, too.

use std::net::Ipv4Addr;
use std::time::Duration;

use dialogue::{Dialogue, Limits};
use dialogue_tests::Rooms;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let milliseconds = |name| std::env::var(name).ok()?.parse().ok().map(Duration::from_millis);
    let defaults = Limits::default();
    let mut builder = Dialogue::builder().rooms::<Rooms>().trust_client_identity().limits(
        Limits::default()
            .with_connect_deadline(milliseconds("CONNECT_DEADLINE").unwrap_or(defaults.connect_deadline))
            .with_write_deadline(milliseconds("WRITE_DEADLINE").unwrap_or(defaults.write_deadline))
            .with_queue_bytes(16 * 1024 * 1024),
    );
    if let Ok(origin) = std::env::var("ALLOW_ORIGIN") {
        builder = builder.allow_origin(origin);
    }
    let dialogue = builder.build()?;
    let address = dialogue.start((Ipv4Addr::LOCALHOST, 0)).await?;
    let stopped = dialogue.stop_on_signal();
    println!("{address}");
    stopped.await?;
    Ok(())
}
