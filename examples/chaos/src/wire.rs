//! A WebSocket over TCP that can be cut at any byte. It has only the parts of the protocol that a client of this server
//! needs.

use std::io;
use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// The receive buffer of a socket, in bytes. It is small, so that the server soon notices a stalled reader.
const RECEIVE_BUFFER: u32 = 8 * 1024;

/// The longest TCP segment, in bytes. It is as short as with an old modem, so that the server's kernel also keeps its
/// own buffer small.
const SEGMENT: u32 = 536;

const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// A connection of a client.
pub struct Socket {
    stream: TcpStream,
    pending: BytesMut,
    /// How many more bytes the client reads before the connection ends.
    left: u64,
}

/// A frame from the server.
pub enum Frame {
    Text(Bytes),
    /// A close frame with its code.
    Close(u16),
}

impl Socket {
    /// Opens a connection that reads at most `bytes` bytes after the handshake.
    pub async fn open(server: SocketAddr, bytes: u64) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        // With the loopback's segments of 64 KiB, the server's kernel would hold megabytes for a reader that stalls.
        socket2::SockRef::from(&socket).set_tcp_mss(SEGMENT)?;
        let mut stream = socket.connect(server).await?;
        let request = format!(
            "GET /dialogue/ws HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut pending = BytesMut::with_capacity(4096);
        let head = loop {
            if let Some(end) = pending.windows(4).position(|window| window == b"\r\n\r\n") {
                break pending.split_to(end + 4);
            }
            if stream.read_buf(&mut pending).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        if !head.starts_with(b"HTTP/1.1 101") {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        Ok(Self {
            stream,
            pending,
            left: bytes,
        })
    }

    /// Whether the client has read all bytes that it may read. Then the server did not end the connection.
    pub fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// Sends a text frame.
    pub async fn send(&mut self, text: &str) -> io::Result<()> {
        self.send_frame(TEXT, text.as_bytes()).await
    }

    /// Returns the next frame, or `None` at the end of the connection or after the last byte to read. Safe to drop.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            match self.parse() {
                Some((TEXT, text)) => return Some(Frame::Text(text)),
                Some((CLOSE, reason)) => {
                    let code = reason
                        .get(..2)
                        .map_or(1005, |code| u16::from_be_bytes([code[0], code[1]]));
                    return Some(Frame::Close(code));
                }
                Some((PING, payload)) => self.send_frame(PONG, &payload).await.ok()?,
                Some(_) => {}
                None => {
                    let mut chunk = (&mut self.stream).take(self.left);
                    match chunk.read_buf(&mut self.pending).await {
                        Ok(0) | Err(_) => return None,
                        Ok(read) => self.left -= read as u64,
                    }
                }
            }
        }
    }

    async fn send_frame(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        let mut frame = vec![0x80 | opcode];
        match u16::try_from(payload.len()) {
            Ok(length) if length < 126 => frame.push(0x80 | payload.len() as u8),
            Ok(length) => {
                frame.push(0x80 | 126);
                frame.extend(length.to_be_bytes());
            }
            Err(_) => return Err(io::ErrorKind::InvalidInput.into()),
        }
        // A mask of zeros leaves the payload unchanged.
        frame.extend([0; 4]);
        frame.extend(payload);
        self.stream.write_all(&frame).await
    }

    /// Removes the first complete frame from the bytes read so far, and returns its opcode and payload. The server
    /// neither fragments nor masks.
    fn parse(&mut self) -> Option<(u8, Bytes)> {
        let (first, second) = (*self.pending.first()?, *self.pending.get(1)?);
        let (header, length) = match second {
            126 => (
                4,
                usize::from(u16::from_be_bytes(self.pending.get(2..4)?.try_into().ok()?)),
            ),
            127 => {
                let length = u64::from_be_bytes(self.pending.get(2..10)?.try_into().ok()?);
                (10, usize::try_from(length).ok()?)
            }
            short => (2, usize::from(short)),
        };
        if self.pending.len() < header + length {
            return None;
        }
        self.pending.advance(header);
        Some((first & 0x0f, self.pending.split_to(length).freeze()))
    }
}
