//! What a client shows of a room whose events it missed, or that it joins again. It shows events in order, each once,
//! and reports every gap.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dialogue::DialogueClient;
use dialogue::client::{ClientError, Joined, Recovery, RoomStream, RoomStreamError};
use dialogue::prelude::*;
use dialogue_tests::proxy::Proxy;
use dialogue_tests::{Chat, Gate, Message, Project, Record, TestServer, message, until, within};
use serde_json::{Value, json};

use super::recovery::cuts;
use super::script::{Script, Served, event, heard_all, joined};
use super::{connect_to, lost};

/// A client in the chat, and the server's side of its connection.
async fn in_the_chat(script: &Script, seq: u64, events: &[u64]) -> (DialogueClient, Joined<Chat>, Served) {
    let url = script.url();
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
    let joining = tokio::spawn(client.join(Chat).into_future());
    let join = served.expect("join").await;
    served.say(joined(&join["id"], "chat", seq, envelopes(events))).await;
    let chat = within("the join", joining)
        .await
        .expect("no panic")
        .expect("the join succeeds");
    (client, chat, served)
}

/// Drops a connection; returns the next one and the join that the client sends on it.
async fn reconnected(script: &Script, served: Served) -> (Served, Value) {
    drop(served);
    let mut served = script.accept_connected().await;
    let join = served.expect("join").await;
    (served, join)
}

fn envelopes(seqs: &[u64]) -> Value {
    seqs.iter().map(|seq| event(*seq, &seq.to_string())).collect()
}

/// The reply to a join with `since`.
fn rejoined(join: &Value, recovered: bool, seq: u64, events: &[u64]) -> Value {
    let mut answer = joined(&join["id"], "chat", seq, envelopes(events));
    answer["recovered"] = json!(recovered);
    answer
}

/// The frame by which the server joins the client to the room on its own initiative.
fn joined_by_server(seq: u64, events: &[u64]) -> Value {
    let mut frame = joined(&json!(null), "chat", seq, envelopes(events));
    frame.as_object_mut().expect("an object").remove("id");
    frame
}

/// Reads this number of items from a stream. Each item becomes an event's text, or `gap after` the last seq seen, or
/// the number of events lost.
async fn next(stream: &mut RoomStream<Message>, number: usize) -> Vec<String> {
    let mut items = Vec::new();
    for _ in 0..number {
        items.push(
            match within("an event", stream.next()).await.expect("the stream continues") {
                Ok(event) => event.data.text,
                Err(RoomStreamError::Gap(gap)) => format!("gap after {}", gap.last_seen),
                Err(RoomStreamError::Lagged(lost)) => format!("{lost} lost"),
                Err(error) => error.to_string(),
            },
        );
    }
    items
}

fn note_recoveries(chat: &Joined<Chat>, record: &Record) {
    let noted = record.clone();
    chat.on_recovered(move |recovery| {
        noted.note(match recovery {
            Recovery::Complete => "complete",
            _ => "gap",
        });
        async {}
    });
}

#[tokio::test]
async fn after_a_gap_the_client_shows_everything_that_a_first_join_replays() {
    let script = Script::new().await;
    let (_client, chat, served) = in_the_chat(&script, 5, &[]).await;
    let mut stream = chat.stream::<Message>();
    let (mut served, join) = reconnected(&script, served).await;
    assert_eq!(join["since"], json!({ "epoch": "e", "seq": 5 }));
    served.say(rejoined(&join, false, 8, &[4, 5, 6, 8])).await;
    assert_eq!(next(&mut stream, 5).await, ["gap after 5", "4", "5", "6", "8"]);
}

#[tokio::test]
async fn a_rejoin_that_the_server_and_the_client_both_make_reports_one_gap() {
    let script = Script::new().await;
    let (client, chat, served) = in_the_chat(&script, 5, &[]).await;
    let (mut stream, record) = (chat.stream::<Message>(), Record::default());
    note_recoveries(&chat, &record);
    let (mut served, join) = reconnected(&script, served).await;
    served.say(joined_by_server(7, &[4, 6, 7])).await;
    served.say(event(8, "8")).await;
    served.say(rejoined(&join, false, 8, &[6, 7, 8])).await;
    served.say(event(9, "9")).await;
    let items = ["gap after 5", "4", "6", "7", "8", "9"];
    assert_eq!(next(&mut stream, items.len()).await, items);
    // If no event was missed, the client reports no gap.
    let (mut served, join) = reconnected(&script, served).await;
    served.say(joined_by_server(9, &[7, 8, 9])).await;
    served.say(rejoined(&join, true, 9, &[])).await;
    served.say(event(10, "10")).await;
    assert_eq!(next(&mut stream, 1).await, ["10"]);
    heard_all(&client, &mut served).await;
    record.expect(&["gap", "complete"]).await;
    assert!(record.rest().await.is_empty());
}

