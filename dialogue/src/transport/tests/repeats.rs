//! Repetitions of a trigger, on a paused clock: each is delivered at most once, or the server says that it cannot tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::peer::Peer;
use super::settle;
use crate::{Dialogue, Identity, Limits, RoomConfig};

/// A server with a room. Each client says who it is, and is never pinged.
async fn server(limits: Limits) -> Dialogue {
    let dialogue = Dialogue::builder()
        .define_events([])
        .limits(limits.with_ping_interval(Duration::from_secs(1_000_000)))
        .authenticate(|handshake| async move {
            let user = handshake.auth.as_str().unwrap_or("ada").to_owned();
            Ok(Identity::user(user))
        })
        .build()
        .expect("a server");
    dialogue
        .create_room(RoomConfig::new("room").any_event())
        .await
        .expect("a room");
    dialogue
}

/// A client in the room.
struct Member {
    peer: Peer,
    id: Value,
    epoch: Value,
}

async fn member(dialogue: &Dialogue) -> Member {
    let mut peer = Peer::connect(dialogue, 1 << 20).await;
    let id = peer.receive_type("connected").await["clientId"].clone();
    peer.send(&json!({ "type": "join", "roomId": "room", "subscriptions": [] }))
        .await;
    let epoch = peer.receive_type("joined").await["epoch"].clone();
    Member { peer, id, epoch }
}

impl Member {
    /// What a repetition says of its first attempt on this connection.
    fn first_attempt(&self) -> Value {
        json!({ "clientId": self.id, "epoch": self.epoch })
    }

    /// Triggers with a key. Returns `ok`, or the code of the error.
    async fn trigger(&mut self, key: &str, repeats: Option<&Value>) -> String {
        let mut trigger = json!({ "type": "trigger", "id": 1, "roomId": "room", "event": "note", "key": key });
        if let Some(repeats) = repeats {
            trigger["repeats"] = repeats.clone();
        }
        self.peer.send(&trigger).await;
        loop {
            let Some(super::peer::PeerFrame::Text(reply)) = self.peer.receive().await else {
                panic!("no reply");
            };
            if reply["id"] == 1 {
                return reply["code"].as_str().unwrap_or("ok").to_owned();
            }
        }
    }

    async fn leave(self) {
        drop(self.peer);
        settle().await;
    }
}

