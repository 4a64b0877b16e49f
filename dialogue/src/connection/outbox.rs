//! The outbox of a client: a bounded queue of shared frames.
//!
//! Pushing a frame never waits and runs no code of the application, so it is safe under a room's lock. All readers share
//! the payload of a frame. An outbox knows no socket: the transport provides a [`Sender`], which takes the frames.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use super::close::Close;
use super::frame::{Frame, Written};
use super::queue::{FrameQueue, register};
use crate::limits::Limits;
use crate::protocol::CloseCode;

/// The sending half of a connection.
pub(crate) trait Sender: Send + Sync {
    /// Sends the frames in `outbox` that the socket accepts now, and makes sure that the rest follows. Never waits.
    /// `batch` is scratch memory: it is empty before and after the call.
    fn send(self: Arc<Self>, outbox: &Arc<Outbox>, batch: &mut VecDeque<Frame>);
}

/// A bounded queue of frames, and the sender that takes them.
pub(crate) struct Outbox {
    pub(super) queue: Mutex<FrameQueue>,
    send_path: OnceLock<SendPath>,
    pub(super) max_frames: usize,
    pub(super) max_bytes: usize,
}

/// What the connection's task must react to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// The connection is closing.
    Closed,
    /// Somebody asks whether the client is still there.
    Probed,
}

/// How the queued frames reach the socket.
struct SendPath {
    sender: Arc<dyn Sender>,
    flush_queue: Arc<FlushQueue>,
}

impl Outbox {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            queue: Mutex::default(),
            send_path: OnceLock::new(),
            max_frames: limits.queue_frames,
            max_bytes: limits.queue_bytes,
        }
    }

    /// Sets the outbox's sender, and the queue of its flusher. Only the first call has an effect.
    pub(crate) fn attach(&self, sender: Arc<dyn Sender>, flush_queue: Arc<FlushQueue>) {
        let _ = self.send_path.set(SendPath { sender, flush_queue });
    }

    /// Sends the queued frames. The flusher calls it.
    pub(super) fn send(self: &Arc<Self>, batch: &mut VecDeque<Frame>) {
        if let Some(send_path) = self.send_path.get() {
            Arc::clone(&send_path.sender).send(self, batch);
        }
    }

    /// Queues a frame, which is sent soon. Returns false if the connection is closing. A frame that does not fit into the
    /// queue closes the connection, because the client is a slow consumer.
    pub(crate) fn push(self: &Arc<Self>, frame: Frame) -> bool {
        let mut queue = self.queue.lock();
        if queue.close.is_some() {
            return false;
        }
        let full =
            queue.frames.len() + queue.taken >= self.max_frames || queue.bytes + frame.bytes().len() > self.max_bytes;
        if full {
            queue.set_close(Close::now(CloseCode::SlowConsumer, "the client reads too slowly"));
            let wakers = queue.take_close_wakers();
            drop(queue);
            wakers.for_each(Waker::wake);
            return false;
        }
        queue.bytes += frame.bytes().len();
        queue.frames.push_back(frame);
        let flushing = std::mem::replace(&mut queue.flushing, true);
        drop(queue);
        if let Some(send_path) = self.send_path.get()
            && !flushing
        {
            send_path.flush_queue.add(Arc::clone(self));
        }
        true
    }

    /// Closes the connection. Only the first call counts, except that a later call may still turn a close after a flush
    /// into a close at once.
    pub(crate) fn close(&self, close: Close) {
        let mut queue = self.queue.lock();
        match &queue.close {
            Some(_) if close.flush => return,
            Some(earlier) if !earlier.flush => return,
            _ => queue.set_close(close),
        }
        let wakers = queue.take_close_wakers();
        drop(queue);
        wakers.for_each(Waker::wake);
    }

    /// Closes the connection at once. Drops the queued frames, and sends `last_frames` instead if the client still reads.
    pub(crate) fn abort(&self, code: CloseCode, reason: &str, last_frames: impl IntoIterator<Item = Frame>) {
        let mut queue = self.queue.lock();
        if queue.is_aborted() {
            return;
        }
        queue.set_close(Close::now(code, reason));
        for frame in last_frames {
            queue.bytes += frame.bytes().len();
            queue.frames.push_back(frame);
        }
        let wakers = queue.take_close_wakers();
        drop(queue);
        wakers.for_each(Waker::wake);
    }

    /// Whether the connection is closing.
    pub(crate) fn is_closed(&self) -> bool {
        self.queue.lock().close.is_some()
    }

    /// Why and how the connection is closing, if it is.
    pub(crate) fn ending(&self) -> Option<Close> {
        self.queue.lock().close.clone()
    }

    /// Waits until the connection is closing, or somebody asks whether the client is still there. For the connection's
    /// task: supports one waiter.
    pub(crate) async fn interrupted(&self) -> Interrupt {
        std::future::poll_fn(|context| {
            let mut queue = self.queue.lock();
            if queue.close.is_some() {
                return Poll::Ready(Interrupt::Closed);
            }
            if std::mem::take(&mut queue.is_probed) {
                return Poll::Ready(Interrupt::Probed);
            }
            register(&mut queue.close_waiter, context);
            Poll::Pending
        })
        .await
    }

    /// Asks whether the client is still there. The receiver gets a message when the client has sent something, and is
    /// closed when the connection is closing.
    pub(crate) fn probe(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut queue = self.queue.lock();
        if queue.close.is_none() {
            queue.probes.push(sender);
            queue.is_probed = true;
            let task = queue.close_waiter.take();
            drop(queue);
            task.into_iter().for_each(Waker::wake);
        }
        receiver
    }

    /// Tells everybody who has asked that the client is still there. For the connection's task.
    pub(crate) fn answer_probes(&self) {
        let probes = std::mem::take(&mut self.queue.lock().probes);
        for probe in probes {
            let _ = probe.send(());
        }
    }

    /// Whether frames wait that the socket has not accepted yet.
    pub(crate) fn is_behind(&self) -> bool {
        let queue = self.queue.lock();
        !queue.frames.is_empty() || queue.taken > 0
    }

    /// Waits until the connection is closing. For the sender.
    pub(crate) fn poll_closed(&self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_end(context, |queue| queue.close.is_some())
    }

    /// Waits until the connection is closing without a flush. For the holder of the socket.
    pub(crate) fn poll_aborted(&self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_end(context, FrameQueue::is_aborted)
    }

    fn poll_end(&self, context: &mut Context<'_>, is_end: impl FnOnce(&FrameQueue) -> bool) -> Poll<()> {
        let mut queue = self.queue.lock();
        if is_end(&queue) {
            return Poll::Ready(());
        }
        register(&mut queue.sender_waiter, context);
        Poll::Pending
    }

    /// Records how much of the taken frames has been written. If `batch` is empty, moves at most `max` queued frames into
    /// it. Returns whether there is anything to send. If not, the next push starts another flush. Once the connection is
    /// aborted, nothing may be sent. For the sender.
    pub(crate) fn refill(&self, batch: &mut VecDeque<Frame>, written: Written, max: usize) -> bool {
        let mut queue = self.queue.lock();
        let is_space_wanted = queue.record_written(written);
        if !queue.is_aborted() && batch.is_empty() {
            queue.take(batch, max);
            queue.flushing = !batch.is_empty();
        }
        let more = !queue.is_aborted() && !batch.is_empty();
        if is_space_wanted {
            wake_space_waiters(queue);
        }
        more
    }

    /// Moves at most `max` remaining frames into `batch`, even if the connection is aborted. Returns the close to send if
    /// there are no frames left. For the end of a closed connection.
    pub(crate) fn take_remaining(&self, batch: &mut VecDeque<Frame>, max: usize) -> Option<Close> {
        let mut queue = self.queue.lock();
        queue.take(batch, max);
        batch
            .is_empty()
            .then(|| queue.close.clone().unwrap_or_else(Close::quietly))
    }

    /// Whether the connection is closing without a flush.
    pub(crate) fn is_aborted(&self) -> bool {
        self.queue.lock().is_aborted()
    }

    /// The queued frames, for tests that compare their addresses.
    #[cfg(test)]
    pub(crate) fn queued(&self) -> Vec<Frame> {
        self.queue.lock().frames.iter().cloned().collect()
    }
}

