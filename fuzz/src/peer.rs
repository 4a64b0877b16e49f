//! The other end of a connection: encodes frames as a client, and checks every frame that the server writes.

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};

/// A frame from the server.
#[derive(Debug)]
pub enum Received {
    Text(Value),
    Ping,
    Pong,
    /// The close code, if there is one.
    Close(Option<u16>),
}

/// The next frame, or `None` at the end of the stream. The stream must end between frames.
pub async fn receive<R: AsyncRead + Unpin>(stream: &mut R) -> Option<Received> {
    let first = stream.read_u8().await.ok()?;
    let second = stream.read_u8().await.expect("a complete header");
    assert_eq!(first & 0x70, 0, "a reserved bit is set");
    assert_eq!(second & 0x80, 0, "the server must not mask its frames");
    let len = match second {
        126 => u64::from(stream.read_u16().await.expect("a complete header")),
        127 => stream.read_u64().await.expect("a complete header"),
        short => u64::from(short),
    };
    let mut payload = vec![0; usize::try_from(len).expect("a length that fits")];
    stream.read_exact(&mut payload).await.expect("a complete frame");
    Some(match first {
        0x81 => {
            let frame: Value = serde_json::from_slice(&payload).expect("the server sends JSON");
            assert!(frame["type"].is_string(), "a frame without a type: {frame}");
            Received::Text(frame)
        }
        0x88 => {
            assert!(payload.len() <= 125, "a control frame of {} bytes", payload.len());
            let (code, reason) = payload.split_at(payload.len().min(2));
            std::str::from_utf8(reason).expect("a reason is UTF-8");
            Received::Close(code.try_into().ok().map(u16::from_be_bytes))
        }
        0x89 => Received::Ping,
        0x8a => Received::Pong,
        other => panic!("a frame that begins with {other:#x}"),
    })
}

/// A text frame with a mask of zeros. It supports the lengths that these targets need.
pub fn text(payload: &str) -> Vec<u8> {
    let len = u16::try_from(payload.len()).expect("a short text");
    let mut frame = vec![0x81];
    match u8::try_from(len) {
        Ok(len @ 0..=125) => frame.push(0x80 | len),
        _ => frame.extend([0x80 | 126, (len >> 8) as u8, len as u8]),
    }
    frame.extend([0; 4]);
    frame.extend(payload.as_bytes());
    frame
}