fn delivered(dialogue: &Dialogue) -> u64 {
    dialogue.stats().events_in
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_repetition_gets_the_first_outcome_for_two_minutes_after_its_connection_ended() {
    let dialogue = server(Limits::default()).await;
    let mut first = member(&dialogue).await;
    let attempt = first.first_attempt();
    assert_eq!(first.trigger("k", None).await, "ok");
    pass(100).await;
    first.leave().await;
    pass(119).await;
    let mut second = member(&dialogue).await;
    assert_eq!(second.trigger("k", Some(&attempt)).await, "ok");
    assert_eq!(delivered(&dialogue), 1, "219 s after its delivery");
}

#[tokio::test(start_paused = true)]
async fn a_repetition_after_that_is_refused_whether_or_not_the_first_attempt_arrived() {
    let dialogue = server(Limits::default()).await;
    let mut first = member(&dialogue).await;
    let attempt = first.first_attempt();
    assert_eq!(first.trigger("arrived", None).await, "ok");
    first.leave().await;
    pass(125).await;
    let mut second = member(&dialogue).await;
    for key in ["arrived", "lost"] {
        assert_eq!(second.trigger(key, Some(&attempt)).await, "OUTCOME_UNKNOWN", "{key}");
    }
    assert_eq!(delivered(&dialogue), 1);
}

#[tokio::test(start_paused = true)]
async fn a_repetition_of_an_attempt_that_did_not_arrive_is_delivered_once() {
    let dialogue = server(Limits::default()).await;
    let mut first = member(&dialogue).await;
    assert_eq!(first.trigger("another", None).await, "ok");
    pass(500).await;
    let attempt = first.first_attempt();
    first.leave().await;
    let mut second = member(&dialogue).await;
    assert_eq!(second.trigger("lost", Some(&attempt)).await, "ok");
    assert_eq!(second.trigger("lost", Some(&attempt)).await, "ok");
    assert_eq!(delivered(&dialogue), 2);
}

#[tokio::test(start_paused = true)]
async fn a_repetition_of_an_old_trigger_is_not_delivered_again_while_its_connection_lives() {
    let dialogue = server(Limits::default()).await;
    let mut first = member(&dialogue).await;
    let attempt = first.first_attempt();
    assert_eq!(first.trigger("old", None).await, "ok");
    pass(1_000).await;
    assert_eq!(first.trigger("new", None).await, "ok");
    assert_eq!(first.trigger("old", Some(&attempt)).await, "OUTCOME_UNKNOWN");
    first.leave().await;
    let mut second = member(&dialogue).await;
    assert_eq!(second.trigger("old", Some(&attempt)).await, "OUTCOME_UNKNOWN");
    assert_eq!(second.trigger("new", Some(&attempt)).await, "ok");
    assert_eq!(second.trigger("lost", Some(&attempt)).await, "ok");
    assert_eq!(delivered(&dialogue), 3);
}

#[tokio::test(start_paused = true)]
async fn a_repetition_of_another_users_connection_or_of_another_room_is_refused() {
    let dialogue = server(Limits::default()).await;
    let mut first = member(&dialogue).await;
    let (own, mut attempt) = (first.first_attempt(), first.first_attempt());
    let mut eve = Peer::new_as(&dialogue, json!("eve")).await;
    let stranger = eve.receive_type("connected").await["clientId"].clone();
    for client in [stranger, json!("never"), json!("")] {
        attempt["clientId"] = client;
        assert_eq!(first.trigger("k", Some(&attempt)).await, "OUTCOME_UNKNOWN");
    }
    assert!(dialogue.delete_room("room").await.expect("a deletion"));
    dialogue
        .create_room(RoomConfig::new("room").any_event())
        .await
        .expect("a room");
    let mut second = member(&dialogue).await;
    assert_eq!(
        second.trigger("k", Some(&own)).await,
        "OUTCOME_UNKNOWN",
        "another epoch"
    );
    assert!(dialogue.delete_room("room").await.expect("a deletion"));
    assert_eq!(second.trigger("k", Some(&own)).await, "OUTCOME_UNKNOWN", "no room");
    assert_eq!(delivered(&dialogue), 0);
}

#[tokio::test(start_paused = true)]
async fn a_repetition_after_a_restart_is_refused() {
    let mut attempts = Vec::new();
    for restarted in [false, true] {
        let dialogue = server(Limits::default()).await;
        let mut member = member(&dialogue).await;
        if restarted {
            assert_eq!(member.trigger("k", attempts.first()).await, "OUTCOME_UNKNOWN");
            assert_eq!(delivered(&dialogue), 0);
        } else {
            assert_eq!(member.trigger("k", None).await, "ok");
            attempts.push(member.first_attempt());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_repetition_waits_for_the_first_attempt_that_still_runs() {
    let slow = Dialogue::builder()
        .define_events([])
        .authenticate(|_| async { Ok(Identity::user("ada")) })
        .before_each(|message, _| async move {
            tokio::time::sleep(Duration::from_secs(3)).await;
            Ok(message)
        });
    let dialogue = slow.build().expect("a server");
    dialogue
        .create_room(RoomConfig::new("room").any_event())
        .await
        .expect("a room");
    let (mut first, mut second) = (member(&dialogue).await, member(&dialogue).await);
    let attempt = first.first_attempt();
    let outcomes = tokio::join!(first.trigger("k", None), second.trigger("k", Some(&attempt)));
    assert_eq!(outcomes, ("ok".to_owned(), "ok".to_owned()));
    assert_eq!(delivered(&dialogue), 1);
}

#[tokio::test(start_paused = true)]
async fn a_trigger_that_could_not_be_checked_is_delivered_by_its_repetition_on_the_same_connection() {
    let fails = Arc::new(AtomicBool::new(true));
    let fails_now = Arc::clone(&fails);
    let unsure = Dialogue::builder()
        .define_events([])
        .limits(Limits::default().with_ping_interval(Duration::from_secs(1_000_000)))
        .authenticate(|_| async { Ok(Identity::user("ada")) })
        .before_each(move |message, _| {
            let fails = fails_now.load(Ordering::SeqCst);
            async move { if fails { Err("a failure".into()) } else { Ok(message) } }
        });
    let dialogue = unsure.build().expect("a server");
    dialogue
        .create_room(RoomConfig::new("room").any_event())
        .await
        .expect("a room");
    let mut member = member(&dialogue).await;
    let attempt = member.first_attempt();
    assert_eq!(member.trigger("k", None).await, "UNAVAILABLE");
    pass(30).await;
    assert_eq!(member.trigger("k", Some(&attempt)).await, "UNAVAILABLE");
    fails.store(false, Ordering::SeqCst);
    assert_eq!(member.trigger("k", Some(&attempt)).await, "ok");
    assert_eq!(member.trigger("k", Some(&attempt)).await, "ok");
    assert_eq!(delivered(&dialogue), 1);
}

#[tokio::test(start_paused = true)]
async fn a_repetition_runs_if_the_connection_of_the_first_attempt_ends_while_that_runs() {
    let slow = Dialogue::builder()
        .define_events([])
        .authenticate(|_| async { Ok(Identity::user("ada")) })
        .before_each(|message, _| async move {
            tokio::time::sleep(Duration::from_secs(3)).await;
            Ok(message)
        });
    let dialogue = slow.build().expect("a server");
    dialogue
        .create_room(RoomConfig::new("room").any_event())
        .await
        .expect("a room");
    let (mut first, mut second) = (member(&dialogue).await, member(&dialogue).await);
    let (attempt, stranger) = (first.first_attempt(), second.first_attempt());
    // The second connection waits for the first attempt, which never ends.
    let lost = async {
        let _ = tokio::time::timeout(Duration::from_secs(1), first.trigger("k", None)).await;
        first.leave().await;
    };
    let (outcome, ()) = tokio::join!(second.trigger("k", Some(&attempt)), lost);
    assert_eq!(outcome, "ok");
    // From now on, the key is known, whichever connection a repetition names.
    assert_eq!(second.trigger("k", Some(&stranger)).await, "ok");
    assert_eq!(delivered(&dialogue), 1);
}