/// Rare, so that it stays out of the code that sends every frame.
#[cold]
fn wake_space_waiters(mut queue: MutexGuard<'_, FrameQueue>) {
    let waiters = std::mem::take(&mut queue.space_waiters);
    drop(queue);
    waiters.into_iter().for_each(|(_, waker)| waker.wake());
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox")
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

/// The outboxes that have frames to send, for the task of one flusher. The task ends with this queue.
///
/// An outbox stays in the queue until its turn, so the frames that are pushed in the meantime leave with the same write.
#[derive(Default)]
pub(crate) struct FlushQueue {
    pending: Mutex<PendingFlushes>,
}

#[derive(Default)]
struct PendingFlushes {
    outboxes: Vec<Arc<Outbox>>,
    /// The waker of the task while it waits for outboxes.
    task: Option<Waker>,
}

impl FlushQueue {
    /// Adds an outbox that has frames to send.
    fn add(&self, outbox: Arc<Outbox>) {
        let mut pending = self.pending.lock();
        pending.outboxes.push(outbox);
        let task = pending.task.take();
        drop(pending);
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Takes all outboxes in the queue. `outboxes` must be empty.
    pub(super) fn poll_take(&self, outboxes: &mut Vec<Arc<Outbox>>, context: &mut Context<'_>) -> Poll<()> {
        let mut pending = self.pending.lock();
        if pending.outboxes.is_empty() {
            pending.task = Some(context.waker().clone());
            return Poll::Pending;
        }
        std::mem::swap(&mut pending.outboxes, outboxes);
        Poll::Ready(())
    }
}

impl Drop for FlushQueue {
    fn drop(&mut self) {
        // Wakes the task so that it notices the end.
        if let Some(task) = self.pending.get_mut().task.take() {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests;
