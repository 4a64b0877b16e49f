//! The one place that writes to a socket: takes what waits in the outbox and sends it, as much as will go in each call.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::client::{Close, Frame, Outbox, Taken};
use crate::protocol::CloseCode;

/// The most frames in one system call; each takes two slices, of which the kernel takes 1,024.
const BATCH: usize = 256;

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
            match taken {
                Taken::Frames => {}
                Taken::Close(close) => break close,
            }
            match self.send_batch().await {
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

    async fn send_batch(&mut self) -> Result<(), Stopped> {
        while !self.batch.is_empty() {
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
        let headers: Vec<Header> = self.batch.iter().map(Header::of).collect();
        let mut slices = Vec::with_capacity(2 * headers.len());
        let mut skip = self.sent;
        for (frame, header) in self.batch.iter().zip(&headers) {
            for part in [header.as_slice(), frame.bytes().as_ref()] {
                let skipped = skip.min(part.len());
                skip -= skipped;
                if skipped < part.len() {
                    slices.push(IoSlice::new(&part[skipped..]));
                }
            }
        }
        let socket = &mut self.socket;
        let written = poll_fn(|context| Pin::new(&mut *socket).poll_write_vectored(context, &slices)).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.sent += written;
        let (mut frames, mut bytes) = (0, 0);
        while let Some(first) = self.batch.front() {
            let whole = Header::of(first).as_slice().len() + first.bytes().len();
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

/// The header of an unmasked WebSocket frame.
pub(super) struct Header {
    bytes: [u8; 10],
    len: usize,
}

/// The first byte of a text frame that is a whole message.
const WHOLE_TEXT: u8 = 0x81;

impl Header {
    fn of(frame: &Frame) -> Self {
        match frame {
            Frame::Raw(_) => Self { bytes: [0; 10], len: 0 },
            Frame::Text(payload) => Self::new(WHOLE_TEXT, payload.len()),
        }
    }

    /// The header with this first byte of a frame with so much payload.
    pub(super) fn new(first: u8, payload: usize) -> Self {
        let mut bytes = [0; 10];
        bytes[0] = first;
        let len = match payload {
            short @ 0..=125 => {
                bytes[1] = short as u8;
                2
            }
            medium @ 126..=0xffff => {
                bytes[1] = 126;
                bytes[2..4].copy_from_slice(&(medium as u16).to_be_bytes());
                4
            }
            long => {
                bytes[1] = 127;
                bytes[2..10].copy_from_slice(&(long as u64).to_be_bytes());
                10
            }
        };
        Self { bytes, len }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
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
    use super::*;
    use crate::limits::Limits;
    use tokio::io::AsyncReadExt;

    fn text(payload: Vec<u8>) -> Frame {
        Frame::Text(Bytes::from(payload))
    }

    #[test]
    fn a_header_tells_the_length_in_its_three_forms() {
        assert_eq!(Header::of(&text(vec![0; 125])).as_slice(), [0x81, 125]);
        assert_eq!(Header::of(&text(vec![0; 126])).as_slice(), [0x81, 126, 0, 126]);
        assert_eq!(
            Header::of(&text(vec![0; 0x1_0000])).as_slice(),
            [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]
        );
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
