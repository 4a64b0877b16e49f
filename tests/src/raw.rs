//! A WebSocket connection written byte by byte, for frames that no library would send.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::within;

/// An upgraded connection.
pub struct RawClient {
    stream: TcpStream,
}

/// A frame as it arrived.
#[derive(Debug)]
pub struct Frame {
    /// The frame's type.
    pub opcode: u8,
    /// The frame's payload.
    pub payload: Vec<u8>,
}

/// The opcode of a continuation fragment.
pub const CONTINUATION: u8 = 0x0;
/// The opcode of a text frame.
pub const TEXT: u8 = 0x1;
/// The opcode of a close frame.
pub const CLOSE: u8 = 0x8;
/// The opcode of a ping frame.
pub const PING: u8 = 0x9;
/// The opcode of a pong frame.
pub const PONG: u8 = 0xa;
/// The bit that marks a final fragment.
pub const FIN: u8 = 0x80;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

impl RawClient {
    /// Opens a connection and upgrades it.
    pub async fn open(address: SocketAddr) -> Self {
        let (status, client) = Self::upgrade(address, &[]).await;
        assert_eq!(status, 101, "the server must upgrade the connection");
        client
    }

    /// Opens a connection, upgrades it and sends `connect`.
    pub async fn connected(address: SocketAddr) -> Self {
        let mut client = Self::open(address).await;
        client.send(FIN | TEXT, br#"{"type":"connect","protocol":1}"#).await;
        let connected = client.recv().await.expect("an answer");
        assert!(
            connected.payload.starts_with(br#"{"type":"connected""#),
            "{:?}",
            String::from_utf8_lossy(&connected.payload)
        );
        client
    }

    /// Requests an upgrade with extra headers; returns the HTTP status.
    pub async fn upgrade(address: SocketAddr, headers: &[(&str, &str)]) -> (u16, Self) {
        let mut request = format!(
            "GET /dialogue/ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        Self::http(address, &request).await
    }

    /// Sends an HTTP request unchanged, with any bytes that follow it; returns the status.
    pub async fn http(address: SocketAddr, request: impl AsRef<[u8]>) -> (u16, Self) {
        let (head, client) = Self::request(address, request.as_ref()).await;
        if head.is_empty() {
            return (0, client);
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("a status"), client)
    }

    /// The status line and the headers of the response to an HTTP request that is sent unchanged.
    pub async fn response_head(address: SocketAddr, request: &str) -> String {
        Self::request(address, request.as_bytes()).await.0
    }

    /// Sends a request; returns the head of the response, which is empty if the connection ends before it is complete.
    async fn request(address: SocketAddr, request: &[u8]) -> (String, Self) {
        let stream = within("a TCP connection", TcpStream::connect(address))
            .await
            .expect("the server accepts");
        let mut client = Self { stream };
        client.write(request).await;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = within("an HTTP response", client.stream.read_u8()).await;
            let Ok(byte) = byte else {
                return (String::new(), client);
            };
            head.push(byte);
        }
        (String::from_utf8_lossy(&head).into_owned(), client)
    }

    /// Sends an HTTP request unchanged; returns the status, and the body as text.
    pub async fn text(address: SocketAddr, request: impl AsRef<[u8]>) -> (u16, String) {
        let mut stream = within("a TCP connection", TcpStream::connect(address))
            .await
            .expect("the server accepts");
        let mut response = Vec::new();
        within("an HTTP response", async {
            stream.write_all(request.as_ref()).await.expect("the server reads");
            loop {
                let text = String::from_utf8_lossy(&response).into_owned();
                if let Some((head, body)) = text.split_once("\r\n\r\n") {
                    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                    let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
                    if body.len() >= length {
                        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
                        return (status.expect("a status"), body.to_owned());
                    }
                }
                assert!(
                    stream.read_buf(&mut response).await.expect("a response") > 0,
                    "the response is cut"
                );
            }
        })
        .await
    }

    /// Writes bytes. It ignores a connection that the other side has closed, because the next read reports that.
    pub async fn write(&mut self, bytes: &[u8]) {
        let _ = within("space to send bytes", self.stream.write_all(bytes)).await;
    }

    /// Writes one masked frame with this first byte.
    pub async fn send(&mut self, first: u8, payload: &[u8]) {
        self.write(&masked(first, payload)).await;
    }

    /// The next frame; `None` at the end of the connection.
    pub async fn recv(&mut self) -> Option<Frame> {
        within("a frame", async {
            let first = self.stream.read_u8().await.ok()?;
            let len = match self.stream.read_u8().await.ok()? {
                126 => u64::from(self.stream.read_u16().await.ok()?),
                127 => self.stream.read_u64().await.ok()?,
                short => u64::from(short),
            };
            let mut payload = vec![0; usize::try_from(len).expect("a length")];
            self.stream.read_exact(&mut payload).await.ok()?;
            Some(Frame {
                opcode: first & 0x0f,
                payload,
            })
        })
        .await
    }

    /// Whether the server has closed the connection, or sent something, by now.
    pub async fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        let peeked = std::future::poll_fn(|context| {
            let mut buffer = tokio::io::ReadBuf::new(&mut byte);
            std::task::Poll::Ready(self.stream.poll_peek(context, &mut buffer).is_ready())
        });
        peeked.await
    }

    /// Reads until the close frame and returns its code, or 1006 if there was none.
    pub async fn expect_close(&mut self) -> u16 {
        while let Some(frame) = self.recv().await {
            if frame.opcode == CLOSE {
                return match frame.payload[..] {
                    [high, low, ..] => u16::from_be_bytes([high, low]),
                    _ => 1005,
                };
            }
        }
        1006
    }
}

/// Encodes a masked frame.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | short as u8),
        medium @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((medium as u16).to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}
