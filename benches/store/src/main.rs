//! Compares a store in a file with a bare loop that writes the same rows with `rusqlite`: `cargo run --release -p
//! store-bench`, or with the names of what to measure: `appends`, `server-triggers`, `client-triggers`, `Process`, `Power`.
//! `ROUNDS` is 7 by default.
//!
//! Prints medians of paired runs, which alternate, and the least and the most. In flight means sent and not answered. The
//! bare loop writes as many events in a transaction as the store did on average in the run before.

mod appends;
mod bare;
mod connection;
mod file;
mod subject;
mod triggers;

use std::path::Path;
use std::time::{Duration, Instant};

use dialogue::sqlite::Durability;

use crate::bare::Bare;
use crate::subject::{Subject, Way};

/// How many events wait at the same time, in the part in which several do.
const IN_FLIGHT: usize = 64;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let levels = [Durability::Process, Durability::Power].map(|level| (level, format!("{level:?}")));
    let names: Vec<String> = std::env::args().skip(1).collect();
    let known =
        |name: &String| levels.iter().any(|(_, level)| level == name) || Way::ALL.iter().any(|way| way.name() == name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        return Err(format!("there is no `{unknown}`").into());
    }
    // Without a name of its kind, everything of that kind.
    let is_wanted = |kind: &[&str], name: &str| {
        let mut wanted = names.iter().filter(|wanted| kind.contains(&wanted.as_str())).peekable();
        wanted.peek().is_none() || wanted.any(|wanted| wanted == name)
    };
    let rounds = std::env::var("ROUNDS").map_or(Ok(7), |rounds| rounds.parse())?;
    let folder = std::env::temp_dir().join(format!("dialogue-store-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    println!("{rounds} rounds in {}", folder.display());
    let ways = Way::ALL.map(Way::name);
    for (durability, level) in &levels {
        // A flush of the disk takes long.
        let single = if *durability == Durability::Power { 400 } else { 4_000 };
        for way in Way::ALL {
            if is_wanted(&["Process", "Power"], level) && is_wanted(&ways, way.name()) {
                let pair = Pair {
                    folder: &folder,
                    durability: *durability,
                    way,
                    title: format!("{level}, {}", way.name()),
                    rounds,
                };
                pair.one_at_a_time(single)?;
                pair.in_flight(60_000)?;
            }
        }
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// A way to the file, and the bare loop that writes the same rows.
struct Pair<'a> {
    folder: &'a Path,
    durability: Durability,
    way: Way,
    title: String,
    rounds: usize,
}

impl Pair<'_> {
    /// Compares the time from an event to its outcome with a bare commit.
    fn one_at_a_time(&self, events: usize) -> Outcome<()> {
        let (mut ratios, mut extra, mut bares) = (Vec::new(), Vec::new(), Vec::new());
        let measure = |subject: Outcome<Box<dyn Subject>>| -> Outcome<(f64, u64)> {
            let mut subject = subject?;
            let mut times = subject.one_at_a_time(events)?;
            Ok((micros(median(&mut times)), subject.close(events)?))
        };
        for round in 0..self.rounds {
            let (store, bare) = in_turn(round, || measure(self.store(1)), || measure(self.bare(1)))?;
            ratios.push(store / bare);
            extra.push(store - bare);
            bares.push(bare);
        }
        self.print("one at a time: p50 / bare", "", &mut ratios);
        self.print("one at a time: p50 - bare", " µs", &mut extra);
        self.print("one at a time: p50 of bare", " µs", &mut bares);
        Ok(())
    }

    /// Compares how many events are stored in a second. The first pair only finds out how large the transactions are.
    fn in_flight(&self, events: usize) -> Outcome<()> {
        let (mut ratios, mut rates, mut batches) = (Vec::new(), Vec::new(), Vec::new());
        let batch = std::cell::Cell::new(IN_FLIGHT as f64);
        let warm = events / 10;
        let measure = |subject: Outcome<Box<dyn Subject>>, is_store: bool| -> Outcome<(f64, u64)> {
            let mut subject = subject?;
            subject.in_flight(IN_FLIGHT, warm)?;
            let before = subject.committed();
            let began = Instant::now();
            subject.in_flight(IN_FLIGHT, events)?;
            let took = micros(began.elapsed());
            let after = subject.committed();
            if is_store {
                batch.set((after.1 - before.1) as f64 / (after.0 - before.0).max(1) as f64);
            }
            Ok((took, subject.close(warm + events)?))
        };
        for round in 0..=self.rounds {
            let store = || measure(self.store(IN_FLIGHT), true);
            let bare = || measure(self.bare(batch.get().round().max(1.0) as usize), false);
            let (store, bare) = in_turn(round, store, bare)?;
            if round > 0 {
                ratios.push(bare / store);
                rates.push(events as f64 / store * 1e6);
                batches.push(batch.get());
            }
        }
        self.print("64 in flight: events in a second / bare", "", &mut ratios);
        self.print("64 in flight: events in a second", "", &mut rates);
        self.print("64 in flight: events in a transaction", "", &mut batches);
        Ok(())
    }

    fn store(&self, in_flight: usize) -> Outcome<Box<dyn Subject>> {
        self.way.open(self.folder, self.durability, in_flight)
    }

    fn bare(&self, batch: usize) -> Outcome<Box<dyn Subject>> {
        let bare = Bare::open(self.folder, self.durability, self.way.rows(), batch)?;
        Ok(Box::new(bare))
    }

    fn print(&self, what: &str, unit: &str, values: &mut [f64]) {
        values.sort_unstable_by(f64::total_cmp);
        let (least, most) = (values[0], values[values.len() - 1]);
        let median = values[values.len() / 2];
        println!("{}, {what}: {median:.2}{unit} ({least:.2} to {most:.2})", self.title);
    }
}

/// Runs both, the store first in every other round. What one of them leaves to the disk slows down the other. Each returns
/// what was measured, and the bytes of the texts in its file, which must be about the same.
fn in_turn(
    round: usize,
    store: impl Fn() -> Outcome<(f64, u64)>,
    bare: impl Fn() -> Outcome<(f64, u64)>,
) -> Outcome<(f64, f64)> {
    let (store, bare) = if round.is_multiple_of(2) {
        let store = store()?;
        (store, bare()?)
    } else {
        let bare = bare()?;
        (store()?, bare)
    };
    match store.1.abs_diff(bare.1) * 100 > bare.1 {
        true => Err(format!("the rows differ: {} bytes, and {} in the bare loop", store.1, bare.1).into()),
        false => Ok((store.0, bare.0)),
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
