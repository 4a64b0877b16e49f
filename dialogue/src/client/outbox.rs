//! What waits to be sent to one client: a bounded queue of shared frames.
//!
//! Pushing never waits and never runs foreign code, so it is safe under a room's lock. Payloads are shared by all their
//! readers. Knows no socket: the connection's task takes frames out.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;

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

/// A bounded queue of frames with one taker.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    max_frames: usize,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Frame>,
    /// Bytes of `frames` and of what the taker has taken and not yet written.
    bytes: usize,
    /// Frames that the taker has taken and not yet written.
    taken: usize,
    close: Option<Close>,
    writer: Option<Waker>,
    watcher: Option<Waker>,
}

/// What the taker finds.
#[derive(Debug)]
pub(crate) enum Taken {
    /// Frames were moved into the taker's batch.
    Frames {
        /// They are what is said after a cut, so that the cut does not stop them.
        farewell: bool,
    },
    /// Nothing waits and the connection is to end so.
    Close(Close),
}

impl Outbox {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            queue: Mutex::default(),
            max_frames: limits.queue_frames,
            max_bytes: limits.queue_bytes,
        }
    }

    /// Queues a frame. Returns false if the connection is ending, as it is from the moment that a frame finds the queue
    /// full: the reader is too slow and is cut.
    pub(crate) fn push(&self, frame: Frame) -> bool {
        let mut queue = self.queue.lock();
        if queue.close.is_some() {
            return false;
        }
        let full =
            queue.frames.len() + queue.taken >= self.max_frames || queue.bytes + frame.bytes().len() > self.max_bytes;
        if full {
            queue.end(Close::now(CloseCode::SlowConsumer, "the client reads too slowly"));
            let wakers = queue.wakers();
            drop(queue);
            wakers.into_iter().flatten().for_each(Waker::wake);
            return false;
        }
        queue.bytes += frame.bytes().len();
        queue.frames.push_back(frame);
        let writer = queue.writer.take();
        drop(queue);
        if let Some(writer) = writer {
            writer.wake();
        }
        true
    }

    /// Ends the connection. The first call decides, except that a later one may still turn a flush into an end at once.
    pub(crate) fn close(&self, close: Close) {
        let mut queue = self.queue.lock();
        match &queue.close {
            Some(_) if close.flush => return,
            Some(earlier) if !earlier.flush => return,
            _ => queue.end(close),
        }
        let wakers = queue.wakers();
        drop(queue);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Ends the connection at once: what waits is dropped, and `farewell` sent instead if the reader takes it.
    pub(crate) fn cut(&self, code: CloseCode, reason: &str, farewell: impl IntoIterator<Item = Frame>) {
        let mut queue = self.queue.lock();
        if queue.is_cut() {
            return;
        }
        queue.end(Close::now(code, reason));
        for frame in farewell {
            queue.bytes += frame.bytes().len();
            queue.frames.push_back(frame);
        }
        let wakers = queue.wakers();
        drop(queue);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Whether the connection is ending.
    pub(crate) fn is_closed(&self) -> bool {
        self.queue.lock().close.is_some()
    }

    /// Waits until the connection is ending. For one waiter.
    pub(crate) async fn closed(&self) {
        std::future::poll_fn(|context| self.poll_closed(context)).await;
    }

    fn poll_closed(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut queue = self.queue.lock();
        if queue.close.is_some() {
            return Poll::Ready(());
        }
        register(&mut queue.watcher, context);
        Poll::Pending
    }

    /// Waits until the connection is to end without sending what waits. For the taker.
    pub(crate) fn poll_cut(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut queue = self.queue.lock();
        if queue.is_cut() {
            return Poll::Ready(());
        }
        register(&mut queue.writer, context);
        Poll::Pending
    }

    /// Moves what waits into `batch`, at most `max` frames, or tells that it is time to close. For one taker.
    pub(crate) fn poll_take(&self, batch: &mut VecDeque<Frame>, max: usize, context: &mut Context<'_>) -> Poll<Taken> {
        let mut queue = self.queue.lock();
        if queue.frames.is_empty() {
            // Memory that a burst took is not kept while idle.
            if queue.frames.capacity() > 8 {
                queue.frames = VecDeque::new();
            }
            if let Some(close) = &queue.close {
                return Poll::Ready(Taken::Close(close.clone()));
            }
            register(&mut queue.writer, context);
            return Poll::Pending;
        }
        let count = queue.frames.len().min(max);
        batch.extend(queue.frames.drain(..count));
        queue.taken += count;
        let farewell = queue.is_cut();
        Poll::Ready(Taken::Frames { farewell })
    }

    /// Whether the connection is to end without sending what waits.
    pub(crate) fn is_cut(&self) -> bool {
        self.queue.lock().is_cut()
    }

    /// What waits, for tests that ask where it is in memory.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> Vec<Frame> {
        self.queue.lock().frames.iter().cloned().collect()
    }

    /// Tells that frames taken before have been written.
    pub(crate) fn written(&self, frames: usize, bytes: usize) {
        let mut queue = self.queue.lock();
        queue.taken = queue.taken.saturating_sub(frames);
        queue.bytes = queue.bytes.saturating_sub(bytes);
    }
}

