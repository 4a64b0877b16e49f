//! How a connection becomes a client, and what happens if its predecessor is just disconnecting.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::peer::Peer;
use super::*;
use crate::connection::MembershipEnd;
use crate::protocol::CloseCode;
use crate::transport::http::http_connection;
use crate::{Identity, Limits};

#[tokio::test(start_paused = true)]
async fn a_connection_that_a_proxy_has_used_before_can_be_upgraded() {
    let dialogue = Dialogue::builder().define_events([]).build().expect("a server");
    let (mut ours, theirs) = tokio::io::duplex(10_000);
    let peer = SocketAddr::from(([127, 0, 0, 1], 1));
    tokio::spawn(http_connection(
        Arc::clone(&dialogue.core),
        theirs,
        peer,
        dialogue.router(),
        dialogue.core.lifecycle.stopping.clone(),
    ));
    let pause = dialogue.core.limits.connect_deadline / 2;
    let mut answer = [0; 4096];
    for _ in 0..5 {
        let request = b"GET /dialogue/ready HTTP/1.1\r\nhost: localhost\r\n\r\n";
        ours.write_all(request).await.expect("the server reads");
        let count = ours.read(&mut answer).await.expect("an answer");
        assert!(answer[..count].starts_with(b"HTTP/1.1 200"));
        tokio::time::sleep(pause).await;
    }
    let request = "GET /dialogue/ws HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    ours.write_all(request.as_bytes()).await.expect("the server reads");
    let count = ours.read(&mut answer).await.expect("an answer");
    assert!(answer[..count].starts_with(b"HTTP/1.1 101"));
    tokio::time::sleep(pause).await;
    let mut frame = vec![0x81, 0x80 | 31, 0, 0, 0, 0];
    frame.extend(br#"{"type":"connect","protocol":1}"#);
    ours.write_all(&frame).await.expect("the server reads");
    let count = ours.read(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..count]).into_owned();
    assert!(answer.contains(r#""type":"connected""#), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn on_connected_runs_for_every_client_that_on_disconnected_runs_for() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let (connects, disconnects) = (Arc::clone(&calls), Arc::clone(&calls));
    let stopping = Arc::new(OnceLock::<CancellationToken>::new());
    let begins = Arc::clone(&stopping);
    let dialogue = Dialogue::builder()
        .define_events([])
        .authenticate(move |_| {
            // The graceful shutdown begins at this moment.
            begins.get().expect("the server's").cancel();
            async { Ok(Identity::user("ada")) }
        })
        .on_connected(move |client| {
            connects.lock().push(format!("{} connected", client.user_id()));
            async {}
        })
        .on_disconnected(move |client, _| {
            disconnects.lock().push(format!("{} disconnected", client.user_id()));
            async {}
        })
        .build()
        .expect("a server");
    stopping.set(dialogue.core.lifecycle.stopping.clone()).expect("once");
    let mut peer = Peer::connect(&dialogue, 10_000).await;
    assert_eq!(peer.receive_close().await, CloseCode::Restarting.code());
    settle().await;
    assert_eq!(*calls.lock(), ["ada connected", "ada disconnected"]);
}

#[tokio::test(start_paused = true)]
async fn a_successor_waits_for_a_disconnect_that_another_thread_has_begun() {
    let dialogue = Dialogue::builder()
        .define_events([])
        .authenticate(|_| async { Ok(Identity::user("ada")) })
        .limits(Limits {
            connections_per_user: Some(1),
            ..Limits::default()
        })
        .build()
        .expect("a server");
    let mut first = Peer::connect(&dialogue, 10_000).await;
    let resume = first.receive_type("connected").await["resume"].clone();
    let client = Arc::clone(&dialogue.core.clients.all()[0]);
    assert!(
        client.membership.lock().end(MembershipEnd::Disconnected),
        "this is how the other thread begins"
    );
    let mut second = Peer::connect_again(&dialogue, 10_000, resume.as_str()).await;
    assert_eq!(second.drain().await, [], "the successor waits");
    dialogue.core.continuity.resumes.ended(&client);
    dialogue.core.clients.remove(&client);
    client.departed.set(()).expect("once");
    second.receive_type("connected").await;
    assert_eq!(
        first.receive_close().await,
        CloseCode::Disconnected.code(),
        "the first connection has made room"
    );
}
