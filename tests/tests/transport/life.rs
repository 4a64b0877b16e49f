//! The life of a server: signals, the drain, and a port in use.

use std::time::Duration;

use dialogue::prelude::*;
use dialogue::{Dialogue, Error, Limits};
use dialogue_tests::{CapturedLog, Chat, Gate, Record, Rooms, TestClient, TestServer, message, until, within};

#[tokio::test]
async fn stop_flushes_queued_frames_closes_with_1012_and_returns() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    let mut silent = server.open().await;
    for number in 0..100 {
        server
            .trigger(Chat, message(&number.to_string()))
            .await
            .expect("an event");
    }
    server.stop().await;
    assert_eq!(ada.expect_close().await, 1012);
    for number in 0..100 {
        assert_eq!(ada.recv().await["data"]["text"], number.to_string());
    }
    assert_eq!(silent.expect_close().await, 1012);
    assert!(server.here().clients().is_empty());
}

#[tokio::test]
async fn a_stopped_server_accepts_and_does_nothing_more() {
    let server = TestServer::plain().await;
    let address = server.address();
    server.stop().await;
    assert!(
        tokio::net::TcpStream::connect(address).await.is_err(),
        "the server no longer listens"
    );
    let refused = server.trigger(Chat, message("hi")).await;
    assert!(matches!(refused, Err(dialogue::TriggerError::Stopped)), "{refused:?}");
    let created = server.create_room(dialogue_tests::Project { id: 7 }).await;
    assert_eq!(created.err(), Some(dialogue::calls::CreateRoomError::Stopped));
    assert!(matches!(server.start(([127, 0, 0, 1], 0)).await, Err(Error::Stopped)));
    server.stop().await;
}

#[tokio::test]
async fn every_call_of_stop_waits_for_the_same_drain() {
    let server = TestServer::plain().await;
    let _ada = server.joined("ada", "chat").await;
    let (one, two, three) = within("the end of the drain", async {
        tokio::join!(
            server.dialogue().stop(),
            server.dialogue().stop(),
            server.dialogue().stop()
        )
    })
    .await;
    for stopped in [one, two, three] {
        stopped.expect("the drain finishes in time");
    }
}

#[tokio::test]
async fn stop_waits_for_running_hooks_and_handlers() {
    let (gate, record) = (Gate::default(), Record::default());
    let server = TestServer::plain().await;
    let (held, noted) = (gate.clone(), record.clone());
    server.on(Chat, move |_: EventMessage<dialogue_tests::Message>| {
        let (held, noted) = (held.clone(), noted.clone());
        async move {
            held.pass().await;
            noted.note("handled");
        }
    });
    server.trigger(Chat, message("hi")).await.expect("an event");
    gate.arrival().await;
    let stopping = tokio::spawn({
        let dialogue = server.dialogue().clone();
        async move { dialogue.stop().await }
    });
    until("the start of the drain", || !server.is_listening()).await;
    assert!(!stopping.is_finished());
    gate.open();
    within("the end of the drain", stopping)
        .await
        .expect("no panic")
        .expect("the drain finishes in time");
    record.expect(&["handled"]).await;
}

/// Starts a handler that does not finish until the gate opens.
async fn hang_a_handler(server: &TestServer) -> Gate {
    let gate = Gate::default();
    let held = gate.clone();
    server.on(Chat, move |_: EventMessage<dialogue_tests::Message>| {
        let held = held.clone();
        async move { held.pass().await }
    });
    server.trigger(Chat, message("hi")).await.expect("an event");
    gate.arrival().await;
    gate
}

#[tokio::test]
async fn tasks_that_do_not_finish_are_aborted_at_the_drain_deadline() {
    let server = TestServer::limited(
        Limits::default()
            .with_drain_deadline(Duration::from_millis(200))
            .with_hook_deadline(Duration::from_secs(3_600)),
    )
    .await;
    let _gate = hang_a_handler(&server).await;
    let stopped = within("the drain's deadline", server.dialogue().stop()).await;
    assert!(
        matches!(stopped, Err(Error::DrainTimedOut { remaining }) if remaining > 0),
        "{stopped:?}"
    );
}

/// Sends this process a SIGTERM. It affects only code that waits for signals.
#[cfg(unix)]
fn terminate() {
    let status = std::process::Command::new("kill")
        .args(["-TERM", &std::process::id().to_string()])
        .status();
    assert!(status.expect("the `kill` command runs").success());
}

