//! The other end of a connection: frames as a client writes them, and checks of each that the server writes.

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};

/// What the server sends.
#[derive(Debug)]
pub enum Heard {
    Text(Value),
    Ping,
    Pong,
    /// With its code, if it has one.
    Close(Option<u16>),
}

/// The next frame; `None` at the end of the stream, which must be between frames.
pub async fn hear<R: AsyncRead + Unpin>(stream: &mut R) -> Option<Heard> {
    let first = stream.read_u8().await.ok()?;
    let second = stream.read_u8().await.expect("a whole header");
    assert_eq!(first & 0x70, 0, "a reserved bit is set");
    assert_eq!(second & 0x80, 0, "the server masks");
    let len = match second {
        126 => u64::from(stream.read_u16().await.expect("a whole header")),
        127 => stream.read_u64().await.expect("a whole header"),
        short => u64::from(short),
    };
    let mut payload = vec![0; usize::try_from(len).expect("a length that fits")];
    stream.read_exact(&mut payload).await.expect("a whole frame");
    Some(match first {
        0x81 => {
            let frame: Value = serde_json::from_slice(&payload).expect("the server writes JSON");
            assert!(frame["type"].is_string(), "without a type: {frame}");
            Heard::Text(frame)
        }
        0x88 => {
            assert!(payload.len() <= 125, "a control frame of {} bytes", payload.len());
            let (code, reason) = payload.split_at(payload.len().min(2));
            std::str::from_utf8(reason).expect("a reason is UTF-8");
            Heard::Close(code.try_into().ok().map(u16::from_be_bytes))
        }
        0x89 => Heard::Ping,
        0x8a => Heard::Pong,
        other => panic!("a frame that begins with {other:#x}"),
    })
}

/// A text frame under a mask of zeros, as long as a client of these targets needs.
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
