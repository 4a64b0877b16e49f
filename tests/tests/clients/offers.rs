//! The client's API, call by call.

use dialogue::Limits;
use dialogue::client::{ClientError, CloseReason, ConnectionState, Departure, Page, RoomList};
use dialogue::prelude::*;
use dialogue::protocol::ErrorCode;
use dialogue_tests::{
    Bell, Booth, Chat, ChatEvent, Message, Open, Project, Record, Table, TestServer, Typing, UserJoined, message,
    until, within,
};
use serde_json::{Value, json};

use super::connect_as;

#[tokio::test]
async fn a_client_reports_the_user_and_client_id_that_the_server_gave_it() {
    let server = TestServer::plain().await;
    let client = connect_as(&server, "ada").await;
    assert_eq!(client.user_id().expect("a user"), "ada");
    assert!(client.is_connected());
    let on_server = server.here().clients();
    assert_eq!(on_server.len(), 1);
    assert_eq!(client.client_id().as_ref(), Some(on_server[0].id()));
}

#[tokio::test]
async fn a_trigger_is_acknowledged_with_its_seq_and_delivered_typed_to_every_member() {
    let server = TestServer::plain().await;
    let (ada, bob) = (connect_as(&server, "ada").await, connect_as(&server, "bob").await);
    let record = Record::default();
    let chats = [
        ada.join(Chat).await.expect("the join succeeds"),
        bob.join(Chat).await.expect("the join succeeds"),
    ];
    for chat in &chats {
        let noted = record.clone();
        chat.on(move |message: EventMessage<Message>| {
            noted.note(format!("{} {:?} {:?}", message.data.text, message.seq, message.meta));
            async {}
        });
    }
    let ack = chats[0]
        .trigger(message("hi").with_meta(json!({ "x": 1 })))
        .await
        .expect("an event");
    assert_eq!(ack.seq, Some(1));
    let received = r#"hi Some(1) Some({"x": Number(1)})"#;
    record.expect(&[received, received]).await;
    assert_eq!(
        chats[1]
            .trigger(Typing { is_typing: true })
            .await
            .expect("an event")
            .seq,
        None
    );
}

#[tokio::test]
async fn a_handler_receives_the_rooms_enum_or_any_event_as_json() {
    let server = TestServer::plain().await;
    let client = connect_as(&server, "ada").await;
    let chat = client.join(Chat).subscribe_all().await.expect("the join succeeds");
    let (typed, any) = (Record::default(), Record::default());
    let (noted_typed, noted_any) = (typed.clone(), any.clone());
    chat.on(move |event: EventMessage<ChatEvent>| {
        noted_typed.note(match event.data {
            ChatEvent::Message(message) => message.text,
            ChatEvent::Typing(typing) => typing.is_typing.to_string(),
            ChatEvent::Bell(Bell) => "ding".to_owned(),
            ChatEvent::UserJoined(user) => user.username,
        });
        async {}
    });
    chat.on_any(move |event: EventMessage| {
        noted_any.note(format!("{} {}", event.event, event.data));
        async {}
    });
    chat.trigger(message("hi")).await.expect("an event");
    chat.trigger(Bell).await.expect("an event");
    let username = "bob".to_owned();
    server.trigger(Chat, UserJoined { username }).await.expect("an event");
    typed.expect(&["hi", "ding", "bob"]).await;
    any.expect(&[
        r#"message {"text":"hi"}"#,
        "bell null",
        r#"user-joined {"username":"bob"}"#,
    ])
    .await;
}

#[tokio::test]
async fn events_that_arrive_before_anybody_listens_wait_for_the_first_listener() {
    let server = TestServer::plain().await;
    for text in ["one", "two", "three"] {
        server.trigger(Booth, message(text)).await.expect("an event");
    }
    let client = connect_as(&server, "ada").await;
    let history = Record::default();
    let noted = history.clone();
    client.on_history(move |history| {
        noted.note(format!("{} {}", history.room_id, history.messages.len()));
        async {}
    });
    let booth = client.join(Booth).await.expect("the join succeeds");
    history.expect(&["booth 2"]).await;
    booth.trigger(message("four")).await.expect("an event");
    let mut stream = booth.stream::<Message>();
    for text in ["two", "three", "four"] {
        let event = within("an event", stream.next())
            .await
            .expect("the stream continues")
            .expect("an event");
        assert_eq!(event.data.text, text);
    }
}

