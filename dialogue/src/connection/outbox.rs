//! What waits to be sent to one client: a bounded queue of shared frames.
//!
//! Queueing never waits and never runs foreign code, so it is safe under a room's lock. Payloads are shared by all their
//! readers. Knows no socket: a [`Sender`], which the transport makes, takes frames out.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;

use super::flusher::Flusher;
use crate::limits::Limits;
use crate::protocol::CloseCode;

/// Why and how a connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Close {
    /// What the client is told; `None` if there is nobody to tell, or it has been told.
    pub(crate) code: Option<CloseCode>,
    pub(crate) reason: String,
    /// Whether what waits is sent first, or dropped.
    pub(crate) flush: bool,
}

impl Close {
    /// Ends the connection once what waits has been sent.
    pub(crate) fn after_flush(code: CloseCode, reason: impl Into<String>) -> Self {
        Self {
            code: Some(code),
            reason: reason.into(),
            flush: true,
        }
    }

    /// Ends the connection at once; what waits is dropped.
    pub(crate) fn now(code: CloseCode, reason: impl Into<String>) -> Self {
        Self {
            code: Some(code),
            reason: reason.into(),
            flush: false,
        }
    }

    /// Ends a connection whose other side has closed it, or is gone.
    pub(crate) fn quietly() -> Self {
        Self {
            code: None,
            reason: String::new(),
            flush: true,
        }
    }
}

/// What waits to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    /// The payload of a text frame, shared by all its readers.
    Text(Bytes),
    /// Whole frames, header included: what the protocol library writes of itself.
    Raw(Bytes),
}

impl Frame {
    /// The bytes to come, whichever part of the frame they are.
    pub(crate) fn bytes(&self) -> &Bytes {
        let (Self::Text(bytes) | Self::Raw(bytes)) = self;
        bytes
    }
}

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
    flusher: Arc<Flusher>,
}

#[derive(Debug, Default)]
struct FrameQueue {
    frames: VecDeque<Frame>,
    /// Bytes of `frames` and of what the line has taken and not yet written.
    bytes: usize,
    /// Frames that the line has taken and not yet written.
    taken: usize,
    /// Somebody sends what waits, or is about to: nobody else needs to.
    flushing: bool,
    close: Option<Close>,
    sender_waiter: Option<Waker>,
    close_waiter: Option<Waker>,
    /// Waits until less waits.
    space_waiter: Option<Waker>,
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
    pub(crate) fn attach(&self, sender: Arc<dyn Sender>, flusher: Arc<Flusher>) {
        let _ = self.send_path.set(SendPath { sender, flusher });
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
            send_path.flusher.add(Arc::clone(self));
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

/// What has been written of what was taken.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Written {
    pub(crate) frames: usize,
    /// Their payloads' bytes.
    pub(crate) bytes: usize,
}

impl FrameQueue {
    fn is_aborted(&self) -> bool {
        self.close.as_ref().is_some_and(|close| !close.flush)
    }

    /// Notes what has been written, and returns whom to tell that less waits now.
    fn record_written(&mut self, written: Written) -> Option<Waker> {
        self.taken = self.taken.saturating_sub(written.frames);
        self.bytes = self.bytes.saturating_sub(written.bytes);
        if written.frames > 0 {
            self.space_waiter.take()
        } else {
            None
        }
    }

    fn take(&mut self, batch: &mut VecDeque<Frame>, max: usize) {
        let count = self.frames.len().min(max);
        // Mostly one or none, for which `drain` takes longer.
        batch.extend(std::iter::from_fn(|| self.frames.pop_front()).take(count));
        self.taken += count;
        // Memory that a burst took is not kept while idle.
        if self.frames.is_empty() && self.frames.capacity() > 8 {
            self.frames = VecDeque::new();
        }
    }

    fn set_close(&mut self, close: Close) {
        if !close.flush {
            self.bytes -= self.frames.iter().map(|frame| frame.bytes().len()).sum::<usize>();
            self.frames = VecDeque::new();
        }
        self.close = Some(close);
    }

