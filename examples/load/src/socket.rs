//! The client's side of a WebSocket, with only the parts that a load needs.

use std::cell::RefCell;
use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::dialect::Dialect;

/// An open WebSocket that has joined its room.
pub(crate) struct Socket {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Socket {
    /// Connects and joins a room.
    pub(crate) async fn connect(dialect: Dialect, port: u16, room: usize) -> io::Result<Self> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let path = dialect.path(room);
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut socket = Self {
            stream,
            unread: Vec::new(),
        };
        let head = loop {
            if let Some(end) = socket.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                break socket.unread.drain(..end + 4).collect::<Vec<_>>();
            }
            socket.read_more().await?;
        };
        if !head.starts_with(b"HTTP/1.1 101") {
            return Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()));
        }
        for (frame, answer) in dialect.opening(room) {
            socket.stream.write_all(&masked(&frame)).await?;
            loop {
                if let Some((start, end)) = whole_frame(&socket.unread) {
                    let frame: Vec<u8> = socket.unread.drain(..end).collect();
                    let text = String::from_utf8_lossy(&frame[start..]).into_owned();
                    if text.contains(answer) {
                        break;
                    }
                    if text.contains(r#""type":"error""#) {
                        return Err(io::Error::other(text));
                    }
                } else {
                    socket.read_more().await?;
                }
            }
        }
        Ok(socket)
    }

    async fn read_more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.unread).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    pub(crate) fn into_split(self) -> (Reader, Writer) {
        let (reader, writer) = self.stream.into_split();
        (
            Reader {
                stream: reader,
                unread: self.unread,
            },
            Writer { stream: writer },
        )
    }
}

/// The receiving half.
pub(crate) struct Reader {
    stream: OwnedReadHalf,
    unread: Vec<u8>,
}

impl Reader {
    /// Waits for more bytes, and returns how many deliveries arrived.
    ///
    /// All readers read into the shared `buffer`. Between reads, a reader keeps only the beginning of a frame, so idle
    /// readers need no memory, and no buffer is cleared for a read.
    pub(crate) async fn next_messages(&mut self, dialect: Dialect, buffer: &RefCell<Vec<u8>>) -> io::Result<usize> {
        let (buffer, count) = loop {
            self.stream.readable().await?;
            let mut buffer = buffer.borrow_mut();
            match self.stream.try_read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => break (buffer, count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        };
        let joined;
        let mut bytes = if self.unread.is_empty() {
            &buffer[..count]
        } else {
            self.unread.extend_from_slice(&buffer[..count]);
            joined = std::mem::take(&mut self.unread);
            &joined[..]
        };
        let mut deliveries = 0;
        while let Some((start, end)) = whole_frame(bytes) {
            deliveries += usize::from(dialect.is_delivery(&bytes[start..end]));
            if let Some(answer) = dialect.answer(&bytes[start..end]) {
                let _ = self.stream.as_ref().try_write(&masked(answer));
            }
            bytes = &bytes[end..];
        }
        self.unread = bytes.to_vec();
        Ok(deliveries)
    }
}

/// The sending half.
pub(crate) struct Writer {
    stream: OwnedWriteHalf,
}

impl Writer {
    /// Sends a text frame. If this fails, the load has overwhelmed the server.
    pub(crate) fn try_send(&mut self, text: &str) -> io::Result<()> {
        let frame = masked(text);
        match self.stream.try_write(&frame) {
            Ok(written) if written == frame.len() => Ok(()),
            Ok(_) => Err(io::ErrorKind::WriteZero.into()),
            Err(error) => Err(error),
        }
    }
}

/// The start of the first frame's payload and the end of the frame, if the frame is complete.
fn whole_frame(bytes: &[u8]) -> Option<(usize, usize)> {
    let (start, length): (usize, usize) = match *bytes.get(1)? & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        length => (2, usize::from(length)),
    };
    let end = start.checked_add(length)?;
    (bytes.len() >= end).then_some((start, end))
}

/// A text frame with a mask of zeros, which leaves the payload unchanged.
fn masked(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match text.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text.as_bytes());
    frame
}