#[tokio::test]
async fn a_trigger_that_fails_validation_returns_its_violations() {
    let server = TestServer::plain().await;
    let client = connect_as(&server, "ada").await;
    let chat = client.join(Chat).await.expect("the join succeeds");
    let Err(ClientError::Refused(refused)) = chat.trigger(message("")).await else {
        panic!("an empty text is not allowed");
    };
    assert_eq!(refused.code, ErrorCode::ValidationFailed);
    assert_eq!(refused.violations[0].rule, "minLength");
    let long = chat.trigger(message(&"x".repeat(70_000))).await;
    assert!(
        matches!(long, Err(ClientError::TooLarge { limit: 65_536, .. })),
        "{long:?}"
    );
    let meta = chat.trigger(message("hi").with_meta(7)).await;
    assert!(matches!(meta, Err(ClientError::Invalid(_))), "{meta:?}");
    assert!(client.is_connected());
}

#[tokio::test]
async fn subscriptions_change_one_by_one_and_all_at_once() {
    let server = TestServer::plain().await;
    let client = connect_as(&server, "ada").await;
    let chat = client
        .join(Chat)
        .subscriptions(["typing"])
        .await
        .expect("the join succeeds");
    let record = Record::default();
    let noted = record.clone();
    chat.on_any(move |event: EventMessage| {
        noted.note(event.event.as_str());
        async {}
    });
    let ring = async || {
        server
            .trigger(Chat, Typing { is_typing: true })
            .await
            .expect("an event");
        server.trigger(Chat, Bell).await.expect("an event");
    };
    ring().await;
    chat.subscribe::<Bell>().await.expect("a subscription");
    ring().await;
    chat.unsubscribe::<Typing>().await.expect("a subscription");
    ring().await;
    assert_eq!(chat.subscriptions(), ["bell"]);
    chat.subscribe_all().await.expect("a subscription");
    ring().await;
    chat.unsubscribe::<Bell>().await.expect("a subscription");
    ring().await;
    let received = ["typing", "typing", "bell", "bell", "typing", "bell", "typing"];
    record.expect(&received).await;
    let refused = chat
        .subscribe_to("no-such-event")
        .await
        .expect_err("the room does not have this event");
    assert_eq!(refused.code(), Some(ErrorCode::EventNotAllowed));
}

#[tokio::test]
async fn a_join_with_subscriptions_restores_a_full_wildcard_and_is_exact_without_other_handles() {
    let server = TestServer::plain().await;
    let client = connect_as(&server, "ada").await;
    let open = client.join(Open).await.expect("the join succeeds");
    let mut stream = open.stream::<Value>();
    open.unsubscribe_from("bell").await.expect("a subscription");
    let also = client.join(Open).subscribe_all().await.expect("the join succeeds");
    open.trigger_raw("bell", json!(null)).await.expect("an event");
    let event = within("an event", stream.next())
        .await
        .expect("the stream continues")
        .expect("an event");
    assert_eq!(event.event.as_str(), "bell");
    assert_eq!(open.subscriptions()[0], "*");
    let room = client.room(Open);
    within("the departure", open.leave()).await.expect("left");
    assert!(room.expect("the oldest handle").leave().await.is_ok());
    also.leave().await.expect("left");
    let open = client
        .join(Open)
        .subscriptions(["typing"])
        .await
        .expect("the join succeeds");
    assert_eq!(open.subscriptions(), ["typing"]);
}