#[tokio::test]
async fn a_rejoin_that_covers_more_events_than_the_servers_join_reports_another_gap() {
    let script = Script::new().await;
    let (_client, chat, served) = in_the_chat(&script, 5, &[]).await;
    let mut stream = chat.stream::<Message>();
    let (mut served, join) = reconnected(&script, served).await;
    let mut fewer_events = joined_by_server(7, &[]);
    fewer_events["subscriptions"] = json!(["typing"]);
    served.say(fewer_events).await;
    served.say(rejoined(&join, false, 7, &[4, 6])).await;
    let items = ["gap after 5", "gap after 7", "4", "6"];
    assert_eq!(next(&mut stream, items.len()).await, items);
}

#[tokio::test]
async fn a_rejoin_keeps_the_clients_subscriptions_even_if_the_server_joined_it_with_others() {
    let script = Script::new().await;
    let (_client, _chat, served) = in_the_chat(&script, 5, &[]).await;
    let (mut served, _) = reconnected(&script, served).await;
    let mut other = joined_by_server(5, &[]);
    other["subscriptions"] = json!(["typing"]);
    served.say(other).await;
    let (_served, join) = reconnected(&script, served).await;
    assert_eq!(join["subscriptions"], json!(["message"]));
}

#[tokio::test]
async fn a_room_that_the_server_joined_for_the_client_stays_when_the_rejoin_is_refused() {
    let script = Script::new().await;
    let (client, chat, served) = in_the_chat(&script, 5, &[]).await;
    let mut stream = chat.stream::<Message>();
    let (mut served, join) = reconnected(&script, served).await;
    served.say(joined_by_server(5, &[])).await;
    served
        .say(json!({ "type": "error", "id": join["id"], "code": "EVENT_NOT_ALLOWED", "message": "no" }))
        .await;
    served.say(event(6, "6")).await;
    assert_eq!(next(&mut stream, 1).await, ["6"]);
    let leaving = tokio::spawn(chat.leave());
    let leave = served.expect("leave").await;
    served
        .say(json!({ "type": "left", "id": leave["id"], "roomId": "chat" }))
        .await;
    within("an answer", leaving).await.expect("no panic").expect("left");
    assert!(client.rooms().is_empty());
}

#[tokio::test]
async fn leaving_a_room_that_the_server_rejoined_for_the_client_sends_leave() {
    let script = Script::new().await;
    let (client, chat, served) = in_the_chat(&script, 5, &[]).await;
    let (mut served, join) = reconnected(&script, served).await;
    served
        .say(json!({
            "type": "error", "id": join["id"], "code": "RATE_LIMITED", "message": "slowly", "retryAfter": 300,
        }))
        .await;
    served.say(joined_by_server(5, &[])).await;
    heard_all(&client, &mut served).await;
    let leaving = tokio::spawn(chat.leave());
    let leave = served.expect("leave").await;
    served
        .say(json!({ "type": "left", "id": leave["id"], "roomId": "chat" }))
        .await;
    within("an answer", leaving).await.expect("no panic").expect("left");
}

#[tokio::test]
async fn a_client_that_the_server_joins_on_every_connect_shows_everything_that_the_room_keeps() {
    let server =
        TestServer::with(|builder| builder.on_connected(|client| async move { client.join(Project { id: 7 }).await }))
            .await;
    server.create_room(Project { id: 7 }).await.expect("a room");
    let proxy = Proxy::to(server.address()).await;
    let client = connect_to(&proxy.url(), "ada").await;
    let project = client.join(Project { id: 7 }).await.expect("the join succeeds");
    let (mut stream, mut states) = (project.stream::<Message>(), client.states());
    let mut shown: Vec<u64> = Vec::new();
    let mut last = 0;
    // The room keeps five events.
    for missed in [0, 2, 7, 1, 5, 6] {
        proxy.cut();
        lost(&mut states).await;
        until("the server to notice the lost connection", || {
            server.here().clients().is_empty()
        })
        .await;
        for _ in 0..missed {
            server
                .trigger(Project { id: 7 }, message("missed"))
                .await
                .expect("an event");
        }
        proxy.restore();
        until("the rejoin", || server.here().is_in_room("ada", "project-7")).await;
        let delivery = server
            .trigger(Project { id: 7 }, message("live"))
            .await
            .expect("an event");
        last += missed + 1;
        assert_eq!(delivery.seq, Some(last));
        // By the time this reply arrives, the client's own join has its reply, and the client has processed the events
        // before it.
        let answer = within("an answer", project.trigger(message("own")).into_future()).await;
        last += 1;
        assert_eq!(answer.expect("an event").seq, Some(last));
        while shown.last() != Some(&last) {
            match within("an event", stream.next()).await.expect("the stream continues") {
                Ok(event) => shown.push(event.seq.expect("a number")),
                Err(RoomStreamError::Gap(_)) => shown.clear(),
                Err(error) => panic!("{error}"),
            }
        }
        let first = shown[0];
        assert_eq!(
            shown,
            (first..=last).collect::<Vec<_>>(),
            "each event once, with no hole"
        );
        assert!(shown.len() >= 5.min(last as usize), "{shown:?}");
    }
}

