//! Several hooks of one kind: they run in order, and all must agree. Hooks of one room type run only for it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dialogue::history::HistoryError;
use dialogue::prelude::*;
use dialogue::{BuildError, Dialogue, TriggerError};
use dialogue_tests::{CapturedLog, Chat, Message, Project, Record, Rooms, TestServer, UserJoined, message, texts};
use serde_json::json;

#[tokio::test]
async fn deciding_hooks_run_in_order_until_one_refuses() {
    let record = Record::default();
    let noted = || record.clone();
    let (first, second, third) = (noted(), noted(), noted());
    let server = TestServer::with(|builder| {
        builder
            .before_join(move |_, _| {
                first.note("first");
                async { Ok(()) }
            })
            .before_join(move |client, _| {
                second.note("second");
                async move {
                    match client.user_id().as_str() {
                        "eve" => refuse("you are banned"),
                        _ => Ok(()),
                    }
                }
            })
            .before_join(move |_, _| {
                third.note("third");
                async { Ok(()) }
            })
    })
    .await;
    let mut eve = server.connect_as("eve").await;
    let refused = eve.request(json!({ "type": "join", "roomId": "chat" })).await;
    assert_eq!(
        (&refused["code"], &refused["message"]),
        (&json!("JOIN_DENIED"), &json!("you are banned"))
    );
    record.expect(&["first", "second"]).await;
    server.joined("ada", "chat").await;
    record.expect(&["first", "second", "third"]).await;
}

#[tokio::test]
async fn every_notification_hook_runs_even_if_an_earlier_one_fails() {
    let (record, log) = (Record::default(), CapturedLog::default());
    let noted = record.clone();
    let server = TestServer::with(|builder| {
        builder
            .logger(log.dispatch())
            .on_joined(|_, _, _| async { Err::<(), _>("no mail server".into()) })
            .on_joined(|_, _, _| async { refuse("too late to refuse") })
            .on_joined(move |client, _, _| {
                noted.note(client.user_id().as_str());
                async { Ok(()) }
            })
    })
    .await;
    server.joined("ada", "chat").await;
    record.expect(&["ada"]).await;
    log.line_with(&["ERROR", "on_joined", "no mail server", "ada", "chat"])
        .await;
    log.line_with(&["ERROR", "on_joined", "too late to refuse"]).await;
}

#[tokio::test]
async fn each_before_each_hook_receives_what_the_one_before_it_returned() {
    let server = TestServer::with(|builder| {
        let append = |letter: &'static str| {
            move |mut message: EventMessage, _| async move {
                if let Some(text) = message.data.get_mut("text") {
                    *text = format!("{}{letter}", text.as_str().unwrap_or_default()).into();
                }
                Ok(message)
            }
        };
        builder.before_each(append("a")).before_each(append("b"))
    })
    .await;
    let mut ada = server.joined("ada", "chat").await;
    server.trigger(Chat, message("-")).await.expect("an event");
    assert_eq!(ada.recv_type("event").await["data"]["text"], "-ab");
}

#[tokio::test]
async fn after_each_and_on_triggered_hooks_all_run() {
    let record = Record::default();
    let noted = || record.clone();
    let (one, two, three, four) = (noted(), noted(), noted(), noted());
    let server = TestServer::with(|builder| {
        builder
            .after_each(move |_, _| one.note("after one"))
            .after_each(move |_, _| {
                two.note("after two");
                Ok(())
            })
            .on_triggered(move |_, _| {
                three.note("triggered one");
                async { Ok(()) }
            })
            .on_triggered(move |_, _| {
                four.note("triggered two");
                async {}
            })
    })
    .await;
    server.trigger(Chat, message("hi")).await.expect("an event");
    record
        .expect(&["after one", "after two", "triggered one", "triggered two"])
        .await;
}

