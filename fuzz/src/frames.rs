//! Bytes as they come from a socket, to a whole connection.

use std::time::Duration;

use dialogue::Limits;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::peer::{Heard, hear, text};
use crate::{on_paused_clock, server};

/// Close codes that a client can be given here: those of the protocol document, and 1000 and whatever else it said itself.
fn is_documented(code: u16) -> bool {
    matches!(code, 1001 | 1002 | 1003 | 1007 | 1008 | 1009 | 1012 | 4000..=4002 | 4500..=4504)
}

/// Writes the bytes behind the first, which says whether the client has connected and how many bytes come at a time;
/// then hangs up.
///
/// # Panics
///
/// If the connection does not end, or anything that the server wrote is not to the protocol.
pub fn run_frames(bytes: &[u8]) {
    let Some((how, bytes)) = bytes.split_first() else {
        return;
    };
    on_paused_clock(async {
        let dialogue = server::server(Limits {
            message_bytes: 4096,
            inbound_frames: 50,
            ..Limits::default()
        });
        let (ours, theirs) = tokio::io::duplex(1024);
        let (mut reading, mut writing) = tokio::io::split(ours);
        let serve = dialogue::testing::serve_stream(&dialogue, theirs);
        let write = async {
            // A broken pipe is the server's good right.
            if how & 1 == 1 {
                let connect = text(r#"{"type":"connect","protocol":1,"auth":{"userId":"ada"}}"#);
                let _ = writing.write_all(&connect).await;
            }
            for part in bytes.chunks(1 << (how >> 1 & 7)) {
                let _ = writing.write_all(part).await;
                tokio::task::yield_now().await;
            }
            let _ = writing.shutdown().await;
        };
        let read = async {
            let mut said = None;
            while let Some(heard) = hear(&mut reading).await {
                assert!(said.is_none(), "something came behind the close: {heard:?}");
                if let Heard::Close(code) = heard {
                    said = Some(code);
                }
            }
            said.flatten()
        };
        let all = async { tokio::join!(serve, write, read).2 };
        let code = timeout(Duration::from_secs(120), all)
            .await
            .expect("the connection ends");
        let theirs = closes_with(bytes);
        assert!(
            code.is_none_or(|code| is_documented(code) || theirs(code)),
            "closed with {code:?}"
        );
        server::check(&dialogue);
        server::stop(dialogue).await;
    });
}

/// Whether the client could have said this close code itself, which then comes back. Masks make any bytes of it; so it is
/// only checked to be one that may be sent.
fn closes_with(bytes: &[u8]) -> impl Fn(u16) -> bool {
    let may_close = bytes.iter().any(|byte| byte & 0x0f == 0x08);
    move |code| may_close && (matches!(code, 1000..=1003 | 1007..=1014) || (3000..5000).contains(&code))
}
