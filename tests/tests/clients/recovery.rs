//! Lost connections: what the client recovers, which gaps it reports, and which requests it sends again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use dialogue::client::{ClientError, ConnectionState, Recovery, RoomStreamError};
use dialogue::prelude::*;
use dialogue_tests::proxy::{Proxy, dice};
use dialogue_tests::{Chat, Gate, Message, Project, Record, Rooms, TestServer, message, texts, until, within};

use super::{connect_to, lost, reach};

/// A numbered line. The room keeps more of them than any test triggers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history = 1000)]
struct Line {
    number: u64,
}

rooms! {
    Halls;

    Hall = "hall" { events: [Line], default_subscriptions: * }
}

async fn hall() -> TestServer {
    let builder = Dialogue::builder().rooms::<Halls>().trust_client_identity();
    TestServer::start(builder).await
}

/// Budgets of 300 to 2,000 bytes: a cut comes after the handshake, but before much else.
pub(super) fn cuts(seed: u64, number: u64) -> impl FnMut() -> Option<u64> + Send {
    let (mut dice, mut left) = (dice(seed), number);
    move || {
        left = left.checked_sub(1)?;
        Some(300 + dice(1_700))
    }
}

#[tokio::test]
async fn every_event_arrives_once_and_in_order_wherever_the_connection_is_cut() {
    const EVENTS: u64 = 200;
    for seed in 1..=3 {
        let server = hall().await;
        let proxy = Proxy::cutting(server.address(), cuts(seed, 12)).await;
        let connecting = dialogue::DialogueClient::connect(proxy.url())
            .auth(serde_json::json!({ "userId": "ada" }))
            .backoff(std::time::Duration::from_millis(1), std::time::Duration::from_millis(5));
        let client = connecting.in_background().expect("a URL");
        // A join that is cut before its reply fails, so the application must repeat it.
        let hall = loop {
            match within("an answer", client.join(Hall).into_future()).await {
                Ok(hall) => break hall,
                Err(error) => assert_eq!(error, ClientError::Disconnected),
            }
        };
        let mut stream = hall.stream::<Line>();
        for number in 1..=EVENTS {
            server.trigger(Hall, Line { number }).await.expect("an event");
            if number % 8 == 0 {
                tokio::task::yield_now().await;
            }
        }
        // Events from before the join need not arrive.
        let mut last: Option<u64> = None;
        while last != Some(EVENTS) {
            let line = within("a line", stream.next())
                .await
                .expect("the stream continues")
                .expect("no gap");
            assert!(
                last.is_none_or(|last| line.data.number == last + 1),
                "{last:?} {line:?}"
            );
            last = Some(line.data.number);
        }
        assert!(proxy.cuts() > 3, "too few connections were cut: {}", proxy.cuts());
    }
}

#[tokio::test]
async fn a_trigger_is_executed_once_wherever_the_connection_is_cut() {
    for seed in 1..=3 {
        let server = hall().await;
        let counts: Arc<Mutex<BTreeMap<u64, u64>>> = Arc::default();
        let counted = Arc::clone(&counts);
        server.on(Hall, move |line: EventMessage<Line>| {
            *counted
                .lock()
                .expect("the lock is not poisoned")
                .entry(line.data.number)
                .or_default() += 1;
            async {}
        });
        let proxy = Proxy::cutting(server.address(), cuts(seed, 12)).await;
        let connecting = dialogue::DialogueClient::connect(proxy.url())
            .auth(serde_json::json!({ "userId": "ada" }))
            .backoff(std::time::Duration::from_millis(1), std::time::Duration::from_millis(5));
        let client = connecting.in_background().expect("a URL");
        let hall = loop {
            match within("an answer", client.join(Hall).into_future()).await {
                Ok(hall) => break hall,
                Err(error) => assert_eq!(error, ClientError::Disconnected),
            }
        };
        for number in 1..=60 {
            let ack = within("an answer", hall.trigger(Line { number }).into_future()).await;
            assert_eq!(
                ack.expect("the idempotency key makes the trigger safe to repeat").seq,
                Some(number)
            );
        }
        until("every line", || {
            counts.lock().expect("the lock is not poisoned").len() == 60
        })
        .await;
        assert!(
            counts
                .lock()
                .expect("the lock is not poisoned")
                .values()
                .all(|count| *count == 1)
        );
        assert!(proxy.cuts() > 3, "too few connections were cut: {}", proxy.cuts());
    }
}

