//! Triggers with a store, on a paused clock. The test decides when the store stores each event, and whether.

mod keys;
mod order;
mod outcomes;
mod retention;
#[cfg(feature = "sqlite")]
mod revocation;
mod rooms;
mod shutdown;
mod slow;
mod unknown;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::peer::{Peer, PeerFrame};
use super::{Archived, Fleeting, Plenty, find_room, settle};
use crate::log::tests::fake_store::FakeStore;
use crate::{Builder, Dialogue, Identity, Limits, RoomConfig};

/// A server with a room whose log is in a store. Each client says who it is, and is never pinged.
async fn server(store: &Arc<FakeStore>, limits: Limits, change: impl FnOnce(Builder) -> Builder) -> Dialogue {
    let builder = Dialogue::builder()
        .define_events([])
        .durable(Arc::clone(store) as _)
        .limits(limits.with_ping_interval(Duration::from_secs(1_000_000)))
        .authenticate(|handshake| async move {
            let user = handshake.auth.as_str().unwrap_or("ada").to_owned();
            Ok(Identity::user(user))
        });
    let dialogue = change(builder).build().expect("a server");
    let room = RoomConfig::new("room")
        .event::<Plenty>()
        .event::<Fleeting>()
        .event::<Archived>();
    let is_manual = store.is_manual();
    store.set_manual(false);
    dialogue.create_room(room).await.expect("a room");
    store.set_manual(is_manual);
    dialogue
}

/// A server without special settings, on a store that waits for the test.
async fn plain() -> (Arc<FakeStore>, Dialogue) {
    let store = FakeStore::manual();
    let dialogue = server(&store, Limits::default(), |builder| builder).await;
    (store, dialogue)
}

/// A client in the room.
struct Member {
    peer: Peer,
    id: Value,
    epoch: Value,
}

/// Connects as a user, and joins the room.
async fn member_as(dialogue: &Dialogue, user: &str) -> Member {
    let mut peer = Peer::new_as(dialogue, json!(user)).await;
    let id = peer.receive_type("connected").await["clientId"].clone();
    peer.send(&json!({ "type": "join", "roomId": "room", "subscriptions": ["*"] }))
        .await;
    let epoch = peer.receive_type("joined").await["epoch"].clone();
    Member { peer, id, epoch }
}

async fn member(dialogue: &Dialogue) -> Member {
    member_as(dialogue, "ada").await
}

impl Member {
    async fn trigger(&mut self, id: u64, event: &str, key: Option<&str>, repeats: Option<&Value>) {
        let mut trigger =
            json!({ "type": "trigger", "id": id, "roomId": "room", "event": event, "data": { "number": id } });
        if let Some(key) = key {
            trigger["key"] = json!(key);
        }
        if let Some(repeats) = repeats {
            trigger["repeats"] = repeats.clone();
        }
        self.peer.send(&trigger).await;
        settle().await;
    }

    /// Triggers an event with history.
    async fn plenty(&mut self, id: u64) {
        self.trigger(id, "plenty", None, None).await;
    }

    async fn with_key(&mut self, id: u64, key: &str) {
        self.trigger(id, "plenty", Some(key), None).await;
    }

    async fn command(&mut self, id: u64, kind: &str) {
        let command = json!({ "type": kind, "id": id, "roomId": "room" });
        self.peer.send(&command).await;
        settle().await;
    }

    /// What a repetition says of its first attempt on this connection.
    fn first_attempt(&self) -> Value {
        json!({ "clientId": self.id, "epoch": self.epoch })
    }

    /// What has arrived, in a few words each.
    async fn received(&mut self) -> Vec<String> {
        let frames = self.peer.drain().await;
        frames.iter().map(in_short).collect()
    }
}

fn in_short(frame: &PeerFrame) -> String {
    let PeerFrame::Text(text) = frame else {
        return format!("{frame:?}");
    };
    let place = text["seq"].as_u64().map_or(String::new(), |seq| format!(" #{seq}"));
    let id = text["id"].as_u64().map_or(String::new(), |id| format!(" {id}"));
    match text["type"].as_str().unwrap_or_default() {
        "event" => format!("event {}{place}", text["data"]["number"]),
        "error" => format!("error{id} {}", text["code"].as_str().unwrap_or_default()),
        kind => format!("{kind}{id}{place}"),
    }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}
