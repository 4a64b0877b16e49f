//! Two hooks of each kind: both run, and the second can refuse. Each of them returns `Ok(())` without a type.

use dialogue::prelude::*;
use dialogue_tests::{Chat, Project, Record, TestServer, message};
use serde_json::json;

/// A hook with these arguments that notes its name.
macro_rules! noting {
    ($record:ident, $name:literal, |$($argument:tt $(: $type:ty)?),*|) => {{
        let record = $record.clone();
        move |$($argument $(: $type)?),*| {
            record.note($name);
            async { Ok(()) }
        }
    }};
}

#[tokio::test]
async fn two_hooks_of_each_kind_both_run_whatever_they_are_about() {
    let record = Record::default();
    let noted = record.clone();
    let server = TestServer::with(move |builder| {
        let [before, before_of, after, after_of] = std::array::from_fn(|_| noted.clone());
        let [second_before, second_before_of, second_after, second_after_of] = std::array::from_fn(|_| noted.clone());
        builder
            .on_connected(noting!(noted, "connected 1", |_|))
            .on_connected(noting!(noted, "connected 2", |_|))
            .on_disconnected(noting!(noted, "disconnected 1", |_, _|))
            .on_disconnected(noting!(noted, "disconnected 2", |_, _|))
            .before_join(noting!(noted, "before_join 1", |_, _|))
            .before_join(noting!(noted, "before_join 2", |_, _|))
            .before_join_of(noting!(noted, "before_join_of 1", |_, _: Project|))
            .before_join_of(noting!(noted, "before_join_of 2", |_, _: Project|))
            .authorize(noting!(noted, "authorize 1", |_, _, _, _|))
            .authorize(noting!(noted, "authorize 2", |_, _, _, _|))
            .authorize_of(noting!(noted, "authorize_of 1", |_, _: Project, _, _|))
            .authorize_of(noting!(noted, "authorize_of 2", |_, _: Project, _, _|))
            .on_joined(noting!(noted, "joined 1", |_, _, _|))
            .on_joined(noting!(noted, "joined 2", |_, _, _|))
            .on_joined_of(noting!(noted, "joined_of 1", |_, _: Project, _|))
            .on_joined_of(noting!(noted, "joined_of 2", |_, _: Project, _|))
            .on_left(noting!(noted, "left 1", |_, _, _|))
            .on_left(noting!(noted, "left 2", |_, _, _|))
            .on_left_of(noting!(noted, "left_of 1", |_, _: Project, _|))
            .on_left_of(noting!(noted, "left_of 2", |_, _: Project, _|))
            .on_room_created(noting!(noted, "created 1", |_|))
            .on_room_created(noting!(noted, "created 2", |_|))
            .on_room_created_of(noting!(noted, "created_of 1", |_, _: Project|))
            .on_room_created_of(noting!(noted, "created_of 2", |_, _: Project|))
            .on_room_deleted(noting!(noted, "deleted 1", |_|))
            .on_room_deleted(noting!(noted, "deleted 2", |_|))
            .on_room_deleted_of(noting!(noted, "deleted_of 1", |_, _: Project|))
            .on_room_deleted_of(noting!(noted, "deleted_of 2", |_, _: Project|))
            .on_triggered(noting!(noted, "triggered 1", |_, _|))
            .on_triggered(noting!(noted, "triggered 2", |_, _|))
            .on_triggered_of(noting!(noted, "triggered_of 1", |_, _: Project|))
            .on_triggered_of(noting!(noted, "triggered_of 2", |_, _: Project|))
            .on_history_evicted(noting!(noted, "evicted 1", |_|))
            .on_history_evicted(noting!(noted, "evicted 2", |_|))
            .on_erased(noting!(noted, "erased 1", |_|))
            .on_erased(noting!(noted, "erased 2", |_|))
            .before_each(move |message, _| {
                before.note("before_each 1");
                async { Ok(message) }
            })
            .before_each(move |message, _| {
                second_before.note("before_each 2");
                async { Ok(message) }
            })
            .before_each_of(move |message, _: Project| {
                before_of.note("before_each_of 1");
                async { Ok(message) }
            })
            .before_each_of(move |message, _: Project| {
                second_before_of.note("before_each_of 2");
                async { Ok(message) }
            })
            .after_each(move |_, _| {
                after.note("after_each 1");
                Ok(())
            })
            .after_each(move |_, _| {
                second_after.note("after_each 2");
                Ok(())
            })
            .after_each_of(move |_, _, _: Project| {
                after_of.note("after_each_of 1");
                Ok(())
            })
            .after_each_of(move |_, _, _: Project| {
                second_after_of.note("after_each_of 2");
                Ok(())
            })
    })
    .await;
    server
        .create_room(Project { id: 7 })
        .created_by("ada")
        .await
        .expect("a room");
    let mut ada = server.joined("ada", "project-7").await;
    assert_eq!(ada.say("project-7", "hi").await["type"], "ok");
    ada.request(json!({ "type": "leave", "roomId": "project-7" })).await;
    ada.request(json!({ "type": "deleteRoom", "roomId": "project-7" }))
        .await;
    server
        .trigger(Chat, message("kept until the end"))
        .await
        .expect("an event");
    let chat = server.room(Chat).await.expect("the room");
    assert!(chat.erase(1).await.expect("no store"));
    ada.close().await;
    server.stop().await;
    let notes = record.rest().await;
    for kind in [
        "connected",
        "disconnected",
        "before_join",
        "before_join_of",
        "authorize",
        "authorize_of",
        "joined",
        "joined_of",
        "left",
        "left_of",
        "created",
        "created_of",
        "deleted",
        "deleted_of",
        "triggered",
        "triggered_of",
        "evicted",
        "erased",
        "before_each",
        "before_each_of",
        "after_each",
        "after_each_of",
    ] {
        let [first, second] = [1, 2].map(|number| {
            let name = format!("{kind} {number}");
            notes.iter().position(|note| *note == name)
        });
        assert!(first.is_some() && first < second, "{kind}: {notes:?}");
    }
}

#[tokio::test]
async fn a_second_hook_can_refuse_what_the_first_allows() {
    let server = TestServer::with(|builder| {
        builder
            .authorize(|_, _, _, _| async { Ok(()) })
            .authorize(|_, _, _, data| async move {
                match data["text"] == "spam" {
                    true => refuse("no advertising"),
                    false => Ok(()),
                }
            })
            .before_each_of(|message, _: Chat| async { Ok(message) })
            .before_each(|message, _| async move {
                match message.data["text"] == "rude" {
                    true => refuse("be polite"),
                    false => Ok(message),
                }
            })
    })
    .await;
    let mut ada = server.joined("ada", "chat").await;
    assert_eq!(ada.say("chat", "spam").await["message"], "no advertising");
    assert_eq!(ada.say("chat", "rude").await["message"], "be polite");
    assert_eq!(ada.say("chat", "hi").await["type"], "ok");
}
