//! Erasures with a store: nothing is erased here before it is erased there.

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::time::timeout;

use super::*;
use crate::event::EventMessage;
use crate::log::StoredEvent;
use crate::log::durable::{Append, Appended, Ticket};
use crate::log::tests::fake_store::{FakeStore, broken};
use crate::protocol::EventHead;
use crate::{Dialogue, RoomConfig, RoomHandle};

/// What `on_erased` was called with.
type Informed = Arc<Mutex<Vec<ErasedHistory>>>;

struct Server {
    dialogue: Dialogue,
    store: Arc<FakeStore>,
    informed: Informed,
}

impl Server {
    fn new() -> Self {
        let (store, informed) = (FakeStore::new(), Informed::default());
        let noted = Arc::clone(&informed);
        let builder = Dialogue::builder().define_events([]).durable(store.clone());
        let builder = builder.on_erased(move |erased| {
            noted.lock().push(erased);
            async {}
        });
        let dialogue = builder.build().expect("a server");
        Self {
            dialogue,
            store,
            informed,
        }
    }

    async fn room(&self, id: &str) -> RoomHandle {
        self.dialogue.create_room(RoomConfig::new(id)).await.expect("a room")
    }

    /// Stores an event of a user, and keeps it in the window.
    fn append(&self, room: &RoomHandle, from: &str, text: &str) {
        let epoch = Arc::clone(&room.cell.incarnation);
        let id = room.id().clone();
        self.append_in(RoomKey { id, epoch }, from, text);
    }

    fn append_in(&self, room: RoomKey, from: &str, text: &str) {
        let mut message = EventMessage::new("message", room.id.clone(), text.into());
        message.from = from.into();
        let (log, id) = (self.dialogue.core.history.log.clone(), room.id.clone());
        self.store.append(Append {
            room,
            event: "message".into(),
            from: from.into(),
            prepared: EventHead::of(&message).prepare(),
            key: None,
            keep: usize::MAX,
            ticket: Arc::new(Ticket::default()),
            done: Box::new(move |outcome| {
                let Appended::Stored { seq, frame, .. } = outcome else {
                    panic!("{outcome:?}");
                };
                let (event, seq, body) = ("message".into(), Some(seq), frame.text);
                log.append(&id, StoredEvent { event, seq, body }, 9, drop);
            }),
        });
    }

    /// What of the events in the store and in the window is left.
    fn left(&self, room: &str) -> [Vec<String>; 2] {
        let window = self.dialogue.core.history.log.peek(room);
        [self.store.events(room), window].map(|events| {
            let messages = events.iter().filter_map(StoredEvent::decode);
            messages
                .map(|message| match message.erased {
                    true => "erased".to_owned(),
                    false => message.data.as_str().unwrap_or_default().to_owned(),
                })
                .collect()
        })
    }

    async fn informed(&self) -> Vec<(String, Option<String>, Vec<u64>)> {
        self.dialogue.core.history.archive.idle().await;
        let informed = std::mem::take(&mut *self.informed.lock());
        let told = |erased: ErasedHistory| {
            let event = erased.event.map(|event| event.as_str().to_owned());
            (erased.room_id.as_str().to_owned(), event, erased.seqs)
        };
        informed.into_iter().map(told).collect()
    }
}

fn message() -> Option<String> {
    Some("message".to_owned())
}

#[tokio::test]
async fn an_event_is_erased_in_the_store_before_the_window() {
    let server = Server::new();
    let room = server.room("room").await;
    server.append(&room, "ada", "one");
    server.append(&room, "bob", "two");
    server.store.set_manual(true);
    let mut erasing = Box::pin(room.erase(1));
    assert!((&mut erasing).now_or_never().is_none());
    server.store.until_waiting(1).await;
    let untouched = || ["one".to_owned(), "two".to_owned()].to_vec();
    assert_eq!(server.left(room.id()), [untouched(), untouched()]);
    server.store.refuse(broken());
    assert!(matches!(erasing.await, Err(EraseError::Store(_))));
    assert_eq!(server.left(room.id()), [untouched(), untouched()]);
    server.store.set_manual(false);
    assert!(room.erase(1).await.expect("a working store"));
    let erased = || ["erased".to_owned(), "two".to_owned()].to_vec();
    assert_eq!(server.left(room.id()), [erased(), erased()]);
    assert_eq!(server.informed().await, [("room".to_owned(), message(), vec![1])]);
    assert!(!room.erase(3).await.expect("a working store"), "there is no such event");
    assert!(server.informed().await.is_empty());
    assert!(!room.erase(1).await.expect("a working store"), "it was erased before");
    assert_eq!(server.informed().await, [("room".to_owned(), None, vec![1])]);
}