#[tokio::test]
async fn authenticate_hooks_must_name_the_same_user() {
    let soon = SystemTime::now() + Duration::from_secs(60);
    let builder = Dialogue::builder()
        .rooms::<Rooms>()
        .authenticate(|handshake| async move {
            let user = handshake.auth["user"].as_str().ok_or_else(|| Refusal::new("who?"))?;
            Ok(Identity::user(user).with_claims(json!({ "from": "the first" })))
        })
        .authenticate(move |handshake| async move {
            match handshake.auth["other"].as_str() {
                Some("banned") => refuse("banned"),
                Some(other) => Ok(Identity::user(other)),
                None => Ok(Identity::anonymous().with_expiry(soon).with_claims(json!("the second"))),
            }
        });
    let server = TestServer::start(builder).await;
    let mut ada = server.open().await;
    ada.connect(json!({ "user": "ada" })).await;
    assert_eq!(ada.connected["userId"], "ada");
    assert!(ada.connected["expiresIn"].as_u64().is_some_and(|left| left <= 60_000));
    let client = server.here().clients_of("ada")[0].clone();
    assert_eq!(*client.claims(), json!({ "from": "the first" }));
    for (auth, reason) in [
        (
            json!({ "user": "ada", "other": "grace" }),
            "it is not clear which user this is",
        ),
        (json!({ "user": "ada", "other": "banned" }), "banned"),
        (json!({}), "who?"),
    ] {
        let mut nobody = server.open().await;
        nobody
            .send(json!({ "type": "connect", "protocol": 1, "auth": auth }))
            .await;
        assert_eq!(nobody.recv_type("error").await["message"], reason);
        assert_eq!(nobody.expect_close().await, 4500);
    }
}

#[tokio::test]
async fn several_sources_of_history_are_joined_without_doubles() {
    let server = TestServer::with(|builder| {
        let old = |seqs: &'static [u64]| {
            move |query: dialogue::history::HistoryQuery| async move {
                let seqs = seqs.iter().rev().skip(query.skip).take(query.limit);
                let events = seqs.map(|seq| {
                    serde_json::from_value::<EventMessage>(json!({
                        "event": query.event, "roomId": query.room_id, "data": { "text": format!("{seq}") },
                        "from": "system", "timestamp": seq, "seq": seq,
                    }))
                });
                Ok(events.collect::<Result<Vec<_>, _>>()?)
            }
        };
        builder.load_history(old(&[1, 3])).load_history(old(&[2, 3]))
    })
    .await;
    let chat = server.room(Chat).await.expect("the room");
    let page = chat.history::<Message>(0..9).await.expect("a page");
    assert_eq!(texts(page), ["3", "2", "1"]);
    let page = chat.history::<Message>(1..9).await.expect("a page");
    assert_eq!(texts(page), ["2", "1"], "no hook skips events of its own");
    let far = chat.history::<Message>(20_000..20_001).await;
    assert!(matches!(far, Err(HistoryError::LimitExceeded(_))), "{far:?}");
}

#[tokio::test]
async fn hooks_of_one_room_type_run_only_for_it_and_receive_its_fields() {
    let record = Record::default();
    let noted = || record.clone();
    let [
        joining,
        joined,
        left,
        asked,
        checked,
        after,
        triggered,
        created,
        deleted,
    ] = std::array::from_fn(|_| noted());
    let server = TestServer::with(move |builder| {
        builder
            .before_join_of(move |_, project: Project| {
                joining.note(format!("before_join {}", project.id));
                async move { if project.id == 13 { refuse("unlucky") } else { Ok(()) } }
            })
            .on_joined_of(move |_, project: Project, arrival| {
                joined.note(format!("joined {} {arrival:?}", project.id));
                async { Ok(()) }
            })
            .on_left_of(move |_, project: Project, how| {
                left.note(format!("left {} {:?}", project.id, how.reason));
                async { Ok(()) }
            })
            .authorize_of(move |_, project: Project, event, data| {
                asked.note(format!("authorize {} {event} {}", project.id, data["text"]));
                async { Ok(()) }
            })
            .before_each_of(move |message, project: Project| {
                checked.note(format!("before_each {} {}", project.id, message.event));
                async move { Ok(message) }
            })
            .after_each_of(move |message, _, project: Project| {
                after.note(format!("after_each {} {}", project.id, message.event));
            })
            .on_triggered_of(move |message, project: Project| {
                triggered.note(format!("triggered {} {}", project.id, message.event));
                async { Ok(()) }
            })
            .on_room_created_of(move |room, project: Project| {
                created.note(format!("created {} {}", project.id, room.here().size()));
                async { Ok(()) }
            })
            .on_room_deleted_of(move |room, project: Project| {
                deleted.note(format!("deleted {} {}", project.id, room.id()));
                async { Ok(()) }
            })
    })
    .await;
    let mut ada = server.joined("ada", "chat").await;
    assert_eq!(ada.say("chat", "hi").await["type"], "ok");
    for id in [7, 13] {
        server.create_room(Project { id }).await.expect("a room");
    }
    record.expect(&["created 7 0", "created 13 0"]).await;
    ada.join("project-7").await;
    record.expect(&["before_join 7", "joined 7 First"]).await;
    let refused = ada.request(json!({ "type": "join", "roomId": "project-13" })).await;
    assert_eq!(refused["message"], "unlucky");
    record.expect(&["before_join 13"]).await;
    ada.say("project-7", "hello").await;
    record
        .expect(&[
            "authorize 7 message \"hello\"",
            "before_each 7 message",
            "after_each 7 message",
            "triggered 7 message",
        ])
        .await;
    ada.request(json!({ "type": "leave", "roomId": "project-7" })).await;
    record.expect(&["left 7 Requested"]).await;
    server.delete_room(Project { id: 7 }).await.expect("a deletion");
    record.expect(&["deleted 7 project-7"]).await;
}

