//! What a client shows of a room whose events were missed, or that it joins anew: told in order, each once, nothing left out.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dialogue::prelude::*;
use dialogue::{ClientError, DialogueClient, Joined, Recovery, RoomStream, RoomStreamError};
use dialogue_tests::{Chat, Gate, Message, Project, Record, TestServer, message, until, within};
use serde_json::{Value, json};

use super::proxy::Proxy;
use super::recovery::cuts;
use super::script::{Script, Served, event, heard_all, joined};
use super::{connect_to, lost};

/// A client that is in the chat, and the connection to it.
async fn in_the_chat(script: &Script, seq: u64, events: &[u64]) -> (DialogueClient, Joined<Chat>, Served) {
    let url = script.url();
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
    let joining = tokio::spawn(client.join(Chat).into_future());
    let join = served.expect("join").await;
    served.say(joined(&join["id"], "chat", seq, envelopes(events))).await;
    let chat = within("a seat", joining).await.expect("no panic").expect("a seat");
    (client, chat, served)
}

/// The connection after a lost one, and the join that leads back.
async fn back(script: &Script, served: Served) -> (Served, Value) {
    drop(served);
    let mut served = script.accept_connected().await;
    let join = served.expect("join").await;
    (served, join)
}

fn envelopes(seqs: &[u64]) -> Value {
    seqs.iter().map(|seq| event(*seq, &seq.to_string())).collect()
}

/// The answer to a join that says where the client was.
fn rejoined(join: &Value, recovered: bool, seq: u64, events: &[u64]) -> Value {
    let mut answer = joined(&join["id"], "chat", seq, envelopes(events));
    answer["recovered"] = json!(recovered);
    answer
}

/// What the server says when it takes the client into the room by itself.
fn taken_in(seq: u64, events: &[u64]) -> Value {
    let mut frame = joined(&json!(null), "chat", seq, envelopes(events));
    frame.as_object_mut().expect("an object").remove("id");
    frame
}

