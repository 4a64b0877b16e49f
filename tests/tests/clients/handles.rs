//! Several handles of one room: each join returns its own, and the room is left with the last one.

use dialogue::client::Departure;
use dialogue::prelude::*;
use dialogue_tests::{Booth, Chat, Message, Open, Record, TestServer, message, until, within};
use serde_json::json;

use super::script::{Script, heard_all, joined};
use super::{connect_as, connect_to};

#[tokio::test]
async fn a_room_is_left_when_its_last_handle_leaves() {
    let server = TestServer::plain().await;
    let client = connect_as(&server, "ada").await;
    let first = client.join(Chat).await.expect("the join succeeds");
    let second = client.join(Chat).await.expect("the join succeeds");
    let (departures, texts) = (Record::default(), Record::default());
    let (noted, heard) = (departures.clone(), texts.clone());
    first.on_left(move |departure| {
        noted.note(format!("{departure:?}"));
        async {}
    });
    second.on(move |message: EventMessage<Message>| {
        heard.note(message.data.text);
        async {}
    });
    let mut ended = first.stream::<Message>();
    let clone = first.clone();
    first.leave().await.expect("left");
    departures.expect(&["Left"]).await;
    assert!(within("the end of the stream", ended.next()).await.is_none());
    assert!(!first.is_joined() && !clone.is_joined() && second.is_joined());
    // Leaving twice has no effect, and neither has leaving with a clone.
    first.leave().await.expect("nothing to do");
    clone.leave().await.expect("nothing to do");
    let room = "chat".into();
    let refused = first.trigger(message("no")).await;
    assert_eq!(refused, Err(dialogue::client::ClientError::NotJoined { room }));
    second.trigger(message("still here")).await.expect("an event");
    texts.expect(&["still here"]).await;
    second.leave().await.expect("left");
    assert!(!server.is_in_room("ada", "chat").await);
    assert!(client.room(Chat).is_none());
}

#[tokio::test]
async fn a_join_a_leave_and_a_join_at_once_end_in_the_room() {
    let server = TestServer::plain().await;
    let client = connect_as(&server, "ada").await;
    for _ in 0..20 {
        // A component that is mounted, unmounted and mounted again.
        let (first, second) = tokio::join!(
            async {
                let first = client.join(Chat).await.expect("the join succeeds");
                first.leave().await.expect("left");
            },
            client.join(Chat).into_future(),
        );
        let () = first;
        let second = second.expect("the join succeeds");
        assert!(second.is_joined() && server.is_in_room("ada", "chat").await);
        let mut stream = second.stream::<Message>();
        second.trigger(message("here")).await.expect("an event");
        let event = within("an event", stream.next()).await.expect("the stream continues");
        assert_eq!(event.expect("an event").data.text, "here");
        second.leave().await.expect("left");
        assert!(!server.is_in_room("ada", "chat").await);
    }
}

#[tokio::test]
async fn a_new_handle_gets_the_history_and_the_others_see_nothing_of_it() {
    let server = TestServer::plain().await;
    for text in ["one", "two"] {
        server.trigger(Booth, message(text)).await.expect("an event");
    }
    let client = connect_as(&server, "ada").await;
    let first = client.join(Booth).await.expect("the join succeeds");
    let mut early = first.stream::<Message>();
    server.trigger(Booth, message("three")).await.expect("an event");
    let second = client.join(Booth).await.expect("the join succeeds");
    let mut late = second.stream::<Message>();
    server.trigger(Booth, message("four")).await.expect("an event");
    for (stream, texts) in [
        (&mut early, &["one", "two", "three", "four"][..]),
        // The booth replays two events.
        (&mut late, &["two", "three", "four"]),
    ] {
        for text in texts {
            let event = within("an event", stream.next()).await.expect("the stream continues");
            assert_eq!(event.expect("an event").data.text, *text);
        }
    }
}

#[tokio::test]
async fn a_further_join_adds_its_subscriptions_to_those_of_the_other_handles() {
    let server = TestServer::plain().await;
    let client = connect_as(&server, "ada").await;
    let chat = client.join(Chat).subscriptions(["message"]).await.expect("a room");
    let also = client.join(Chat).subscriptions(["bell"]).await.expect("a room");
    assert_eq!(chat.subscriptions(), ["bell", "message"]);
    chat.leave().await.expect("left");
    // It is the only handle now, so its list is exact.
    also.leave().await.expect("left");
    let exact = client.join(Chat).subscriptions(["bell"]).await.expect("a room");
    assert_eq!(exact.subscriptions(), ["bell"]);

    let open = client.join(Open).await.expect("a room");
    open.unsubscribe_from("wanted").await.expect("a subscription");
    open.unsubscribe_from("unwanted").await.expect("a subscription");
    let record = Record::default();
    let noted = record.clone();
    open.on_any(move |event: EventMessage| {
        noted.note(event.event.as_str());
        async {}
    });
    // The other handle does without these two events. This one wants one of them.
    client.join(Open).subscriptions(["wanted"]).await.expect("a room");
    for event in ["unwanted", "wanted", "other"] {
        open.trigger_raw(event, json!(null)).await.expect("an event");
    }
    record.expect(&["wanted", "other"]).await;
}