impl Queue {
    fn is_cut(&self) -> bool {
        self.close.as_ref().is_some_and(|close| !close.flush)
    }

    fn end(&mut self, close: Close) {
        if !close.flush {
            self.bytes -= self.frames.iter().map(|frame| frame.bytes().len()).sum::<usize>();
            self.frames = VecDeque::new();
        }
        self.close = Some(close);
    }

    fn wakers(&mut self) -> [Option<Waker>; 2] {
        [self.writer.take(), self.watcher.take()]
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

    fn outbox(frames: usize, bytes: usize) -> Outbox {
        Outbox::new(&Limits {
            queue_frames: frames,
            queue_bytes: bytes,
            ..Limits::default()
        })
    }

    fn text(payload: &'static [u8]) -> Frame {
        Frame::Text(Bytes::from_static(payload))
    }

    fn take(outbox: &Outbox) -> Poll<Taken> {
        outbox.poll_take(&mut VecDeque::new(), 64, &mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn cuts_a_reader_whose_queue_is_full_of_frames() {
        let outbox = outbox(2, 1000);
        assert!(outbox.push(text(b"a")));
        assert!(outbox.push(text(b"b")));
        assert!(!outbox.push(text(b"c")));
        let Poll::Ready(Taken::Close(close)) = take(&outbox) else {
            panic!("the queue was not dropped")
        };
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
        assert!(matches!(take(&outbox), Poll::Ready(Taken::Frames { .. })));
        outbox.written(2, 10);
        assert!(outbox.push(text(b"12345")));
        assert!(matches!(take(&outbox), Poll::Ready(Taken::Frames { .. })));
        assert!(outbox.push(text(b"12345")));
        assert!(!outbox.push(text(b"1")), "five taken and five queued bytes are ten");
    }

    #[test]
    fn flushes_before_a_polite_close_and_not_before_a_cut() {
        let polite = outbox(10, 100);
        polite.push(text(b"a"));
        polite.close(Close::after_flush(CloseCode::Restarting, ""));
        assert!(!polite.push(text(b"late")));
        assert!(matches!(take(&polite), Poll::Ready(Taken::Frames { .. })));
        assert!(matches!(take(&polite), Poll::Ready(Taken::Close(_))));

        let cut = outbox(10, 100);
        cut.push(text(b"a"));
        cut.close(Close::now(CloseCode::Disconnected, ""));
        assert!(matches!(take(&cut), Poll::Ready(Taken::Close(_))));
    }

    #[test]
    fn a_cut_drops_what_waits_and_says_farewell() {
        let outbox = outbox(10, 100);
        outbox.push(text(b"waiting"));
        outbox.cut(CloseCode::Disconnected, "", [text(b"farewell")]);
        let mut batch = VecDeque::new();
        let taken = outbox.poll_take(&mut batch, 64, &mut Context::from_waker(Waker::noop()));
        assert!(matches!(taken, Poll::Ready(Taken::Frames { .. })));
        assert_eq!(batch, [text(b"farewell")]);
        assert!(matches!(take(&outbox), Poll::Ready(Taken::Close(_))));
    }

    #[test]
    fn an_end_at_once_overrides_a_flush_but_nothing_overrides_it() {
        let outbox = outbox(10, 100);
        outbox.push(text(b"a"));
        outbox.close(Close::after_flush(CloseCode::Restarting, ""));
        outbox.close(Close::now(CloseCode::Disconnected, ""));
        outbox.close(Close::now(CloseCode::SessionExpired, ""));
        let Poll::Ready(Taken::Close(close)) = take(&outbox) else {
            panic!("the queue was not dropped")
        };
        assert_eq!(close.code, Some(CloseCode::Disconnected));
    }
}
