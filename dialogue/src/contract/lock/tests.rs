//! The file and its test helper, on rooms that change.

use std::path::PathBuf;

use super::check::check;
use super::{Change, Impact, Lock, LockError};
use crate::contract::model::Contract;
use crate::{EventDefinition, RoomSet};

/// The rooms as clients know them.
mod before {
    use crate::prelude::*;

    /// A chat line.
    #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    #[event(history = 50)]
    pub(super) struct Message {
        #[schemars(length(max = 100))]
        pub(super) text: String,
    }

    #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    pub(super) struct Typing {
        pub(super) is_typing: bool,
    }

    rooms! {
        pub(super) Rooms;
        pub(super) Chat = "chat" { events: [Message, Typing], default_subscriptions: [Message], max_size: 10 }
        pub(super) Project { id: u64 } = "project-{id}" { events: [Message], client_created: 5 }
    }
}

/// The same, documented in other words.
mod reworded {
    use super::before::Typing;
    use crate::prelude::*;

    /// What somebody says.
    #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    #[event(history = 50)]
    pub(super) struct Message {
        /// In plain words.
        #[schemars(length(max = 100))]
        pub(super) text: String,
    }

    rooms! {
        pub(super) Rooms;
        /// Where everyone talks.
        pub(super) Parlour = "chat" { name: "The parlour", events: [Message, Typing], default_subscriptions: [Message], max_size: 10 }
        pub(super) Project { number: u64 } = "project-{number}" { events: [Message], client_created: 5 }
    }
}

/// What clients of `before` need not notice.
mod more {
    use super::before::Typing;
    use crate::prelude::*;

    #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    #[event(history = 60)]
    pub(super) struct Message {
        #[schemars(length(max = 100))]
        pub(super) text: String,
        pub(super) to: Option<String>,
    }

    #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    pub(super) struct UserJoined {
        pub(super) username: String,
    }

    rooms! {
        pub(super) Rooms;
        pub(super) Chat = "chat" {
            events: [Message, Typing],
            server_events: [UserJoined],
            default_subscriptions: [Message, UserJoined],
            max_size: 20,
        }
        pub(super) Project { id: u64 } = "project-{id}" { events: [Message], client_created: 6, listed: true, on_demand: false }
        pub(super) News = "news" { events: [], server_events: [UserJoined] }
    }
}

/// What clients of `before` stumble over.
mod less {
    use super::before::Typing;
    use crate::prelude::*;

    #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    pub(super) struct Message {
        #[schemars(length(max = 50))]
        pub(super) text: String,
        pub(super) to: String,
    }

    rooms! {
        pub(super) Rooms;
        pub(super) Chat = "chat" { events: [Message], server_events: [Typing], max_size: 5 }
    }
}

/// Rooms for anything.
mod open {
    use super::before::{Message, Typing};
    use crate::prelude::*;

    rooms! {
        pub(super) Rooms;
        pub(super) Chat = "chat" { events: *, default_subscriptions: [] }
    }

    rooms! {
        pub(super) Known;
        pub(super) Parlour = "chat" { events: *, default_subscriptions: [] }
        pub(super) Side = "side" { events: [Message, Typing] }
    }
}

fn changes<Old: RoomSet, New: RoomSet>() -> Vec<String> {
    let changes = Lock::of::<Old>().unwrap().changes_to(&Lock::of::<New>().unwrap());
    changes.iter().map(Change::to_string).collect()
}