#[tokio::test]
async fn an_erasure_continues_if_its_caller_is_dropped() {
    let server = Server::new();
    let room = server.room("room").await;
    server.append(&room, "ada", "one");
    server.store.set_manual(true);
    let mut erasing = Box::pin(room.erase(1));
    assert!((&mut erasing).now_or_never().is_none());
    server.store.until_waiting(1).await;
    drop(erasing);
    server.store.commit();
    room.cell.applying().worker.idle().await;
    let erased = || vec!["erased".to_owned()];
    assert_eq!(server.left(room.id()), [erased(), erased()]);
    assert_eq!(server.informed().await, [("room".to_owned(), message(), vec![1])]);
}

#[tokio::test(start_paused = true)]
async fn an_erasure_does_not_wait_forever_for_a_store() {
    let server = Server::new();
    let room = server.room("room").await;
    server.append(&room, "ada", "one");
    let is_late =
        |outcome: Result<u64, EraseError>| matches!(outcome, Err(EraseError::Store(StoreFailure::TimedOut { .. })));
    let (within, ada) = (Duration::from_secs(1_000), UserId::from("ada"));
    let all = || timeout(within, erase_user(&server.dialogue.core, &ada));
    let one = || timeout(within, room.erase(1));
    server.store.hold_reads(true);
    assert!(is_late(one().await.expect("an end").map(u64::from)));
    assert!(is_late(all().await.expect("an end")));
    server.store.hold_reads(false);
    server.store.set_manual(true);
    assert!(is_late(one().await.expect("an end").map(u64::from)));
    assert!(is_late(all().await.expect("an end")));
    server.store.commit_all();
    room.cell.applying().worker.idle().await;
    let erased = || vec!["erased".to_owned()];
    assert_eq!(server.left(room.id()), [erased(), erased()], "the erasure goes on");
}

#[tokio::test]
async fn the_events_of_a_user_are_erased_in_steps_also_in_rooms_that_are_not_loaded() {
    let server = Server::new();
    let room = server.room("a").await;
    let other = || RoomKey {
        id: "b".into(),
        epoch: server.store.first_epoch("b"),
    };
    for number in 0..STEP + 5 {
        server.append(&room, "ada", &number.to_string());
    }
    server.append_in(other(), "ada", "hers");
    server.append_in(other(), "bob", "his");
    let count = server.dialogue.erase_user("ada").await.expect("a working store");
    assert_eq!(count, STEP as u64 + 6);
    assert!(server.left(room.id()).iter().flatten().all(|left| left == "erased"));
    assert_eq!(server.left("b")[0], ["erased", "his"]);
    let informed = server.informed().await;
    let numbers: Vec<u64> = informed
        .iter()
        .filter(|(room, ..)| room == "a")
        .flat_map(|(.., seqs)| seqs.clone())
        .collect();
    assert_eq!(numbers, (1..=STEP as u64 + 5).collect::<Vec<_>>());
    assert!(informed.contains(&("b".to_owned(), message(), vec![1])));
}

#[tokio::test]
async fn an_erasure_that_fails_midway_says_so_and_can_be_repeated() {
    let server = Server::new();
    let room = server.room("room").await;
    for _ in 0..STEP + 5 {
        server.append(&room, "ada", "hers");
    }
    server.store.plan([
        crate::log::tests::fake_store::Verdict::Commit,
        crate::log::tests::fake_store::Verdict::Refuse(broken()),
    ]);
    assert!(server.dialogue.erase_user("ada").await.is_err());
    assert_eq!(server.dialogue.erase_user("ada").await.expect("a working store"), 5);
}
