//! `on` and `events`: handlers and streams of events.

use dialogue::Limits;
use dialogue::handlers::StreamError;
use dialogue::prelude::*;
use dialogue_tests::{Bell, Chat, ChatEvent, Gate, Message, Project, Record, TestServer, Typing, message, within};
use serde_json::{Value, json};

#[tokio::test]
async fn a_handler_receives_a_rooms_events_typed_and_in_order() {
    let server = TestServer::plain().await;
    let record = Record::default();
    let noted = record.clone();
    server.on(Chat, move |message: EventMessage<Message>| {
        noted.note(format!("{}: {} {:?}", message.from, message.data.text, message.seq));
        async {}
    });
    let mut ada = server.joined("ada", "chat").await;
    ada.say("chat", "one").await;
    server.trigger(Chat, Bell).await.expect("an event");
    server.trigger(Chat, message("two")).await.expect("an event");
    record.expect(&["ada: one Some(1)", "system: two Some(2)"]).await;
}

#[tokio::test]
async fn a_handler_for_the_rooms_enum_receives_every_event_of_the_room() {
    let server = TestServer::plain().await;
    let record = Record::default();
    let noted = record.clone();
    server.on(Chat, move |message: EventMessage<ChatEvent>| {
        noted.note(match message.data {
            ChatEvent::Message(message) => message.text,
            ChatEvent::Typing(typing) => format!("typing {}", typing.is_typing),
            ChatEvent::Bell(Bell) => "ding".to_owned(),
            ChatEvent::UserJoined(user) => user.username,
        });
        async {}
    });
    server.trigger(Chat, message("hi")).await.expect("an event");
    server
        .trigger(Chat, Typing { is_typing: true })
        .await
        .expect("an event");
    server.trigger(Chat, Bell).await.expect("an event");
    let username = "ada".to_owned();
    server
        .trigger(Chat, dialogue_tests::UserJoined { username })
        .await
        .expect("an event");
    record.expect(&["hi", "typing true", "ding", "ada"]).await;
}

#[tokio::test]
async fn a_handler_for_json_receives_any_event_unchanged() {
    let server = TestServer::plain().await;
    let record = Record::default();
    let noted = record.clone();
    let open = server.room("open").await.expect("the room");
    open.on(move |message: EventMessage<Value>| {
        noted.note(format!("{} {}", message.event, message.data));
        async {}
    });
    let mut ada = server.joined("ada", "open").await;
    ada.request(json!({ "type": "trigger", "roomId": "open", "event": "made-up", "data": [1] }))
        .await;
    record.expect(&["made-up [1]"]).await;
}

#[tokio::test]
async fn every_covers_the_whole_family_and_nothing_else() {
    let server = TestServer::plain().await;
    let record = Record::default();
    let noted = record.clone();
    server.on(Project::every(), move |message: EventMessage<Message>| {
        noted.note(format!("{} {}", message.room_id, message.data.text));
        async {}
    });
    for id in [7, 8] {
        server.create_room(Project { id }).await.expect("a room");
        server.trigger(Project { id }, message("hi")).await.expect("an event");
        record.next().await;
    }
    server.trigger(Chat, message("elsewhere")).await.expect("an event");
    server
        .trigger(Project { id: 7 }, message("last"))
        .await
        .expect("an event");
    record.expect(&["project-7 last"]).await;
}

#[tokio::test]
async fn a_handler_is_registered_for_an_id_and_outlives_the_room() {
    let server = TestServer::plain().await;
    let record = Record::default();
    let noted = record.clone();
    server.on(Project { id: 7 }, move |message: EventMessage<Message>| {
        noted.note(message.data.text);
        async {}
    });
    for text in ["first life", "second life"] {
        server.create_room(Project { id: 7 }).await.expect("a room");
        server
            .trigger(Project { id: 7 }, message(text))
            .await
            .expect("an event");
        record.expect(&[text]).await;
        server.delete_room(Project { id: 7 }).await.expect("a deletion");
    }
}

#[tokio::test]
async fn an_unsubscribed_handler_receives_nothing_more_but_others_do() {
    let server = TestServer::plain().await;
    let (one, two) = (Record::default(), Record::default());
    let (noted_one, noted_two) = (one.clone(), two.clone());
    let first = server.on(Chat, move |message: EventMessage<Message>| {
        noted_one.note(message.data.text);
        async {}
    });
    // The handler stays registered when the value that `on` returns is dropped.
    drop(server.on(Chat, move |message: EventMessage<Message>| {
        noted_two.note(message.data.text);
        async {}
    }));
    server.trigger(Chat, message("one")).await.expect("an event");
    first.unsubscribe();
    server.trigger(Chat, message("two")).await.expect("an event");
    two.expect(&["one", "two"]).await;
    one.expect(&["one"]).await;
    server.stop().await;
    assert!(one.rest().await.is_empty());
}

