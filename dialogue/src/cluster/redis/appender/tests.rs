//! What the appender does without a server: the connections are a test's, and the clock is paused.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use redis::Value;
use serde_json::json;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};

use super::Appender;
use crate::cluster::redis::calls::{CallError, Calls};
use crate::cluster::redis::keys::Partition;
use crate::cluster::redis::message::Batch;
use crate::cluster::redis::script::Script;
use crate::cluster::redis::shared::{LogSettings, Shared};
use crate::cluster::{Contact, Published, Volatile};
use crate::log::durable::{Append, Appended, RoomKey, StoreFailure, Ticket};
use crate::protocol::EventHead;

const MINUTE: Duration = Duration::from_secs(60);

/// A call that a test answers.
struct Call {
    args: Vec<Bytes>,
    reply: oneshot::Sender<Result<Value, CallError>>,
}

impl Call {
    fn counter(&self) -> u64 {
        self.text(9).parse().unwrap()
    }

    fn text(&self, index: usize) -> &str {
        std::str::from_utf8(&self.args[index]).unwrap()
    }

    fn events(&self) -> usize {
        // Twelve arguments, two of the only type, and three of each event.
        (self.args.len() - 14) / 3
    }

    /// All are stored; `seq` is the last number.
    fn store(self, seq: u64) {
        let text = format!("o.g {seq} {}s", self.events());
        let words = ["stored", &text].map(|word| Value::BulkString(word.into()));
        self.answer(Ok(Value::Array(words.into())));
    }

    fn answer(self, reply: Result<Value, CallError>) {
        self.reply.send(reply).expect("the appender waits");
    }
}

struct TestCalls {
    calls: mpsc::UnboundedSender<Call>,
    identity: Mutex<Option<Arc<str>>>,
    contact: watch::Sender<Contact>,
}

impl TestCalls {
    fn set(&self, identity: Option<&str>) {
        *self.identity.lock() = identity.map(Arc::from);
        self.contact.send_replace(match identity {
            Some(_) => Contact::Connected,
            None => Contact::Lost { since: Instant::now() },
        });
    }
}

impl Calls for TestCalls {
    fn call(
        &self,
        _: Partition,
        script: &'static Script,
        _: Vec<Bytes>,
        args: Vec<Bytes>,
    ) -> BoxFuture<'static, Result<Value, CallError>> {
        if script.name() == "contact" {
            let words = ["ok", "1", "256", &"0".repeat(64)].map(|word| Value::BulkString(word.into()));
            return std::future::ready(Ok(Value::Array(words.into()))).boxed();
        }
        let (reply, answered) = oneshot::channel();
        let _ended = self.calls.send(Call { args, reply });
        async move { answered.await.unwrap_or(Err(CallError::Unknown("a test".to_owned()))) }.boxed()
    }

    fn identity(&self, _: Partition) -> Option<Arc<str>> {
        self.identity.lock().clone()
    }

    fn contact(&self) -> watch::Receiver<Contact> {
        self.contact.subscribe()
    }

    fn subscribe(&self, _: Partition, _: Bytes) -> BoxFuture<'static, Result<(), CallError>> {
        std::future::ready(Ok(())).boxed()
    }

    fn unsubscribe(&self, _: Partition, _: Bytes) {}
}

struct Test {
    calls: Arc<TestCalls>,
    requests: mpsc::UnboundedReceiver<Call>,
    appender: Appender,
    shared: Arc<Shared>,
}

impl Test {
    async fn begin() -> Self {
        let (sender, requests) = mpsc::unbounded_channel();
        let calls = Arc::new(TestCalls {
            calls: sender,
            identity: Mutex::new(Some("run1/0".into())),
            contact: watch::channel(Contact::Connected).0,
        });
        let settings = LogSettings {
            prefix: "dialogue".to_owned(),
            database: 0,
            partitions: 256,
            archives: false,
            queue_bytes: 1 << 24,
        };
        let shared = Arc::new(Shared::new(calls.clone(), settings));
        shared.contact().await.unwrap();
        let appender = Appender::new(Arc::clone(&shared), tokio::runtime::Handle::current());
        Self {
            calls,
            requests,
            appender,
            shared,
        }
    }

    fn append(&self, data: &str) -> (Arc<Ticket>, oneshot::Receiver<Appended>) {
        let (sender, outcome) = oneshot::channel();
        let (event, from, data) = ("m".into(), "ada".into(), json!(data));
        let room = RoomKey {
            id: "chat".into(),
            epoch: "o.".into(),
        };
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
        self.appender.append(Append {
            room,
            event,
            from,
            prepared,
            key: None,
            keep: 100,
            ticket: Arc::clone(&ticket),
            done: Box::new(move |outcome| drop(sender.send(outcome))),
        });
        (ticket, outcome)
    }

