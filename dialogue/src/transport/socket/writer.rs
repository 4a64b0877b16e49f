//! The only place that writes to a socket. Each call writes as many frames of the outbox as the socket accepts.

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

/// The most frames in one system call. More frames would save little, because 64 frames already share the cost of the
/// call. The slices also take space on the stack.
const BATCH: usize = 64;

/// How long a close with a flush may take in all, as a multiple of the time in which the socket may accept nothing.
const FLUSH_DEADLINES: u32 = 2;

/// How long the client has for the close. In an aborted connection, this includes the rest of a partly sent frame and the
/// last frames.
const ABORT_GRACE: Duration = Duration::from_secs(1);

/// The longest reason in a close frame, in bytes. A control frame holds 125 bytes, and the code takes two.
const MAX_REASON: usize = 123;

/// The reason for closing the connection of a client that reads nothing.
pub(super) const WRITE_TIMED_OUT: &str = "the client read nothing until the write deadline";

/// Writes a connection's frames to its socket.
pub(super) struct Writer<W> {
    socket: W,
    /// The frames that were taken from the outbox and are not completely written.
    batch: VecDeque<Frame>,
    /// How many bytes of the batch's first frame have been written, including the header.
    sent: usize,
}

/// The outcome of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteStep {
    /// The socket accepted some bytes, and there is more to send.
    More,
    /// There is nothing left to send: the queue is empty, the connection is aborted, or the socket has failed.
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

    /// Writes once, as much as the socket accepts. `batch` is scratch memory for frames that leave at once, so an idle
    /// connection needs no memory of its own. It is empty before and after the call.
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

    /// Sends the remaining frames and the close of a closed connection, then shuts the sending side down. `deadline` is
    /// how long the socket may accept nothing. Returns the socket's half, because the server still reads from the other
    /// half.
    pub(super) async fn finish(mut self, outbox: &Outbox, deadline: Duration) -> W {
        match timeout(deadline.saturating_mul(FLUSH_DEADLINES), self.flush(outbox, deadline)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return self.socket,
            Err(_) => outbox.close(Close::now(CloseCode::SlowConsumer, WRITE_TIMED_OUT)),
        }
        if outbox.is_aborted() {
            // Of the frames that were taken before, only a partly sent one is still useful.
            self.batch.truncate(usize::from(self.sent > 0));
        }
        let _ = timeout(ABORT_GRACE, self.send_remaining(outbox)).await;
        self.socket
    }

    /// Sends the queued frames, unless the connection is aborted in the meantime. That also happens if the socket accepts
    /// nothing until the `deadline`.
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

    /// Sends the rest of the batch, the last frames of an aborted connection, and the close.
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

    /// Writes as much of the batch as the socket accepts in one call, and removes the frames that are complete.
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

    /// Offers the whole batch to the socket in one call.
    fn poll_write_batch(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // The usual case under low load, and the cheaper call.
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

/// The header that precedes a frame's bytes.
fn header(frame: &Frame) -> Header {
    match frame {
        Frame::Text(payload) => Header::of_text(payload.len()),
        Frame::Raw(_) => Header::NONE,
    }
}

/// A complete close frame.
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
    fn a_long_reason_is_cut_between_characters() {
        let frame = close_frame(CloseCode::SlowConsumer, &"ä".repeat(100));
        assert_eq!(frame[1], 2 + 122);
        assert!(std::str::from_utf8(&frame[4..]).is_ok());
    }

    #[tokio::test]
    async fn sends_all_queued_frames_in_order_then_the_close() {
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
    async fn a_client_that_reads_nothing_does_not_delay_the_close_for_long() {
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
    async fn a_client_that_reads_a_trickle_delays_the_close_by_at_most_two_deadlines() {
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
    async fn the_last_frames_share_the_time_of_the_close() {
        let (ours, _theirs) = tokio::io::duplex(2);
        let outbox = Arc::new(Outbox::new(&Limits::default()));
        let last_frames = (0..2 * BATCH).map(|_| text(b"left".to_vec()));
        outbox.abort(CloseCode::Disconnected, "out", last_frames);
        let started = tokio::time::Instant::now();
        Writer::new(ours).finish(&outbox, DEADLINE).await;
        assert_eq!(started.elapsed(), ABORT_GRACE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_kick_ends_a_stalled_close_at_once() {
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
