//! Silence: pings, peers that have gone, and readers that stall.

use std::time::Duration;

use dialogue::Limits;
use dialogue_tests::raw::{FIN, PING, TEXT};
use dialogue_tests::{Chat, RawClient, Record, TestServer, message, until, within};

#[tokio::test]
async fn a_silent_client_is_pinged_and_disconnected_if_it_does_not_answer() {
    let record = Record::default();
    let (disconnected, left) = (record.clone(), record.clone());
    let server = TestServer::with(|builder| {
        builder
            .limits(
                Limits::default()
                    .with_ping_interval(Duration::from_millis(50))
                    .with_ping_timeout(Duration::from_millis(50)),
            )
            .on_disconnected(move |_, _| {
                disconnected.note("disconnected");
                async {}
            })
            .on_left(move |_, _, _| {
                left.note("left");
                async {}
            })
    })
    .await;
    let mut silent = RawClient::connected(server.address()).await;
    silent.send(FIN | TEXT, br#"{"type":"join","roomId":"chat"}"#).await;
    silent.recv().await.expect("joined");
    let ping = silent.recv().await.expect("a ping");
    assert_eq!(ping.opcode, PING);
    assert_eq!(silent.expect_close().await, 1001);
    record.expect(&["disconnected", "left"]).await;
    assert_eq!(server.room(Chat).await.expect("the room").size().await, 0);
    assert!(record.rest().await.is_empty(), "hooks run once");
}

#[tokio::test]
async fn a_silent_client_that_answers_pings_stays_connected() {
    let server = TestServer::limited(
        Limits::default()
            .with_ping_interval(Duration::from_millis(20))
            .with_ping_timeout(Duration::from_secs(20)),
    )
    .await;
    let mut client = RawClient::connected(server.address()).await;
    for _ in 0..3 {
        let ping = client.recv().await.expect("a ping");
        assert_eq!(ping.opcode, PING);
        client.send(FIN | 0xa, &ping.payload).await;
    }
    assert_eq!(server.here().clients().len(), 1);
}

/// A client in `chat` that stops reading.
async fn stuck_reader(server: &TestServer) -> RawClient {
    let mut stuck = RawClient::connected(server.address()).await;
    stuck.send(FIN | TEXT, br#"{"type":"join","roomId":"chat"}"#).await;
    stuck.recv().await.expect("joined");
    stuck
}

#[tokio::test]
async fn a_client_that_stops_reading_is_disconnected_with_4000_and_delays_nobody() {
    let frames = Limits::default().with_queue_frames(8);
    let bytes = Limits::default()
        .with_queue_bytes(10_000)
        .with_replay_bytes(1_000)
        .with_history_page_bytes(1_000);
    for limits in [frames, bytes] {
        let server = TestServer::limited(limits).await;
        let mut stuck = stuck_reader(&server).await;
        let text = "x".repeat(1_000);
        let chat = server.room(Chat).await.expect("the room");
        within("the disconnect", async {
            while chat.size().await > 0 {
                server.trigger(Chat, message(&text)).await.expect("an event");
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(stuck.expect_close().await, 4000);
    }
}

#[tokio::test]
async fn a_write_without_progress_is_abandoned_at_its_deadline() {
    let server = TestServer::limited(
        Limits::default()
            .with_queue_bytes(1 << 30)
            .with_write_deadline(Duration::from_millis(200)),
    )
    .await;
    let _stuck = stuck_reader(&server).await;
    // More bytes than the kernel buffers for a reader, and fewer than the queue holds.
    for _ in 0..16 {
        let username = "x".repeat(1 << 20);
        server
            .trigger(Chat, dialogue_tests::UserJoined { username })
            .await
            .expect("an event");
    }
    until("the disconnect", || server.here().clients().is_empty()).await;
    assert_eq!(server.room(Chat).await.expect("the room").size().await, 0);
}
