//! Plain HTTP: responses to a client that reads nothing, and to one that reads slowly.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;
use crate::transport::http::{HTTP_WRITE_DEADLINE, http_connection};

/// The length of the response. The pipe holds a thousandth of it.
const LENGTH: usize = 1_000_000;

/// Requests a long response from a server, and reads its first byte.
async fn ask_for_much(dialogue: &Dialogue) -> (DuplexStream, JoinHandle<()>) {
    let app = dialogue.router().route("/much", get(|| async { "x".repeat(LENGTH) }));
    let (mut ours, theirs) = tokio::io::duplex(LENGTH / 1000);
    let peer = SocketAddr::from(([127, 0, 0, 1], 1));
    let served = tokio::spawn(http_connection(
        Arc::clone(&dialogue.core),
        theirs,
        peer,
        app,
        dialogue.core.lifecycle.stopping.clone(),
    ));
    let request = b"GET /much HTTP/1.1\r\nhost: localhost\r\n\r\n";
    ours.write_all(request).await.expect("the server reads");
    ours.read_u8().await.expect("the server answers");
    (ours, served)
}

#[tokio::test(start_paused = true)]
async fn disconnects_a_client_that_reads_nothing_of_a_response_for_a_minute() {
    let dialogue = Dialogue::builder().define_events([]).build().expect("a server");
    let began = Instant::now();
    let (_ours, served) = ask_for_much(&dialogue).await;
    served.await.expect("the connection ends without a panic");
    assert_eq!(began.elapsed().as_secs(), HTTP_WRITE_DEADLINE.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_a_little_now_and_then_receives_the_whole_response() {
    let dialogue = Dialogue::builder().define_events([]).build().expect("a server");
    let (mut ours, served) = ask_for_much(&dialogue).await;
    let (mut read, mut little) = (1, vec![0; LENGTH / 100]);
    while read < LENGTH {
        tokio::time::sleep(HTTP_WRITE_DEADLINE - Duration::from_secs(1)).await;
        read += ours
            .read_exact(&mut little)
            .await
            .map(|_| little.len())
            .expect("more of the response");
    }
    drop(ours);
    served.await.expect("the connection ends without a panic");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_delays_a_shutdown_by_the_write_deadline_only() {
    let dialogue = Dialogue::builder().define_events([]).build().expect("a server");
    let (_ours, served) = ask_for_much(&dialogue).await;
    let began = Instant::now();
    dialogue.core.lifecycle.stopping.cancel();
    served.await.expect("the connection ends without a panic");
    assert_eq!(began.elapsed().as_secs(), dialogue.core.limits.write_deadline.as_secs());
}

#[cfg(feature = "inspector")]
#[tokio::test(start_paused = true)]
async fn a_viewer_and_a_slow_response_end_with_their_listener() {
    let builder = Dialogue::builder().define_events([]).inspector(|_| async { Ok(()) });
    let dialogue = builder.build().expect("a server");
    let app = dialogue
        .router()
        .route("/never", get(std::future::pending::<&'static str>));
    let closing = dialogue.core.lifecycle.stopping.child_token();
    let open = |path: &str| {
        let (mut ours, theirs) = tokio::io::duplex(100_000);
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let serving = http_connection(Arc::clone(&dialogue.core), theirs, peer, app.clone(), closing.clone());
        let served = tokio::spawn(serving);
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        async move {
            ours.write_all(request.as_bytes()).await.expect("the server reads");
            (ours, served)
        }
    };
    let (mut viewer, feed) = open("/dialogue/inspect/feed").await;
    let (_ours, slow) = open("/never").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!feed.is_finished() && !slow.is_finished());
    let began = Instant::now();
    closing.cancel();
    feed.await.expect("the connection ends without a panic");
    assert_eq!(began.elapsed().as_secs(), 0);
    let mut text = String::new();
    viewer.read_to_string(&mut text).await.expect("the whole response");
    assert!(text.contains("event: end"), "{text}");
    slow.await.expect("the connection ends without a panic");
    assert_eq!(began.elapsed(), dialogue.core.limits.drain_deadline);
    assert!(!dialogue.core.lifecycle.is_stopping());
}