#[tokio::test]
async fn a_slow_handler_loses_only_its_own_events_and_the_loss_is_counted() {
    let server = TestServer::limited(Limits::default().with_handler_queue(2)).await;
    let (gate, slow, quick) = (Gate::default(), Record::default(), Record::default());
    let (held, noted_slow, noted_quick) = (gate.clone(), slow.clone(), quick.clone());
    let subscription = server.on(Chat, move |message: EventMessage<Message>| {
        let (held, noted) = (held.clone(), noted_slow.clone());
        async move {
            held.pass().await;
            noted.note(message.data.text);
        }
    });
    server.on(Chat, move |message: EventMessage<Message>| {
        noted_quick.note(message.data.text);
        async {}
    });
    server.trigger(Chat, message("0")).await.expect("an event");
    gate.arrival().await;
    for number in 1..=4 {
        server
            .trigger(Chat, message(&number.to_string()))
            .await
            .expect("a trigger does not wait for handlers");
        quick.next().await;
    }
    assert_eq!(subscription.dropped(), 2);
    gate.open();
    slow.expect(&["0", "1", "2"]).await;
}

#[tokio::test]
async fn a_stream_yields_events_in_order_and_ends_when_the_server_stops() {
    let server = TestServer::plain().await;
    let mut stream = server.stream::<Message>(Chat);
    server.trigger(Chat, message("one")).await.expect("an event");
    server.trigger(Chat, message("two")).await.expect("an event");
    for text in ["one", "two"] {
        let event = within("an event", stream.next())
            .await
            .expect("the stream continues")
            .expect("an event");
        assert_eq!(event.data.text, text);
    }
    server.stop().await;
    assert!(within("the end of the stream", stream.next()).await.is_none());
}

#[tokio::test]
async fn a_stream_whose_reader_is_too_slow_reports_how_many_events_it_missed() {
    let server = TestServer::limited(Limits::default().with_handler_queue(2)).await;
    let mut stream = server.room(Chat).await.expect("the room").stream::<Message>();
    for number in 1..=5 {
        server
            .trigger(Chat, message(&number.to_string()))
            .await
            .expect("an event");
    }
    let missed = within("the report of missed events", stream.next()).await;
    assert!(matches!(missed, Some(Err(StreamError::Lagged(3)))), "{missed:?}");
    for text in ["4", "5"] {
        let event = within("an event", stream.next())
            .await
            .expect("the stream continues")
            .expect("an event");
        assert_eq!(event.data.text, text);
    }
}

#[tokio::test]
async fn a_stream_implements_futures_stream_and_covers_families() {
    use futures_util::StreamExt;
    let server = TestServer::plain().await;
    let stream = server.stream::<Message>(Project::every());
    server.create_room(Project { id: 7 }).await.expect("a room");
    server
        .trigger(Project { id: 7 }, message("hi"))
        .await
        .expect("an event");
    let first: Vec<_> = within("an event", stream.take(1).collect()).await;
    assert_eq!(first[0].as_ref().expect("an event").room_id, "project-7");
}

#[tokio::test]
async fn a_handler_that_triggers_into_its_own_room_endlessly_is_stopped() {
    let server = TestServer::limited(Limits::default().with_handler_depth(3)).await;
    let record = Record::default();
    let (noted, dialogue) = (record.clone(), server.dialogue().clone());
    server.on(Chat, move |_: EventMessage<Message>| {
        let (noted, dialogue) = (noted.clone(), dialogue.clone());
        async move {
            match dialogue.trigger(Chat, message("again")).await {
                Ok(_) => noted.note("again"),
                Err(error) => noted.note(error.to_string()),
            }
        }
    });
    let mut ada = server.joined("ada", "chat").await;
    ada.say("chat", "begin").await;
    record
        .expect(&[
            "again",
            "again",
            "again",
            "hooks and handlers call each other too deeply (handler_depth = 3): look for one that leads to itself",
        ])
        .await;
    assert_eq!(server.history().count("chat", "message").await, 4);
    // A new event starts a new chain.
    ada.say("chat", "begin again").await;
    record.expect(&["again"]).await;
    within("the end of the second chain", async {
        while server.history().count("chat", "message").await != 5 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
