//! The machine of a server loses power: the end of the write-ahead log is lost, at each place where it can be cut, and the
//! server starts again under another boot id.

use std::fs::{self, OpenOptions};
use std::io::Write;

use dialogue::sqlite::{Durability, Sqlite};
use dialogue_tests::{Folder, TestClient, TestServer};
use serde_json::{Value, json};

/// The sizes of parts of a write-ahead log.
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const FRAME: usize = FRAME_HEADER + 4096;

/// What is on the disk.
struct Disk {
    file: Vec<u8>,
    log: Vec<u8>,
}

impl Disk {
    /// What is there now. No change is in progress.
    fn now(folder: &Folder) -> Self {
        Self {
            file: fs::read(folder.file()).expect("the file"),
            log: fs::read(log(folder)).expect("its write-ahead log"),
        }
    }

    /// Puts the disk back as it was, without the log's bytes from `length` on. The file stays the same one.
    fn restore(&self, folder: &Folder, length: usize) {
        let _absent = fs::remove_file(folder.path().join("rooms.db-shm"));
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .truncate(true)
            .open(folder.file())
            .expect("the file");
        file.write_all(&self.file).expect("it is written");
        fs::write(log(folder), &self.log[..length]).expect("it is written");
    }

    /// Where the log can be cut from `first` on: between all frames, in the middle of each, and at more places in the first one.
    fn cuts(&self, first: usize) -> Vec<usize> {
        let frames = (self.log.len() - HEADER) / FRAME;
        assert_eq!(self.log.len(), HEADER + frames * FRAME, "a log of whole frames");
        let places = [0, 1, FRAME_HEADER, FRAME - 1].map(|place| first.max(HEADER) + place);
        let cuts = (0..frames).flat_map(|frame| [HEADER + frame * FRAME, HEADER + frame * FRAME + FRAME / 2]);
        let mut cuts: Vec<_> = cuts.chain([0, HEADER / 2, self.log.len()]).chain(places).collect();
        cuts.retain(|cut| *cut >= first);
        cuts.sort_unstable();
        cuts.dedup();
        cuts
    }
}

fn log(folder: &Folder) -> std::path::PathBuf {
    folder.path().join("rooms.db-wal")
}

async fn server(folder: &Folder, durability: Durability, boot_id: &str) -> TestServer {
    let store = Sqlite::open(folder.file()).durability(durability);
    let store = store.with_boot_id(Some(boot_id.to_owned()));
    TestServer::with(|builder| builder.store(store)).await
}

fn text(number: u64) -> String {
    format!("text {number}")
}

/// Triggers an event with its key, and returns its number.
async fn say(client: &mut TestClient, number: u64) -> u64 {
    let answer = client
        .request(json!({
            "type": "trigger", "roomId": "chat", "event": "message", "data": { "text": text(number) },
            "key": format!("key-{number}"),
        }))
        .await;
    answer["seq"].as_u64().unwrap_or_else(|| panic!("{answer}"))
}

/// Joins as a client that has seen the events of `before` up to the number `seq`.
async fn rejoin(client: &mut TestClient, before: &Value, seq: u64) -> Value {
    let since = json!({ "epoch": before["epoch"], "seq": seq });
    let joined = client
        .request(json!({ "type": "join", "roomId": "chat", "subscriptions": ["message"], "since": since }))
        .await;
    assert_eq!(joined["type"], "joined", "{joined}");
    joined
}

/// All texts that the room has, the oldest first.
async fn everything(client: &mut TestClient) -> Vec<String> {
    let page = client
        .request(json!({ "type": "history", "roomId": "chat", "event": "message", "before": 1_000_000, "limit": 100 }))
        .await;
    let events = page["events"].as_array().unwrap_or_else(|| panic!("{page}"));
    let text = |event: &Value| event["data"]["text"].as_str().expect("a text").to_owned();
    events.iter().rev().map(text).collect()
}

#[tokio::test]
async fn after_a_power_failure_no_client_is_told_that_it_missed_nothing() {
    const EVENTS: u64 = 3;
    let folder = Folder::new("power-loss");
    let first = server(&folder, Durability::Process, "one").await;
    let mut ada = first.connect_as("ada").await;
    let before = ada.join("chat").await;
    for number in 1..=EVENTS {
        assert_eq!(say(&mut ada, number).await, number);
    }
    let disk = Disk::now(&folder);
    first.stop().await;

    let all: Vec<_> = (1..=EVENTS).map(text).collect();
    let (mut lost_all, mut lost_some) = (0, 0);
    for cut in disk.cuts(0) {
        disk.restore(&folder, cut);
        let second = server(&folder, Durability::Process, "two").await;
        let mut ada = second.connect_as("ada").await;
        // At the end, and before events that may be there or not.
        for seen in [EVENTS, 1] {
            let joined = rejoin(&mut ada, &before, seen).await;
            assert_eq!(joined["recovered"], false, "cut at {cut}, seen {seen}: {joined}");
            assert_ne!(joined["epoch"], before["epoch"], "cut at {cut}");
        }
        let kept = everything(&mut ada).await;
        assert_eq!(kept[..], all[..kept.len()], "cut at {cut}: what is left is a prefix");
        assert!(cut < disk.log.len() || kept.len() == all.len(), "nothing was cut");
        lost_all += u32::from(kept.is_empty());
        lost_some += u32::from(!kept.is_empty() && kept.len() < all.len());
        // A client repeats what it is not sure of: each is there once.
        for number in 1..=EVENTS {
            assert_eq!(say(&mut ada, number).await, number, "cut at {cut}");
        }
        assert_eq!(everything(&mut ada).await, all, "cut at {cut}");
        second.stop().await;
    }
    assert!(
        lost_all > 0 && lost_some > 0,
        "the cuts lose something: {lost_all}, {lost_some}"
    );
}

#[tokio::test]
async fn with_durability_power_no_accepted_event_is_lost_and_clients_recover() {
    let folder = Folder::new("power");
    let first = server(&folder, Durability::Power, "one").await;
    let mut ada = first.connect_as("ada").await;
    let before = ada.join("chat").await;
    for number in 1..=3 {
        assert_eq!(say(&mut ada, number).await, number);
    }
    // The log up to here is on the disk, because `ok` was received. The next event is cut off while it is written.
    let accepted = Disk::now(&folder).log.len();
    assert_eq!(say(&mut ada, 4).await, 4);
    let disk = Disk::now(&folder);
    first.stop().await;

    let (mut kept, mut lost) = (0, 0);
    for cut in disk.cuts(accepted) {
        disk.restore(&folder, cut);
        let second = server(&folder, Durability::Power, "two").await;
        let mut ada = second.connect_as("ada").await;
        let joined = rejoin(&mut ada, &before, 3).await;
        assert_eq!(
            (&joined["recovered"], &joined["epoch"]),
            (&json!(true), &before["epoch"]),
            "cut at {cut}"
        );
        let replayed = joined["events"].as_array().map_or(0, Vec::len);
        kept += u32::from(replayed == 1);
        lost += u32::from(replayed == 0);
        // Its outcome is unknown, so the client repeats it.
        assert_eq!(say(&mut ada, 4).await, 4, "cut at {cut}");
        let all: Vec<_> = (1..=4).map(text).collect();
        assert_eq!(everything(&mut ada).await, all, "cut at {cut}");
        second.stop().await;
    }
    assert!(
        kept > 0 && lost > 0,
        "the event is cut off, or it is not: {kept}, {lost}"
    );
}
