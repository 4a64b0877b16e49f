//! The log as the runtime uses it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::oneshot;

use super::faults::{Fault, TestCalls};
use super::server::Server;
use crate::cluster::UnusedDeletion;
use crate::cluster::redis::log::RedisLog;
use crate::cluster::redis::message::RoomMessage;
use crate::cluster::redis::rooms::Deletion;
use crate::cluster::redis::shared::LogSettings;
use crate::cluster::redis::trimmed::Trimmed;
use crate::cluster::{Published, Volatile};
use crate::id::RoomId;
use crate::log::durable::{
    Append, AppendKey, Appended, Creator, DurableLog, ErasedPlace, ExpiredEvent, KeyOutcome, NewRoom, RoomKey, Ticket,
};
use crate::log::{LogBounds, Replay, StoredEvent};
use crate::protocol::{EventFrame, EventHead};

struct Test {
    server: Server,
    calls: Arc<TestCalls>,
    log: Arc<RedisLog>,
    keep: usize,
}

impl Test {
    async fn begin() -> Self {
        Self::with(5_000, false).await
    }

    async fn with(keep: usize, archives: bool) -> Self {
        let server = Server::start();
        let calls = TestCalls::connect(&server).await;
        let log = Arc::new(node(&calls, archives));
        log.contact().await.unwrap();
        Self {
            server,
            calls,
            log,
            keep,
        }
    }

    fn room(&self, id: &str) -> RoomKey {
        RoomKey {
            id: id.into(),
            epoch: self.log.first_epoch(id),
        }
    }

    fn append(
        &self,
        room: &RoomKey,
        event: &str,
        data: &str,
        key: Option<AppendKey>,
    ) -> (Arc<Ticket>, oneshot::Receiver<Appended>) {
        let (sender, outcome) = oneshot::channel();
        let (event, from, data) = (event.into(), "ada".into(), json!(data));
        let head = EventHead {
            event: &event,
            room_id: &room.id,
            data: &data,
            from: &from,
            timestamp: 7,
            meta: None,
        };
        let prepared = head.prepare();
        let ticket: Arc<Ticket> = Arc::default();
        self.log.append(Append {
            room: room.clone(),
            event,
            from,
            prepared,
            key,
            keep: self.keep,
            ticket: Arc::clone(&ticket),
            done: Box::new(move |outcome| drop(sender.send(outcome))),
        });
        (ticket, outcome)
    }

    async fn store(&self, room: &RoomKey, event: &str, data: &str) -> u64 {
        match self.append(room, event, data, None).1.await.unwrap() {
            Appended::Stored { seq, .. } => seq,
            other => panic!("{other:?}"),
        }
    }

    async fn numbers(&self, room: &RoomKey) -> Vec<u64> {
        let events = self
            .log
            .newest(room.clone(), u64::MAX, Arc::new(|_| 100_000), LogBounds::NONE)
            .await
            .unwrap();
        numbers(&events)
    }
}

fn node(calls: &Arc<TestCalls>, archives: bool) -> RedisLog {
    let settings = LogSettings {
        prefix: "dialogue".to_owned(),
        database: 0,
        partitions: 256,
        archives,
        queue_bytes: 1 << 24,
    };
    RedisLog::new(calls.clone(), settings, tokio::runtime::Handle::current())
}

fn numbers(events: &[StoredEvent]) -> Vec<u64> {
    events.iter().map(|event| event.seq.unwrap()).collect()
}

fn key(name: &str, repeats: Option<u64>) -> Option<AppendKey> {
    Some(AppendKey {
        user: "ada".into(),
        key: name.to_owned(),
        connection: "c1".into(),
        repeats,
    })
}

