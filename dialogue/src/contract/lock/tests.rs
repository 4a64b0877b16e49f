//! The lock file and its check, with rooms that change.

use std::path::PathBuf;

use super::check::{CheckError, check};
use super::{Change, Impact, Lock, LockError};
use crate::RoomSet;
use crate::contract::model::Contract;
use crate::event::EventDefinition;

/// The rooms that clients know.
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

/// The same rooms with other documentation.
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

/// Changes that do not affect clients of `before`.
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

/// Changes that break clients of `before`.
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

/// A file that only this test uses.
fn file(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("dialogue-lock-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

#[test]
fn texts_for_people_do_not_change_the_contract() {
    assert_eq!(changes::<before::Rooms, before::Rooms>(), [""; 0]);
    let [before, reworded] = [
        Lock::of::<before::Rooms>().unwrap(),
        Lock::of::<reworded::Rooms>().unwrap(),
    ];
    assert_eq!(before.fingerprint(), reworded.fingerprint());
    assert_eq!(before.changes_to(&reworded), []);
}

#[test]
fn an_open_room_adds_events_of_no_room_to_the_contract() {
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
fn harmless_changes_are_additive() {
    assert_eq!(
        changes::<before::Rooms, more::Rooms>(),
        [
            "additive  chat: clients may receive `user-joined`",
            "additive  chat: joining subscribes to `user-joined`",
            "additive  chat: seats: was 10, now 20",
            "additive  project-*: rooms that a user may create: was 5, now 6",
            "additive  project-*: now listed",
            "additive  news: a new room",
            "additive  message, triggered in chat, project-*: all data that was accepted still is",
            "additive  message in chat, project-*: history: was 50, now 60",
            "additive  message, received in chat, project-*: all data was possible before",
        ]
    );
}

#[test]
fn changes_that_break_clients_are_breaking() {
    assert_eq!(
        changes::<before::Rooms, less::Rooms>(),
        [
            "BREAKING  chat: now only the server may trigger `typing`",
            "BREAKING  chat: joining no longer subscribes to `message`",
            "BREAKING  chat: seats: was 10, now 5",
            "BREAKING  project-*: the room was removed",
            "BREAKING  message/to, triggered in chat: is now required",
            "BREAKING  message in chat: history: now none",
            "additive  message, received in chat: all data was possible before",
        ]
    );
}

#[test]
fn undoing_an_additive_change_is_breaking() {
    for change in Lock::of::<more::Rooms>()
        .unwrap()
        .changes_to(&Lock::of::<before::Rooms>().unwrap())
    {
        assert_eq!(change.impact, Impact::Breaking, "{change}");
    }
}

#[test]
fn an_event_that_becomes_known_is_breaking_in_an_open_room() {
    assert_eq!(
        changes::<open::Rooms, open::Known>(),
        [
            "BREAKING  chat: `message` could have any payload here, and now has a schema",
            "BREAKING  chat: `typing` could have any payload here, and now has a schema",
            "additive  side: a new room",
        ]
    );
    let closed = changes::<open::Known, before::Rooms>();
    assert!(
        closed.contains(&"BREAKING  chat: clients may no longer trigger any event".to_owned()),
        "{closed:?}"
    );
    assert!(
        closed.contains(&"BREAKING  chat: clients may now receive only the listed events".to_owned()),
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

/// The contract of `before`, as the first version of Dialogue wrote it.
const VERSION_1: &str = r##"{
  "events": {
    "message": {
      "history": 50,
      "inbound": {
        "properties": { "text": { "maxLength": 100, "type": "string" } },
        "required": ["text"],
        "type": "object"
      }
    },
    "typing": {
      "inbound": { "$ref": "#/$defs/T", "$defs": { "T": {
        "properties": { "is_typing": { "type": "boolean" }, "unused": false },
        "required": ["is_typing"],
        "type": ["object"]
      } } }
    }
  },
  "fingerprint": "0123456789",
  "rooms": {
    "chat": {
      "defaultSubscriptions": ["message"],
      "events": ["message", "typing"],
      "maxSize": 10,
      "serverEvents": []
    },
    "project-*": { "clientCreated": 5, "defaultSubscriptions": [], "events": ["message"], "serverEvents": [] }
  },
  "version": 1
}"##;

#[test]
fn a_file_of_version_1_is_still_read() {
    let version_1 = VERSION_1.replace(", \"unused\": false", "");
    let (old, now) = (Lock::parse(&version_1).unwrap(), Lock::of::<before::Rooms>().unwrap());
    assert_eq!(old.changes_to(&now), []);
    assert_eq!(old.fingerprint(), now.fingerprint());
    assert_eq!(
        old.changes_to(&Lock::of::<more::Rooms>().unwrap()),
        now.changes_to(&Lock::of::<more::Rooms>().unwrap())
    );
    let other = Lock::parse(VERSION_1).unwrap();
    assert_ne!(other.changes_to(&now), []);

    let path = file("version-1.json");
    std::fs::write(&path, &version_1).unwrap();
    check::<before::Rooms>(&path, None).unwrap();
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        version_1,
        "nothing was written"
    );
    check::<before::Rooms>(&path, Some(Impact::Additive)).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), now.to_string());
}

#[test]
fn distinguishes_a_text_that_is_not_a_lock_from_a_later_version() {
    assert!(matches!(Lock::parse("{}"), Err(LockError::Syntax(_))));
    assert!(matches!(
        Lock::parse(r#"{ "version": 3, "more": [] }"#),
        Err(LockError::Version { version: 3 })
    ));
}

#[test]
fn a_missing_file_fails_until_update_writes_it() {
    let path = file("missing.json");
    let failure = check::<before::Rooms>(&path, None).unwrap_err();
    assert!(matches!(failure, CheckError::Missing { .. }), "{failure}");
    assert!(failure.to_string().contains("DIALOGUE_LOCK=update"), "{failure}");
    assert!(!path.exists());
    check::<before::Rooms>(&path, Some(Impact::Additive)).unwrap();
    check::<before::Rooms>(&path, None).unwrap();
}

#[test]
fn update_writes_additive_changes_and_only_break_writes_breaking_ones() {
    let path = file("changing.json");
    let text = || std::fs::read_to_string(&path).unwrap();
    check::<before::Rooms>(&path, Some(Impact::Additive)).unwrap();
    let before = text();

    let failure = check::<more::Rooms>(&path, None).unwrap_err().to_string();
    assert!(
        failure.contains("clients that use that contract keep working"),
        "{failure}"
    );
    assert!(failure.contains("DIALOGUE_LOCK=update"), "{failure}");
    let failure = check::<less::Rooms>(&path, Some(Impact::Additive))
        .unwrap_err()
        .to_string();
    assert!(failure.contains("the contract breaks clients"), "{failure}");
    assert!(
        failure.contains("BREAKING  message/to, triggered in chat: is now required"),
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
fn a_file_with_other_line_ends_is_the_same() {
    let path = file("lines.json");
    let text = Lock::of::<before::Rooms>().unwrap().to_string();
    std::fs::write(&path, text.replace('\n', "\r\n")).unwrap();
    check::<before::Rooms>(&path, None).unwrap();
}
