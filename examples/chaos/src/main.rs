//! Faults of every kind against a server, for as long as one wants: `cargo run --release -p chaos -- --seconds 60`.
//!
//! A server on a real socket, 20 rooms, 1,000 events a second, and 200 clients whose connections are cut at random bytes,
//! whose processes stall, and who come back with `since`, sometimes while the server still believes in the old connection.
//! Meanwhile rooms are deleted and made anew, and every hook now and then refuses, panics or hangs. Each client keeps what it
//! has of each room. At the end there is calm, everybody comes back once more, the server stops, and what each client claims
//! to have is compared with what the server has numbered.
//!
//! The table tells how much there was of everything. What must be 0 is marked, and if it is not, the program fails:
//!
//! - *lost*: an event that a client was due, by a log of which it was never told that it has a gap;
//! - *duplicated*, *out of order*: an event that came twice, or behind a later one;
//! - *over capacity*: a room seen with more clients than it has seats;
//! - *hooks out of step*: an `on_joined` without its `on_left`, or the other way about;
//! - *panics*: those that no hook was told to make;
//! - *tasks left*: what still runs when `stop()` has returned.
//!
//! Options: `--seconds 60`, `--clients 200`, `--rooms 20`, `--rate 1000` (events a second), `--seed 1`. The seed decides about
//! every fault, but not about how threads and the network interleave.

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

/// What a client hears of a room, one of these.
const TASTES: [&[&str]; 3] = [&["line"], &["line", "pointer"], &["line", "price"]];

/// In how many rooms each client is.
const ROOMS_A_CLIENT: u64 = 4;

/// What one can choose.
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
                        "`{name}` is no option: --seconds, --clients, --rooms, --rate, --seed"
                    ));
                }
            };
            let value = arguments.next().and_then(|value| value.parse().ok());
            *option = value.ok_or_else(|| format!("`{name}` takes a whole number"))?;
        }
        if options.rooms == 0 {
            return Err("there must be a room".to_owned());
        }
        Ok(options)
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let options = Options::read(std::env::args().skip(1))?;
    let ledger = Arc::new(Ledger::default());
    count_panics(Arc::clone(&ledger));
    // Two runtimes, so that what the server leaves behind can be told from what its clients do.
    let (server, clients) = (Runtime::new()?, Runtime::new()?);
    let drained = clients.block_on(run(&options, &server, &ledger))?;
    let tasks_left = server.block_on(tasks_left());
    let holds = report(&options, &ledger, drained, tasks_left);
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs all of it. Returns whether the server stopped within its deadline.
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

/// What still runs in the server's runtime once it has had a moment to notice its end.
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

/// Counts panics, but for those that the hooks are told to make, of which nothing is printed either.
fn count_panics(ledger: Arc<Ledger>) {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload_as_str() != Some(DELIBERATE) {
            ledger.panics.add(1);
            print(panic);
        }
    }));
}

/// Prints the table. Returns whether all is as it must be.
fn report(options: &Options, ledger: &Ledger, drained: bool, tasks_left: usize) -> bool {
    let happened = [
        ("events numbered", ledger.numbered_total()),
        ("delivered live", ledger.delivered.total()),
        ("recovered", ledger.recovered.total()),
        ("recoveries", ledger.recoveries.total()),
        ("told of a gap", ledger.gaps.total()),
        ("connections", ledger.connections.total()),
        ("cut", ledger.cut.total()),
        ("stalled", ledger.stalled.total()),
        ("closed as too slow", ledger.too_slow.total()),
        ("rooms deleted", ledger.rooms_deleted.total()),
        ("hooks that failed", ledger.hooks_failed.total()),
        ("compared", ledger.claimed()),
    ];
    let must_not = [
        ("lost", ledger.lost()),
        ("duplicated", ledger.duplicated.total()),
        ("out of order", ledger.out_of_order.total()),
        ("over capacity", ledger.over_capacity.total()),
        ("hooks out of step", ledger.unmatched()),
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
    // Where nothing happens, nothing is proven.
    let something = [&ledger.recovered, &ledger.gaps, &ledger.too_slow]
        .iter()
        .all(|count| count.total() > 0)
        && ledger.claimed() > 0;
    if !something {
        println!("\ntoo little has happened to say anything: try --seconds 10 or more");
    }
    something && must_not.iter().all(|(_, count)| *count == 0)
}

/// The most memory that the process has held, clients and all; only Linux tells.
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
