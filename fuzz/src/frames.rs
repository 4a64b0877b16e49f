//! Arbitrary bytes from a socket, fed to a whole connection.

use std::time::Duration;

use dialogue::Limits;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::peer::{Received, receive, text};
use crate::{on_paused_clock, server};

/// Close codes that the server may send here on its own. It also echoes any code that the client sends, such as 1000.
fn is_documented(code: u16) -> bool {
    matches!(code, 1001 | 1002 | 1003 | 1007 | 1008 | 1009 | 1012 | 4000..=4003 | 4500..=4504)
}

/// Writes the bytes after the first one, then hangs up. The first byte says whether the client connects first, and how
/// many bytes it writes at a time.
///
/// # Panics
///
/// Panics if the connection does not end, or if the server writes anything that violates the protocol.
pub fn run_frames(bytes: &[u8]) {
    let Some((settings, bytes)) = bytes.split_first() else {
        return;
    };
    on_paused_clock(async {
        let dialogue = server::server(Limits::default().with_message_bytes(4096).with_inbound_frames(50));
        let (ours, theirs) = tokio::io::duplex(1024);
        let (mut reading, mut writing) = tokio::io::split(ours);
        let serve = dialogue::testing::serve_stream(&dialogue, theirs);
        let write = async {
            // A broken pipe is not an error: the server may close at any time.
            if settings & 1 == 1 {
                let connect = text(r#"{"type":"connect","protocol":1,"auth":{"userId":"ada"}}"#);
                let _ = writing.write_all(&connect).await;
            }
            for part in bytes.chunks(1 << (settings >> 1 & 7)) {
                let _ = writing.write_all(part).await;
                tokio::task::yield_now().await;
            }
            let _ = writing.shutdown().await;
        };
        let read = async {
            let mut close = None;
            while let Some(received) = receive(&mut reading).await {
                assert!(close.is_none(), "a frame after the close: {received:?}");
                if let Received::Close(code) = received {
                    close = Some(code);
                }
            }
            close.flatten()
        };
        let all = async { tokio::join!(serve, write, read).2 };
        let code = timeout(Duration::from_secs(120), all)
            .await
            .expect("the connection must end");
        let theirs = closes_with(bytes);
        assert!(
            code.is_none_or(|code| is_documented(code) || theirs(code)),
            "closed with {code:?}"
        );
        server::check(&dialogue);
        server::stop(dialogue).await;
    });
}

/// Whether the client itself may have sent this close code, which the server then echoes. Masks can turn the bytes into
/// any code, so this only checks that the code may be sent at all.
fn closes_with(bytes: &[u8]) -> impl Fn(u16) -> bool {
    let may_close = bytes.iter().any(|byte| byte & 0x0f == 0x08);
    move |code| may_close && (matches!(code, 1000..=1003 | 1007..=1014) || (3000..5000).contains(&code))
}
