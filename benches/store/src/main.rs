//! Compares the store in a file with a bare loop that writes the same rows with `rusqlite`: `cargo run --release -p
//! store-bench`. Prints the ratios of paired runs, which alternate.
//!
//! Each event has a key. In flight means handed over and not answered. The bare loop writes as many events in a
//! transaction as the store did on average in the run before.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dialogue::sqlite::{Durability, Sqlite, StoreAppender, StoreFaults};
use rusqlite::Connection;

/// How often each pair of runs is repeated. An odd number has a median.
const ROUNDS: usize = 7;

/// The data of an event: a short chat message.
const TEXT: &str = "Good morning! Has anybody seen the report from Tuesday? It should be in the usual folder.";

const BODY: &str = r#"{"type":"event","event":"line","roomId":"bench","data":"Good morning! Has anybody seen the report from Tuesday? It should be in the usual folder.","from":"ada","timestamp":1700000000000,"seq":"#;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let folder = std::env::temp_dir().join(format!("dialogue-store-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    println!("{ROUNDS} rounds in {}", folder.display());
    for (durability, name, events) in [
        (Durability::Process, "Process", [4_000, 60_000]),
        (Durability::Power, "Power", [400, 60_000]),
    ] {
        one_at_a_time(&folder, durability, name, events[0])?;
        in_flight(&folder, durability, name, 64, events[1])?;
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Compares the time from an append to its outcome with a bare commit.
fn one_at_a_time(folder: &Path, durability: Durability, name: &str, events: usize) -> Outcome<()> {
    let (mut ratios, mut extra, mut bares) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let store = || -> Outcome<Duration> {
            let store = Store::open(folder, durability)?;
            let mut times = Vec::with_capacity(events);
            for _ in 0..events {
                let began = Instant::now();
                let stored = store.appender.run(1, 1, TEXT);
                times.push(began.elapsed());
                check(stored, 1)?;
            }
            store.close(events)?;
            Ok(median(&mut times))
        };
        let bare = || -> Outcome<Duration> {
            let mut bare = Bare::open(folder, durability)?;
            let mut times = Vec::with_capacity(events);
            for _ in 0..events {
                let began = Instant::now();
                bare.write(1)?;
                times.push(began.elapsed());
            }
            bare.close(events)?;
            Ok(median(&mut times))
        };
        let (store, bare) = in_turn(round, store, bare)?;
        ratios.push(store.as_secs_f64() / bare.as_secs_f64());
        extra.push((store.as_secs_f64() - bare.as_secs_f64()) * 1e6);
        bares.push(bare.as_secs_f64() * 1e6);
    }
    print(
        &format!("{name}, one at a time: p50 of the store / bare"),
        "",
        &mut ratios,
    );
    print(
        &format!("{name}, one at a time: p50 of the store - bare"),
        " µs",
        &mut extra,
    );
    print(&format!("{name}, one at a time: p50 of bare"), " µs", &mut bares);
    Ok(())
}

/// Compares how many events are stored in a second. The first pair only finds out how large the transactions are.
fn in_flight(folder: &Path, durability: Durability, name: &str, in_flight: usize, events: usize) -> Outcome<()> {
    let (mut ratios, mut rates, mut batches) = (Vec::new(), Vec::new(), Vec::new());
    let batch = Cell::new(in_flight as f64);
    for round in 0..=ROUNDS {
        let store = || -> Outcome<Duration> {
            let store = Store::open(folder, durability)?;
            let warm = events / 10;
            check(store.appender.run(in_flight, warm, TEXT), warm)?;
            let before = store.faults.committed();
            let began = Instant::now();
            let stored = store.appender.run(in_flight, events, TEXT);
            let took = began.elapsed();
            check(stored, events)?;
            let after = store.faults.committed();
            batch.set((after.1 - before.1) as f64 / (after.0 - before.0).max(1) as f64);
            store.close(warm + events)?;
            Ok(took)
        };
        let bare = || -> Outcome<Duration> {
            let mut bare = Bare::open(folder, durability)?;
            let (warm, batch) = (events / 10, batch.get().round().max(1.0) as usize);
            bare.write_all(warm, batch)?;
            let began = Instant::now();
            bare.write_all(events, batch)?;
            let took = began.elapsed();
            bare.close(warm + events)?;
            Ok(took)
        };
        let (store, bare) = in_turn(round, store, bare)?;
        if round > 0 {
            ratios.push(bare.as_secs_f64() / store.as_secs_f64());
            rates.push(events as f64 / store.as_secs_f64());
            batches.push(batch.get());
        }
    }
    print(
        &format!("{name}, {in_flight} in flight: events in a second of the store / bare"),
        "",
        &mut ratios,
    );
    print(
        &format!("{name}, {in_flight} in flight: events in a second of the store"),
        "",
        &mut rates,
    );
    print(
        &format!("{name}, {in_flight} in flight: events in a transaction"),
        "",
        &mut batches,
    );
    Ok(())
}

