//! The one place that writes to a socket: takes what waits in the outbox and sends it, as much as will go in each call.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::client::{Close, Frame, Outbox, Taken};
use crate::protocol::{CloseCode, Header};

/// The most frames in one system call. More would save little: the call's own cost is spread over 64 frames by then, while
/// the slices are laid out on the stack.
const BATCH: usize = 64;

/// The time a cut reader has to let a begun frame and the close frame through.
const CUT_GRACE: Duration = Duration::from_secs(1);

/// The longest reason in a close frame, in bytes: 125 for a control frame, less the code.
const MAX_REASON: usize = 123;

/// Sends a connection's frames until it ends.
pub(super) struct Writer<W> {
    socket: W,
    outbox: Arc<Outbox>,
    batch: VecDeque<Frame>,
    /// How much of the first frame of the batch has been sent, header included.
    sent: usize,
    deadline: Duration,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    /// `deadline` is how long the socket may take nothing.
    pub(super) fn new(socket: W, outbox: Arc<Outbox>, deadline: Duration) -> Self {
        Self {
            socket,
            outbox,
            batch: VecDeque::new(),
            sent: 0,
            deadline,
        }
    }

    /// Sends until the outbox closes or the socket fails; then says the close and shuts the sending side down. Returns the
    /// socket's half, since what still comes in is read on.
    pub(super) async fn run(mut self) -> W {
        let close = loop {
            let taken = poll_fn(|context| self.outbox.poll_take(&mut self.batch, BATCH, context)).await;
            let farewell = match taken {
                Taken::Frames { farewell } => farewell,
                Taken::Close(close) => break close,
            };
            match self.send_batch(farewell).await {
                Ok(()) => {}
                Err(Stopped::Cut) => {
                    self.batch.truncate(usize::from(self.sent > 0));
                }
                Err(Stopped::Stalled) => {
                    let reason = "the client took nothing for too long";
                    self.outbox.close(Close::now(CloseCode::SlowConsumer, reason));
                    self.batch.truncate(usize::from(self.sent > 0));
                }
                Err(Stopped::Failed) => {
                    self.outbox.close(Close::quietly());
                    return self.socket;
                }
            }
        };
        if let Some(code) = close.code {
            self.batch.push_back(Frame::Raw(close_frame(code, &close.reason)));
        }
        let _ = timeout(CUT_GRACE, async {
            while !self.batch.is_empty() {
                self.send_some().await?;
            }
            self.socket.shutdown().await
        })
        .await;
        self.socket
    }

    /// Sends the batch, unless the connection is cut meanwhile; a `farewell` comes after the cut.
    async fn send_batch(&mut self, farewell: bool) -> Result<(), Stopped> {
        while !self.batch.is_empty() {
            if !farewell && self.outbox.is_cut() {
                return Err(Stopped::Cut);
            }
            // Most of the time the socket takes what it is offered: no clock is set and nothing watched before it does not.
            if let Some(sent) = self.send_some().now_or_never() {
                sent.map_err(|_| Stopped::Failed)?;
                continue;
            }
            let outbox = Arc::clone(&self.outbox);
            let deadline = self.deadline;
            tokio::select! {
                biased;
                sent = self.send_some() => sent.map_err(|_| Stopped::Failed)?,
                () = poll_fn(|context| outbox.poll_cut(context)) => return Err(Stopped::Cut),
                () = tokio::time::sleep(deadline) => return Err(Stopped::Stalled),
            }
        }
        // The memory of a burst is not kept while idle.
        if self.batch.capacity() > 8 {
            self.batch = VecDeque::new();
        }
        self.socket.flush().await.map_err(|_| Stopped::Failed)
    }

    /// Sends as much of the batch as the socket takes at once.
    async fn send_some(&mut self) -> io::Result<()> {
        let written = poll_fn(|context| self.poll_write(context)).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.sent += written;
        let (mut frames, mut bytes) = (0, 0);
        while let Some(first) = self.batch.front() {
            let whole = header(first).as_slice().len() + first.bytes().len();
            if self.sent < whole {
                break;
            }
            self.sent -= whole;
            frames += 1;
            bytes += first.bytes().len();
            self.batch.pop_front();
        }
        self.outbox.written(frames, bytes);
        Ok(())
    }

    /// Offers the socket what is left of the batch, all in one call.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
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

/// Why a batch was not sent whole.
enum Stopped {
    /// The connection is to end without what waits.
    Cut,
    /// The socket took nothing for too long.
    Stalled,
    /// The socket is broken.
    Failed,
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
    use super::*;
    use crate::limits::Limits;
    use tokio::io::AsyncReadExt;

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
    async fn sends_everything_in_order_then_the_close() {
        let (ours, mut theirs) = tokio::io::duplex(7);
        let outbox = Arc::new(Outbox::new(&Limits::default()));
        for payload in ["one", "two", "three"] {
            outbox.push(text(payload.as_bytes().to_vec()));
        }
        outbox.close(Close::after_flush(CloseCode::Restarting, "bye"));
        let writer = Writer::new(ours, Arc::clone(&outbox), Duration::from_secs(5));
        let (_, received) = tokio::join!(writer.run(), async {
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
    async fn cuts_a_reader_that_takes_nothing() {
        let (ours, _theirs) = tokio::io::duplex(2);
        let outbox = Arc::new(Outbox::new(&Limits::default()));
        outbox.push(text(b"too much for it".to_vec()));
        let started = tokio::time::Instant::now();
        Writer::new(ours, Arc::clone(&outbox), Duration::from_secs(5))
            .run()
            .await;
        assert!(outbox.is_closed());
        assert_eq!(started.elapsed(), Duration::from_secs(5) + CUT_GRACE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_kick_ends_a_stalled_write_at_once() {
        let (ours, _theirs) = tokio::io::duplex(2);
        let outbox = Arc::new(Outbox::new(&Limits::default()));
        outbox.push(text(b"too much for it".to_vec()));
        let kick = async {
            tokio::task::yield_now().await;
            outbox.close(Close::now(CloseCode::Disconnected, "out"));
        };
        let started = tokio::time::Instant::now();
        tokio::join!(
            Writer::new(ours, Arc::clone(&outbox), Duration::from_secs(5)).run(),
            kick
        );
        assert_eq!(started.elapsed(), CUT_GRACE);
    }
}
