//! Detects that a socket cannot be written to because the client does not read.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, Sleep, sleep_until};

/// The time since when a write has been pending, if one is.
#[derive(Debug, Clone, Default)]
pub(super) struct WriteStall(Arc<Mutex<Option<Instant>>>);

impl WriteStall {
    /// Waits until a write has been pending for `limit`. Poll it in the task that writes, after the write: nothing else
    /// wakes it when a write becomes pending.
    pub(super) async fn exceeds(&self, limit: Duration) {
        let mut alarm: Option<Pin<Box<Sleep>>> = None;
        poll_fn(|context| {
            let Some(since) = *self.0.lock() else {
                alarm = None;
                return Poll::Pending;
            };
            let due = since + limit;
            match &mut alarm {
                Some(alarm) if alarm.deadline() == due => alarm.as_mut().poll(context),
                _ => alarm.insert(Box::pin(sleep_until(due))).as_mut().poll(context),
            }
        })
        .await;
    }

    /// Records the outcome of a write.
    pub(super) fn record<T>(&self, written: Poll<T>) -> Poll<T> {
        let mut since = self.0.lock();
        match written {
            Poll::Ready(_) => *since = None,
            Poll::Pending => {
                since.get_or_insert_with(Instant::now);
            }
        }
        written
    }
}
