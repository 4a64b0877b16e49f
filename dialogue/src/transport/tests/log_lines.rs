//! The lines that clients can cause are limited, also those of hooks that fail at the speed of clients.

use std::io::Write;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::{Dispatch, Level};

use super::peer::Peer;
use super::*;

/// Every line that a server logs, of any level.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn dispatch(&self) -> Dispatch {
        let lines = self.clone();
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(Level::TRACE)
            .with_writer(move || lines.clone())
            .finish()
            .into()
    }

    /// The lines that contain this text.
    fn with(&self, text: &str) -> Vec<String> {
        let all = String::from_utf8_lossy(&self.0.lock()).into_owned();
        let found = all.lines().filter(|line| line.contains(text));
        found.map(str::to_owned).collect()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn clients_cannot_flood_the_log() {
    let lines = Lines::default();
    let dialogue = Dialogue::builder()
        .define_events([])
        .logger(lines.dispatch())
        .authenticate(|_| async { Err(std::io::Error::other("no database").into()) })
        .build()
        .expect("a server");
    let flood = async || {
        let started = Instant::now();
        for _ in 0..200 {
            Peer::connect(&dialogue, 10_000).await.receive_close().await;
        }
        settle().await;
        started.elapsed().as_secs() as usize
    };
    let seconds = flood().await;
    for kind in ["a hook failed", "refused a request", "refused a connection"] {
        let count = lines.with(kind).len();
        assert!((10..=10 + seconds).contains(&count), "{kind}: {count} in {seconds} s");
    }
    assert!(seconds < 100, "the clock did not move by itself");
    let logged = lines.with("a hook failed").len();
    let pause = Duration::from_secs(5);
    tokio::time::sleep(pause).await;
    let seconds = seconds + flood().await + 6;
    let more = lines.with("a hook failed");
    assert!(
        (logged + 5..=10 + seconds).contains(&more.len()),
        "{} lines",
        more.len()
    );
    assert!(more[logged].contains("suppressed="), "{}", more[logged]);
    assert!(!more[logged + 1].contains("suppressed="), "{}", more[logged + 1]);
}
