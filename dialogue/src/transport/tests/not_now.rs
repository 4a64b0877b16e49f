//! Hooks that fail for a while, on a paused clock: when a sign-in gives up, and when a check after a renewal is repeated.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::peer::{Peer, PeerFrame};
use super::settle;
use crate::{Builder, Dialogue, Identity, Limits, RoomConfig, refuse};

const AGREES: u8 = 0;
const FAILS: u8 = 1;
const REFUSES: u8 = 2;
const HANGS: u8 = 3;

/// A `before_join` that a test controls, with a list of the rooms and the times in seconds of its calls.
#[derive(Clone)]
struct Guard {
    answer: Arc<AtomicU8>,
    calls: Arc<Mutex<Vec<(String, u64)>>>,
    from: Instant,
}

impl Guard {
    fn new() -> Self {
        Self {
            answer: Arc::new(AtomicU8::new(AGREES)),
            calls: Arc::default(),
            from: Instant::now(),
        }
    }

    fn set(&self, answer: u8) {
        self.answer.store(answer, Ordering::SeqCst);
    }

    fn guarding(&self, builder: Builder) -> Builder {
        let guard = self.clone();
        builder.before_join(move |_, room| {
            let since = guard.from.elapsed().as_secs();
            guard.calls.lock().push((room.id().to_string(), since));
            let answer = guard.answer.load(Ordering::SeqCst);
            async move {
                match answer {
                    AGREES => Ok(()),
                    FAILS => Err("no database".into()),
                    REFUSES => refuse("no more"),
                    _ => std::future::pending().await,
                }
            }
        })
    }

    /// The times of the calls so far, which are forgotten then.
    fn times(&self) -> Vec<u64> {
        self.take().into_iter().map(|(_, time)| time).collect()
    }

    fn take(&self) -> Vec<(String, u64)> {
        std::mem::take(&mut *self.calls.lock())
    }
}

/// A server with these rooms, and a member of all of them.
async fn member(builder: Builder, rooms: &[&str]) -> (Dialogue, Peer) {
    let dialogue = builder.build().expect("a server");
    let mut peer = Peer::connect(&dialogue, 65_536).await;
    for room in rooms {
        dialogue.create_room(RoomConfig::new(*room)).await.expect("a room");
        peer.send(&json!({ "type": "join", "roomId": room })).await;
        peer.receive_type("joined").await;
    }
    peer.drain().await;
    (dialogue, peer)
}

/// Signs everyone in as `ada`. The server never pings, because the peer would not answer.
fn signing_in() -> Builder {
    let limits = Limits::default().with_ping_interval(Duration::from_secs(86_400));
    let builder = Dialogue::builder().define_events([]).limits(limits);
    builder.authenticate(|_| async { Ok(Identity::user("ada")) })
}

