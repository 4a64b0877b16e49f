//! The server under test.

use dialogue::prelude::*;
use dialogue::{Limits, silent_logger};

#[derive(Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history = 3)]
pub struct Message {
    #[schemars(length(min = 1, max = 10))]
    pub text: String,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history)]
pub struct Move {
    pub x: i8,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub struct Typing;

rooms! {
    pub Rooms;
    pub Chat = "chat" { events: [Message, Move, Typing], default_subscriptions: [Message], sync_history_on_join: true }
    pub Booth = "booth" { events: [Message, Move, Typing], default_subscriptions: *, max_size: 2 }
    pub Open = "open" { events: *, default_subscriptions: * }
    pub News = "news" { events: [], default_subscriptions: * }
    pub Table { number: u8 } = "table-{number}" {
        events: [Message, Move, Typing], default_subscriptions: *, max_size: 2, client_created: 2
    }
    pub Lobby { name: String } = "lobby-{name}" { events: [Message, Move, Typing], on_demand: true }
}

/// Builds the server.
pub fn server(limits: Limits) -> Dialogue {
    Dialogue::builder()
        .rooms::<Rooms>()
        .trust_client_identity()
        .limits(limits)
        .logger(silent_logger())
        .build()
        .expect("the server builds")
}

/// Checks what must hold of a server at any time: rooms and clients agree on the members, and no room exceeds its
/// maximum size.
pub fn check(dialogue: &Dialogue) {
    for room in dialogue.here().rooms() {
        let participants = room.here().participants();
        assert_eq!(room.here().size(), participants.len());
        assert!(
            room.max_size().is_none_or(|max| participants.len() <= max),
            "{} exceeds its maximum size",
            room.id()
        );
        for client in &participants {
            assert!(client.rooms().contains(room.id()), "{} has a stale member", room.id());
        }
    }
    for client in dialogue.here().clients() {
        for id in client.rooms() {
            let room = dialogue
                .here()
                .room(&*id)
                .expect("a client is in a room that does not exist");
            assert!(
                room.here().participants().iter().any(|other| other.id() == client.id()),
                "{id} lost a member"
            );
        }
    }
}

/// Stops the server, and checks that no client and no member is left.
pub async fn stop(dialogue: Dialogue) {
    dialogue.stop().await.expect("the drain finishes in time");
    assert!(dialogue.here().clients().is_empty(), "clients are left");
    assert!(
        dialogue.here().rooms().iter().all(|room| room.here().size() == 0),
        "members are left"
    );
}