/// The next so many of a stream: an event's number, or `gap` with the last one seen, or how many are lost.
async fn next(stream: &mut RoomStream<Message>, number: usize) -> Vec<String> {
    let mut told = Vec::new();
    for _ in 0..number {
        told.push(match within("an event", stream.next()).await.expect("not the end") {
            Ok(event) => event.data.text,
            Err(RoomStreamError::Gap(gap)) => format!("gap after {}", gap.last_seen),
            Err(RoomStreamError::Lagged(lost)) => format!("{lost} lost"),
            Err(error) => error.to_string(),
        });
    }
    told
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
async fn behind_a_gap_comes_all_that_a_first_join_gets() {
    let script = Script::new().await;
    let (_client, chat, served) = in_the_chat(&script, 5, &[]).await;
    let mut stream = chat.stream::<Message>();
    let (mut served, join) = back(&script, served).await;
    assert_eq!(join["since"], json!({ "epoch": "e", "seq": 5 }));
    served.say(rejoined(&join, false, 8, &[4, 5, 6, 8])).await;
    assert_eq!(next(&mut stream, 5).await, ["gap after 5", "4", "5", "6", "8"]);
}

#[tokio::test]
async fn a_room_that_the_server_brings_the_client_back_into_is_told_of_once() {
    let script = Script::new().await;
    let (client, chat, served) = in_the_chat(&script, 5, &[]).await;
    let (mut stream, record) = (chat.stream::<Message>(), Record::default());
    note_recoveries(&chat, &record);
    let (mut served, join) = back(&script, served).await;
    served.say(taken_in(7, &[4, 6, 7])).await;
    served.say(event(8, "8")).await;
    served.say(rejoined(&join, false, 8, &[6, 7, 8])).await;
    served.say(event(9, "9")).await;
    let told = ["gap after 5", "4", "6", "7", "8", "9"];
    assert_eq!(next(&mut stream, told.len()).await, told);
    // Where nothing was missed, nothing is.
    let (mut served, join) = back(&script, served).await;
    served.say(taken_in(9, &[7, 8, 9])).await;
    served.say(rejoined(&join, true, 9, &[])).await;
    served.say(event(10, "10")).await;
    assert_eq!(next(&mut stream, 1).await, ["10"]);
    heard_all(&client, &mut served).await;
    record.expect(&["gap", "complete"]).await;
    assert!(record.rest().await.is_empty());
}

#[tokio::test]
async fn what_the_way_back_hears_beyond_what_the_server_chose_is_not_passed_over() {
    let script = Script::new().await;
    let (_client, chat, served) = in_the_chat(&script, 5, &[]).await;
    let mut stream = chat.stream::<Message>();
    let (mut served, join) = back(&script, served).await;
    let mut narrow = taken_in(7, &[]);
    narrow["subscriptions"] = json!(["typing"]);
    served.say(narrow).await;
    served.say(rejoined(&join, false, 7, &[4, 6])).await;
    let told = ["gap after 5", "gap after 7", "4", "6"];
    assert_eq!(next(&mut stream, told.len()).await, told);
}

#[tokio::test]
async fn the_way_back_has_the_subscriptions_of_before_whatever_the_server_chose_meanwhile() {
    let script = Script::new().await;
    let (_client, _chat, served) = in_the_chat(&script, 5, &[]).await;
    let (mut served, _) = back(&script, served).await;
    let mut other = taken_in(5, &[]);
    other["subscriptions"] = json!(["typing"]);
    served.say(other).await;
    let (_served, join) = back(&script, served).await;
    assert_eq!(join["subscriptions"], json!(["message"]));
}

#[tokio::test]
async fn a_room_that_the_server_brings_the_client_back_into_stays_when_the_way_back_is_refused() {
    let script = Script::new().await;
    let (client, chat, served) = in_the_chat(&script, 5, &[]).await;
    let mut stream = chat.stream::<Message>();
    let (mut served, join) = back(&script, served).await;
    served.say(taken_in(5, &[])).await;
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
async fn who_leaves_a_room_that_the_server_brought_the_client_back_into_tells_the_server() {
    let script = Script::new().await;
    let (client, chat, served) = in_the_chat(&script, 5, &[]).await;
    let (mut served, join) = back(&script, served).await;
    served
        .say(json!({
            "type": "error", "id": join["id"], "code": "RATE_LIMITED", "message": "slowly", "retryAfter": 300,
        }))
        .await;
    served.say(taken_in(5, &[])).await;
    heard_all(&client, &mut served).await;
    let leaving = tokio::spawn(chat.leave());
    let join = served.expect("join").await;
    served.say(rejoined(&join, true, 5, &[])).await;
    let leave = served.expect("leave").await;
    served
        .say(json!({ "type": "left", "id": leave["id"], "roomId": "chat" }))
        .await;
    within("an answer", leaving).await.expect("no panic").expect("left");
}

#[tokio::test]
async fn a_client_that_the_server_takes_into_the_room_whenever_it_connects_shows_all_that_the_room_keeps() {
    let server = TestServer::with(|builder| {
        builder.on_connected(|client| async move { client.join(Project { id: 7 }).await.map(|_| ()) })
    })
    .await;
    server.create_room(Project { id: 7 }).await.expect("a room");
    let proxy = Proxy::to(server.address()).await;
    let client = connect_to(&proxy.url(), "ada").await;
    let project = client.join(Project { id: 7 }).await.expect("a seat");
    let (mut stream, mut states) = (project.stream::<Message>(), client.states());
    let mut shown: Vec<u64> = Vec::new();
    let mut last = 0;
    // The room keeps five.
    for missed in [0, 2, 7, 1, 5, 6] {
        proxy.cut();
        lost(&mut states).await;
        until("the end of the connection", || server.clients().is_empty()).await;
        for _ in 0..missed {
            server
                .trigger(Project { id: 7 }, message("missed"))
                .await
                .expect("an event");
        }
        proxy.mend();
        until("the way back", || server.is_in_room("ada", "project-7")).await;
        let delivery = server
            .trigger(Project { id: 7 }, message("live"))
            .await
            .expect("an event");
        last += missed + 1;
        assert_eq!(delivery.seq, Some(last));
        // The client's own join is answered by then, and what it told is heard.
        let answer = within("an answer", project.trigger(message("own")).into_future()).await;
        last += 1;
        assert_eq!(answer.expect("an event").seq, Some(last));
        while shown.last() != Some(&last) {
            match within("an event", stream.next()).await.expect("not the end") {
                Ok(event) => shown.push(event.seq.expect("a number")),
                Err(RoomStreamError::Gap(_)) => shown.clear(),
                Err(error) => panic!("{error}"),
            }
        }
        let first = shown[0];
        assert_eq!(shown, (first..=last).collect::<Vec<_>>(), "each once, without a hole");
        assert!(shown.len() >= 5.min(last as usize), "{shown:?}");
    }
}

/// A program that does as it is told: it shows each event, and begins anew at a gap.
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
                    screen.shown.lock().expect("nobody panics").clear();
                }
            }
        });
        project.on(move |said: EventMessage<Message>| {
            let screen = showing.clone();
            async move {
                tokio::task::yield_now().await;
                let mut shown = screen.shown.lock().expect("nobody panics");
                let seq = said.seq.expect("a number");
                if shown.last().is_some_and(|last| last + 1 != seq) {
                    screen.mistakes.note(format!("{seq} behind {shown:?}"));
                }
                shown.push(seq);
            }
        });
        screen
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_handlers_show_has_no_hole_however_the_connection_is_cut() {
    const EVENTS: u64 = 300;
    for seed in 1..=4 {
        let server = TestServer::with(|builder| {
            builder.on_connected(|client| async move { client.join(Project { id: 7 }).await.map(|_| ()) })
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
            screen.shown.lock().expect("nobody panics").last() == Some(&EVENTS)
        })
        .await;
        assert_eq!(screen.mistakes.rest().await, [""; 0]);
        assert!(proxy.cuts() > 3, "something was cut: {}", proxy.cuts());
    }
}

