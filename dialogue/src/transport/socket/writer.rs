//! The one place that writes to a socket: what waits in the outbox, as much as will go in each call.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::connection::{Close, Frame, Outbox, Written};
use crate::protocol::{CloseCode, Header};

/// The most frames in one system call. More would save little: the call's own cost is spread over 64 frames by then, while
/// the slices are laid out on the stack.
const BATCH: usize = 64;

/// How long what waits at a polite end may take in all, as a multiple of how long the socket may take nothing.
const FLUSH_DEADLINES: u32 = 2;

/// The time a reader has for the close, and a cut one for a begun frame and what it is told in parting too.
const ABORT_GRACE: Duration = Duration::from_secs(1);

/// The longest reason in a close frame, in bytes: 125 for a control frame, less the code.
const MAX_REASON: usize = 123;

/// What a reader is told that takes nothing.
pub(super) const WRITE_TIMED_OUT: &str = "the client took nothing for too long";

/// Writes a connection's frames.
pub(super) struct Writer<W> {
    socket: W,
    /// Taken from the outbox and not wholly written.
    batch: VecDeque<Frame>,
    /// How much of the first frame of the batch has been written, header included.
    sent: usize,
}

/// What one step of sending came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteStep {
    /// The socket has taken something, and there is more.
    More,
    /// Nothing is left to send: nothing waits, the connection is cut, or the socket has failed.
    Done,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    pub(super) fn new(socket: W) -> Self {
        Self {
            socket,
            batch: VecDeque::new(),
            sent: 0,
        }
    }

    /// Writes once, as much as the socket takes. `batch` is empty, and left empty: memory for a batch that goes at once,
    /// so that an idle connection needs none.
    pub(super) fn poll_step(
        &mut self,
        outbox: &Outbox,
        batch: &mut VecDeque<Frame>,
        context: &mut Context<'_>,
    ) -> Poll<WriteStep> {
        if self.batch.is_empty() {
            std::mem::swap(&mut self.batch, batch);
        }
        let step = self.poll_step_with_batch(outbox, context);
        if self.batch.is_empty() {
            std::mem::swap(&mut self.batch, batch);
        }
        step
    }

    fn poll_step_with_batch(&mut self, outbox: &Outbox, context: &mut Context<'_>) -> Poll<WriteStep> {
        if !outbox.refill(&mut self.batch, Written::default(), BATCH) {
            return Poll::Ready(WriteStep::Done);
        }
        let Ok(written) = ready!(self.poll_write(context)) else {
            outbox.close(Close::quietly());
            return Poll::Ready(WriteStep::Done);
        };
        let more = outbox.refill(&mut self.batch, written, BATCH);
        Poll::Ready(if more { WriteStep::More } else { WriteStep::Done })
    }

    /// Sends what is left when the connection has been closed, says the close and shuts the sending side down. `deadline` is
    /// how long the socket may take nothing. Returns the socket's half, since what still comes in is read on.
    pub(super) async fn finish(mut self, outbox: &Outbox, deadline: Duration) -> W {
        match timeout(deadline.saturating_mul(FLUSH_DEADLINES), self.flush(outbox, deadline)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return self.socket,
            Err(_) => outbox.close(Close::now(CloseCode::SlowConsumer, WRITE_TIMED_OUT)),
        }
        if outbox.is_aborted() {
            // Of what was taken before, only a frame that has been begun is of use.
            self.batch.truncate(usize::from(self.sent > 0));
        }
        let _ = timeout(ABORT_GRACE, self.send_remaining(outbox)).await;
        self.socket
    }

    /// Sends what waits, unless the connection is cut meanwhile: it is if the socket takes nothing for `deadline`.
    async fn flush(&mut self, outbox: &Outbox, deadline: Duration) -> io::Result<()> {
        let mut written = Written::default();
        while outbox.refill(&mut self.batch, written, BATCH) {
            written = tokio::select! {
                biased;
                written = poll_fn(|context| self.poll_write(context)) => written?,
                () = poll_fn(|context| outbox.poll_aborted(context)) => return Ok(()),
                () = tokio::time::sleep(deadline) => {
                    outbox.close(Close::now(CloseCode::SlowConsumer, WRITE_TIMED_OUT));
                    return Ok(());
                }
            };
        }
        Ok(())
    }

    /// Sends the rest of the batch, what is said after a cut, and the close.
    async fn send_remaining(&mut self, outbox: &Outbox) -> io::Result<()> {
        let close = loop {
            self.send_batch().await?;
            if let Some(close) = outbox.take_remaining(&mut self.batch, BATCH) {
                break close;
            }
        };
        if let Some(code) = close.code
            && !close.queued
        {
            self.batch.push_back(Frame::Raw(close_frame(code, &close.reason)));
            self.send_batch().await?;
        }
        self.socket.shutdown().await
    }

    async fn send_batch(&mut self) -> io::Result<()> {
        while !self.batch.is_empty() {
            poll_fn(|context| self.poll_write(context)).await?;
        }
        Ok(())
    }

    /// Writes what is left of the batch, as much as the socket takes in one call, and takes it out.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Written>> {
        let bytes = match ready!(self.poll_write_batch(context))? {
            0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            bytes => bytes,
        };
        self.sent += bytes;
        let mut written = Written::default();
        while let Some(first) = self.batch.front() {
            let whole = header(first).as_slice().len() + first.bytes().len();
            if self.sent < whole {
                break;
            }
            self.sent -= whole;
            written.frames += 1;
            written.bytes += first.bytes().len();
            self.batch.pop_front();
        }
        Poll::Ready(Ok(written))
    }

    /// Offers the socket what is left of the batch, all in one call.
    fn poll_write_batch(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // The usual case where little is under way, and the cheaper call.
        if let (Some(Frame::Raw(only)), 1) = (self.batch.front(), self.batch.len()) {
            return Pin::new(&mut self.socket).poll_write(context, &only[self.sent..]);
        }
        let mut headers = [Header::NONE; BATCH];
        for (header_of, frame) in headers.iter_mut().zip(&self.batch) {
            *header_of = header(frame);
        }
        let mut slices = [IoSlice::new(&[]); 2 * BATCH];
        let mut count = 0;
        let mut skip = self.sent;
        for (frame, header) in self.batch.iter().zip(&headers) {
            for part in [header.as_slice(), frame.bytes().as_ref()] {
                let skipped = skip.min(part.len());
                skip -= skipped;
                if skipped < part.len() {
                    slices[count] = IoSlice::new(&part[skipped..]);
                    count += 1;
                }
            }
        }
        Pin::new(&mut self.socket).poll_write_vectored(context, &slices[..count])
    }
}

