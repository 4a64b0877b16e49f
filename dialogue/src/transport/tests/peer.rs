//! A client under the test's control. It decides which byte it reads last.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

use super::settle;
use crate::runtime::Dialogue;
use crate::transport::socket::{self, Opening};

/// A frame that a peer reads.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PeerFrame {
    Text(Value),
    Close(u16),
    Ping,
}

/// One end of a pipe. A server serves the other end.
pub(super) struct Peer {
    socket: DuplexStream,
    /// Bytes that do not form a complete frame yet.
    pending: BytesMut,
    /// How many bytes have been read in all.
    pub(super) read: usize,
}

/// Serves the other end of a pipe.
fn serve(dialogue: &Dialogue, socket: DuplexStream, peer: Option<SocketAddr>) {
    let core = Arc::clone(&dialogue.core);
    let opening = Opening {
        presented: None,
        peer,
        connect_by: Instant::now() + core.limits.connect_deadline,
        closing: core.lifecycle.stopping.clone(),
    };
    let tasks = core.lifecycle.tasks.clone();
    tasks.spawn(socket::serve(core, tokio::io::split(socket), opening));
}

impl Peer {
    /// Opens a connection on a pipe that holds `capacity` bytes, and sends `connect`.
    pub(super) async fn connect(dialogue: &Dialogue, capacity: usize) -> Self {
        Self::connect_again(dialogue, capacity, None).await
    }

    /// The same, but as the successor of another connection if `resume` has its secret.
    pub(super) async fn connect_again(dialogue: &Dialogue, capacity: usize, resume: Option<&str>) -> Self {
        let (ours, theirs) = tokio::io::duplex(capacity);
        serve(dialogue, theirs, None);
        let mut peer = Self::new(ours);
        let mut connect = json!({ "type": "connect", "protocol": 1 });
        if let Some(resume) = resume {
            connect["resume"] = json!(resume);
        }
        peer.send(&connect).await;
        peer
    }

    /// Opens a connection and sends `connect`. Its last part holds `window` bytes. The network before that holds
    /// everything that does not fit.
    pub(super) async fn connect_from_afar(dialogue: &Dialogue, window: usize) -> Self {
        let (ours, mut near) = tokio::io::duplex(1_000_000);
        let (mut far, theirs) = tokio::io::duplex(window);
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        serve(dialogue, theirs, None);
        let mut peer = Self::new(ours);
        peer.send(&json!({ "type": "connect", "protocol": 1 })).await;
        peer
    }

