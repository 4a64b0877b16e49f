//! Tools for tests of hooks and handlers: a record of what ran, a gate that holds it up, and a captured log.

use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};

use tokio::sync::{Semaphore, mpsc};
use tracing::Dispatch;

use crate::within;

/// A list of what happened, in order. Clones share one list.
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
    /// Appends an entry.
    pub fn note(&self, entry: impl Into<String>) {
        let _ = self.sender.send(entry.into());
    }

    /// Waits for the next entry and returns it.
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

    /// The entries noted so far that the test has not read yet.
    pub async fn rest(&self) -> Vec<String> {
        let mut receiver = self.receiver.lock().await;
        std::iter::from_fn(|| receiver.try_recv().ok()).collect()
    }
}

/// Holds hooks up until the test opens it. Clones share one gate.
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
        let _permit = self.open.acquire().await.expect("the semaphore is never closed");
    }

    /// Waits until a hook arrives at the gate.
    pub async fn arrival(&self) {
        self.arrived.next().await;
    }

    /// Lets through every hook that is waiting and every later one.
    pub fn open(&self) {
        self.open.add_permits(Semaphore::MAX_PERMITS / 2);
    }
}

/// A logger whose lines a test can read.
#[derive(Clone, Default)]
pub struct CapturedLog(Arc<Mutex<Vec<u8>>>);

/// Another dispatcher, which wants every line and lasts as long as the process. While a process has a single dispatcher,
/// `tracing` disables a line for good if a thread without it comes to the line first, such as that of another test.
static COMPANION: LazyLock<Dispatch> = LazyLock::new(|| {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(std::io::sink)
        .finish()
        .into()
});

impl CapturedLog {
    /// The dispatcher to pass to `Dialogue::builder().logger(…)`.
    pub fn dispatch(&self) -> Dispatch {
        LazyLock::force(&COMPANION);
        let log = self.clone();
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || log.clone())
            .finish()
            .into()
    }

    /// The same for lines of every level.
    pub fn everything(&self) -> Dispatch {
        LazyLock::force(&COMPANION);
        let log = self.clone();
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || log.clone())
            .finish()
            .into()
    }

    /// Everything logged so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("the lock is not poisoned")).into_owned()
    }

    /// Waits for a line that contains all of these parts, and returns it.
    pub async fn line_with(&self, parts: &[&str]) -> String {
        let mut found = None;
        crate::until(&format!("a log line that contains {parts:?}"), || {
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
        self.0
            .lock()
            .expect("the lock is not poisoned")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