    fn take_close_wakers(&mut self) -> [Option<Waker>; 2] {
        [self.sender_waiter.take(), self.close_waiter.take()]
    }
}

fn register(slot: &mut Option<Waker>, context: &Context<'_>) {
    match slot {
        Some(waker) if waker.will_wake(context.waker()) => {}
        _ => *slot = Some(context.waker().clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(frames: usize, bytes: usize) -> Arc<Outbox> {
        Arc::new(Outbox::new(&Limits {
            queue_frames: frames,
            queue_bytes: bytes,
            ..Limits::default()
        }))
    }

    fn text(payload: &'static [u8]) -> Frame {
        Frame::Text(Bytes::from_static(payload))
    }

    /// Takes what waits, as a line does.
    fn take(outbox: &Outbox) -> VecDeque<Frame> {
        let mut batch = VecDeque::new();
        let more = outbox.refill(&mut batch, Written::default(), 64);
        assert_eq!(more, !batch.is_empty());
        batch
    }

    /// Takes what waits, as the end of a connection does, until there is only the close.
    fn last(outbox: &Outbox) -> (VecDeque<Frame>, Close) {
        let (mut all, mut batch) = (VecDeque::new(), VecDeque::new());
        loop {
            match outbox.take_remaining(&mut batch, 64) {
                Some(close) => return (all, close),
                None => all.append(&mut batch),
            }
        }
    }

    #[test]
    fn cuts_a_reader_whose_queue_is_full_of_frames() {
        let outbox = outbox(2, 1000);
        assert!(outbox.push(text(b"a")));
        assert!(outbox.push(text(b"b")));
        assert!(!outbox.push(text(b"c")));
        assert!(take(&outbox).is_empty(), "what waited is dropped");
        let (waiting, close) = last(&outbox);
        assert!(waiting.is_empty());
        assert_eq!(close.code, Some(CloseCode::SlowConsumer));
    }

    #[test]
    fn cuts_a_reader_whose_queue_is_full_of_bytes() {
        let outbox = outbox(100, 10);
        assert!(outbox.push(text(b"0123456789")));
        assert!(!outbox.push(text(b"a")));
        assert!(outbox.is_closed());
    }

    #[test]
    fn counts_frames_that_are_taken_until_they_are_written() {
        let outbox = outbox(2, 10);
        outbox.push(text(b"12345"));
        outbox.push(text(b"12345"));
        assert_eq!(take(&outbox).len(), 2);
        let written = Written { frames: 2, bytes: 10 };
        assert!(!outbox.refill(&mut VecDeque::new(), written, 64), "nothing waits");
        assert!(outbox.push(text(b"12345")));
        assert_eq!(take(&outbox).len(), 1);
        assert!(outbox.push(text(b"12345")));
        assert!(!outbox.push(text(b"1")), "five taken and five queued bytes are ten");
    }

    #[test]
    fn flushes_before_a_polite_close_and_not_before_a_cut() {
        let polite = outbox(10, 100);
        polite.push(text(b"a"));
        polite.close(Close::after_flush(CloseCode::Restarting, ""));
        assert!(!polite.push(text(b"late")));
        let (waiting, _) = last(&polite);
        assert_eq!(waiting, [text(b"a")]);

        let cut = outbox(10, 100);
        cut.push(text(b"a"));
        cut.close(Close::now(CloseCode::Disconnected, ""));
        let (waiting, _) = last(&cut);
        assert!(waiting.is_empty());
    }

    #[test]
    fn a_cut_drops_what_waits_and_says_farewell() {
        let outbox = outbox(10, 100);
        outbox.push(text(b"waiting"));
        outbox.abort(CloseCode::Disconnected, "", [text(b"farewell")]);
        assert!(take(&outbox).is_empty(), "a line sends nothing after a cut");
        let (said, close) = last(&outbox);
        assert_eq!(said, [text(b"farewell")]);
        assert_eq!(close.code, Some(CloseCode::Disconnected));
    }

    #[test]
    fn an_end_at_once_overrides_a_flush_but_nothing_overrides_it() {
        let outbox = outbox(10, 100);
        outbox.push(text(b"a"));
        outbox.close(Close::after_flush(CloseCode::Restarting, ""));
        outbox.close(Close::now(CloseCode::Disconnected, ""));
        outbox.close(Close::now(CloseCode::SessionExpired, ""));
        let (waiting, close) = last(&outbox);
        assert!(waiting.is_empty());
        assert_eq!(close.code, Some(CloseCode::Disconnected));
    }
}