#[tokio::test]
async fn joins_at_the_same_time_share_one_frame_and_each_gets_a_handle_and_the_history() {
    let script = Script::new().await;
    let url = script.url();
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
    let joins: Vec<_> = (0..3).map(|_| tokio::spawn(client.join(Chat).into_future())).collect();
    let join = served.expect("join").await;
    // The other calls have arrived at the client before this one.
    heard_all(&client, &mut served).await;
    let said = json!([{
        "event": "message", "roomId": "chat", "data": { "text": "hi" }, "from": "bob", "timestamp": 1, "seq": 1,
    }]);
    served.say(joined(&join["id"], "chat", 1, said)).await;
    let mut handles = Vec::new();
    for join in joins {
        handles.push(within("the join", join).await.expect("no panic").expect("a room"));
    }
    for handle in &handles {
        let event = within("the history", handle.stream::<Message>().next()).await;
        assert_eq!(event.expect("an event").expect("an event").data.text, "hi");
    }
    let last = handles.pop().expect("a handle");
    for handle in handles {
        handle.leave().await.expect("left");
    }
    let leaving = tokio::spawn(last.leave());
    let leave = served.expect("leave").await;
    served
        .say(json!({ "type": "left", "id": leave["id"], "roomId": "chat" }))
        .await;
    within("an answer", leaving).await.expect("no panic").expect("left");
}

#[tokio::test]
async fn a_handle_that_leaves_while_another_join_is_under_way_leaves_the_room_to_it() {
    let script = Script::new().await;
    let url = script.url();
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
    let joining = tokio::spawn(client.join(Chat).into_future());
    served.welcome_to("chat").await;
    let first = within("the join", joining).await.expect("no panic").expect("a room");
    let joining = tokio::spawn(client.join(Chat).into_future());
    let join = served.expect("join").await;
    within("the departure", first.leave()).await.expect("left");
    heard_all(&client, &mut served).await;
    served.say(joined(&join["id"], "chat", 0, json!([]))).await;
    let second = within("the join", joining).await.expect("no panic").expect("a room");
    assert!(second.is_joined() && !first.is_joined());

    // If that join fails, nobody is in the room, so the client leaves it.
    let joining = tokio::spawn(client.join(Chat).into_future());
    let join = served.expect("join").await;
    within("the departure", second.leave()).await.expect("left");
    let code = "UNAVAILABLE";
    served
        .say(json!({ "type": "error", "id": join["id"], "code": code, "message": "not now" }))
        .await;
    within("an answer", joining)
        .await
        .expect("no panic")
        .expect_err("not now");
    served.expect("leave").await;
}

#[tokio::test]
async fn a_join_that_nobody_waits_for_any_more_is_left_again() {
    let script = Script::new().await;
    let url = script.url();
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
    let joining = tokio::spawn(client.join(Chat).into_future());
    let join = served.expect("join").await;
    joining.abort();
    let _ = joining.await;
    served.say(joined(&join["id"], "chat", 0, json!([]))).await;
    let leave = served.expect("leave").await;
    assert_eq!(leave["roomId"], "chat");
    served
        .say(json!({ "type": "left", "id": leave["id"], "roomId": "chat" }))
        .await;
    heard_all(&client, &mut served).await;
    assert!(client.room(Chat).is_none());

    // A room with a handle stays.
    let joining = tokio::spawn(client.join(Chat).into_future());
    served.welcome_to("chat").await;
    let chat = within("the join", joining).await.expect("no panic").expect("a room");
    let joining = tokio::spawn(client.join(Chat).into_future());
    let join = served.expect("join").await;
    joining.abort();
    let _ = joining.await;
    served.say(joined(&join["id"], "chat", 0, json!([]))).await;
    heard_all(&client, &mut served).await;
    assert!(chat.is_joined());
}

#[tokio::test]
async fn a_departure_that_the_server_decides_ends_every_handle() {
    let server = TestServer::plain().await;
    let client = connect_as(&server, "ada").await;
    let record = Record::default();
    for _ in 0..2 {
        let chat = client.join(Chat).await.expect("the join succeeds");
        let noted = record.clone();
        chat.on_left(move |departure| {
            noted.note(if departure == Departure::Removed {
                "removed"
            } else {
                "?"
            });
            async {}
        });
    }
    for client in server.here().clients() {
        client.leave(Chat).await;
    }
    record.expect(&["removed", "removed"]).await;
    until("the end of the room", || client.room(Chat).is_none()).await;
}