#[tokio::test]
async fn to_join_anew_changes_what_is_heard_from_then_on_and_misses_nothing() {
    let server = TestServer::plain().await;
    let client = connect_to(&format!("ws://{}", server.address()), "ada").await;
    let chat = client.join(Chat).subscriptions(["typing"]).await.expect("a seat");
    let (mut stream, record) = (chat.stream::<Message>(), Record::default());
    note_recoveries(&chat, &record);
    server.trigger(Chat, message("unheard")).await.expect("an event");
    client.join(Chat).subscriptions(["message"]).await.expect("a seat");
    server.trigger(Chat, message("heard")).await.expect("an event");
    client.join(Chat).await.expect("a seat");
    server.trigger(Chat, message("heard too")).await.expect("an event");
    assert_eq!(next(&mut stream, 2).await, ["heard", "heard too"]);
    assert!(record.rest().await.is_empty());
}

#[tokio::test]
async fn a_join_that_waited_for_the_way_back_tells_no_second_gap() {
    let script = Script::new().await;
    let (client, chat, served) = in_the_chat(&script, 5, &[]).await;
    let mut stream = chat.stream::<Message>();
    let (mut served, join) = back(&script, served).await;
    let joining = tokio::spawn(client.join(Chat).into_future());
    tokio::task::yield_now().await;
    served.say(rejoined(&join, false, 8, &[8])).await;
    let join = served.expect("join").await;
    assert_eq!(join["since"], json!(null), "it is there already");
    served.say(joined(&join["id"], "chat", 8, envelopes(&[8]))).await;
    within("a seat", joining).await.expect("no panic").expect("a seat");
    served.say(event(9, "9")).await;
    assert_eq!(next(&mut stream, 3).await, ["gap after 5", "8", "9"]);
}

#[tokio::test]
async fn handlers_are_told_of_a_gap_in_its_place() {
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
    let (mut served, join) = back(&script, served).await;
    served.say(rejoined(&join, false, 3, &[2, 3])).await;
    served.say(event(4, "4")).await;
    served
        .say(json!({ "type": "left", "roomId": "chat", "reason": "removed" }))
        .await;
    heard_all(&client, &mut served).await;
    assert!(record.rest().await.is_empty(), "the first event is still being handled");
    slow.open();
    discards.arrival().await;
    assert_eq!(
        record.rest().await,
        ["1", "2"],
        "what was shown is still being thrown away"
    );
    discards.open();
    record.expect(&["gap", "2", "3", "4", "left"]).await;
}

#[tokio::test]
async fn a_whole_replay_waits_for_who_listens_and_what_goes_over_the_bounds_is_told() {
    let script = Script::new().await;
    let replay: Vec<u64> = (1..=300).collect();
    let (client, chat, mut served) = in_the_chat(&script, 300, &replay).await;
    let told: Vec<String> = replay.iter().map(u64::to_string).collect();
    assert_eq!(next(&mut chat.stream::<Message>(), 300).await, told);
    served.say(event(301, "301")).await;
    heard_all(&client, &mut served).await;
    drop((client, chat, served));

    let (client, chat, mut served) = in_the_chat(&script, 0, &[]).await;
    for seq in 1..=2_000 {
        served.say(event(seq, &seq.to_string())).await;
    }
    heard_all(&client, &mut served).await;
    let mut stream = chat.stream::<Message>();
    let told = next(&mut stream, 2).await;
    let lost: u64 = told[0]
        .strip_suffix(" lost")
        .expect("some are lost")
        .parse()
        .expect("a number");
    assert_eq!(told[1], (lost + 1).to_string());
}

#[tokio::test]
async fn a_gap_before_anybody_listens_ends_what_was_kept_and_how_much_that_was_is_told() {
    let script = Script::new().await;
    let (client, chat, served) = in_the_chat(&script, 2, &[1, 2]).await;
    let (mut served, join) = back(&script, served).await;
    served.say(rejoined(&join, false, 9, &[2, 9])).await;
    heard_all(&client, &mut served).await;
    assert_eq!(next(&mut chat.stream::<Message>(), 3).await, ["2 lost", "2", "9"]);
}

#[tokio::test]
async fn a_gap_is_told_however_far_behind_a_reader_is() {
    let script = Script::new().await;
    let connecting = DialogueClient::connect(script.url())
        .backoff(Duration::from_millis(1), Duration::from_millis(1))
        .buffer(2, 1_000_000);
    let (client, mut served) = tokio::join!(connecting.into_future(), script.accept_connected());
    let client = client.expect("a connection");
    let joining = tokio::spawn(client.join(Chat).into_future());
    served.welcome_to("chat").await;
    let chat = within("a seat", joining).await.expect("no panic").expect("a seat");
    let mut stream = chat.stream::<Message>();
    let (mut served, join) = back(&script, served).await;
    served.say(rejoined(&join, false, 4, &[1, 2, 3, 4])).await;
    heard_all(&client, &mut served).await;
    assert_eq!(next(&mut stream, 4).await, ["gap after 0", "2 lost", "3", "4"]);
}
