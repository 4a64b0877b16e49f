//! The hook that decides about origins: its time, and what it holds up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

use super::*;
use crate::transport::http::http_connection;
use crate::{Builder, Identity, Limits};

const UPGRADE: &str = "GET /dialogue/ws HTTP/1.1\r\nhost: chat.example\r\norigin: https://shop.example\r\n\
    upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n\
    sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Sends an upgrade of a foreign page.
async fn ask(dialogue: &Dialogue) -> DuplexStream {
    let (mut ours, theirs) = tokio::io::duplex(10_000);
    let peer = SocketAddr::from(([127, 0, 0, 1], 1));
    tokio::spawn(http_connection(
        Arc::clone(&dialogue.core),
        theirs,
        peer,
        dialogue.router(),
        dialogue.core.lifecycle.stopping.clone(),
    ));
    ours.write_all(UPGRADE.as_bytes()).await.expect("the server reads");
    ours
}

async fn status(socket: &mut DuplexStream) -> String {
    let mut line = vec![0; "HTTP/1.1 101".len()];
    socket.read_exact(&mut line).await.expect("a response");
    String::from_utf8(line).expect("text")
}

fn server(limits: Limits, configure: impl FnOnce(Builder) -> Builder) -> Dialogue {
    let builder = Dialogue::builder().define_events([]).limits(limits);
    configure(builder).build().expect("a server")
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_hangs_ends_at_its_deadline_and_within_the_time_to_connect() {
    for (hooks, connect_deadline, expected) in [(1, 10, 5), (2, 10, 5), (1, 3, 3)] {
        let limits = Limits::default().with_connect_deadline(Duration::from_secs(connect_deadline));
        let authenticated = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&authenticated);
        let dialogue = server(limits, |mut builder| {
            for _ in 0..hooks {
                builder = builder.check_origin(|_| std::future::pending());
            }
            builder.authenticate(move |_| {
                counter.fetch_add(1, Ordering::SeqCst);
                async { Ok(Identity::anonymous()) }
            })
        });
        let began = Instant::now();
        let mut socket = ask(&dialogue).await;
        assert_eq!(status(&mut socket).await, "HTTP/1.1 503");
        assert_eq!(began.elapsed().as_secs(), expected);
        assert_eq!(authenticated.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_waits_for_the_hook_counts_for_its_address_until_it_is_refused() {
    let limits = Limits::default().with_connections_per_address(1);
    let dialogue = server(limits, |builder| {
        builder.check_origin(|_| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            refuse("no")
        })
    });
    let (mut first, mut second) = (ask(&dialogue).await, ask(&dialogue).await);
    assert_eq!(status(&mut second).await, "HTTP/1.1 429");
    assert_eq!(status(&mut first).await, "HTTP/1.1 403");
    assert_eq!(status(&mut ask(&dialogue).await).await, "HTTP/1.1 403");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_admitted_while_the_server_stops_comes_back_later() {
    let dialogue = server(Limits::default(), |builder| {
        builder.check_origin(|_| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(())
        })
    });
    let mut socket = ask(&dialogue).await;
    settle().await;
    dialogue.core.lifecycle.stopping.cancel();
    assert_eq!(status(&mut socket).await, "HTTP/1.1 503");
}