/// A program that follows the documentation: it shows each event, and starts again at a gap.
#[derive(Clone, Default)]
struct Screen {
    shown: Arc<Mutex<Vec<u64>>>,
    mistakes: Record,
}

impl Screen {
    fn of(project: &Joined<Project>) -> Self {
        let screen = Self::default();
        let (discarding, showing) = (screen.clone(), screen.clone());
        project.on_recovered(move |recovery| {
            let screen = discarding.clone();
            async move {
                tokio::task::yield_now().await;
                if recovery != Recovery::Complete {
                    screen.shown.lock().expect("the lock is not poisoned").clear();
                }
            }
        });
        project.on(move |said: EventMessage<Message>| {
            let screen = showing.clone();
            async move {
                tokio::task::yield_now().await;
                let mut shown = screen.shown.lock().expect("the lock is not poisoned");
                let seq = said.seq.expect("a number");
                if shown.last().is_some_and(|last| last + 1 != seq) {
                    screen.mistakes.note(format!("{seq} after {shown:?}"));
                }
                shown.push(seq);
            }
        });
        screen
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_handlers_show_has_no_hole_wherever_the_connection_is_cut() {
    const EVENTS: u64 = 300;
    for seed in 1..=4 {
        let server = TestServer::with(|builder| {
            builder.on_connected(|client| async move { client.join(Project { id: 7 }).await })
        })
        .await;
        server.create_room(Project { id: 7 }).await.expect("a room");
        let proxy = Proxy::cutting(server.address(), cuts(seed, 15)).await;
        let connecting = DialogueClient::connect(proxy.url())
            .auth(json!({ "userId": "ada" }))
            .backoff(Duration::from_millis(1), Duration::from_millis(5));
        let client = connecting.in_background().expect("a URL");
        let project = loop {
            match within("an answer", client.join(Project { id: 7 }).into_future()).await {
                Ok(project) => break project,
                Err(error) => assert_eq!(error, ClientError::Disconnected),
            }
        };
        let screen = Screen::of(&project);
        for number in 1..=EVENTS {
            server
                .trigger(Project { id: 7 }, message("hi"))
                .await
                .expect("an event");
            if number % 20 == 0 {
                within("an answer", client.list_rooms()).await.ok();
            }
        }
        until("the last event", || {
            screen.shown.lock().expect("the lock is not poisoned").last() == Some(&EVENTS)
        })
        .await;
        assert_eq!(screen.mistakes.rest().await, [""; 0]);
        assert!(proxy.cuts() > 3, "too few connections were cut: {}", proxy.cuts());
    }
}

#[tokio::test]
async fn joining_again_changes_the_subscriptions_from_then_on_and_misses_nothing() {
    let server = TestServer::plain().await;
    let client = connect_to(&format!("ws://{}", server.address()), "ada").await;
    let chat = client
        .join(Chat)
        .subscriptions(["typing"])
        .await
        .expect("the join succeeds");
    let (mut stream, record) = (chat.stream::<Message>(), Record::default());
    note_recoveries(&chat, &record);
    server.trigger(Chat, message("not subscribed")).await.expect("an event");
    client
        .join(Chat)
        .subscriptions(["message"])
        .await
        .expect("the join succeeds");
    server.trigger(Chat, message("subscribed")).await.expect("an event");
    client.join(Chat).await.expect("the join succeeds");
    server
        .trigger(Chat, message("still subscribed"))
        .await
        .expect("an event");
    assert_eq!(next(&mut stream, 2).await, ["subscribed", "still subscribed"]);
    assert!(record.rest().await.is_empty());
}

#[tokio::test]
async fn a_join_that_waits_for_the_rejoin_does_not_report_a_second_gap() {
    let script = Script::new().await;
    let (client, chat, served) = in_the_chat(&script, 5, &[]).await;
    let mut stream = chat.stream::<Message>();
    let (mut served, join) = reconnected(&script, served).await;
    let joining = tokio::spawn(client.join(Chat).into_future());
    tokio::task::yield_now().await;
    served.say(rejoined(&join, false, 8, &[8])).await;
    let join = served.expect("join").await;
    assert_eq!(join["since"], json!(null), "the client is already in the room");
    served.say(joined(&join["id"], "chat", 8, envelopes(&[8]))).await;
    within("the join", joining)
        .await
        .expect("no panic")
        .expect("the join succeeds");
    served.say(event(9, "9")).await;
    assert_eq!(next(&mut stream, 3).await, ["gap after 5", "8", "9"]);
}

#[tokio::test]
async fn handlers_learn_of_a_gap_between_the_events_around_it() {
    let script = Script::new().await;
    let (client, chat, mut served) = in_the_chat(&script, 0, &[]).await;
    let (record, slow, discards) = (Record::default(), Gate::default(), Gate::default());
    let (noted, held) = (record.clone(), slow.clone());
    chat.on(move |said: EventMessage<Message>| {
        let (noted, held) = (noted.clone(), held.clone());
        async move {
            held.pass().await;
            noted.note(said.data.text);
        }
    });
    let (noted, held) = (record.clone(), discards.clone());
    chat.on_recovered(move |_| {
        let (noted, held) = (noted.clone(), held.clone());
        async move {
            held.pass().await;
            noted.note("gap");
        }
    });
    let noted = record.clone();
    chat.on_left(move |_| {
        noted.note("left");
        async {}
    });
    served.say(event(1, "1")).await;
    served.say(event(2, "2")).await;
    slow.arrival().await;
    let (mut served, join) = reconnected(&script, served).await;
    served.say(rejoined(&join, false, 3, &[2, 3])).await;
    served.say(event(4, "4")).await;
    served
        .say(json!({ "type": "left", "roomId": "chat", "reason": "removed" }))
        .await;
    heard_all(&client, &mut served).await;
    assert!(
        record.rest().await.is_empty(),
        "the first event's handler is still running"
    );
    slow.open();
    discards.arrival().await;
    assert_eq!(record.rest().await, ["1", "2"], "the gap's handler is still running");
    discards.open();
    record.expect(&["gap", "2", "3", "4", "left"]).await;
}

#[tokio::test]
async fn a_full_replay_waits_for_the_first_listener_and_events_beyond_the_buffer_are_reported_as_lost() {
    let script = Script::new().await;
    let replay: Vec<u64> = (1..=300).collect();
    let (client, chat, mut served) = in_the_chat(&script, 300, &replay).await;
    let items: Vec<String> = replay.iter().map(u64::to_string).collect();
    assert_eq!(next(&mut chat.stream::<Message>(), 300).await, items);
    served.say(event(301, "301")).await;
    heard_all(&client, &mut served).await;
    drop((client, chat, served));

    let (client, chat, mut served) = in_the_chat(&script, 0, &[]).await;
    for seq in 1..=2_000 {
        served.say(event(seq, &seq.to_string())).await;
    }
    heard_all(&client, &mut served).await;
    let mut stream = chat.stream::<Message>();
    let items = next(&mut stream, 2).await;
    let lost: u64 = items[0]
        .strip_suffix(" lost")
        .expect("some events are lost")
        .parse()
        .expect("a number");
    assert_eq!(items[1], (lost + 1).to_string());
}

#[tokio::test]
async fn a_gap_before_the_first_listener_discards_the_buffered_events_and_reports_how_many() {
    let script = Script::new().await;
    let (client, chat, served) = in_the_chat(&script, 2, &[1, 2]).await;
    let (mut served, join) = reconnected(&script, served).await;
    served.say(rejoined(&join, false, 9, &[2, 9])).await;
    heard_all(&client, &mut served).await;
    assert_eq!(next(&mut chat.stream::<Message>(), 3).await, ["2 lost", "2", "9"]);
}

#[tokio::test]
async fn a_gap_is_reported_even_if_the_reader_is_far_behind() {
    let script = Script::new().await;
    let connecting = DialogueClient::connect(script.url())
        .backoff(Duration::from_millis(1), Duration::from_millis(1))
        .buffer(2, 1_000_000);
    let (client, mut served) = tokio::join!(connecting.into_future(), script.accept_connected());
    let client = client.expect("a connection");
    let joining = tokio::spawn(client.join(Chat).into_future());
    served.welcome_to("chat").await;
    let chat = within("the join", joining)
        .await
        .expect("no panic")
        .expect("the join succeeds");
    let mut stream = chat.stream::<Message>();
    let (mut served, join) = reconnected(&script, served).await;
    served.say(rejoined(&join, false, 4, &[1, 2, 3, 4])).await;
    heard_all(&client, &mut served).await;
    assert_eq!(next(&mut stream, 4).await, ["gap after 0", "2 lost", "3", "4"]);
}
