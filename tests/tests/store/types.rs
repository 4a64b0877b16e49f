//! Events on a real file whose type has changed since, or whose data was erased: what typed readers report.

use std::path::Path;

use dialogue::event::Unreadable;
use dialogue::prelude::*;
use dialogue::sqlite::Sqlite;
use dialogue_tests::{Folder, TestServer, within};

/// The types and rooms of the first version.
mod first {
    use dialogue::prelude::*;

    /// A note.
    #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
    #[event(history = 9)]
    pub(super) struct Note {
        pub(super) text: String,
    }

    rooms! {
        /// The rooms.
        pub(super) Rooms;

        /// A board.
        pub(super) Board = "board" { events: [Note], default_subscriptions: *, sync_history_on_join: true }
    }
}

/// A note has a title now, which old notes lack.
mod second {
    use dialogue::prelude::*;

    /// A note.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, DialogueEvent)]
    #[event(history = 9)]
    pub(super) struct Note {
        pub(super) title: String,
    }

    rooms! {
        /// The rooms.
        pub(super) Rooms;

        /// A board.
        pub(super) Board = "board" { events: [Note], default_subscriptions: *, sync_history_on_join: true }
    }
}

async fn server(builder: dialogue::Builder, file: &Path) -> TestServer {
    TestServer::start(builder.trust_client_identity().store(Sqlite::open(file))).await
}

#[tokio::test]
async fn typed_readers_of_a_file_report_old_and_erased_events_in_their_places() {
    let folder = Folder::new("types");
    let old = server(Dialogue::builder().rooms::<first::Rooms>(), &folder.file()).await;
    for text in ["one", "two"] {
        let note = first::Note { text: text.to_owned() };
        old.trigger(first::Board, note).await.expect("an event");
    }
    old.stop().await;

    let new = server(Dialogue::builder().rooms::<second::Rooms>(), &folder.file()).await;
    let note = |title: &str| second::Note {
        title: title.to_owned(),
    };
    for title in ["three", "four"] {
        new.trigger(second::Board, note(title)).await.expect("an event");
    }
    let board = new.room(second::Board).await.expect("the room");
    assert!(board.erase(2).await.expect("the store works"));
    assert!(board.erase(3).await.expect("the store works"));

    let on_server = board.history::<second::Note>(0..9).await.expect("a page");
    expect_places(&on_server, &note("four"));
    let url = format!("ws://{}", new.address());
    let client = dialogue::DialogueClient::connect(url).auth(serde_json::json!({ "userId": "ada" }));
    let client = within("a connection", client.into_future())
        .await
        .expect("a connection");
    let joined = within("a join", client.join(second::Board).into_future())
        .await
        .expect("a join");
    let page = joined.history::<second::Note>(dialogue::client::Page::newest(9));
    let page = within("a page", page.into_future()).await.expect("a page");
    expect_places(&page.messages, &note("four"));
    new.stop().await;

    // Also in the next run, which has nothing of it in memory.
    let again = server(Dialogue::builder().rooms::<second::Rooms>(), &folder.file()).await;
    let board = again.room(second::Board).await.expect("the room");
    let page = board.history::<second::Note>(0..9).await.expect("a page");
    expect_places(&page, &note("four"));
    again.stop().await;
}

/// The newest event is as sent. The two before were erased, one of each type. The first one has the old type.
fn expect_places(page: &[Result<EventMessage<second::Note>, Unreadable>], newest: &second::Note) {
    match page {
        [
            Ok(fourth),
            Err(Unreadable::Erased(third)),
            Err(Unreadable::Erased(second)),
            Err(Unreadable::Decode { message, .. }),
        ] => {
            assert_eq!((fourth.seq, &fourth.data), (Some(4), newest));
            assert_eq!((third.seq, second.seq, message.seq), (Some(3), Some(2), Some(1)));
            assert_eq!(message.data["text"], "one", "the old data is there");
        }
        other => panic!("{other:?}"),
    }
}
