//! The cost of each part of a delivery, measured separately: `cargo bench -p parts`.
//!
//! One sample runs a part often enough to take about a millisecond. A single run would mostly measure cold caches.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dialogue::EventMessage;
use dialogue::history::{HistoryConfig, HistoryManager};
use dialogue::rate_limit::RateLimiter;
use divan::Bencher;
use futures_util::FutureExt;
use parts::{Kept, Lobby, Pieces, Server};
use serde_json::json;

fn main() {
    divan::main();
}

/// Parses a client's frame into a request.
#[divan::bench(sample_size = 500)]
fn decode(bencher: Bencher<'_, '_>) {
    let pieces = Pieces::new();
    bencher.bench_local(|| drop(pieces.decode()));
}

/// Validates data against the published schema, then against the type.
#[divan::bench(sample_size = 500)]
fn validate(bencher: Bencher<'_, '_>) {
    let pieces = Pieces::new();
    bencher.bench_local(|| drop(pieces.validate()));
}

/// Encodes an event into the frame that its subscribers share.
#[divan::bench(sample_size = 500)]
fn encode(bencher: Bencher<'_, '_>) {
    let pieces = Pieces::new();
    bencher.bench_local(|| drop(pieces.encode()));
}

/// A trigger by the server in an empty room: serialise, validate, encode.
#[divan::bench(sample_size = 500)]
fn trigger_to_nobody(bencher: Bencher<'_, '_>) {
    let server = Server::new(0);
    bencher.bench_local(|| server.keep());
}

/// A hundred triggers from a client. Each runs from the incoming bytes to the outgoing bytes for the room's only
/// member, which is the sender.
#[divan::bench(sample_size = 5)]
fn inbound_trigger_100_times(bencher: Bencher<'_, '_>) {
    let server = Server::new(1);
    server.join_all(Lobby { number: 0 });
    bencher.bench_local(|| server.trigger_from_client(100));
}

/// A trigger by the server, until each member's frame has been written to its socket.
#[divan::bench(args = [1, 10, 100, 10_000], sample_size = 10)]
fn fan_out(bencher: Bencher<'_, '_>, members: usize) {
    let server = Server::new(members);
    server.join_all(Lobby { number: 0 });
    bencher.bench_local(|| server.trigger(members));
}

/// A trigger in a room of ten whose members are in this many other rooms, too.
#[divan::bench(args = [0, 100_000], sample_size = 500)]
fn fan_out_among_rooms(bencher: Bencher<'_, '_>, others: u32) {
    let server = Server::new(10);
    server.join_all(Lobby { number: 0 });
    for number in 1..=others {
        server.join_all(Lobby { number });
    }
    bencher.bench_local(|| server.trigger(10));
}

/// Another client joins a room with this many members, and leaves it.
#[divan::bench(args = [10, 100_000], sample_size = 500)]
fn join_and_leave(bencher: Bencher<'_, '_>, members: usize) {
    let server = Server::new(members + 1);
    let newcomer = server.join_all_but_one(Lobby { number: 0 });
    bencher.bench_local(|| server.join_and_leave(&newcomer, Lobby { number: 0 }));
}

/// The same in a room that replays this many events to the new member.
#[divan::bench(args = [0, 50], sample_size = 100)]
fn join_with_history(bencher: Bencher<'_, '_>, kept: usize) {
    let server = Server::new(1);
    let newcomer = server.join_all_but_one(Lobby { number: 0 });
    for _ in 0..kept {
        server.keep();
    }
    bencher.bench_local(|| server.join_and_leave(&newcomer, Kept));
}

/// Looks up a room by its id.
#[divan::bench(args = [10, 100_000], sample_size = 500)]
fn look_up(bencher: Bencher<'_, '_>, rooms: u32) {
    let server = Server::new(1);
    for number in 0..rooms {
        server.join_all(Lobby { number });
    }
    bencher.bench_local(|| server.dialogue.here().room("lobby-7"));
}

/// An event is encoded and appended to the history of one of a thousand rooms, on one thread and on two at once.
#[divan::bench(threads = [1, 2], sample_size = 500)]
fn append_among_histories(bencher: Bencher<'_, '_>) {
    let history = HistoryManager::new(
        HistoryConfig::default()
            // Nothing is evicted: `push` would decode it.
            .with_max_events_per_type(usize::MAX)
            .with_max_rooms(1_000),
    );
    let messages: Vec<EventMessage> = (0..1_000).map(message_in).collect();
    let next = AtomicUsize::new(0);
    bencher
        .with_inputs(|| &messages[next.fetch_add(1, Ordering::Relaxed) % messages.len()])
        .bench_values(|message| history.push(message).now_or_never());
}

fn message_in(room: u32) -> EventMessage {
    let message = json!({
        "event": "message", "roomId": format!("lobby-{room}"), "data": { "text": "x".repeat(80) }, "from": "load",
        "timestamp": 1_764_000_000_000_u64,
    });
    serde_json::from_value(message).expect("an event")
}

/// The rate limiter, for one of a thousand keys.
#[divan::bench(sample_size = 500)]
fn rate_limiter(bencher: Bencher<'_, '_>) {
    let limiter = RateLimiter::new(200, Duration::from_secs(4));
    let keys: Vec<String> = (0..1000).map(|number| format!("user-{number}")).collect();
    let mut turn = keys.iter().cycle();
    bencher.bench_local(|| turn.next().map(|key| limiter.is_allowed(key)));
}