#[tokio::test]
async fn authorize_receives_the_data_that_the_client_sent() {
    let server = TestServer::with(|builder| {
        builder.authorize(|_, _, event, data| async move {
            match (event.as_str(), data["text"].as_str()) {
                ("message", Some("secret")) => refuse("not that"),
                _ => Ok(()),
            }
        })
    })
    .await;
    let mut ada = server.joined("ada", "chat").await;
    assert_eq!(ada.say("chat", "secret").await["message"], "not that");
    assert_eq!(ada.say("chat", "open").await["type"], "ok");
    assert_eq!(
        ada.recv_type("event").await["data"]["text"],
        "open",
        "the data is unchanged"
    );
}

#[tokio::test]
async fn a_refusal_reaches_the_client_with_its_data_and_through_other_errors() {
    let server = TestServer::with(|builder| {
        builder
            .before_join(|client, room| async move {
                let plan = Refusal::new("members only").with_data(json!({ "plan": "pro" }));
                match client.user_id().as_str() {
                    "ada" => Err(plan)?,
                    "bob" => Err(Box::<dyn std::error::Error + Send + Sync>::from(plan))?,
                    "cleo" => Err(std::io::Error::other(plan))?,
                    "dan" => Err(std::io::Error::other("a password"))?,
                    "finn" => {
                        let username = "eve".to_owned();
                        room.trigger(UserJoined { username }).await?;
                    }
                    _ => {}
                }
                Ok(())
            })
            .before_each(|message, _| async move {
                match message.data["username"].as_str() {
                    Some("eve") => Err(Refusal::new("no").with_data([1, 2]).into()),
                    _ => Ok(message),
                }
            })
    })
    .await;
    for user in ["ada", "bob", "cleo"] {
        let mut client = server.connect_as(user).await;
        let refused = client.request(json!({ "type": "join", "roomId": "chat" })).await;
        assert_eq!(refused["code"], "JOIN_DENIED", "{user}");
        assert_eq!(
            (&refused["message"], &refused["data"]),
            (&json!("members only"), &json!({ "plan": "pro" }))
        );
    }
    let mut dan = server.connect_as("dan").await;
    let failed = dan.request(json!({ "type": "join", "roomId": "chat" })).await;
    assert!(
        failed["data"].is_null() && !failed.to_string().contains("password"),
        "{failed}"
    );
    let mut finn = server.connect_as("finn").await;
    let refused = finn.request(json!({ "type": "join", "roomId": "chat" })).await;
    assert_eq!((&refused["message"], &refused["data"]), (&json!("no"), &json!([1, 2])));
    let username = "eve".to_owned();
    match server.trigger(Chat, UserJoined { username }).await {
        Err(TriggerError::Refused(refusal)) => assert_eq!(refusal.data(), Some(&json!([1, 2]))),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_keeps_one_value_of_each_type() {
    let server = TestServer::with(|builder| builder.state(7_u8).state("seven")).await;
    assert_eq!(server.state::<u8>().as_deref(), Some(&7));
    assert_eq!(server.state::<&str>().as_deref(), Some(&"seven"));
    let twice = Dialogue::builder().state(Arc::new(7)).state(Arc::new(8)).build();
    match twice {
        Err(BuildError::DuplicateState { type_name }) => assert!(type_name.contains("Arc<i32>"), "{type_name}"),
        other => panic!("{other:?}"),
    }
}