#[cfg(unix)]
#[tokio::test]
async fn serve_drains_on_a_signal_and_a_second_signal_ends_the_drain_at_once() {
    let dialogue = Dialogue::builder()
        .rooms::<Rooms>()
        .trust_client_identity()
        .build()
        .expect("a server");
    let gate = Gate::default();
    let held = gate.clone();
    dialogue.on(Chat, move |_: EventMessage<dialogue_tests::Message>| {
        let held = held.clone();
        async move { held.pass().await }
    });
    // An address that only this test uses, so that nothing takes the port meanwhile.
    let probe = std::net::TcpListener::bind("127.0.0.77:0").expect("a port");
    let address = probe.local_addr().expect("an address");
    drop(probe);
    let serving = tokio::spawn({
        let dialogue = dialogue.clone();
        async move { dialogue.serve(address).await }
    });
    within("the server to listen", async {
        while tokio::net::TcpStream::connect(address).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut ada = TestClient::connect_as(address, "ada").await;
    ada.join("chat").await;
    ada.say("chat", "hold the drain up").await;
    gate.arrival().await;
    terminate();
    assert_eq!(ada.expect_close().await, 1012);
    assert!(!serving.is_finished(), "the drain waits for the handler");
    terminate();
    within("the immediate end of the drain", serving)
        .await
        .expect("no panic")
        .expect("cutting the drain short is not an error");
}

/// An address of this machine whose port only the caller uses, if `host` is its own.
fn free_address(host: &str) -> std::net::SocketAddr {
    let probe = std::net::TcpListener::bind((host, 0)).expect("a port");
    probe.local_addr().expect("an address")
}

#[tokio::test]
async fn a_dropped_serve_leaves_nothing_behind_and_the_server_can_serve_again() {
    let dialogue = Dialogue::builder()
        .rooms::<Rooms>()
        .trust_client_identity()
        .build()
        .expect("a server");
    let address = free_address("127.0.0.78");
    let other = dialogue.start(([127, 0, 0, 1], 0)).await.expect("a port");
    let mut bob = TestClient::connect_as(other, "bob").await;
    for _ in 0..3 {
        let mut serving = Box::pin(dialogue.serve(address));
        let mut ada = within("a client", async {
            tokio::select! {
                biased;
                served = &mut serving => panic!("the server has ended: {served:?}"),
                ada = TestClient::connect_as(address, "ada") => ada,
            }
        })
        .await;
        ada.join("chat").await;
        let mut silent = TestClient::open(address).await;
        let mut idle = tokio::net::TcpStream::connect(address)
            .await
            .expect("the server listens");
        drop(serving);
        assert!(
            tokio::net::TcpStream::connect(address).await.is_err(),
            "nothing listens"
        );
        assert_eq!(ada.expect_close().await, 1012);
        assert_eq!(silent.expect_close().await, 1012);
        let mut nothing = Vec::new();
        let _ = within("the end of an HTTP connection", {
            tokio::io::AsyncReadExt::read_to_end(&mut idle, &mut nothing)
        })
        .await;
        assert!(nothing.is_empty());
        until("the end of the client", || dialogue.here().clients().len() == 1).await;
    }
    assert_eq!(bob.say("chat", "I am not in it").await["type"], "error");
    dialogue
        .trigger(Chat, message("hi"))
        .await
        .expect("the server lives on");
    within("the end of the drain", dialogue.stop())
        .await
        .expect("the drain finishes in time");
    assert_eq!(bob.expect_close().await, 1012);
}

#[tokio::test]
async fn a_port_in_use_is_an_error_and_does_not_affect_the_other_server() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    let other = Dialogue::builder().define_events([]).build().expect("a server");
    let taken = other.start(server.address()).await;
    assert!(
        matches!(taken, Err(Error::Bind { address, .. }) if address == server.address()),
        "{taken:?}"
    );
    let served = within("an error", other.serve(server.address())).await;
    assert!(matches!(served, Err(Error::Bind { .. })), "{served:?}");
    assert_eq!(ada.say("chat", "hi").await["type"], "ok");
}

#[tokio::test]
async fn the_drain_hands_over_the_history_even_if_a_handler_does_not_finish() {
    let record = Record::default();
    let noted = record.clone();
    let limits = Limits::default()
        .with_drain_deadline(Duration::from_secs(1))
        .with_hook_deadline(Duration::from_secs(3_600));
    let server = TestServer::with(|builder| {
        builder.limits(limits).on_history_evicted(move |batch| {
            noted.note(format!("{} {}", batch.room_id, batch.messages.len()));
            async { Ok(()) }
        })
    })
    .await;
    let _gate = hang_a_handler(&server).await;
    let stopped = within("the drain's deadline", server.dialogue().stop()).await;
    assert!(matches!(stopped, Err(Error::DrainTimedOut { .. })), "{stopped:?}");
    record.expect(&["chat 1"]).await;
}

#[tokio::test]
async fn history_that_is_not_stored_by_the_drain_deadline_is_logged_as_lost() {
    let log = CapturedLog::default();
    let limits = Limits::default().with_drain_deadline(Duration::from_millis(200));
    let server = TestServer::with(|builder| {
        let never = |_| std::future::pending::<()>();
        builder.limits(limits).logger(log.dispatch()).on_history_evicted(never)
    })
    .await;
    server.trigger(Chat, message("hi")).await.expect("an event");
    let stopped = within("the drain's deadline", server.dialogue().stop()).await;
    assert!(matches!(stopped, Err(Error::DrainTimedOut { .. })), "{stopped:?}");
    log.line_with(&["LOST", "events=1"]).await;
}
