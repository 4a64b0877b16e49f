//! What the parts of a delivery cost, each by itself: `cargo bench -p parts`.
//!
//! A sample is as many runs as take a millisecond or so: a single one would mostly tell how cold the caches were.

use std::time::Duration;

use dialogue::RateLimiter;
use divan::Bencher;
use parts::{Kept, Lobby, Pieces, Server};

fn main() {
    divan::main();
}

/// A client's frame into a request.
#[divan::bench(sample_size = 500)]
fn decode(bencher: Bencher<'_, '_>) {
    let pieces = Pieces::new();
    bencher.bench_local(|| drop(pieces.decode()));
}

/// Data against the published schema, then the type.
#[divan::bench(sample_size = 500)]
fn validate(bencher: Bencher<'_, '_>) {
    let pieces = Pieces::new();
    bencher.bench_local(|| drop(pieces.validate()));
}

/// An event into the frame that its subscribers share.
#[divan::bench(sample_size = 500)]
fn encode(bencher: Bencher<'_, '_>) {
    let pieces = Pieces::new();
    bencher.bench_local(|| drop(pieces.encode()));
}

/// The server's trigger in an empty room: serialise, validate, encode.
#[divan::bench(sample_size = 500)]
fn trigger_to_nobody(bencher: Bencher<'_, '_>) {
    let server = Server::new(0);
    bencher.bench_local(|| server.keep());
}

/// A hundred triggers of a client, each from the bytes that come in to the bytes that go out to the room's one member, its
/// sender.
#[divan::bench(sample_size = 5)]
fn inbound_trigger_100_times(bencher: Bencher<'_, '_>) {
    let server = Server::new(1);
    server.join_all(Lobby { number: 0 });
    bencher.bench_local(|| server.trigger_from_client(100));
}

/// The server's trigger, until every member's frame has been handed to its socket.
#[divan::bench(args = [1, 10, 100, 10_000], sample_size = 10)]
fn fan_out(bencher: Bencher<'_, '_>, members: usize) {
    let server = Server::new(members);
    server.join_all(Lobby { number: 0 });
    bencher.bench_local(|| server.trigger(members));
}

/// A trigger in a room of ten, while its members are in so many other rooms, too.
#[divan::bench(args = [0, 100_000], sample_size = 500)]
fn fan_out_among_rooms(bencher: Bencher<'_, '_>, others: u32) {
    let server = Server::new(10);
    server.join_all(Lobby { number: 0 });
    for number in 1..=others {
        server.join_all(Lobby { number });
    }
    bencher.bench_local(|| server.trigger(10));
}

/// One more client comes into a room of so many, and leaves it.
#[divan::bench(args = [10, 100_000], sample_size = 500)]
fn join_and_leave(bencher: Bencher<'_, '_>, members: usize) {
    let server = Server::new(members + 1);
    let newcomer = server.join_all_but_one(Lobby { number: 0 });
    bencher.bench_local(|| server.join_and_leave(&newcomer, Lobby { number: 0 }));
}

/// The same in a room whose history of so many events the newcomer is sent.
#[divan::bench(args = [0, 50], sample_size = 100)]
fn join_with_history(bencher: Bencher<'_, '_>, kept: usize) {
    let server = Server::new(1);
    let newcomer = server.join_all_but_one(Lobby { number: 0 });
    for _ in 0..kept {
        server.keep();
    }
    bencher.bench_local(|| server.join_and_leave(&newcomer, Kept));
}

/// A room by its id.
#[divan::bench(args = [10, 100_000], sample_size = 500)]
fn look_up(bencher: Bencher<'_, '_>, rooms: u32) {
    let server = Server::new(1);
    for number in 0..rooms {
        server.join_all(Lobby { number });
    }
    bencher.bench_local(|| server.dialogue.room("lobby-7"));
}

/// The rate limiter, for one of a thousand keys.
#[divan::bench(sample_size = 500)]
fn rate_limiter(bencher: Bencher<'_, '_>) {
    let limiter = RateLimiter::new(200, Duration::from_secs(4));
    let keys: Vec<String> = (0..1000).map(|number| format!("user-{number}")).collect();
    let mut turn = keys.iter().cycle();
    bencher.bench_local(|| turn.next().map(|key| limiter.is_allowed(key)));
}