/// Runs both, the store first in every other round. What one of them leaves to the disk slows down the other.
fn in_turn<T>(round: usize, store: impl Fn() -> Outcome<T>, bare: impl Fn() -> Outcome<T>) -> Outcome<(T, T)> {
    if round.is_multiple_of(2) {
        let store = store()?;
        Ok((store, bare()?))
    } else {
        let bare = bare()?;
        Ok((store()?, bare))
    }
}

/// A refused append would be a fast one.
fn check(found: usize, expected: usize) -> Outcome<()> {
    match found == expected {
        true => Ok(()),
        false => Err(format!("{found} events are stored, not {expected}").into()),
    }
}

/// Checks that a closed file has this many events, each with its key.
fn check_file(path: &Path, events: usize) -> Outcome<()> {
    let connection = Connection::open(path)?;
    for table in ["events", "keys"] {
        let rows: i64 = connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?;
        check(usize::try_from(rows)?, events)?;
    }
    Ok(())
}

struct Store {
    path: PathBuf,
    appender: StoreAppender,
    faults: StoreFaults,
}

impl Store {
    fn open(folder: &Path, durability: Durability) -> Outcome<Self> {
        let (faults, path) = (StoreFaults::new(), new_file(folder)?);
        let sqlite = Sqlite::open(&path).durability(durability).with_faults(&faults);
        let appender = StoreAppender::open(sqlite)?;
        Ok(Self { path, appender, faults })
    }

    /// Waits until the file is closed: its last flush would slow down what follows.
    fn close(self, events: usize) -> Outcome<()> {
        self.appender.close();
        check_file(&self.path, events)
    }
}

/// The same tables, written without the store.
struct Bare {
    path: PathBuf,
    connection: Connection,
    written: i64,
}

impl Bare {
    fn open(folder: &Path, durability: Durability) -> Outcome<Self> {
        let path = new_file(folder)?;
        StoreAppender::open(Sqlite::open(&path))?.close();
        let connection = Connection::open(&path)?;
        let synchronous = if durability == Durability::Power {
            "FULL"
        } else {
            "NORMAL"
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.execute_batch(
            "INSERT INTO rooms (id, name, epoch) VALUES (1, 'bench', 'e'); INSERT INTO types (id, name) VALUES (1, 'line')",
        )?;
        Ok(Self {
            path,
            connection,
            written: 0,
        })
    }

    fn close(self, events: usize) -> Outcome<()> {
        drop(self.connection);
        check_file(&self.path, events)
    }

    fn write_all(&mut self, events: usize, batch: usize) -> rusqlite::Result<()> {
        let mut left = events;
        while left > 0 {
            let now = left.min(batch);
            self.write(now)?;
            left -= now;
        }
        Ok(())
    }

    /// Writes a transaction.
    fn write(&mut self, events: usize) -> rusqlite::Result<()> {
        let connection = &self.connection;
        // The index of keys by age grows at its end only if the time advances, as the store's does.
        let at = i64::try_from(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_millis()),
        );
        let at = at.unwrap_or(i64::MAX);
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut event = connection.prepare_cached(
            "INSERT INTO events (room, type, seq, at, sender, body) VALUES (1, 1, ?1, ?3, 'ada', ?2)",
        )?;
        let mut key = connection.prepare_cached(
            "INSERT INTO keys (room, user, key, connection, seq, at) VALUES (1, 'ada', ?1, 'c1', ?2, ?3)",
        )?;
        for _ in 0..events {
            self.written += 1;
            key.execute((StoreAppender::key(self.written.cast_unsigned()), self.written, at))?;
            event.execute((self.written, format!("{BODY}{}}}", self.written), at))?;
        }
        connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }
}

fn new_file(folder: &Path) -> std::io::Result<PathBuf> {
    static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    Ok(folder.join(format!("{number}.db")))
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn print(what: &str, unit: &str, values: &mut [f64]) {
    values.sort_unstable_by(f64::total_cmp);
    let (least, most) = (values[0], values[values.len() - 1]);
    println!(
        "{what}: {:.2}{unit} ({least:.2} to {most:.2})",
        values[values.len() / 2]
    );
}