#[tokio::test]
async fn history_pages_skip_nothing() {
    let server = TestServer::plain().await;
    let client = connect_as(&server, "ada").await;
    let chat = client.join(Chat).await.expect("the join succeeds");
    for text in ["1", "2", "3"] {
        chat.trigger(message(text)).await.expect("an event");
    }
    let newest = chat.history::<Message>(Page::newest(2)).await.expect("a page");
    let texts = |page: &dialogue::client::HistoryPage<Message>| {
        page.messages
            .iter()
            .map(|event| event.as_ref().expect("a readable event").data.text.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (texts(&newest), newest.more),
        (vec!["3".to_owned(), "2".to_owned()], true)
    );
    let before = newest.messages[1]
        .as_ref()
        .expect("a readable event")
        .seq
        .expect("a number");
    let older = chat.history::<Message>(Page::before(before, 2)).await.expect("a page");
    assert_eq!((texts(&older), older.more), (vec!["1".to_owned()], false));
}

#[tokio::test]
async fn clients_list_create_and_delete_rooms_and_other_clients_are_notified() {
    let server = TestServer::plain().await;
    let (ada, bob) = (connect_as(&server, "ada").await, connect_as(&server, "bob").await);
    let record = Record::default();
    let (created, deleted) = (record.clone(), record.clone());
    bob.on_room_created(move |room| {
        created.note(format!("{} by {:?}", room.name, room.created_by));
        async {}
    });
    bob.on_room_deleted(move |room| {
        deleted.note(format!("{room} is gone"));
        async {}
    });
    let room = ada
        .create_room(Table { number: 7 })
        .name("Seven")
        .max_size(3)
        .await
        .expect("a room");
    assert_eq!((room.id.as_str(), room.max_size), ("table-7", Some(3)));
    assert!(ada.list_rooms().await.expect("rooms").rooms.contains(&room));
    assert_eq!(
        bob.delete_room(Table { number: 7 })
            .await
            .expect_err("bob did not create it")
            .code(),
        Some(ErrorCode::PermissionDenied)
    );
    ada.delete_room(Table { number: 7 }).await.expect("ada created it");
    record.expect(&[r#"Seven by Some("ada")"#, "table-7 is gone"]).await;
}

#[tokio::test]
async fn every_room_is_listed_even_if_the_servers_pages_are_short() {
    let limits = Limits::default().with_room_page(2);
    let server = TestServer::limited(limits).await;
    let client = connect_as(&server, "ada").await;
    for id in [1, 2, 3] {
        server.create_room(Project { id }).await.expect("a room");
    }
    let ids = |list: &RoomList| list.rooms.iter().map(|room| room.id.to_string()).collect::<Vec<_>>();
    let listed = client.list_rooms().await.expect("rooms");
    let rooms = ["booth", "chat", "news", "open", "project-1", "project-2", "project-3"];
    assert_eq!((ids(&listed), listed.more), (rooms.map(str::to_owned).to_vec(), false));
    let after = client.list_rooms_after("open").await.expect("rooms");
    assert_eq!(ids(&after), rooms[4..]);
}

#[tokio::test]
async fn leaving_a_room_ends_its_streams_handlers_and_requests() {
    let server = TestServer::plain().await;
    let client = connect_as(&server, "ada").await;
    let chat = client.join(Chat).await.expect("the join succeeds");
    let (mut stream, record) = (chat.stream::<Message>(), Record::default());
    let noted = record.clone();
    chat.on_left(move |departure| {
        noted.note(format!("{departure:?}"));
        async {}
    });
    chat.leave().await.expect("left");
    assert!(within("the end of the stream", stream.next()).await.is_none());
    record.expect(&["Left"]).await;
    assert!(!chat.is_joined() && client.room(Chat).is_none());
    let room = "chat".into();
    assert_eq!(chat.trigger(message("hi")).await, Err(ClientError::NotJoined { room }));
    assert!(!server.is_in_room("ada", "chat").await);
}

#[tokio::test]
async fn a_room_that_is_unknown_at_compile_time_is_checked_by_the_server() {
    let server = TestServer::plain().await;
    let client = connect_as(&server, "ada").await;
    let room = client.join_id("open").await.expect("the join succeeds");
    let mut stream = room.stream::<Value>();
    room.trigger_raw("made-up", json!([1])).await.expect("an event");
    let event = within("an event", stream.next())
        .await
        .expect("the stream continues")
        .expect("an event");
    assert_eq!((event.event.as_str(), event.data), ("made-up", json!([1])));
    let chat = client.join_id("chat").await.expect("the join succeeds");
    let username = "ada".to_owned();
    let refused = chat
        .trigger(UserJoined { username })
        .await
        .expect_err("only the server may trigger it");
    assert_eq!(refused.code(), Some(ErrorCode::EventNotAllowed));
    let none = client
        .join_id("no-such-room")
        .await
        .expect_err("the room does not exist");
    assert_eq!(none.code(), Some(ErrorCode::RoomNotFound));
}

#[tokio::test]
async fn the_server_can_join_a_client_to_a_room_and_remove_it() {
    let server = TestServer::plain().await;
    let client = connect_as(&server, "ada").await;
    let record = Record::default();
    let noted = record.clone();
    client.on_joined(move |room| {
        noted.note(room.as_str());
        async {}
    });
    let on_server = server.here().clients().remove(0);
    on_server.join(Open).await.expect("the join succeeds");
    record.expect(&["open"]).await;
    let open = client.room(Open).expect("the client is in the room");
    let (mut stream, left) = (open.stream::<Message>(), Record::default());
    let noted = left.clone();
    open.on_left(move |departure| {
        noted.note(format!("{departure:?}"));
        async {}
    });
    server.trigger(Open, message("hi")).await.expect("an event");
    let event = within("an event", stream.next())
        .await
        .expect("the stream continues")
        .expect("an event");
    assert_eq!(event.data.text, "hi");
    assert!(on_server.leave(Open).await);
    left.expect(&[&format!("{:?}", Departure::Removed)]).await;
}

#[tokio::test]
async fn members_of_a_deleted_room_learn_why_they_left() {
    let server = TestServer::plain().await;
    server.create_room(Project { id: 7 }).await.expect("a room");
    let client = connect_as(&server, "ada").await;
    let project = client.join(Project { id: 7 }).await.expect("the join succeeds");
    let record = Record::default();
    let noted = record.clone();
    project.on_left(move |departure| {
        noted.note(format!("{departure:?}"));
        async {}
    });
    server.delete_room(Project { id: 7 }).await.expect("a deletion");
    record.expect(&["RoomDeleted"]).await;
}

#[tokio::test]
async fn a_direct_event_is_delivered_typed_and_raw() {
    let server = TestServer::plain().await;
    let client = connect_as(&server, "ada").await;
    let record = Record::default();
    let (typed, any) = (record.clone(), record.clone());
    client.on_direct(move |message: Message| {
        typed.note(message.text);
        async {}
    });
    client.on_any_direct(move |event, data| {
        any.note(format!("{event} {data}"));
        async {}
    });
    server.broadcast(message("all")).await.expect("an event");
    let mut received = [record.next().await, record.next().await];
    received.sort();
    assert_eq!(received, ["all", r#"message {"text":"all"}"#]);
}

#[tokio::test]
async fn the_connection_closes_with_its_last_handle_and_a_room_counts_as_a_handle() {
    let server = TestServer::plain().await;
    let client = connect_as(&server, "ada").await;
    let chat = client.join(Chat).await.expect("the join succeeds");
    drop(client);
    chat.trigger(message("still here")).await.expect("an event");
    drop(chat);
    until("the removal of the client", || server.here().clients().is_empty()).await;
}

#[tokio::test]
async fn a_client_that_disconnects_stays_closed() {
    let server = TestServer::plain().await;
    let client = connect_as(&server, "ada").await;
    let chat = client.join(Chat).await.expect("the join succeeds");
    let mut stream = chat.stream::<Message>();
    within("the end of the connection", client.disconnect()).await;
    assert_eq!(client.state(), ConnectionState::Closed(CloseReason::ByClient));
    assert!(within("the end of the stream", stream.next()).await.is_none());
    assert_eq!(
        chat.trigger(message("too late")).await,
        Err(ClientError::Closed(CloseReason::ByClient))
    );
    until("the removal of the client", || server.here().clients().is_empty()).await;
}

#[tokio::test]
async fn a_request_that_is_dropped_before_it_is_awaited_sends_nothing() {
    let server = TestServer::plain().await;
    let client = connect_as(&server, "ada").await;
    let chat = client.join(Chat).await.expect("the join succeeds");
    drop(chat.trigger(message("never")));
    drop(client.join(Open));
    assert_eq!(chat.trigger(message("first")).await.expect("an event").seq, Some(1));
    assert!(!server.is_in_room("ada", "open").await);
}