async fn renew(peer: &mut Peer) {
    peer.send(&json!({ "type": "connect", "protocol": 1 })).await;
    peer.receive_type("connected").await;
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn left(frames: &[PeerFrame]) -> Vec<Value> {
    let texts = frames.iter().filter_map(|frame| match frame {
        PeerFrame::Text(text) if text["type"] == "left" => Some(text["roomId"].clone()),
        _ => None,
    });
    texts.collect()
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_that_hangs_ends_at_the_connect_deadline_with_a_code_that_reconnects() {
    let dialogue = Dialogue::builder()
        .define_events([])
        .authenticate(|_| std::future::pending())
        .build()
        .expect("a server");
    let from = Instant::now();
    let mut peer = Peer::connect(&dialogue, 4096).await;
    let error = peer.receive_type("error").await;
    assert_eq!(
        (&error["code"], &error["retryAfter"]),
        (&json!("UNAVAILABLE"), &json!(1_000))
    );
    assert_eq!(peer.receive_close().await, 4003);
    assert!(from.elapsed().abs_diff(dialogue.core.limits.connect_deadline) < Duration::from_millis(10));
    assert_eq!(dialogue.stats().hook_failures, 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_cannot_be_admitted_in_time_is_told_to_reconnect() {
    // The server probes the connections of a user that has too many, which takes longer than this sign-in may.
    let limits = Limits::default()
        .with_connections_per_user(1)
        .with_connect_deadline(Duration::from_secs(2));
    let builder = Dialogue::builder().define_events([]).limits(limits);
    let builder = builder.authenticate(|_| async { Ok(Identity::user("ada")) });
    let dialogue = builder.build().expect("a server");
    let mut first = Peer::connect(&dialogue, 4096).await;
    first.receive_type("connected").await;
    let mut second = Peer::connect(&dialogue, 4096).await;
    assert_eq!(second.receive_type("error").await["code"], "UNAVAILABLE");
    assert_eq!(second.receive_close().await, 4003);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_is_confirmed_before_any_room_is_checked_again() {
    let guard = Guard::new();
    let (_dialogue, mut peer) = member(guard.guarding(signing_in()), &["one", "two", "three"]).await;
    guard.set(HANGS);
    let from = Instant::now();
    renew(&mut peer).await;
    assert!(from.elapsed() < Duration::from_secs(1), "{:?}", from.elapsed());
    guard.take();
    pass(14).await;
    let calls = guard.take();
    let times: Vec<_> = calls.iter().map(|(_, time)| *time).collect();
    assert_eq!(times, [5, 10], "one room after another: {calls:?}");
    assert_eq!(left(&peer.drain().await), [json!(null); 0]);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_fails_is_repeated_ever_more_rarely_until_it_is_decided() {
    let guard = Guard::new();
    let (dialogue, mut peer) = member(guard.guarding(signing_in()), &["room"]).await;
    guard.take();
    guard.set(FAILS);
    renew(&mut peer).await;
    pass(200).await;
    let times = guard.times();
    assert_eq!(times, [0, 1, 3, 7, 15, 31, 63, 123, 183]);
    assert_eq!(left(&peer.drain().await), [json!(null); 0], "the member stays");
    assert!(dialogue.here().is_in_room("ada", "room"));
    guard.set(REFUSES);
    pass(60).await;
    assert_eq!(left(&peer.drain().await), [json!("room")]);
    guard.take();
    pass(600).await;
    assert_eq!(guard.times(), [0; 0], "it is decided");
}

#[tokio::test(start_paused = true)]
async fn a_check_that_agrees_at_last_ends_the_repetitions() {
    let guard = Guard::new();
    let (dialogue, mut peer) = member(guard.guarding(signing_in()), &["one", "two"]).await;
    guard.take();
    guard.set(FAILS);
    renew(&mut peer).await;
    settle().await;
    guard.set(AGREES);
    pass(600).await;
    assert_eq!(guard.times(), [0, 0, 1, 1]);
    assert!(dialogue.here().is_in_room("ada", "one") && dialogue.here().is_in_room("ada", "two"));
}

#[tokio::test(start_paused = true)]
async fn a_newer_renewal_replaces_the_checks_of_the_one_before() {
    let guard = Guard::new();
    let (_dialogue, mut peer) = member(guard.guarding(signing_in()), &["room"]).await;
    guard.take();
    guard.set(FAILS);
    renew(&mut peer).await;
    pass(20).await;
    assert_eq!(guard.times(), [0, 1, 3, 7, 15]);
    renew(&mut peer).await;
    pass(8).await;
    assert_eq!(
        guard.times(),
        [20, 21, 23, 27],
        "the earlier one is not repeated at 31 s"
    );
    pass(5).await;
    assert_eq!(guard.times(), [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_checks_end_with_the_membership_and_with_the_connection() {
    let guard = Guard::new();
    let (dialogue, mut peer) = member(guard.guarding(signing_in()), &["one", "two"]).await;
    guard.take();
    guard.set(FAILS);
    renew(&mut peer).await;
    settle().await;
    peer.send(&json!({ "type": "leave", "roomId": "one" })).await;
    pass(5).await;
    let of_one = guard.take().iter().filter(|(room, _)| room == "one").count();
    assert_eq!(of_one, 1, "the client has left this room");
    drop(peer);
    settle().await;
    guard.take();
    pass(600).await;
    assert_eq!(guard.times(), [0; 0]);
    let idle = dialogue.core.lifecycle.tasks.len();
    assert_eq!(idle, 0, "no task is left");
}

#[tokio::test(start_paused = true)]
async fn checks_that_fail_delay_no_shutdown() {
    let guard = Guard::new();
    let (dialogue, mut peer) = member(guard.guarding(signing_in()), &["room"]).await;
    guard.set(HANGS);
    renew(&mut peer).await;
    settle().await;
    let from = Instant::now();
    dialogue.stop().await.expect("a drain");
    assert!(from.elapsed() < Duration::from_secs(4), "{:?}", from.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_hangs_fails_while_the_session_lives_on() {
    let hangs = Arc::new(AtomicU8::new(AGREES));
    let asked = Arc::clone(&hangs);
    let builder = Dialogue::builder().define_events([]).authenticate(move |_| {
        let hangs = asked.load(Ordering::SeqCst) == HANGS;
        async move {
            if hangs {
                std::future::pending::<()>().await;
            }
            Ok(Identity::user("ada").with_expiry(SystemTime::now() + Duration::from_secs(3600)))
        }
    });
    let (_dialogue, mut peer) = member(builder, &["room"]).await;
    hangs.store(HANGS, Ordering::SeqCst);
    peer.send(&json!({ "type": "connect", "id": 3, "protocol": 1 })).await;
    let error = peer.receive_type("error").await;
    assert_eq!((&error["code"], &error["id"]), (&json!("UNAVAILABLE"), &json!(3)));
    hangs.store(AGREES, Ordering::SeqCst);
    renew(&mut peer).await;
}
