//! What hooks and handlers leave behind for a test to look at, and what holds them up until it says so.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tokio::sync::{Semaphore, mpsc};
use tracing::Dispatch;

use crate::within;

/// A list of what happened, in order. Clones share it.
#[derive(Clone)]
pub struct Record {
    sender: mpsc::UnboundedSender<String>,
    receiver: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<String>>>,
}

impl Default for Record {
    fn default() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self {
            sender,
            receiver: Arc::new(tokio::sync::Mutex::new(receiver)),
        }
    }
}

impl Record {
    /// Notes what has happened.
    pub fn note(&self, what: impl Into<String>) {
        let _ = self.sender.send(what.into());
    }

    /// The next entry, waited for.
    pub async fn next(&self) -> String {
        let mut receiver = self.receiver.lock().await;
        within("an entry of the record", receiver.recv())
            .await
            .expect("the record stays open")
    }

    /// Waits for these entries, in this order.
    pub async fn expect(&self, entries: &[&str]) {
        for entry in entries {
            assert_eq!(self.next().await, *entry);
        }
    }

    /// What has been noted by now and not been looked at.
    pub async fn rest(&self) -> Vec<String> {
        let mut receiver = self.receiver.lock().await;
        std::iter::from_fn(|| receiver.try_recv().ok()).collect()
    }
}

/// Holds hooks up until it is opened. Clones are one gate.
#[derive(Clone)]
pub struct Gate {
    open: Arc<Semaphore>,
    arrived: Record,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            open: Arc::new(Semaphore::new(0)),
            arrived: Record::default(),
        }
    }
}

impl Gate {
    /// Waits until the gate is open.
    pub async fn pass(&self) {
        self.arrived.note("arrived");
        let _permit = self.open.acquire().await.expect("the gate is never closed for good");
    }

    /// Waits until somebody stands at the gate.
    pub async fn arrival(&self) {
        self.arrived.next().await;
    }

    /// Lets through whoever waits and whoever comes.
    pub fn open(&self) {
        self.open.add_permits(Semaphore::MAX_PERMITS / 2);
    }
}

/// A logger whose lines a test can read.
#[derive(Clone, Default)]
pub struct CapturedLog(Arc<Mutex<Vec<u8>>>);

impl CapturedLog {
    /// For `Dialogue::builder().logger(…)`.
    pub fn dispatch(&self) -> Dispatch {
        let log = self.clone();
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || log.clone())
            .finish()
            .into()
    }

    /// What has been logged.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("nobody panics with it")).into_owned()
    }

    /// Waits for a line with all of these in it.
    pub async fn line_with(&self, parts: &[&str]) -> String {
        let mut found = None;
        crate::until(&format!("a line with {parts:?} in the log"), || {
            let text = self.text();
            found = text
                .lines()
                .find(|line| parts.iter().all(|part| line.contains(part)))
                .map(str::to_owned);
            found.is_some()
        })
        .await;
        found.unwrap_or_default()
    }
}

impl Write for CapturedLog {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics with it").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