    /// Opens a connection and sends `connect` with this `auth`.
    pub(super) async fn new_as(dialogue: &Dialogue, auth: Value) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        serve(dialogue, theirs, None);
        let mut peer = Self::new(ours);
        let connect = json!({ "type": "connect", "protocol": 1, "auth": auth });
        peer.send(&connect).await;
        peer
    }

    /// The same, but as the successor of another connection if `resume` has its secret.
    #[cfg(any(feature = "sqlite", feature = "redis"))]
    pub(super) async fn connect_as(dialogue: &Dialogue, auth: Value, resume: Option<&Value>) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        serve(dialogue, theirs, None);
        let mut peer = Self::new(ours);
        let mut connect = json!({ "type": "connect", "protocol": 1, "auth": auth });
        if let Some(resume) = resume {
            connect["resume"] = resume.clone();
        }
        peer.send(&connect).await;
        peer
    }

    /// Opens a connection from a network address, and sends `connect`.
    pub(super) async fn connect_from(dialogue: &Dialogue, address: &str) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let address = SocketAddr::new(address.parse().expect("an address"), 4000);
        serve(dialogue, theirs, Some(address));
        let mut peer = Self::new(ours);
        peer.send(&json!({ "type": "connect", "protocol": 1 })).await;
        peer.receive_type("connected").await;
        peer
    }

    /// Opens a connection, and sends nothing.
    pub(super) fn open(dialogue: &Dialogue, capacity: usize) -> Self {
        let (ours, theirs) = tokio::io::duplex(capacity);
        serve(dialogue, theirs, None);
        Self::new(ours)
    }

    /// Sends bytes, as many as the server and the pipe take without a pause. Returns how many.
    pub(super) async fn send_what_fits(&mut self, bytes: &[u8]) -> usize {
        let mut sent = 0;
        while sent < bytes.len() {
            settle().await;
            match self.socket.write(&bytes[sent..]).now_or_never() {
                Some(Ok(count)) if count > 0 => sent += count,
                _ => break,
            }
        }
        sent
    }

    fn new(socket: DuplexStream) -> Self {
        Self {
            socket,
            pending: BytesMut::new(),
            read: 0,
        }
    }

    /// Sends a text frame. Nothing happens if the server is gone.
    pub(super) async fn send(&mut self, message: &Value) {
        let text = message.to_string();
        let mut frame = vec![0x81];
        match u16::try_from(text.len()) {
            Ok(length) if length < 126 => frame.push(0x80 | text.len() as u8),
            Ok(length) => {
                frame.push(0x80 | 126);
                frame.extend(length.to_be_bytes());
            }
            Err(_) => panic!("tests send short frames"),
        }
        // A mask of zeros is valid, and the text remains readable.
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        let _ = self.socket.write_all(&frame).await;
    }

    /// Sends a close frame without a code.
    pub(super) async fn send_close(&mut self) {
        let _ = self.socket.write_all(&[0x88, 0x80, 0, 0, 0, 0]).await;
    }

    /// Sends no more bytes, as if the other direction were still open.
    pub(super) async fn end_of_input(&mut self) {
        let _ = self.socket.shutdown().await;
    }

    /// Waits for the next frame. `None` at the end of the connection.
    pub(super) async fn receive(&mut self) -> Option<PeerFrame> {
        loop {
            if let Some(frame) = self.parse() {
                return Some(frame);
            }
            let read = self.socket.read_buf(&mut self.pending).await.ok()?;
            self.read += read;
            if read == 0 {
                return None;
            }
        }
    }

    /// The next JSON text of this type. Skips the others.
    pub(super) async fn receive_type(&mut self, wanted: &str) -> Value {
        loop {
            match self.receive().await {
                Some(PeerFrame::Text(text)) if text["type"] == wanted => return text,
                Some(_) => {}
                None => panic!("the connection ended before a `{wanted}`"),
            }
        }
    }

    /// The code with which the server closes the connection. Skips all frames before it.
    pub(super) async fn receive_close(&mut self) -> u16 {
        loop {
            match self.receive().await {
                Some(PeerFrame::Close(code)) => return code,
                Some(_) => {}
                None => panic!("the connection ended without a close"),
            }
        }
    }

    /// Reads until `at` bytes have been read in all, or no more bytes arrive.
    pub(super) async fn read_up_to(&mut self, at: usize) {
        while self.read < at {
            let mut chunk = (&mut self.socket).take((at - self.read) as u64);
            let read = match chunk.read_buf(&mut self.pending).now_or_never() {
                Some(read) => read.expect("a pipe does not fail"),
                None => {
                    settle().await;
                    match chunk.read_buf(&mut self.pending).now_or_never() {
                        Some(read) => read.expect("a pipe does not fail"),
                        None => return,
                    }
                }
            };
            if read == 0 {
                return;
            }
            self.read += read;
        }
    }

    /// Every frame that arrives without further input.
    pub(super) async fn drain(&mut self) -> Vec<PeerFrame> {
        settle().await;
        self.read_up_to(usize::MAX).await;
        self.take_frames()
    }

    /// The complete frames among the bytes that have been read.
    pub(super) fn take_frames(&mut self) -> Vec<PeerFrame> {
        std::iter::from_fn(|| self.parse()).collect()
    }

    fn parse(&mut self) -> Option<PeerFrame> {
        let (first, second) = (*self.pending.first()?, *self.pending.get(1)?);
        let (header, length) = match second {
            126 => {
                let bytes = self.pending.get(2..4)?;
                (4, usize::from(u16::from_be_bytes(bytes.try_into().expect("two bytes"))))
            }
            127 => {
                let bytes = self.pending.get(2..10)?;
                (10, u64::from_be_bytes(bytes.try_into().expect("eight bytes")) as usize)
            }
            short => (2, usize::from(short)),
        };
        if self.pending.len() < header + length {
            return None;
        }
        self.pending.advance(header);
        let payload = self.pending.split_to(length);
        Some(match first {
            0x81 => PeerFrame::Text(serde_json::from_slice(&payload).expect("the server sends JSON")),
            0x88 => PeerFrame::Close(
                payload
                    .get(..2)
                    .map_or(1005, |code| u16::from_be_bytes([code[0], code[1]])),
            ),
            0x89 => PeerFrame::Ping,
            other => panic!("the server sent a frame that begins with {other:#x}"),
        })
    }
}
