//! Tests a server with faults of every kind, for any length of time: `cargo run --release -p chaos -- --seconds 60`.
//!
//! A server on a real socket has 20 rooms, 1,000 events per second, and 200 clients. The connections of the clients are
//! cut at random bytes, and their processes stall. They reconnect with `since`, sometimes while the server still keeps
//! the old connection. Meanwhile rooms are deleted and created again, and every hook sometimes refuses, panics or
//! hangs. Each client records the events of each room. At the end the faults stop, all clients reconnect once more, and
//! the server stops. Then the program compares what each client claims to have with what the server has numbered.
//!
//! The table shows all counters. Some counters must be 0. If one isn't, the table marks it, and the program fails:
//!
//! - *lost*: an event that a client should have, in a log for which the server never reported a gap;
//! - *duplicated*, *out of order*: an event that arrived twice, or after a later one;
//! - *over capacity*: a room with more clients than its `max_size`;
//! - *unmatched hooks*: an `on_joined` without its `on_left`, or the reverse;
//! - *panics*: panics that the program did not cause on purpose;
//! - *drains past the deadline*: `stop()` did not finish within its deadline;
//! - *tasks left*: tasks that still run after `stop()` has returned.
//!
//! Options: `--seconds 60`, `--clients 200`, `--rooms 20`, `--rate 1000` (events per second), `--seed 1`. The seed
//! determines every fault, but not how threads and the network interleave.

mod client;
mod dice;
mod ledger;
mod server;
mod wire;

use std::collections::BTreeMap;
use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::client::{Client, Log};
use crate::dice::Dice;
use crate::ledger::Ledger;
use crate::server::{DELIBERATE, Trouble};

/// The subscriptions of a client in a room are one of these.
const TASTES: [&[&str]; 3] = [&["line"], &["line", "pointer"], &["line", "price"]];

/// How many rooms each client joins.
const ROOMS_A_CLIENT: u64 = 4;

/// The options of the program.
struct Options {
    seconds: u64,
    clients: u64,
    rooms: u64,
    rate: u64,
    seed: u64,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            seconds: 60,
            clients: 200,
            rooms: 20,
            rate: 1000,
            seed: 1,
        };
        while let Some(name) = arguments.next() {
            let option = match name.as_str() {
                "--seconds" => &mut options.seconds,
                "--clients" => &mut options.clients,
                "--rooms" => &mut options.rooms,
                "--rate" => &mut options.rate,
                "--seed" => &mut options.seed,
                _ => {
                    return Err(format!(
                        "unknown option `{name}`; the options are --seconds, --clients, --rooms, --rate, --seed"
                    ));
                }
            };
            let value = arguments.next().and_then(|value| value.parse().ok());
            *option = value.ok_or_else(|| format!("`{name}` takes a whole number"))?;
        }
        if options.rooms == 0 {
            return Err("`--rooms` must be at least 1".to_owned());
        }
        Ok(options)
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let options = Options::read(std::env::args().skip(1))?;
    let ledger = Arc::new(Ledger::default());
    count_panics(Arc::clone(&ledger));
    // Two runtimes, so that tasks that the server leaves behind can be distinguished from tasks of the clients.
    let (server, clients) = (Runtime::new()?, Runtime::new()?);
    let drained = clients.block_on(run(&options, &server, &ledger))?;
    let tasks_left = server.block_on(tasks_left());
    let holds = report(&options, &ledger, drained, tasks_left);
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the whole test. Returns whether the server stopped within its deadline.
async fn run(options: &Options, runtime: &Runtime, ledger: &Arc<Ledger>) -> Result<bool, Box<dyn Error>> {
    let trouble = Arc::new(Trouble::new(options.seed, Arc::clone(ledger)));
    let dialogue = server::build(&trouble, ledger)?;
    let starting = dialogue.clone();
    let address = runtime
        .spawn(async move { starting.start((Ipv4Addr::LOCALHOST, 0)).await })
        .await??;
    let dice = |number| Dice::new(options.seed, number);
    let rebuilding = runtime.spawn(server::rebuild(
        dialogue.clone(),
        Arc::clone(&trouble),
        Arc::clone(ledger),
        options.rooms,
        dice(options.clients),
    ));
    let triggering = runtime.spawn(server::trigger(
        dialogue.clone(),
        Arc::clone(&trouble),
        options.rooms,
        options.rate,
        dice(options.clients + 1),
    ));
    let mut clients = JoinSet::new();
    for number in 0..options.clients {
        let mut dice = dice(number);
        let rooms: BTreeMap<String, Log> = (0..ROOMS_A_CLIENT)
            .map(|_| {
                let taste = TASTES[dice.below(TASTES.len() as u64) as usize];
                (format!("hall-{}", dice.below(options.rooms)), Log::of(taste))
            })
            .collect();
        let client = Client {
            server: address,
            dice,
            ledger: Arc::clone(ledger),
            trouble: Arc::clone(&trouble),
            rooms,
            resume: None,
        };
        clients.spawn(client.live());
    }
    sleep(Duration::from_secs(options.seconds)).await;
    trouble.end();
    rebuilding.await??;
    triggering.await?;
    clients.join_all().await;
    Ok(runtime.spawn(async move { dialogue.stop().await }).await?.is_ok())
}