/// What goes before a frame's bytes.
fn header(frame: &Frame) -> Header {
    match frame {
        Frame::Text(payload) => Header::of_text(payload.len()),
        Frame::Raw(_) => Header::NONE,
    }
}

/// A whole close frame.
fn close_frame(code: CloseCode, reason: &str) -> Bytes {
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let mut frame = Vec::with_capacity(4 + end);
    frame.extend_from_slice(&[0x88, (2 + end) as u8]);
    frame.extend_from_slice(&code.code().to_be_bytes());
    frame.extend_from_slice(&reason.as_bytes()[..end]);
    Bytes::from(frame)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::limits::Limits;

    const DEADLINE: Duration = Duration::from_secs(5);

    fn text(payload: Vec<u8>) -> Frame {
        Frame::Text(Bytes::from(payload))
    }

    #[test]
    fn a_reason_is_cut_between_characters() {
        let frame = close_frame(CloseCode::SlowConsumer, &"ä".repeat(100));
        assert_eq!(frame[1], 2 + 122);
        assert!(std::str::from_utf8(&frame[4..]).is_ok());
    }

    #[tokio::test]
    async fn says_everything_that_waits_in_order_then_the_close() {
        let (ours, mut theirs) = tokio::io::duplex(7);
        let outbox = Arc::new(Outbox::new(&Limits::default()));
        for payload in ["one", "two", "three"] {
            outbox.push(text(payload.as_bytes().to_vec()));
        }
        outbox.close(Close::after_flush(CloseCode::Restarting, "bye"));
        let writer = Writer::new(ours);
        let (_, received) = tokio::join!(writer.finish(&outbox, DEADLINE), async {
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).await.map(|_| all)
        });
        let expected = [
            b"\x81\x03one\x81\x03two\x81\x05three\x88\x05".as_slice(),
            &1012u16.to_be_bytes(),
            b"bye",
        ]
        .concat();
        assert_eq!(received.ok(), Some(expected));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_does_not_hold_up_the_end() {
        let (ours, _theirs) = tokio::io::duplex(2);
        let outbox = Arc::new(Outbox::new(&Limits::default()));
        outbox.push(text(b"too much for it".to_vec()));
        outbox.close(Close::after_flush(CloseCode::Restarting, ""));
        let started = tokio::time::Instant::now();
        Writer::new(ours).finish(&outbox, DEADLINE).await;
        assert!(outbox.is_aborted());
        assert_eq!(started.elapsed(), DEADLINE + ABORT_GRACE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_trickles_does_not_hold_up_the_end_for_longer_than_two_deadlines() {
        let (ours, mut theirs) = tokio::io::duplex(2);
        let outbox = Arc::new(Outbox::new(&Limits::default()));
        outbox.push(text(vec![b'x'; 1_000]));
        outbox.close(Close::after_flush(CloseCode::Restarting, ""));
        let trickle = async {
            loop {
                tokio::time::sleep(DEADLINE / 2).await;
                let _ = theirs.read_u8().await;
            }
        };
        let started = tokio::time::Instant::now();
        tokio::select! {
            _ = Writer::new(ours).finish(&outbox, DEADLINE) => {}
            () = trickle => {}
        }
        assert_eq!(started.elapsed(), FLUSH_DEADLINES * DEADLINE + ABORT_GRACE);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_said_in_parting_has_no_longer_than_the_close_itself() {
        let (ours, _theirs) = tokio::io::duplex(2);
        let outbox = Arc::new(Outbox::new(&Limits::default()));
        let last_frames = (0..2 * BATCH).map(|_| text(b"left".to_vec()));
        outbox.abort(CloseCode::Disconnected, "out", last_frames);
        let started = tokio::time::Instant::now();
        Writer::new(ours).finish(&outbox, DEADLINE).await;
        assert_eq!(started.elapsed(), ABORT_GRACE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_kick_ends_a_stalled_end_at_once() {
        let (ours, _theirs) = tokio::io::duplex(2);
        let outbox = Arc::new(Outbox::new(&Limits::default()));
        outbox.push(text(b"too much for it".to_vec()));
        outbox.close(Close::after_flush(CloseCode::Restarting, ""));
        let kick = async {
            tokio::task::yield_now().await;
            outbox.close(Close::now(CloseCode::Disconnected, "out"));
        };
        let started = tokio::time::Instant::now();
        tokio::join!(Writer::new(ours).finish(&outbox, DEADLINE), kick);
        assert_eq!(started.elapsed(), ABORT_GRACE);
    }
}
