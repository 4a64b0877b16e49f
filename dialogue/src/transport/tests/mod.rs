//! Connections as they are served, from the first byte to the last, with only the network left out: a pipe in memory
//! takes its place, so that a test can cut it at any byte, let a reader stall, and pause the clock.
//!
//! [`peer`] is the client; [`model`] says what a client must be told, by a rule so simple that it can be believed.

mod cuts;
mod expiry;
mod http;
mod model;
mod on_demand;
mod orphans;
mod peer;
mod pipelining;
mod races;
mod rate;
mod recovery;
mod rejoin;
mod sign_in;
mod slow_readers;

use std::time::Duration;

use crate::prelude::*;

/// An event of which a room keeps two.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history = 2)]
struct Scarce {
    number: u64,
}

/// An event of which a room keeps six.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history = 6)]
struct Plenty {
    number: u64,
}

/// An event that no room keeps.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Fleeting {
    number: u64,
}

/// An event as large as one wants.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Bulk {
    text: String,
}

/// Lets everything happen that can happen without more input: on a paused clock, time moves only when nothing else does.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}
