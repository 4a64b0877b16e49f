//! Tests of connections from the first byte to the last. Only the network is missing. A pipe in memory replaces it, so
//! that a test can cut it at any byte, let a client stall, and pause the clock.
//!
//! [`peer`] is the client. [`model`] specifies what a client must receive. Its rules are simple enough to be obviously
//! right.

mod begin;
mod cluster;
mod cluster_erasures;
mod cluster_rooms;
mod contention;
mod cuts;
mod durable;
mod expiry;
mod fairness;
mod http;
mod idle_rooms;
mod keep_alive;
mod lifetime;
mod loads;
mod log_lines;
mod model;
mod not_now;
mod on_demand;
mod origin;
mod orphans;
mod outage;
mod paging;
mod peer;
mod pipelining;
mod races;
mod rate;
mod recovery;
#[cfg(feature = "redis")]
mod redis;
mod rejoin;
mod renewal;
mod repeats;
#[cfg(any(feature = "sqlite", feature = "redis"))]
mod restarts;
mod sign_in;
mod signals;
mod slow_readers;
mod stored;

use std::time::Duration;

use crate::prelude::*;
use crate::room::RoomRef;

/// An event with a history of two.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history = 2)]
struct Scarce {
    number: u64,
}

/// An event with a history of six.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history = 6)]
struct Plenty {
    number: u64,
}

/// An event without history.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Fleeting {
    number: u64,
}

/// An event of any size, with history.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history = 50)]
struct Archived {
    text: String,
}

/// An event of any size.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Bulk {
    text: String,
}

/// Looks up a room whose store works.
async fn find_room(dialogue: &Dialogue, room: impl RoomRef) -> Option<RoomHandle> {
    dialogue.room(room).await.expect("an answer")
}

/// Lets everything happen that needs no more input. On a paused clock, time moves only when all tasks are idle.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}
