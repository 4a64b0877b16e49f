//! Cuts one connection at every byte that the client reads, then lets the client recover.

use serde_json::{Value, json};

use super::peer::{Peer, PeerFrame};
use super::{Fleeting, Plenty, find_room, settle};
use crate::room::SyncHistory;
use crate::{Dialogue, RoomConfig};

/// A client's state of a room: its position, and the numbers of the events that it has received.
#[derive(Debug, Default)]
struct Log {
    position: Option<(String, u64)>,
    numbers: Vec<u64>,
}

impl Log {
    fn take(&mut self, frame: &Value) {
        match frame["type"].as_str() {
            Some("joined") => {
                if frame["recovered"] != json!(true) {
                    self.numbers.clear();
                }
                let epoch = frame["epoch"].as_str().expect("an epoch").to_owned();
                self.position = Some((epoch, frame["seq"].as_u64().expect("a number")));
                for event in frame["events"].as_array().expect("events") {
                    self.numbers.push(event["data"]["number"].as_u64().expect("a number"));
                }
            }
            Some("event") if frame["event"] == "plenty" => {
                self.numbers.push(frame["data"]["number"].as_u64().expect("a number"));
                let (_, position) = self.position.as_mut().expect("an event comes after `joined`");
                *position = frame["seq"].as_u64().expect("a number");
            }
            _ => {}
        }
    }

    fn join(&self) -> Value {
        let mut join = json!({ "type": "join", "id": 1, "roomId": "room" });
        if let Some((epoch, seq)) = &self.position {
            join["since"] = json!({ "epoch": epoch, "seq": seq });
        }
        join
    }
}

async fn room() -> Dialogue {
    let dialogue = Dialogue::builder().define_events([]).build().expect("a server");
    let config = RoomConfig::new("room")
        .event::<Plenty>()
        .event::<Fleeting>()
        .subscribe_to_all()
        .sync_history_on_join(SyncHistory::All);
    dialogue.create_room(config).await.expect("a room");
    dialogue
}

async fn trigger(dialogue: &Dialogue, number: u64) {
    let room = find_room(dialogue, "room").await.expect("the room");
    room.trigger(Fleeting { number }).await.expect("a delivery");
    room.trigger(Plenty { number }).await.expect("a delivery");
}

fn take_all(log: &mut Log, frames: Vec<PeerFrame>) {
    for frame in frames {
        if let PeerFrame::Text(text) = frame {
            log.take(&text);
        }
    }
}

/// A client connects and joins. Events 1 to 3 happen. It reads `at` bytes, and its connection is cut. Event 4 happens,
/// and the client reconnects. Returns the numbers that it has, and how many bytes it read.
async fn cut_at(at: usize, capacity: usize) -> (Vec<u64>, usize) {
    let dialogue = room().await;
    let mut log = Log::default();
    let mut peer = Peer::connect(&dialogue, capacity).await;
    peer.send(&log.join()).await;
    settle().await;
    for number in 1..=3 {
        trigger(&dialogue, number).await;
    }
    peer.read_up_to(at).await;
    let read = peer.read;
    take_all(&mut log, peer.take_frames());
    drop(peer);
    settle().await;
    assert_eq!(dialogue.here().clients(), [], "the server has disconnected the client");
    trigger(&dialogue, 4).await;

    let mut peer = Peer::connect(&dialogue, capacity).await;
    peer.send(&log.join()).await;
    take_all(&mut log, peer.drain().await);
    trigger(&dialogue, 5).await;
    take_all(&mut log, peer.drain().await);
    (log.numbers, read)
}

#[tokio::test(start_paused = true)]
async fn a_cut_at_any_byte_then_recovery_gives_each_event_once_and_in_order() {
    let (numbers, length) = cut_at(usize::MAX, 1 << 16).await;
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    for at in 0..length {
        let (numbers, read) = cut_at(at, 1 << 16).await;
        assert_eq!(
            (numbers.as_slice(), read),
            ([1, 2, 3, 4, 5].as_slice(), at),
            "cut at byte {at}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_at_any_byte_of_a_stalled_write_loses_nothing_either() {
    let (_, length) = cut_at(usize::MAX, 1 << 16).await;
    for at in (0..length).step_by(7) {
        let (numbers, read) = cut_at(at, 16).await;
        assert_eq!(
            (numbers.as_slice(), read),
            ([1, 2, 3, 4, 5].as_slice(), at),
            "cut at byte {at}"
        );
    }
}