fn bounds(events: usize, bytes: usize) -> LogBounds {
    LogBounds { events, bytes }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn events_are_stored_in_order_and_read_back() {
    let test = Test::begin().await;
    let room = test.room("chat");
    let waiting: Vec<_> = (0..200)
        .map(|n| {
            test.append(&room, if n % 3 == 0 { "o" } else { "m" }, &n.to_string(), None)
                .1
        })
        .collect();
    for (n, outcome) in (1..).zip(waiting) {
        let Appended::Stored { seq, frame, .. } = outcome.await.unwrap() else {
            panic!("stored")
        };
        assert_eq!(seq, n);
        assert!(frame.text.ends_with(format!(r#","seq":{n}}}"#).as_bytes()));
    }
    let calls = test.calls.called();
    assert!(
        calls.iter().filter(|name| **name == "append").count() < 20,
        "events share batches: {calls:?}"
    );

    // Another node reads the same.
    let other = node(&test.calls, false);
    other.contact().await.unwrap();
    assert_eq!(other.first_epoch("chat"), room.epoch);
    let Replay::Complete(events) = other
        .since(room.clone(), 0, u64::MAX, Arc::new(|_| true), LogBounds::NONE)
        .await
        .unwrap()
    else {
        panic!("complete")
    };
    assert_eq!(numbers(&events), (1..=200).collect::<Vec<_>>());
    let message = events[4].decode().unwrap();
    assert_eq!((message.data, message.seq, &*message.event), (json!("4"), Some(5), "m"));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn long_reads_take_several_steps() {
    let test = Test::begin().await;
    let room = test.room("chat");
    let waiting: Vec<_> = (0..2_600)
        .map(|n| test.append(&room, if n % 2 == 0 { "o" } else { "m" }, "x", None).1)
        .collect();
    for outcome in waiting {
        assert!(matches!(outcome.await.unwrap(), Appended::Stored { .. }));
    }
    let all: Vec<_> = (1..=2_600).collect();
    assert_eq!(test.numbers(&room).await, all);
    let all_wanted = || Arc::new(|_: &str| true);
    test.calls.called();
    let replay = test
        .log
        .since(room.clone(), 2_590, u64::MAX, all_wanted(), LogBounds::NONE)
        .await
        .unwrap();
    assert!(matches!(replay, Replay::Complete(events) if numbers(&events) == all[2_590..]));
    assert_eq!(test.calls.called(), ["read"]);
    let replay = test
        .log
        .since(room.clone(), 100, 2_550, all_wanted(), bounds(2_450, usize::MAX))
        .await
        .unwrap();
    assert!(matches!(replay, Replay::Complete(events) if numbers(&events) == all[100..2_550]));
    let replay = test
        .log
        .since(room.clone(), 100, 2_550, all_wanted(), bounds(2_449, usize::MAX))
        .await
        .unwrap();
    assert_eq!(replay, Replay::Lost);
    let replay = test
        .log
        .since(room.clone(), 100, 2_601, all_wanted(), LogBounds::NONE)
        .await
        .unwrap();
    assert_eq!(replay, Replay::Lost, "Redis lacks a number that the runtime knows");
    let only = Arc::new(|event: &str| event == "o");
    let Replay::Complete(events) = test
        .log
        .since(room.clone(), 5, u64::MAX, only, LogBounds::NONE)
        .await
        .unwrap()
    else {
        panic!("complete")
    };
    assert_eq!(events.len(), 1_297);

    let page = test
        .log
        .page(room.clone(), "m".into(), 2_500, 1_200, LogBounds::NONE)
        .await
        .unwrap();
    assert_eq!(
        (page.events.len(), page.events[0].seq, page.more),
        (1_200, Some(2_498), true)
    );
    let page = test
        .log
        .page(room.clone(), "m".into(), 5, 100, LogBounds::NONE)
        .await
        .unwrap();
    assert_eq!((numbers(&page.events), page.more), (vec![4, 2], false));
    let page = test
        .log
        .page(room.clone(), "m".into(), 2_500, 100, bounds(100, 1))
        .await
        .unwrap();
    assert_eq!((numbers(&page.events), page.more), (vec![2_498], true));

    let per_type = |event: &str| match event {
        "m" => 1_100,
        _ => 0,
    };
    let window = test
        .log
        .window(room.clone(), Arc::new(per_type), LogBounds::NONE)
        .await
        .unwrap();
    let [m, o] = &*window.types else { panic!("two types") };
    assert_eq!(
        (window.top, m.events.len(), m.mark, m.has_older),
        (2_600, 1_100, 400, true)
    );
    assert_eq!((o.events.len(), o.mark, o.has_older), (0, 2_599, true));
    let window = test
        .log
        .window(room, Arc::new(|_| 10), bounds(5, usize::MAX))
        .await
        .unwrap();
    let [m, o] = &*window.types else { panic!("two types") };
    assert_eq!(
        (numbers(&m.events), m.mark, m.has_older),
        (vec![2_596, 2_598, 2_600], 2_594, true)
    );
    assert_eq!(
        (numbers(&o.events), o.mark, o.has_older),
        (vec![2_597, 2_599], 2_595, true)
    );
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn trimmed_events_are_missing_and_go_to_the_application() {
    let test = Test::with(3, true).await;
    let room = test.room("chat");
    for n in 0..5 {
        test.store(&room, "m", &n.to_string()).await;
    }
    let wanted = || Arc::new(|_: &str| true);
    let since = |after| test.log.since(room.clone(), after, u64::MAX, wanted(), LogBounds::NONE);
    assert_eq!(since(1).await.unwrap(), Replay::Lost);
    assert!(matches!(since(2).await.unwrap(), Replay::Complete(events) if numbers(&events) == [3, 4, 5]));
    let partition = test.log.shared.agreed().unwrap().keys.partition("chat");
    let lease = Duration::from_secs(10);
    let Trimmed::Events { dropped: 0, events, .. } = test
        .log
        .shared
        .trimmed(partition, lease, LogBounds::NONE)
        .await
        .unwrap()
    else {
        panic!("events")
    };
    let trimmed: Vec<_> = events.iter().map(|trimmed| trimmed.event.seq.unwrap()).collect();
    assert_eq!((trimmed, &events[0].room), (vec![1, 2], &room));
    let ids = events.into_iter().map(|trimmed| trimmed.id).collect();
    test.log.shared.trimmed_done(partition, ids).await.unwrap();
    let left = test
        .log
        .shared
        .trimmed(partition, lease, LogBounds::NONE)
        .await
        .unwrap();
    assert!(matches!(left, Trimmed::Events { events, .. } if events.is_empty()));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_lost_reply_stores_nothing_twice() {
    let test = Test::begin().await;
    let room = test.room("chat");
    for (faults, seq) in [
        (vec![Fault::ReplyLost], 1),
        (vec![Fault::RequestLost], 2),
        (
            vec![Fault::RequestLost, Fault::NotSent, Fault::ReplyLost, Fault::ReplyLost],
            3,
        ),
        (vec![Fault::NotSent, Fault::NotSent], 4),
    ] {
        test.calls.fail(&faults);
        assert_eq!(test.store(&room, "m", "x").await, seq, "{faults:?}");
    }
    assert_eq!(test.numbers(&room).await, [1, 2, 3, 4]);
    assert_eq!(test.log.health().failing, None);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_may_be_lost_stays_unknown() {
    let test = Test::begin().await;
    let room = test.room("chat");
    test.store(&room, "m", "x").await;
    test.calls.fail(&[Fault::ReplyLost]);
    let (_, outcome) = test.append(&room, "m", "y", key("k", None));
    test.calls.until_called("append", 2).await;
    test.calls.set_identity(Some("run2/0"));
    // The reply that was lost is still there, whatever the server is.
    assert!(matches!(outcome.await.unwrap(), Appended::Stored { seq: 2, .. }));
    test.calls.fail(&[Fault::RequestLost]);
    test.calls.called();
    let (_, outcome) = test.append(&room, "m", "z", None);
    test.calls.until_called("append", 1).await;
    test.calls.set_identity(None);
    // Another node begins a new epoch meanwhile.
    let calls = TestCalls::connect(&test.server).await;
    calls.set_identity(Some("run3/0"));
    let other = node(&calls, false);
    other.contact().await.unwrap();
    other
        .window(room.clone(), Arc::new(|_| 1), LogBounds::NONE)
        .await
        .unwrap();
    test.calls.set_identity(Some("run3/0"));
    assert!(matches!(outcome.await.unwrap(), Appended::Unknown(_)));
    assert_eq!(test.store(&room, "m", "after").await, 3);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn events_wait_for_redis_until_they_are_withdrawn() {
    let test = Test::begin().await;
    let room = test.room("chat");
    test.calls.set_identity(None);
    let (ticket, withdrawn) = test.append(&room, "m", "x", None);
    let (_, stays) = test.append(&room, "m", "y", None);
    let (sender, volatile) = oneshot::channel();
    test.log.publish(Volatile {
        room: room.clone(),
        event: "typing".into(),
        from: "ada".into(),
        frame: EventFrame::of_text(b"{}"),
        ticket: Arc::default(),
        done: Box::new(|outcome| drop(sender.send(outcome))),
    });
    assert!(matches!(volatile.await.unwrap(), Published::NotSent(_)));
    while test.log.health().failing.is_none() {
        tokio::task::yield_now().await;
    }
    assert!(ticket.withdraw());
    assert!(matches!(withdrawn.await.unwrap(), Appended::Refused(_)));
    test.calls.set_identity(Some("run1/0"));
    assert!(matches!(stays.await.unwrap(), Appended::Stored { seq: 1, .. }));
    let health = test.log.health();
    assert_eq!((health.waiting, health.waiting_bytes, health.failing), (0, 0, None));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn the_feed_settles_a_batch_whose_reply_never_comes() {
    let test = Test::begin().await;
    let room = test.room("chat");
    let keys = test.log.shared.agreed().unwrap().keys.clone();
    let mut subscriber = test.server.connect();
    let mut subscriber = subscriber.as_pubsub();
    subscriber.subscribe(&*keys.channel("chat")).unwrap();
    test.calls.fail(&[Fault::NoReply]);
    let (_, outcome) = test.append(&room, "m", "x", None);
    let log = Arc::clone(&test.log);
    let read = move |subscriber: &mut redis::PubSub<'_>| {
        let payload: Vec<u8> = subscriber.get_message().unwrap().get_payload().unwrap();
        RoomMessage::parse(&payload.into()).unwrap()
    };
    tokio::task::yield_now().await;
    let (epoch, batch) = tokio::task::block_in_place(|| (read(&mut subscriber), read(&mut subscriber)));
    assert!(matches!(epoch, RoomMessage::Epoch { seq: 0, .. }));
    let RoomMessage::Batch(batch) = batch else {
        panic!("a batch")
    };
    log.settle("chat", &batch);
    assert!(matches!(outcome.await.unwrap(), Appended::Stored { seq: 1, .. }));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn events_of_another_epoch_are_not_mixed_into_an_answer() {
    let test = Test::begin().await;
    let room = test.room("chat");
    for number in 1..=3 {
        assert_eq!(test.store(&room, "m", "x").await, number);
    }
    let visible = RoomKey {
        epoch: test.log.shared.epoch("chat").unwrap(),
        ..room.clone()
    };
    let since = |key: &RoomKey| {
        test.log
            .since(key.clone(), 1, u64::MAX, Arc::new(|_| true), LogBounds::NONE)
    };
    let newest = |key: &RoomKey| test.log.newest(key.clone(), u64::MAX, Arc::new(|_| 9), LogBounds::NONE);
    assert!(matches!(since(&visible).await.unwrap(), Replay::Complete(events) if numbers(&events) == [2, 3]));
    assert_eq!(numbers(&newest(&visible).await.unwrap()), [1, 2, 3]);
    test.calls.set_identity(Some("run2/0"));
    assert!(matches!(since(&visible).await.unwrap(), Replay::Lost));
    assert!(newest(&visible).await.unwrap().is_empty());
    assert!(matches!(since(&room).await.unwrap(), Replay::Complete(_)));
    assert_eq!(numbers(&newest(&room).await.unwrap()), [1, 2, 3]);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn everything_of_a_room_in_use_is_kept() {
    let test = Test::begin().await;
    let room = test.room("chat");
    test.store(&room, "m", "x").await;
    // A node that knows no type of the room yet.
    let other = node(&test.calls, false);
    other.contact().await.unwrap();
    let keys = &test.log.shared.agreed().unwrap().keys;
    let names = [keys.meta("chat"), keys.events("chat", &"m".into())];
    let mut redis = test.server.connect();
    for name in &names {
        let _: u64 = redis::cmd("EXPIRE").arg(&name[..]).arg(100).query(&mut redis).unwrap();
    }
    other.shared.keep(room).await.unwrap();
    for name in &names {
        let left: u64 = redis::cmd("TTL").arg(&name[..]).query(&mut redis).unwrap();
        assert!(left > 86_400, "{left} s");
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn keys_find_their_event() {
    let test = Test::begin().await;
    let room = test.room("chat");
    let (first, again) = (
        test.append(&room, "m", "x", key("k", None)).1,
        test.append(&room, "m", "x", key("k", None)).1,
    );
    assert!(matches!(first.await.unwrap(), Appended::Stored { seq: 1, .. }));
    assert!(matches!(again.await.unwrap(), Appended::Repeated { seq: 1 }));
    let forgotten = test.append(&room, "m", "x", key("other", Some(1))).1;
    assert!(matches!(forgotten.await.unwrap(), Appended::Forgotten));
    let outcome = |key: Option<AppendKey>| test.log.outcome_of(room.clone(), key.unwrap());
    assert_eq!(outcome(key("k", None)).await.unwrap(), KeyOutcome::Stored { seq: 1 });
    assert_eq!(outcome(key("none", None)).await.unwrap(), KeyOutcome::NotStored);
    assert_eq!(outcome(key("none", Some(1))).await.unwrap(), KeyOutcome::Forgotten);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn rooms_begin_and_end_in_the_order_of_their_events() {
    let test = Test::begin().await;
    let room = test.room("chat");
    let before = test.append(&room, "m", "x", None).1;
    let (sender, deleted) = oneshot::channel();
    test.log
        .delete_room(room.clone(), true, Box::new(|outcome| drop(sender.send(outcome))));
    let after = test.append(&room, "m", "y", None).1;
    assert!(matches!(before.await.unwrap(), Appended::Stored { seq: 1, .. }));
    assert!(deleted.await.unwrap().unwrap());
    assert!(matches!(after.await.unwrap(), Appended::NoSuchRoom));
    let id = RoomId::from("chat");
    assert!(test.log.room(&id).await.unwrap().is_deleted);

    let new = NewRoom {
        id: id.clone(),
        creator: Creator::Client,
        created_by: Some("ada".into()),
        holder: None,
        config: Some("{}".to_owned()),
    };
    test.calls.fail(&[Fault::ReplyLost]);
    let epoch = test.log.create_room(new.clone()).await.unwrap().unwrap();
    assert!(test.log.create_room(new.clone()).await.unwrap().is_err());
    let stored = test.log.room(&id).await.unwrap();
    assert_eq!(stored.created.as_ref(), Some(&new));
    assert_eq!(
        crate::cluster::redis::shared::own_part(&stored.key.epoch),
        crate::cluster::redis::shared::own_part(&epoch)
    );
    assert_eq!(test.store(&stored.key, "m", "z").await, 1);
    assert_eq!(
        test.numbers(&room).await,
        [] as [u64; 0],
        "the first incarnation is gone"
    );
    let ids: Vec<RoomId> = (0..50).map(|n| format!("r{n}").into()).collect();
    let rooms = test.log.rooms(ids.clone()).await.unwrap();
    assert!(
        rooms
            .iter()
            .zip(&ids)
            .all(|(room, id)| room.key.id == *id && room.created.is_none())
    );
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn erased_events_keep_their_place() {
    let test = Test::begin().await;
    let room = test.room("chat");
    for event in ["m", "o", "m"] {
        test.store(&room, event, "secret").await;
    }
    let place = |seq| ErasedPlace {
        room: room.clone(),
        event: None,
        seq,
    };
    let erase = |places| async {
        let (sender, done) = oneshot::channel();
        test.log.erase(places, Box::new(|outcome| drop(sender.send(outcome))));
        done.await.unwrap().unwrap()
    };
    let erased = erase(vec![place(3), place(1), place(9)]).await;
    let erased: Vec<_> = erased
        .iter()
        .map(|place| (place.seq, place.event.as_deref().unwrap()))
        .collect();
    assert_eq!(erased, [(1, "m"), (3, "m")]);
    assert!(erase(vec![place(1)]).await.is_empty());
    let events = test
        .log
        .newest(room.clone(), u64::MAX, Arc::new(|_| 10), LogBounds::NONE)
        .await
        .unwrap();
    let data: Vec<_> = events.iter().map(|event| event.decode().unwrap().data).collect();
    assert_eq!(data, [json!(null), json!("secret"), json!(null)]);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn foreign_data_is_a_failure_and_changes_nothing() {
    let test = Test::begin().await;
    let room = test.room("chat");
    let keys = test.log.shared.agreed().unwrap().keys.clone();
    let mut connection = test.server.connect();
    let _: () = redis::cmd("SET")
        .arg(&*keys.meta("chat"))
        .arg("x")
        .query(&mut connection)
        .unwrap();
    assert!(matches!(
        test.append(&room, "m", "x", None).1.await.unwrap(),
        Appended::Refused(_)
    ));
    assert!(
        test.log
            .window(room.clone(), Arc::new(|_| 1), LogBounds::NONE)
            .await
            .is_err()
    );
    assert!(test.log.room(&room.id).await.is_err());
    let _: () = redis::cmd("DEL")
        .arg(&*keys.meta("chat"))
        .query(&mut connection)
        .unwrap();
    assert_eq!(test.store(&room, "m", "x").await, 1);
    let _: () = redis::cmd("LSET")
        .arg(&*keys.events("chat", &"m".into()))
        .arg(0)
        .arg("1 0 9\nx")
        .query(&mut connection)
        .unwrap();
    assert!(test.log.window(room, Arc::new(|_| 1), LogBounds::NONE).await.is_err());
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_closed_log_refuses_and_ends() {
    let test = Test::begin().await;
    let room = test.room("chat");
    test.calls.set_identity(None);
    let waiting = test.append(&room, "m", "x", None).1;
    test.log.close().await.unwrap();
    assert!(matches!(waiting.await.unwrap(), Appended::Refused(_)));
    assert!(matches!(
        test.append(&room, "m", "y", None).1.await.unwrap(),
        Appended::Refused(_)
    ));
}

/// All events of a user that a search finds, a few at a time.
async fn events_of(log: &RedisLog, user: &str) -> Vec<(String, u64)> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let some = log.events_of(user.into(), after, 7).await.unwrap();
        assert!(some.events.len() <= 7);
        found.extend(some.events.iter().map(|place| (place.room.id.to_string(), place.seq)));
        after = some.next;
        if after.is_none() {
            found.sort();
            found.dedup();
            return found;
        }
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn the_events_of_a_user_are_found_in_all_rooms() {
    let test = Test::begin().await;
    let mut expected = Vec::new();
    for room in ["a", "b:c", "d"] {
        for event in ["m", "o"] {
            for _ in 0..9 {
                let seq = test.store(&test.room(room), event, "x").await;
                expected.push((room.to_owned(), seq));
            }
        }
    }
    expected.sort();
    assert_eq!(events_of(&test.log, "ada").await, expected);
    assert_eq!(events_of(&test.log, "bob").await, []);
    let places = test.log.events_of("ada".into(), None, 200).await.unwrap().events;
    let room = test.room("a");
    assert!(
        places
            .iter()
            .filter(|place| place.room.id == "a")
            .all(|place| place.room == room)
    );
}

/// Deletes a room of a partition, unless more connections are subscribed to it.
async fn delete_unused(test: &Test, room: &RoomKey, subscribed: usize) -> UnusedDeletion {
    let (sender, done) = oneshot::channel();
    let done_with = Box::new(|outcome| drop(sender.send(outcome)));
    test.log
        .delete(room.clone(), Deletion::Unused { subscribed }, done_with);
    done.await.unwrap().unwrap()
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_room_that_another_connection_follows_is_not_deleted() {
    let test = Test::begin().await;
    let room = test.room("chat");
    test.store(&room, "m", "x").await;
    let mut other = test.server.connect();
    let mut feed = other.as_pubsub();
    let channel = test.log.shared.agreed().unwrap().keys.channel("chat");
    feed.subscribe(&*channel).unwrap();
    assert_eq!(delete_unused(&test, &room, 0).await, UnusedDeletion::Used);
    assert_eq!(test.numbers(&room).await, [1]);
    // The one is the node's own.
    assert_eq!(delete_unused(&test, &room, 1).await, UnusedDeletion::Deleted);
    assert_eq!(delete_unused(&test, &room, 1).await, UnusedDeletion::NoSuchRoom);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn trimmed_events_go_to_one_node_at_a_time_until_they_are_removed() {
    let test = Test::with(3, true).await;
    let other = node(&test.calls, true);
    other.contact().await.unwrap();
    let room = test.room("chat");
    for n in 0..5 {
        test.store(&room, "m", &n.to_string()).await;
    }
    let expired = test.log.expired(LogBounds::NONE).await.unwrap();
    let of = |expired: &[ExpiredEvent]| -> Vec<u64> { expired.iter().map(|event| event.event.seq.unwrap()).collect() };
    assert_eq!((of(&expired.events), expired.dropped), (vec![1, 2], 0));
    assert!(expired.events.iter().all(|event| event.room == room));
    assert_eq!(other.expired(LogBounds::NONE).await.unwrap().events, []);
    // It comes again until it is removed.
    let again = test.log.expired(LogBounds::NONE).await.unwrap();
    assert_eq!(again.events, expired.events);
    test.log.remove(expired.events).await.unwrap();
    assert_eq!(test.log.expired(LogBounds::NONE).await.unwrap().events, []);
}
