//! Erased events, as the Rust client reports them.

use dialogue::client::{Page, RoomStreamError};
use dialogue::event::Unreadable;
use dialogue::prelude::*;
use dialogue_tests::{Booth, Chat, Gate, Message, Record, TestServer, message, within};

use super::connect_as;

#[tokio::test]
async fn an_erasure_is_handled_after_all_handlers_of_its_event() {
    let server = TestServer::plain().await;
    let client = connect_as(&server, "ada").await;
    let chat = client.join(Chat).await.expect("a join");
    let (record, gate) = (Record::default(), Gate::default());
    let (noted, held) = (record.clone(), gate.clone());
    chat.on(move |said: EventMessage<Message>| {
        let (noted, held) = (noted.clone(), held.clone());
        async move {
            held.pass().await;
            noted.note(said.data.text);
        }
    });
    let noted = record.clone();
    chat.on_erased(move |erasure| {
        noted.note(format!("erased {} {}", erasure.seq, erasure.message.is_some()));
        async {}
    });
    server.trigger(Chat, message("one")).await.expect("an event");
    gate.arrival().await;
    let room = server.room(Chat).await.expect("the room");
    assert!(room.erase(1).await.expect("no store"));
    server.trigger(Chat, message("two")).await.expect("an event");
    gate.open();
    record.expect(&["one", "erased 1 false", "two"]).await;
}

#[tokio::test]
async fn a_stream_and_a_page_show_an_erased_event_in_its_place() {
    let server = TestServer::plain().await;
    for text in ["one", "two"] {
        server
            .trigger(Booth, message(text).sent_by("ada"))
            .await
            .expect("an event");
    }
    assert_eq!(server.erase_user("ada").await.expect("no store"), 2);
    server.trigger(Booth, message("three")).await.expect("an event");
    let client = connect_as(&server, "bob").await;
    let booth = client.join(Booth).await.expect("a join");
    // The room sends its two latest messages to a client that joins.
    let mut messages = booth.stream::<Message>();
    match within("the first item", messages.next()).await {
        Some(Err(RoomStreamError::Erased(erasure))) => {
            let left = erasure.message.expect("what is left of it");
            assert_eq!((erasure.seq, left.seq, left.from.as_str()), (2, Some(2), "ada"));
        }
        other => panic!("{other:?}"),
    }
    let third = within("the second item", messages.next()).await.expect("an item");
    assert_eq!(third.expect("an event").data, message("three"));
    let page = booth.history::<Message>(Page::newest(9)).await.expect("a page");
    assert_eq!(page.messages[0].as_ref().expect("an event").data, message("three"));
    for (erased, seq) in page.messages[1..].iter().zip([2, 1]) {
        let erased = erased.as_ref().expect_err("it is erased");
        assert!(matches!(erased, Unreadable::Erased(_)));
        assert_eq!(erased.seq(), Some(seq), "a program can page on from it");
    }
    let json = booth.history_named("message", Page::newest(9)).await.expect("a page");
    assert!(matches!(json.messages[1], Err(Unreadable::Erased(_))), "also as JSON");
}

#[tokio::test]
async fn an_event_that_is_erased_before_there_is_a_handler_reaches_none() {
    let server = TestServer::plain().await;
    let client = connect_as(&server, "ada").await;
    let chat = client.join(Chat).await.expect("a join");
    for text in ["one", "two"] {
        server.trigger(Chat, message(text)).await.expect("an event");
    }
    let room = server.room(Chat).await.expect("the room");
    assert!(room.erase(1).await.expect("no store"));
    // The answer comes after everything above.
    chat.history::<Message>(Page::newest(1)).await.expect("a page");
    let record = Record::default();
    let noted = record.clone();
    chat.on(move |said: EventMessage<Message>| {
        noted.note(said.data.text);
        async {}
    });
    record.expect(&["two"]).await;
    let noted = record.clone();
    chat.on_erased(move |erasure| {
        noted.note(format!("erased {}", erasure.seq));
        async {}
    });
    record.expect(&["erased 1"]).await;
}