    fn publish(&self) -> oneshot::Receiver<Published> {
        let (sender, outcome) = oneshot::channel();
        let (event, from) = ("typing".into(), "ada".into());
        let room = RoomKey {
            id: "chat".into(),
            epoch: "o.".into(),
        };
        let head = EventHead {
            event: &event,
            room_id: &room.id,
            data: &json!(1),
            from: &from,
            timestamp: 7,
            meta: None,
        };
        let frame = head.prepare().finish(None);
        self.appender.publish(Volatile {
            room,
            event,
            from,
            frame,
            ticket: Arc::default(),
            done: Box::new(|outcome| drop(sender.send(outcome))),
        });
        outcome
    }

    async fn next(&mut self) -> Call {
        timeout(MINUTE, self.requests.recv()).await.expect("a call").unwrap()
    }

    async fn is_quiet(&mut self, time: Duration) -> bool {
        timeout(time, self.requests.recv()).await.is_err()
    }
}

fn stored(outcome: &Appended) -> u64 {
    match outcome {
        Appended::Stored { seq, .. } => *seq,
        other => panic!("{other:?}"),
    }
}

fn unknown() -> Result<Value, CallError> {
    Err(CallError::Unknown("lost".to_owned()))
}

#[tokio::test(start_paused = true)]
async fn one_batch_is_on_its_way_and_the_next_has_what_came_meanwhile() {
    let mut test = Test::begin().await;
    let first = test.append("a").1;
    let call = test.next().await;
    let others: Vec<_> = (0..100).map(|n| test.append(&n.to_string()).1).collect();
    assert!(test.is_quiet(MINUTE).await);
    assert_eq!(call.events(), 1);
    let counter = call.counter();
    call.store(1);
    assert_eq!(stored(&first.await.unwrap()), 1);
    let call = test.next().await;
    assert_eq!(call.events(), 64);
    assert!(call.counter() > counter);
    assert!(call.text(15).contains(r#""data":"0""#), "{}", call.text(15));
    call.store(65);
    let call = test.next().await;
    assert_eq!(call.events(), 36);
    call.store(101);
    for (index, outcome) in others.into_iter().enumerate() {
        assert_eq!(stored(&outcome.await.unwrap()), index as u64 + 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_at_most_a_mebibyte_and_one_event_always_fits() {
    let mut test = Test::begin().await;
    let outcomes: Vec<_> = [400_000, 400_000, 400_000, 2_000_000, 10]
        .map(|size| test.append(&"x".repeat(size)).1)
        .into();
    let mut seq = 0;
    for events in [2, 1, 1, 1] {
        let call = test.next().await;
        assert_eq!(call.events(), events);
        seq += events as u64;
        call.store(seq);
    }
    for outcome in outcomes {
        stored(&outcome.await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn events_wait_for_contact_without_calls_and_go_at_once_when_it_comes() {
    let mut test = Test::begin().await;
    test.calls.set(None);
    let (ticket, withdrawn) = test.append("a");
    let (_, stays) = test.append("b");
    // Not at a time at which anything is tried again.
    assert!(test.is_quiet(Duration::from_millis(12_345)).await);
    // An event that does not wait ends at once, whatever waits before it.
    assert!(matches!(test.publish().now_or_never(), Some(Ok(Published::NotSent(_)))));
    assert!(ticket.withdraw());
    assert!(matches!(
        timeout(Duration::from_secs(2), withdrawn)
            .await
            .expect("an end")
            .unwrap(),
        Appended::Refused(_)
    ));
    let now = Instant::now();
    test.calls.set(Some("run2/0"));
    let call = test.next().await;
    assert_eq!(now.elapsed(), Duration::ZERO);
    assert_eq!((call.text(1), call.events()), ("run2/0", 1));
    call.store(1);
    assert_eq!(stored(&stays.await.unwrap()), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_is_tried_again_after_pauses_that_grow_up_to_a_second() {
    let mut test = Test::begin().await;
    let (ticket, outcome) = test.append("a");
    let mut pauses = Vec::new();
    let mut last = Instant::now();
    for _ in 0..10 {
        let call = test.next().await;
        pauses.push(last.elapsed().as_millis());
        last = Instant::now();
        call.answer(Err(CallError::NotSent("full".to_owned())));
    }
    assert_eq!(pauses, [0, 20, 40, 80, 160, 320, 640, 1_000, 1_000, 1_000]);
    // It is on its way again: the deadline finds out nothing.
    let call = test.next().await;
    assert!(!ticket.withdraw());
    assert!(ticket.note_unknown());
    call.answer(Err(CallError::NotSent("full".to_owned())));
    // It was told as unknown, so it is not sent a second time.
    assert!(matches!(outcome.await.unwrap(), Appended::Refused(_)));
    assert!(test.is_quiet(MINUTE).await);
}

#[tokio::test(start_paused = true)]
async fn a_batch_without_an_answer_is_repeated_for_ten_minutes_and_then_unknown() {
    let mut test = Test::begin().await;
    let begun = Instant::now();
    let (ticket, mut outcome) = test.append("a");
    let first = test.next().await;
    let behind = test.append("b").1;
    let counter = first.counter();
    assert!(!first.text(10).contains("repeat"));
    first.answer(unknown());
    assert!(!ticket.withdraw());
    let mut calls = 0;
    let error = loop {
        let call = test.next().await;
        if call.counter() != counter {
            break call;
        }
        assert!(call.text(10).contains("repeat"));
        assert!(outcome.try_recv().is_err());
        calls += 1;
        // Whatever a repetition is told proves nothing about the first attempt.
        let refused = CallError::Refused("OOM".to_owned());
        call.answer(if calls % 2 == 0 { unknown() } else { Err(refused) });
    };
    assert!(begun.elapsed() >= 10 * MINUTE && begun.elapsed() < 10 * MINUTE + Duration::from_secs(2));
    assert!(matches!(outcome.await.unwrap(), Appended::Unknown(_)));
    assert!(calls >= 590, "{calls}");
    error.store(1);
    assert_eq!(stored(&behind.await.unwrap()), 1);
}

#[tokio::test(start_paused = true)]
async fn a_batch_without_an_answer_waits_for_contact_and_is_repeated_with_the_new_identity() {
    let mut test = Test::begin().await;
    let outcome = test.append("a").1;
    test.next().await.answer(unknown());
    test.calls.set(None);
    assert!(test.is_quiet(3 * MINUTE).await);
    let now = Instant::now();
    test.calls.set(Some("run2/0"));
    let call = test.next().await;
    assert_eq!(now.elapsed(), Duration::ZERO);
    assert!(call.text(10).contains("repeat"));
    assert_eq!(call.text(1), "run2/0");
    call.store(1);
    assert_eq!(stored(&outcome.await.unwrap()), 1);

    // Without contact for ten minutes, it ends too.
    let outcome = test.append("b").1;
    test.next().await.answer(unknown());
    test.calls.set(None);
    let begun = Instant::now();
    assert!(matches!(outcome.await.unwrap(), Appended::Unknown(_)));
    assert!(begun.elapsed() <= 10 * MINUTE);
}

#[tokio::test(start_paused = true)]
async fn the_feed_settles_a_batch_while_its_call_is_open() {
    let mut test = Test::begin().await;
    let outcome = test.append("a").1;
    let call = test.next().await;
    let later = test.append("b").1;
    let batch = Batch {
        node: Arc::clone(&test.shared.node),
        counter: call.counter(),
        epoch: "o.g".into(),
        seq: 5,
        answers: crate::cluster::redis::answers::parse("1s", 5).unwrap(),
        position: None,
        events: Vec::new(),
    };
    // Of another node, of another batch, and of another room.
    test.appender.settle(
        "chat",
        &Batch {
            node: "x".into(),
            ..batch.clone()
        },
    );
    test.appender.settle(
        "chat",
        &Batch {
            counter: 99,
            ..batch.clone()
        },
    );
    test.appender.settle("other", &batch);
    assert!(test.is_quiet(MINUTE).await);
    test.appender.settle("chat", &batch);
    assert_eq!(stored(&outcome.await.unwrap()), 5);
    // The reply comes too late, and the next batch is on its way.
    assert!(call.reply.send(unknown()).is_err());
    test.next().await.store(6);
    assert_eq!(stored(&later.await.unwrap()), 6);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_closed_ends_everything_at_once() {
    let mut test = Test::begin().await;
    let lost = test.append("a").1;
    test.next().await.answer(unknown());
    test.calls.set(None);
    let waits = test.append("b").1;
    sleep(Duration::from_millis(700)).await;
    let begun = Instant::now();
    test.appender.close().await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert!(matches!(lost.await.unwrap(), Appended::Unknown(_)));
    assert!(matches!(waits.await.unwrap(), Appended::Refused(_)));
    let after = test.append("c").1.await.unwrap();
    assert!(matches!(after, Appended::Refused(StoreFailure::Closed)), "{after:?}");

    // A batch that is on its way may end yet.
    let mut test = Test::begin().await;
    let outcome = test.append("a").1;
    let call = test.next().await;
    let closed = test.appender.close();
    tokio::pin!(closed);
    assert!(timeout(MINUTE, &mut closed).await.is_err());
    call.store(1);
    closed.await;
    assert_eq!(stored(&outcome.await.unwrap()), 1);
}