#[tokio::test]
async fn a_gap_is_reported_before_the_events_that_the_room_still_has() {
    let server = TestServer::plain().await;
    server.create_room(Project { id: 7 }).await.expect("a room");
    let proxy = Proxy::to(server.address()).await;
    let client = connect_to(&proxy.url(), "ada").await;
    let project = client.join(Project { id: 7 }).await.expect("the join succeeds");
    let (mut stream, record) = (project.stream::<Message>(), Record::default());
    let noted = record.clone();
    project.on_recovered(move |recovery| {
        noted.note(if recovery == Recovery::Complete {
            "complete"
        } else {
            "gap"
        });
        async {}
    });
    let say = async |text: &str| {
        server
            .trigger(Project { id: 7 }, message(text))
            .await
            .expect("an event");
    };
    say("1").await;
    proxy.cut();
    until("the server to notice the lost connection", || {
        server.here().clients().is_empty()
    })
    .await;
    say("2").await;
    proxy.restore();
    record.expect(&["complete"]).await;
    proxy.cut();
    until("the server to notice the lost connection", || {
        server.here().clients().is_empty()
    })
    .await;
    // The room keeps five events.
    for text in ["3", "4", "5", "6", "7", "8"] {
        say(text).await;
    }
    proxy.restore();
    record.expect(&["gap"]).await;
    for text in ["1", "2"] {
        let event = within("an event", stream.next())
            .await
            .expect("the stream continues")
            .expect("an event");
        assert_eq!(event.data.text, text);
    }
    let gap = within("the gap", stream.next()).await.expect("the stream continues");
    let Err(RoomStreamError::Gap(gap)) = gap else {
        panic!("not a gap: {gap:?}");
    };
    assert_eq!((gap.last_seen, gap.same_epoch), (2, true));
    for text in ["4", "5", "6", "7", "8"] {
        let event = within("an event", stream.next())
            .await
            .expect("the stream continues")
            .expect("an event");
        assert_eq!(event.data.text, text);
    }
}

#[tokio::test]
async fn a_client_reconnects_to_a_restarted_server_and_reports_the_gap() {
    let build = || {
        let builder = Dialogue::builder().rooms::<Rooms>().trust_client_identity();
        builder.build().expect("a server")
    };
    let first = build();
    let address = first.start(([127, 0, 0, 1], 0)).await.expect("a port");
    let client = connect_to(&format!("ws://{address}"), "ada").await;
    let (mut states, chat) = (client.states(), client.join(Chat).await.expect("the join succeeds"));
    let mut stream = chat.stream::<Message>();
    first.trigger(Chat, message("before")).await.expect("an event");
    let event = within("an event", stream.next())
        .await
        .expect("the stream continues")
        .expect("an event");
    assert_eq!(event.data.text, "before");
    within("the drain", first.stop()).await.expect("a drain");
    lost(&mut states).await;
    let second = build();
    second.start(address).await.expect("the same port");
    reach(&mut states, |state| *state == ConnectionState::Connected).await;
    until("the rejoin", || second.here().is_in_room("ada", "chat")).await;
    second.trigger(Chat, message("after")).await.expect("an event");
    let gap = within("the gap", stream.next()).await.expect("the stream continues");
    assert!(
        matches!(&gap, Err(RoomStreamError::Gap(gap)) if !gap.same_epoch),
        "{gap:?}"
    );
    let event = within("an event", stream.next())
        .await
        .expect("the stream continues")
        .expect("an event");
    assert_eq!((event.data.text.as_str(), event.seq), ("after", Some(1)));
}

#[tokio::test]
async fn requests_in_flight_fail_as_disconnected_unless_they_have_a_key() {
    let gate = Gate::default();
    let held = gate.clone();
    let server = TestServer::with(|builder| {
        builder.before_each(move |message, _room| {
            let held = held.clone();
            async move {
                if message.data["text"] != "free" {
                    held.pass().await;
                }
                Ok(message)
            }
        })
    })
    .await;
    let proxy = Proxy::to(server.address()).await;
    let client = connect_to(&proxy.url(), "ada").await;
    let chat = client.join(Chat).await.expect("the join succeeds");
    let keyed = tokio::spawn(chat.trigger(message("keyed")).into_future());
    gate.arrival().await;
    let bare = tokio::spawn(chat.trigger(message("bare")).without_key().into_future());
    // If this later request has been sent, so has the trigger: both go in order.
    let history = tokio::spawn(chat.history::<Message>(dialogue::client::Page::newest(1)));
    let mut states = client.states();
    tokio::task::yield_now().await;
    proxy.cut();
    lost(&mut states).await;
    // A request that was not sent yet would wait for the reconnect instead of failing.
    let outcome = within("an answer", history).await.expect("no panic");
    assert_eq!(outcome.map(|page| page.more), Err(ClientError::Disconnected));
    assert_eq!(
        within("an answer", bare).await.expect("no panic"),
        Err(ClientError::OutcomeUnknown)
    );
    assert!(!keyed.is_finished());
    gate.open();
    proxy.restore();
    let ack = within("an answer", keyed).await.expect("no panic").expect("an event");
    let next = within("an answer", chat.trigger(message("free")).into_future())
        .await
        .expect("an event");
    assert!(ack.seq < next.seq, "{ack:?} {next:?}");
    let page = chat
        .history::<Message>(dialogue::client::Page::newest(9))
        .await
        .expect("a page");
    let texts = texts(page.messages);
    assert_eq!(texts.iter().filter(|text| **text == "keyed").count(), 1, "{texts:?}");
}