/// A file of this test alone.
fn file(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("dialogue-lock-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

#[test]
fn words_for_people_are_no_change() {
    assert_eq!(changes::<before::Rooms, before::Rooms>(), [""; 0]);
    let [before, reworded] = [
        Lock::of::<before::Rooms>().unwrap(),
        Lock::of::<reworded::Rooms>().unwrap(),
    ];
    assert_eq!(before.fingerprint(), reworded.fingerprint());
    assert_eq!(before.changes_to(&reworded), []);
}

#[test]
fn an_event_of_no_room_is_part_of_the_contract_where_a_room_takes_any() {
    mod open {
        use crate::prelude::*;
        rooms! { pub(super) Rooms; pub(super) Open = "open" { events: *, default_subscriptions: * } }
    }
    let fingerprint = |declarations, event: &EventDefinition| {
        let contract = Contract::of(declarations, std::slice::from_ref(event)).unwrap();
        contract.fingerprint()
    };
    let [long, short] = ["100", "10"].map(|max| {
        let schema = format!(r#"{{ "type": "string", "maxLength": {max} }}"#);
        let schema = serde_json::from_str(&schema).unwrap();
        EventDefinition::new("title").schema(schema).build().unwrap()
    });
    let (open, listed) = (open::Rooms::declarations(), before::Rooms::declarations());
    assert_ne!(fingerprint(open, &long), fingerprint(open, &short));
    assert_eq!(fingerprint(listed, &long), fingerprint(listed, &short));
}

#[test]
fn what_clients_need_not_notice_is_additive() {
    assert_eq!(
        changes::<before::Rooms, more::Rooms>(),
        [
            "additive  chat: `user-joined` may be heard",
            "additive  chat: joining subscribes to `user-joined`",
            "additive  chat: seats: 20 now, was 10",
            "additive  project-*: rooms that a user may create: 6 now, was 5",
            "additive  project-*: listed now",
            "additive  news: a new room",
            "additive  message, triggered in chat, project-*: what was accepted still is",
            "additive  message in chat, project-*: history: 60 now, was 50",
            "additive  message, heard in chat, project-*: what is heard was possible before",
        ]
    );
}

#[test]
fn what_clients_stumble_over_is_breaking() {
    assert_eq!(
        changes::<before::Rooms, less::Rooms>(),
        [
            "BREAKING  chat: only the server may trigger `typing` now",
            "BREAKING  chat: joining no longer subscribes to `message`",
            "BREAKING  chat: seats: 5 now, was 10",
            "BREAKING  project-*: the room is gone",
            "BREAKING  message/to, triggered in chat: is required now",
            "BREAKING  message in chat: no history any more",
            "additive  message, heard in chat: what is heard was possible before",
        ]
    );
}

#[test]
fn what_is_undone_of_an_additive_change_is_breaking() {
    for change in Lock::of::<more::Rooms>()
        .unwrap()
        .changes_to(&Lock::of::<before::Rooms>().unwrap())
    {
        assert_eq!(change.impact, Impact::Breaking, "{change}");
    }
}

#[test]
fn a_room_for_anything_minds_what_becomes_known() {
    assert_eq!(
        changes::<open::Rooms, open::Known>(),
        [
            "BREAKING  chat: `message` could have any payload here, and has a schema now",
            "BREAKING  chat: `typing` could have any payload here, and has a schema now",
            "additive  side: a new room",
        ]
    );
    let closed = changes::<open::Known, before::Rooms>();
    assert!(
        closed.contains(&"BREAKING  chat: clients may no longer trigger any event".to_owned()),
        "{closed:?}"
    );
    assert!(
        closed.contains(&"BREAKING  chat: not every event may be heard any more".to_owned()),
        "{closed:?}"
    );
}

#[test]
fn a_lock_is_read_as_it_was_written() {
    let lock = Lock::of::<before::Rooms>().unwrap();
    let read = Lock::parse(&lock.to_string()).unwrap();
    assert_eq!(read.to_string(), lock.to_string());
    assert_eq!(read.fingerprint(), lock.fingerprint());
    assert_eq!(lock.changes_to(&read), []);
}

#[test]
fn a_text_that_is_no_lock_is_told_from_one_of_a_later_version() {
    assert!(matches!(Lock::parse("{}"), Err(LockError::Syntax(_))));
    assert!(matches!(
        Lock::parse(r#"{ "version": 2, "more": [] }"#),
        Err(LockError::Version { version: 2 })
    ));
}

#[test]
fn a_missing_file_fails_until_it_is_asked_for() {
    let path = file("missing.json");
    let failure = check::<before::Rooms>(&path, None).unwrap_err();
    assert!(failure.contains("DIALOGUE_LOCK=update"), "{failure}");
    assert!(!path.exists());
    check::<before::Rooms>(&path, Some(Impact::Additive)).unwrap();
    check::<before::Rooms>(&path, None).unwrap();
}

#[test]
fn an_additive_change_is_written_by_update_and_a_breaking_one_by_break_alone() {
    let path = file("changing.json");
    let text = || std::fs::read_to_string(&path).unwrap();
    check::<before::Rooms>(&path, Some(Impact::Additive)).unwrap();
    let before = text();

    let failure = check::<more::Rooms>(&path, None).unwrap_err();
    assert!(failure.contains("clients that know that get along"), "{failure}");
    assert!(failure.contains("DIALOGUE_LOCK=update"), "{failure}");
    let failure = check::<less::Rooms>(&path, Some(Impact::Additive)).unwrap_err();
    assert!(failure.contains("the contract breaks clients"), "{failure}");
    assert!(
        failure.contains("BREAKING  message/to, triggered in chat: is required now"),
        "{failure}"
    );
    assert!(
        failure.contains("\n-             \"maxLength\": 100,\n+             \"maxLength\": 50,\n"),
        "{failure}"
    );
    assert!(failure.contains("DIALOGUE_LOCK=break"), "{failure}");
    assert_eq!(text(), before, "nothing was written");

    check::<more::Rooms>(&path, Some(Impact::Additive)).unwrap();
    check::<more::Rooms>(&path, None).unwrap();
    check::<less::Rooms>(&path, Some(Impact::Breaking)).unwrap();
    check::<less::Rooms>(&path, None).unwrap();
}

#[test]
fn a_file_with_the_line_ends_of_another_system_is_the_same() {
    let path = file("lines.json");
    let text = Lock::of::<before::Rooms>().unwrap().to_string();
    std::fs::write(&path, text.replace('\n', "\r\n")).unwrap();
    check::<before::Rooms>(&path, None).unwrap();
}
