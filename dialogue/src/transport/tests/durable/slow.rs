//! A store that takes long for each transaction, or stands still for a while: everything that does not need it goes on.

use super::*;
use tokio::time::Instant;

/// Stores what waits every five seconds, until it is dropped.
struct SlowCommits(tokio::task::JoinHandle<()>);

impl SlowCommits {
    fn of(store: &Arc<FakeStore>) -> Self {
        let store = Arc::clone(store);
        Self(tokio::spawn(async move {
            loop {
                pass(5).await;
                store.commit_all();
            }
        }))
    }
}

impl Drop for SlowCommits {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A client triggers events without history, pings, lists the rooms, joins, and pages. Nothing of that takes time.
async fn everything_else_works(dialogue: &Dialogue, ben: &mut Member, round: u64) {
    let began = Instant::now();
    let user = format!("visitor-{round}");
    let mut visitor = member_as(dialogue, &user).await;
    for member in [&mut *ben, &mut visitor] {
        member.trigger(100 + round, "fleeting", None, None).await;
        for command in ["ping", "listRooms", "subscribeAll", "leave", "join"] {
            member.command(200, command).await;
        }
        let received = member.received().await;
        for expected in [
            format!("ok {}", 100 + round),
            format!("event {}", 100 + round),
            "pong 200".to_owned(),
            "rooms 200".to_owned(),
            "left 200".to_owned(),
        ] {
            assert!(
                received.contains(&expected),
                "no {expected} in round {round}: {received:?}"
            );
        }
        assert!(
            received.iter().any(|frame| frame.starts_with("joined 200")),
            "{received:?}"
        );
        member.command(201, "subscribeAll").await;
        member.received().await;
    }
    assert!(began.elapsed() < Duration::from_secs(1), "nothing waits for the store");
}

#[tokio::test(start_paused = true)]
async fn everything_else_goes_on_while_commits_take_long_and_nothing_is_lost() {
    let (store, dialogue) = plain().await;
    let (mut ada, mut ben) = (member(&dialogue).await, member_as(&dialogue, "ben").await);
    let _slow = SlowCommits::of(&store);
    let mut received = Vec::new();
    for round in 1..=12 {
        ada.plenty(round).await;
        everything_else_works(&dialogue, &mut ben, round).await;
        pass(2).await;
        received.extend(ada.received().await);
    }
    pass(60).await;
    received.extend(ada.received().await);
    received.retain(|frame| frame.contains('#'));
    let expected: Vec<String> = (1..=12)
        .flat_map(|number| [format!("event {number} #{number}"), format!("ok {number} #{number}")])
        .collect();
    assert_eq!(received, expected);
    assert_eq!(store.events("room").len(), 12);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stands_still_refuses_events_and_serves_again_by_itself() {
    let (store, dialogue) = plain().await;
    let (mut ada, mut ben) = (member(&dialogue).await, member_as(&dialogue, "ben").await);
    for number in 1..=3 {
        ada.plenty(number).await;
        everything_else_works(&dialogue, &mut ben, number).await;
        pass(11).await;
        let received = ada.received().await;
        assert!(
            received.contains(&format!("error {number} UNAVAILABLE")),
            "{received:?}"
        );
    }
    store.commit_all();
    assert_eq!(store.events("room"), [], "what was refused is not stored");
    let _slow = SlowCommits::of(&store);
    ada.plenty(4).await;
    pass(6).await;
    assert_eq!(ada.received().await, ["event 4 #1", "ok 4 #1"]);
}
