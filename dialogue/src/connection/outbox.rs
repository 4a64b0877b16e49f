//! What waits to be sent to one client: a bounded queue of shared frames.
//!
//! Queueing never waits and never runs foreign code, so it is safe under a room's lock. Payloads are shared by all their
//! readers. Knows no socket: a [`Sender`], which the transport makes, takes frames out.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::close::Close;
use super::frame::{Frame, Written};
use super::queue::{FrameQueue, register};
use crate::limits::Limits;
use crate::protocol::CloseCode;

/// The sending half of a connection.
pub(crate) trait Sender: Send + Sync {
    /// Sends what waits in `outbox`, as far as the socket takes it at once, and sees to it that the rest follows when the
    /// socket takes more. Never waits. `batch` is empty, and left empty: memory to work with.
    fn send(self: Arc<Self>, outbox: &Arc<Outbox>, batch: &mut VecDeque<Frame>);
}

/// A bounded queue of frames, with one line that takes them out.
pub(crate) struct Outbox {
    queue: Mutex<FrameQueue>,
    send_path: OnceLock<SendPath>,
    max_frames: usize,
    max_bytes: usize,
}

/// How what waits is sent.
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

    /// Gives the outbox its line, and who calls for it. Once.
    pub(crate) fn attach(&self, sender: Arc<dyn Sender>, flush_queue: Arc<FlushQueue>) {
        let _ = self.send_path.set(SendPath { sender, flush_queue });
    }

    /// Sends what waits. For the flusher.
    pub(super) fn send(self: &Arc<Self>, batch: &mut VecDeque<Frame>) {
        if let Some(send_path) = self.send_path.get() {
            Arc::clone(&send_path.sender).send(self, batch);
        }
    }

    /// Queues a frame; it is sent soon. Returns false if the connection is ending, as it is from the moment that a frame
    /// finds the queue full: the reader is too slow and is cut.
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
            wakers.into_iter().flatten().for_each(Waker::wake);
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

    /// Ends the connection. The first call decides, except that a later one may still turn a flush into an end at once.
    pub(crate) fn close(&self, close: Close) {
        let mut queue = self.queue.lock();
        match &queue.close {
            Some(_) if close.flush => return,
            Some(earlier) if !earlier.flush => return,
            _ => queue.set_close(close),
        }
        let wakers = queue.take_close_wakers();
        drop(queue);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Ends the connection at once: what waits is dropped, and `farewell` sent instead if the reader takes it.
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
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Whether the connection is ending.
    pub(crate) fn is_closed(&self) -> bool {
        self.queue.lock().close.is_some()
    }

    /// Why and how the connection is ending, if it is.
    pub(crate) fn ending(&self) -> Option<Close> {
        self.queue.lock().close.clone()
    }

    /// Waits until the connection is ending. For one waiter.
    pub(crate) async fn closed(&self) {
        std::future::poll_fn(|context| {
            let mut queue = self.queue.lock();
            if queue.close.is_some() {
                return Poll::Ready(());
            }
            register(&mut queue.close_waiter, context);
            Poll::Pending
        })
        .await;
    }

    /// Waits until a reply of `bytes` fits behind what waits, with as much to spare as waits before it. For one waiter, who
    /// waits for the end of the connection too.
    pub(crate) async fn wait_for_space(&self, bytes: usize) {
        let enough = self.max_bytes.saturating_sub(bytes) / 2;
        std::future::poll_fn(|context| {
            let mut queue = self.queue.lock();
            if queue.bytes <= enough && queue.frames.len() + queue.taken <= self.max_frames / 2 {
                return Poll::Ready(());
            }
            register(&mut queue.space_waiter, context);
            Poll::Pending
        })
        .await;
    }

    /// Waits until the connection is ending. For the line.
    pub(crate) fn poll_closed(&self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_end(context, |queue| queue.close.is_some())
    }

    /// Waits until the connection is to end without sending what waits. For who has the line.
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

    /// Notes that some of what was taken before has been written, and moves what waits into `batch` if that is empty, at
    /// most `max` frames. Returns whether there is something to send; if not, whoever queues the next frame has it sent.
    /// Nothing is to be sent any more once the connection is cut. For the line.
    pub(crate) fn refill(&self, batch: &mut VecDeque<Frame>, written: Written, max: usize) -> bool {
        let mut queue = self.queue.lock();
        let space_waiter = queue.record_written(written);
        if !queue.is_aborted() && batch.is_empty() {
            queue.take(batch, max);
            queue.flushing = !batch.is_empty();
        }
        let more = !queue.is_aborted() && !batch.is_empty();
        drop(queue);
        space_waiter.into_iter().for_each(Waker::wake);
        more
    }

    /// Moves what waits into `batch`, at most `max` frames, after a cut too; tells the close that is to be said if nothing
    /// does. For the end of a connection that has been closed.
    pub(crate) fn take_remaining(&self, batch: &mut VecDeque<Frame>, max: usize) -> Option<Close> {
        let mut queue = self.queue.lock();
        queue.take(batch, max);
        batch
            .is_empty()
            .then(|| queue.close.clone().unwrap_or_else(Close::quietly))
    }

    /// Whether the connection is to end without sending what waits.
    pub(crate) fn is_aborted(&self) -> bool {
        self.queue.lock().is_aborted()
    }

    /// What waits, for tests that ask where it is in memory.
    #[cfg(test)]
    pub(crate) fn queued(&self) -> Vec<Frame> {
        self.queue.lock().frames.iter().cloned().collect()
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox")
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

/// Has a task send from the outboxes in which something waits. The task lasts as long as the flusher.
///
/// An outbox stays in line while it waits for its turn, so that what is queued meanwhile goes with the same write.
#[derive(Default)]
pub(crate) struct FlushQueue {
    pending: Mutex<PendingFlushes>,
}

#[derive(Default)]
struct PendingFlushes {
    outboxes: Vec<Arc<Outbox>>,
    /// The task, if it waits for outboxes.
    task: Option<Waker>,
}

impl FlushQueue {
    /// Has an outbox sent from.
    fn add(&self, outbox: Arc<Outbox>) {
        let mut pending = self.pending.lock();
        pending.outboxes.push(outbox);
        let task = pending.task.take();
        drop(pending);
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Takes all that wait into `outboxes`, which is empty.
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
        // So that it sees the end.
        if let Some(task) = self.pending.get_mut().task.take() {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests;