/// How many tasks still run in the server's runtime, after it waits at most one second for them to end.
async fn tasks_left() -> usize {
    let metrics = tokio::runtime::Handle::current().metrics();
    let none = async {
        while metrics.num_alive_tasks() > 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let _ = timeout(Duration::from_secs(1), none).await;
    metrics.num_alive_tasks()
}

/// Counts and prints panics, except the deliberate panics of the hooks.
fn count_panics(ledger: Arc<Ledger>) {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload_as_str() != Some(DELIBERATE) {
            ledger.panics.add(1);
            print(panic);
        }
    }));
}

/// Prints the table. Returns whether the test passed.
fn report(options: &Options, ledger: &Ledger, drained: bool, tasks_left: usize) -> bool {
    let happened = [
        ("events numbered", ledger.numbered_total()),
        ("delivered live", ledger.delivered.total()),
        ("recovered", ledger.recovered.total()),
        ("recoveries", ledger.recoveries.total()),
        ("gaps reported", ledger.gaps.total()),
        ("connections", ledger.connections.total()),
        ("connections cut", ledger.cut.total()),
        ("clients stalled", ledger.stalled.total()),
        ("closed as too slow", ledger.too_slow.total()),
        ("rooms deleted", ledger.rooms_deleted.total()),
        ("hooks that failed", ledger.hooks_failed.total()),
        ("events compared", ledger.claimed()),
    ];
    let must_not = [
        ("lost", ledger.lost()),
        ("duplicated", ledger.duplicated.total()),
        ("out of order", ledger.out_of_order.total()),
        ("over capacity", ledger.over_capacity.total()),
        ("unmatched hooks", ledger.unmatched()),
        ("panics", ledger.panics.total()),
        ("drains past the deadline", u64::from(!drained)),
        ("tasks left", tasks_left as u64),
    ];
    println!(
        "{} clients, {} rooms, {} events/s for {} s, seed {}\n",
        options.clients, options.rooms, options.rate, options.seconds, options.seed
    );
    for (name, count) in happened {
        println!("{name:<26}{count:>12}");
    }
    println!("{:<26}{:>12}", "peak memory", peak_memory());
    println!();
    for (name, count) in must_not {
        let verdict = if count == 0 { "" } else { "   MUST BE 0" };
        println!("{name:<26}{count:>12}{verdict}");
    }
    // A run with too few faults proves nothing.
    let something = [&ledger.recovered, &ledger.gaps, &ledger.too_slow]
        .iter()
        .all(|count| count.total() > 0)
        && ledger.claimed() > 0;
    if !something {
        println!("\ntoo little happened to prove anything: try --seconds 10 or more");
    }
    something && must_not.iter().all(|(_, count)| *count == 0)
}

/// The peak memory of the process, including the clients. It is known only on Linux.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kibibytes = status.lines().find_map(|line| {
        line.strip_prefix("VmHWM:")?
            .trim()
            .strip_suffix(" kB")?
            .trim()
            .parse::<u64>()
            .ok()
    });
    kibibytes.map_or_else(|| "unknown".to_owned(), |kibibytes| format!("{} MiB", kibibytes / 1024))
}
