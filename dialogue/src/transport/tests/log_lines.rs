//! The lines that clients can cause are limited, also those of hooks that fail at the speed of clients.

use std::io::Write;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::json;
use tokio::time::Instant;
use tracing::{Dispatch, Level};

use super::peer::Peer;
use super::*;
use crate::RoomConfig;
use crate::log::StoreFailure;
use crate::log::tests::fake_store::FakeStore;

/// Every line that a server logs, of any level.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn dispatch(&self) -> Dispatch {
        let lines = self.clone();
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(Level::TRACE)
            .with_writer(move || lines.clone())
            .finish()
            .into()
    }

    /// The lines that contain this text.
    fn with(&self, text: &str) -> Vec<String> {
        let all = String::from_utf8_lossy(&self.0.lock()).into_owned();
        let found = all.lines().filter(|line| line.contains(text));
        found.map(str::to_owned).collect()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn clients_cannot_flood_the_log() {
    let lines = Lines::default();
    let dialogue = Dialogue::builder()
        .define_events([])
        .logger(lines.dispatch())
        .authenticate(|_| async { Err(std::io::Error::other("no database").into()) })
        .build()
        .expect("a server");
    let flood = async || {
        let started = Instant::now();
        for _ in 0..200 {
            Peer::connect(&dialogue, 10_000).await.receive_close().await;
        }
        settle().await;
        started.elapsed().as_secs() as usize
    };
    let seconds = flood().await;
    for kind in ["a hook failed", "refused a request", "refused a connection"] {
        let count = lines.with(kind).len();
        assert!((10..=10 + seconds).contains(&count), "{kind}: {count} in {seconds} s");
    }
    assert!(seconds < 100, "the clock did not move by itself");
    let logged = lines.with("a hook failed").len();
    let pause = Duration::from_secs(5);
    tokio::time::sleep(pause).await;
    let seconds = seconds + flood().await + 6;
    let more = lines.with("a hook failed");
    assert!(
        (logged + 5..=10 + seconds).contains(&more.len()),
        "{} lines",
        more.len()
    );
    assert!(more[logged].contains("suppressed="), "{}", more[logged]);
    assert!(!more[logged + 1].contains("suppressed="), "{}", more[logged + 1]);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_clients_that_make_every_mistake_cause_few_lines_and_no_error() {
    let lines = Lines::default();
    let dialogue = Dialogue::builder()
        .define_events([])
        .logger(lines.dispatch())
        .authenticate(|handshake| async move {
            match handshake.auth.as_str() {
                Some("") => Err(Refusal::because("bad token", std::io::Error::other("expired")).into()),
                Some(user) => Ok(Identity::user(user)),
                None => Ok(Identity::anonymous()),
            }
        })
        .before_join(|_, _| async { refuse("not you") })
        .build()
        .expect("a server");
    let config = RoomConfig::new("room").event::<Plenty>();
    dialogue.create_room(config).await.expect("a room");
    for number in 0..100 {
        let mut refused = Peer::new_as(&dialogue, json!("")).await;
        assert_eq!(refused.receive_close().await, 4500);
        let long = Peer::new_as(&dialogue, json!("\u{7}system\n"))
            .await
            .receive_close()
            .await;
        assert_eq!(long, 4500);
        let mut peer = Peer::new_as(&dialogue, json!(format!("user-{number}\u{202e}"))).await;
        peer.receive_type("connected").await;
        for frame in [
            json!({ "type": "nothing" }),
            json!([]),
            json!({ "type": "join", "roomId": "\n ERROR forged" }),
            json!({ "type": "join", "roomId": "room" }),
            json!({ "type": "leave", "roomId": "room" }),
            json!({ "type": "trigger", "roomId": "room", "event": "plenty", "data": { "number": -1 } }),
            json!({ "type": "trigger", "roomId": "room", "event": "none", "data": 1, "repeats": 1 }),
            json!({ "type": "history", "roomId": "room", "event": "plenty", "before": 1, "limit": 1 }),
            json!({ "type": "createRoom", "room": { "id": "any" } }),
            json!({ "type": "connect", "protocol": 2 }),
            json!({ "type": "connect", "protocol": 1, "auth": "another" }),
        ] {
            peer.send(&frame).await;
            peer.receive_type("error").await;
        }
        let binary = [0x82, 0x80, 0, 0, 0, 0];
        let reserved = [0xf3, 0x80, 0, 0, 0, 0];
        peer.send_what_fits(if number % 2 == 0 { &binary } else { &reserved })
            .await;
        peer.receive_close().await;
    }
    settle().await;
    let of = |level: &str| lines.with(&format!("Z {level:>5} ")).len();
    assert_eq!((of("ERROR"), lines.with("\u{202e}").len()), (0, 0));
    // The authentication of a hundred clients returned an id with control characters: the operator's mistake.
    assert!(of("WARN") <= 11, "{}", of("WARN"));
    let all = lines.with(" ").len();
    assert!(all <= 150, "{all} lines");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_read_is_logged_with_what_to_do() {
    let (lines, store) = (Lines::default(), FakeStore::new());
    let server = |store: &Arc<FakeStore>| {
        let builder = Dialogue::builder().define_events([]).logger(lines.dispatch());
        builder.durable(Arc::clone(store) as _).build().expect("a server")
    };
    let room = RoomConfig::new("room").event::<Plenty>();
    server(&store).create_room(room).await.expect("a room");
    let store = store.restart();
    let dialogue = server(&store);
    store.fail_reads(Some(StoreFailure::Corrupt {
        reason: "page 7".to_owned(),
    }));
    settle().await;
    let logged = || lines.with("restore a backup").len();
    let before = logged();
    let mut peer = Peer::connect(&dialogue, 10_000).await;
    peer.send(&json!({ "type": "join", "id": 1, "roomId": "room" })).await;
    assert_eq!(peer.receive_type("error").await["code"], "UNAVAILABLE");
    settle().await;
    assert_eq!(logged(), before + 1, "{:?}", lines.with("ERROR"));
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(logged(), before + 2, "retention reads, too");
}
