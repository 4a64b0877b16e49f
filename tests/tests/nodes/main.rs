//! Several nodes on one Redis, as real processes, while nodes, connections and Redis fail: no accepted event is lost, doubled
//! or reordered, and each gap is reported to the members.
//!
//! Each test starts its own `redis-server` and its own nodes, on free ports and in temporary folders, and ends them. It
//! needs Debian's package `redis-server`, but not its service.
//!
//! - `OUTAGE_SECONDS`: how long the outages last, 3 by default. `.ci/slow` uses 60.
//! - `FAULTS`: how many faults the chaos has, 5 by default.
//! - `SEED`: of the chaos. A new one for each run by default; the output says which.
//!
//! The load and the faults go on in real time, so tests sleep where a fault or a load lasts. What must follow is awaited.

mod chaos;
mod company;
mod connections;
mod failover;
mod ledger;
mod node;
mod old_client;
mod outage;
mod person;
mod process;
mod redis;
mod rights;
mod slots;

use std::collections::BTreeMap;
use std::future::Future;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::ledger::Ledger;
use crate::person::Person;

/// How long a test waits for anything. Only something that never happens reaches this limit.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long an outage lasts.
fn outage() -> Duration {
    Duration::from_secs(setting("OUTAGE_SECONDS").unwrap_or(3))
}

/// A whole number from the environment.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("`{name}` is a whole number, not `{text}`")),
    )
}

/// Waits until a condition holds.
#[track_caller]
fn eventually(awaited: &str, holds: impl Fn() -> bool) -> impl Future<Output = ()> {
    eventually_async(awaited, move || std::future::ready(holds()))
}

/// Waits until a condition holds that takes time to find out.
#[track_caller]
fn eventually_async<F: Future<Output = bool>>(awaited: &str, holds: impl Fn() -> F) -> impl Future<Output = ()> {
    let (awaited, from) = (awaited.to_owned(), std::panic::Location::caller());
    async move {
        let limit = Instant::now() + PATIENCE;
        while !holds().await {
            assert!(
                Instant::now() < limit,
                "in vain for {PATIENCE:?}: {awaited} (at {from})"
            );
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A port that nobody uses, for a process that starts again on it.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// Says words until everybody hears the newest one: a gap may hide a word.
async fn until_heard(person: &Person, ledger: &Ledger) {
    let limit = Instant::now() + PATIENCE;
    for number in 0.. {
        let word = format!("end {number}");
        person.insist(&word).await;
        let soon = Instant::now() + Duration::from_secs(5);
        while Instant::now() < soon && !ledger.deaf_to(&word).is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
        let deaf = ledger.deaf_to(&word);
        if deaf.is_empty() {
            break;
        }
        assert!(Instant::now() < limit, "{deaf:?} do not hear `{word}`");
    }
}

/// Waits until each member was told another gap since these.
async fn until_told(ledger: &Ledger, since: &BTreeMap<String, usize>) {
    let limit = Instant::now() + PATIENCE;
    loop {
        let now = ledger.gaps();
        let untold: Vec<_> = since.keys().filter(|name| now[*name] == since[*name]).collect();
        if untold.is_empty() {
            return;
        }
        assert!(Instant::now() < limit, "{untold:?} are not told the gap");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until this many more events were accepted.
async fn goes_on(ledger: &Ledger, more: usize) {
    let wanted = ledger.accepted_so_far() + more;
    eventually("events are accepted", || ledger.accepted_so_far() >= wanted).await;
}
