//! Measures how a server opens a large file: `cargo run --release -p store-bench --bin opening -- ROOMS EVENTS`, by default
//! 100,000 rooms that were created and 10 million events of 100 bytes. Prints the time of `build()`, the memory that it takes,
//! how much `build()` reads, and the time of the first use of a room. Fails if the memory or what is read is over 100 MB. A child process generates the file in the folder for temporary files: 3 GB by
//! default.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use dialogue::prelude::*;
use dialogue::sqlite::{Retention, Sqlite, StoreAppender};
use rusqlite::Connection;

/// How much memory a server may take for the file, and how much of it `build()` may read, whatever its size.
const MOST_MEGABYTES: f64 = 100.0;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// A line of a conversation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history = 50)]
pub struct Line {
    text: String,
}

rooms! {
    /// The rooms of a support desk.
    pub Rooms;
    /// One conversation with a customer.
    pub Ticket { id: u64 } = "ticket-{id}" { events: [Line], client_created: 100 }
}

/// A folder that ends with the program.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _the_system_removes_it_otherwise = std::fs::remove_dir_all(&self.0);
    }
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default| arguments.get(at).map_or(Ok(default), |text| text.parse());
    let (rooms, events) = (number(0, 100_000)?, number(1, 10_000_000)?);
    if let Some(file) = arguments.get(2) {
        return fill(Path::new(file), rooms, events);
    }
    let folder = Folder(std::env::temp_dir().join(format!("dialogue-opening-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0)?;
    let file = folder.0.join("rooms.db");
    let mut generate = Command::new(std::env::current_exe()?);
    let generated = generate
        .args([rooms.to_string(), events.to_string()])
        .arg(&file)
        .status()?;
    if !generated.success() {
        return Err("the file was not generated".into());
    }
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(open(&file, rooms, events))
}

/// Generates a file with this many rooms and events.
fn fill(file: &Path, rooms: u64, events: u64) -> Outcome<()> {
    let store = StoreAppender::open(Sqlite::open(file))?;
    store.close();
    let connection = Connection::open(file)?;
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; BEGIN;")?;
    connection.execute(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1) \
         INSERT INTO rooms (id, name, epoch, created, creator) SELECT n, 'ticket-' || n, hex(randomblob(8)), 1, 'server' FROM n",
        [rooms.cast_signed()],
    )?;
    let text = "x".repeat(100);
    connection.execute(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1) \
         INSERT INTO events (room, type, seq, at, sender, body) \
         SELECT rooms.id, 1, n, 1700000000000 + n, 'ada', '{\"type\":\"event\",\"event\":\"line\",\"roomId\":\"' || name || \
             '\",\"data\":{\"text\":\"' || ?2 || '\"},\"from\":\"ada\",\"timestamp\":1700000000000,\"seq\":' || n || '}' \
         FROM rooms CROSS JOIN n",
        ((events / rooms.max(1)).cast_signed(), text),
    )?;
    connection.execute(
        "INSERT INTO types (id, name, bytes, events) SELECT 1, 'line', sum(octet_length(body)), count(*) FROM events",
        [],
    )?;
    connection.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE);")?;
    Ok(())
}

/// Opens the file, and prints what that takes.
async fn open(file: &Path, rooms: u64, events: u64) -> Outcome<()> {
    let size = std::fs::metadata(file)?.len();
    println!("summary: {rooms} rooms, {events} events, {} MB", size / 1_000_000);
    let (before, read_before) = (peak_memory()?, bytes_read()?);
    let began = Instant::now();
    let store = Sqlite::open(file).retention(Retention::FOREVER);
    let dialogue = Dialogue::builder()
        .rooms::<Rooms>()
        .trust_client_identity()
        .store(store)
        .build()?;
    println!("summary: build()             {:9.1} ms", milliseconds(began));
    let memory = (peak_memory()? - before) / 1_000.0;
    let read = (bytes_read()? - read_before) / 1_000_000.0;
    println!("summary: memory for it       {memory:9.1} MB");
    println!("summary: read for it         {read:9.1} MB");
    let began = Instant::now();
    let room = dialogue
        .room(Ticket { id: rooms })
        .await?
        .ok_or("the last room is there")?;
    let newest = room.history::<Line>(0..50).await?;
    println!("summary: first use of a room {:9.1} ms", milliseconds(began));
    assert_eq!(newest.len() as u64, (events / rooms).min(50));
    dialogue.stop().await?;
    for (what, megabytes) in [("memory", memory), ("reading", read)] {
        if megabytes > MOST_MEGABYTES {
            return Err(format!("{what}: opening the file took more than {MOST_MEGABYTES} MB").into());
        }
    }
    Ok(())
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}

/// How many bytes this process has read, from the disk or from the system's cache.
fn bytes_read() -> Outcome<f64> {
    let counts = std::fs::read_to_string("/proc/self/io")?;
    let line = counts.lines().find_map(|line| line.strip_prefix("rchar: "));
    Ok(line.ok_or("Linux says it")?.parse()?)
}

/// The most memory that this process has used, in KB.
fn peak_memory() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line.ok_or("Linux says it")?.trim().trim_end_matches(" kB").parse()?)
}