#[tokio::test]
async fn a_room_that_denies_the_rejoin_ends_with_its_reason() {
    let closed = Arc::new(AtomicBool::new(false));
    let is_closed = Arc::clone(&closed);
    let server = TestServer::with(|builder| {
        builder.before_join(move |_client, _room| {
            let is_closed = Arc::clone(&is_closed);
            async move {
                match is_closed.load(Ordering::Relaxed) {
                    true => refuse("closed for today"),
                    false => Ok(()),
                }
            }
        })
    })
    .await;
    let proxy = Proxy::to(server.address()).await;
    let client = connect_to(&proxy.url(), "ada").await;
    let chat = client.join(Chat).await.expect("the join succeeds");
    let (mut stream, record) = (chat.stream::<Message>(), Record::default());
    let noted = record.clone();
    chat.on_left(move |departure| {
        noted.note(format!("{departure:?}"));
        async {}
    });
    closed.store(true, Ordering::Relaxed);
    proxy.cut();
    until("the server to notice the lost connection", || {
        server.here().clients().is_empty()
    })
    .await;
    proxy.restore();
    let left = record.next().await;
    assert!(
        left.contains("NotRejoined") && left.contains("closed for today"),
        "{left}"
    );
    assert!(within("the end of the stream", stream.next()).await.is_none());
    assert!(client.rooms().is_empty());
}

#[tokio::test]
async fn leaving_a_room_while_the_connection_is_lost_needs_no_server() {
    let server = TestServer::plain().await;
    let proxy = Proxy::to(server.address()).await;
    let client = connect_to(&proxy.url(), "ada").await;
    let chat = client.join(Chat).await.expect("the join succeeds");
    let mut states = client.states();
    proxy.cut();
    lost(&mut states).await;
    within("an answer", chat.leave()).await.expect("left");
    proxy.restore();
    reach(&mut states, |state| *state == ConnectionState::Connected).await;
    client.list_rooms().await.expect("rooms");
    assert!(!server.is_in_room("ada", "chat").await);
}

#[tokio::test]
async fn subscriptions_of_a_join_during_a_lost_connection_apply_after_the_reconnect() {
    let server = TestServer::plain().await;
    let proxy = Proxy::to(server.address()).await;
    let client = connect_to(&proxy.url(), "ada").await;
    let chat = client.join(Chat).await.expect("the join succeeds");
    let mut states = client.states();
    proxy.cut();
    lost(&mut states).await;
    let joining = tokio::spawn(client.join(Chat).subscriptions(["typing"]).into_future());
    tokio::task::yield_now().await;
    proxy.restore();
    within("the join", joining)
        .await
        .expect("no panic")
        .expect("the join succeeds");
    // The client's automatic rejoin is complete once this reply arrives.
    client.list_rooms().await.expect("rooms");
    // They are added to those of the earlier handle.
    let names = ["message", "typing", "user-joined"];
    assert_eq!(chat.subscriptions(), names);
    assert_eq!(server.here().clients()[0].subscriptions(Chat), names);
}

#[tokio::test]
async fn an_anonymous_user_keeps_its_id_after_a_lost_connection() {
    let server = TestServer::start(Dialogue::builder().rooms::<Rooms>()).await;
    let proxy = Proxy::to(server.address()).await;
    let client = connect_to(&proxy.url(), "whoever").await;
    let (user, connection) = (client.user_id(), client.client_id());
    let mut states = client.states();
    proxy.cut();
    lost(&mut states).await;
    proxy.restore();
    reach(&mut states, |state| *state == ConnectionState::Connected).await;
    assert_eq!(client.user_id(), user);
    assert_ne!(client.client_id(), connection);
}
