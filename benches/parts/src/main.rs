//! Runs one part a given number of times and exits, so that `.ci/counts` can count its instructions.

use std::process::ExitCode;

use dialogue::Client;
use parts::{Kept, Lobby, Pieces, Server};

/// Runs a part this many times.
type Run = fn(u32);

/// The parts by name, in the order in which the program lists them.
const PARTS: &[(&str, Run)] = &[
    ("decode", |times| {
        repeat(times, &Pieces::new(), |pieces| drop(pieces.decode()))
    }),
    ("validate", |times| {
        repeat(times, &Pieces::new(), |pieces| drop(pieces.validate()))
    }),
    ("encode", |times| {
        repeat(times, &Pieces::new(), |pieces| drop(pieces.encode()))
    }),
    ("trigger_to_nobody", |times| {
        repeat(times, &Server::new(0), Server::keep)
    }),
    ("fan_out/10", |times| {
        repeat(times, &in_lobby(10), |server| server.trigger(10))
    }),
    ("fan_out/100", |times| {
        repeat(times, &in_lobby(100), |server| server.trigger(100))
    }),
    ("inbound_trigger", |times| in_lobby(1).trigger_from_client(times)),
    ("join_and_leave", |times| {
        repeat(times, &newcomer(), |(server, client)| {
            server.join_and_leave(client, Lobby { number: 0 });
        });
    }),
    ("join_with_history/50", |times| {
        let (server, client) = newcomer();
        (0..50).for_each(|_| server.keep());
        repeat(times, &server, |server| server.join_and_leave(&client, Kept));
    }),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let asked = (arguments.next(), arguments.next().and_then(|times| times.parse().ok()));
    match asked {
        (None, _) => PARTS.iter().for_each(|(name, _)| println!("{name}")),
        (Some(part), Some(times)) if let Some((_, run)) = PARTS.iter().find(|(name, _)| *name == part) => run(times),
        _ => {
            eprintln!("usage: parts [PART TIMES]; without arguments, it lists the parts");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn repeat<T>(times: u32, with: &T, part: impl Fn(&T)) {
    for _ in 0..times {
        part(with);
    }
}

/// A server with one client in a room and one in no room. Returns the second client, too.
fn newcomer() -> (Server, Client) {
    let server = Server::new(2);
    let newcomer = server.join_all_but_one(Lobby { number: 0 });
    (server, newcomer)
}

/// A server with this many clients, all of them in one room.
fn in_lobby(clients: usize) -> Server {
    let server = Server::new(clients);
    server.join_all(Lobby { number: 0 });
    server
}
