//! Whatever happens, and in whatever order: the file has what was answered, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use parking_lot::Mutex;
use proptest::prelude::*;

use super::desk::{Desk, key, wait};
use crate::log::durable::{Appended, Creator, DurableLog, NewRoom, RoomKey};
use crate::log::sqlite::{StoreError, StoreFault};

#[derive(Debug, Clone)]
enum Action {
    /// An event in this room, of this type, and perhaps with this key.
    Append(usize, usize, Option<usize>),
    Create(usize),
    Delete(usize, bool),
    /// The next transaction that has no fault yet has this one.
    Fault(Option<StoreFault>),
    Stall,
    /// Ends a stall and waits for all outcomes.
    Settle,
    Reopen,
}

fn fault() -> impl Strategy<Value = StoreFault> {
    let error = prop_oneof![
        Just(StoreError::Full),
        Just(StoreError::Io),
        Just(StoreError::Busy),
        Just(StoreError::Constraint),
        Just(StoreError::Corrupt),
    ];
    prop_oneof![
        (0..4_usize, error.clone()).prop_map(|(at, error)| StoreFault::AtChange(at, error)),
        error.clone().prop_map(StoreFault::AtCommit),
        Just(StoreFault::AfterCommit(StoreError::Io)),
        Just(StoreFault::PanicBeforeCommit),
        Just(StoreFault::PanicAfterCommit),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        12 => (0..3_usize, 0..2_usize, proptest::option::of(0..4_usize))
            .prop_map(|(room, event, key)| Action::Append(room, event, key)),
        2 => (0..3_usize).prop_map(Action::Create),
        2 => (0..3_usize, any::<bool>()).prop_map(|(room, stays)| Action::Delete(room, stays)),
        3 => proptest::option::of(fault()).prop_map(Action::Fault),
        2 => Just(Action::Stall),
        4 => Just(Action::Settle),
        1 => Just(Action::Reopen),
    ]
}

/// What the answers say of one event.
#[derive(Debug)]
struct Sent {
    room: RoomKey,
    text: String,
    key: Option<String>,
    outcome: Option<Appended>,
}

/// The calls and their answers.
struct Run {
    desk: Desk,
    sent: Arc<Mutex<Vec<Sent>>>,
    /// The events that were stored, in the order of the answers.
    order: Arc<Mutex<Vec<usize>>>,
    /// One message for each answer.
    answered: (Sender<()>, Receiver<()>),
    waiting: usize,
    rooms: Vec<RoomKey>,
    /// The epochs of deleted incarnations.
    deleted: Arc<Mutex<BTreeSet<String>>>,
}

impl Run {
    fn new() -> Self {
        let desk = Desk::new();
        let rooms = ["a", "b", "c"].map(|id| desk.room(id)).to_vec();
        Self {
            desk,
            sent: Arc::default(),
            order: Arc::default(),
            answered: channel(),
            waiting: 0,
            rooms,
            deleted: Arc::default(),
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Append(room, event, name) => {
                let room = self.rooms[room].clone();
                let place = self.sent.lock().len();
                let text = format!("event {place}");
                let name = name.map(|name| format!("key {name}"));
                self.sent.lock().push(Sent {
                    room: room.clone(),
                    text: text.clone(),
                    key: name.clone(),
                    outcome: None,
                });
                let (sent, order, answered) =
                    (Arc::clone(&self.sent), Arc::clone(&self.order), self.answered.0.clone());
                let key = name.as_deref().and_then(key);
                let event = ["line", "note"][event];
                self.waiting += 1;
                self.desk
                    .append_with(&room, event, &text, key, Arc::default(), move |outcome| {
                        if matches!(outcome, Appended::Stored { .. }) {
                            order.lock().push(place);
                        }
                        let before = sent.lock()[place].outcome.replace(outcome);
                        assert!(before.is_none());
                        answered.send(()).unwrap();
                    });
            }
            Action::Create(room) => {
                self.settle();
                let id = self.rooms[room].id.clone();
                let created = wait(self.desk.log().create_room(NewRoom {
                    id,
                    creator: Creator::Client,
                    created_by: Some("ada".into()),
                    holder: None,
                    config: None,
                }));
                let _may_exist_or_fail = created;
                self.look_up();
            }
            Action::Delete(room, stays_deleted) => {
                let room = self.rooms[room].clone();
                let (answered, deleted) = (self.answered.0.clone(), Arc::clone(&self.deleted));
                self.waiting += 1;
                let epoch = room.epoch.to_string();
                let done = Box::new(move |outcome| {
                    if outcome == Ok(true) {
                        deleted.lock().insert(epoch);
                    }
                    answered.send(()).unwrap();
                });
                self.desk.log().delete_room(room, stays_deleted, done);
            }
            Action::Fault(Some(fault)) => self.desk.faults.once(fault),
            Action::Fault(None) => self.desk.faults.pass(),
            Action::Stall => self.desk.faults.stall(),
            Action::Settle => {
                self.settle();
                self.look_up();
            }
            Action::Reopen => {
                self.settle();
                self.desk.faults.heal();
                self.desk.close().unwrap();
                self.desk.open();
                self.look_up();
            }
        }
    }

    /// Waits for all answers.
    fn settle(&mut self) {
        self.desk.faults.release();
        for _ in 0..std::mem::take(&mut self.waiting) {
            self.answered.1.recv().unwrap();
        }
    }

    /// Finds the present incarnations.
    fn look_up(&mut self) {
        let ids = self.rooms.iter().map(|room| room.id.clone()).collect();
        let rooms = wait(self.desk.log().rooms(ids)).unwrap();
        self.rooms = rooms.into_iter().map(|room| room.key).collect();
    }

    fn check(mut self) -> Result<(), TestCaseError> {
        self.settle();
        self.desk.faults.heal();
        self.desk.close().unwrap();
        self.desk.check();
        self.desk.open();
        self.look_up();
        let sent = std::mem::take(&mut *self.sent.lock());
        let mut stored: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for place in self.order.lock().iter() {
            let Some(Appended::Stored { seq, .. }) = &sent[*place].outcome else {
                unreachable!()
            };
            stored.entry(&sent[*place].room.epoch).or_default().push(*seq);
        }
        for (epoch, seqs) in &stored {
            prop_assert!(
                seqs.is_sorted_by(|one, next| one < next),
                "{epoch}: {seqs:?} is the order of the log"
            );
        }
        for room in &self.rooms {
            let events = self.desk.events(&room.id);
            let seqs: Vec<_> = events.iter().map(|(seq, _)| *seq).collect();
            let expected: Vec<_> = (1..).take(seqs.len()).collect();
            prop_assert_eq!(&seqs, &expected, "numbers have no hole");
            let texts: BTreeMap<_, _> = events.iter().map(|(seq, text)| (text, *seq)).collect();
            prop_assert_eq!(texts.len(), events.len(), "nothing is there twice");
            for sent in &sent {
                let seq = texts.get(&sent.text).copied();
                if sent.room != *room {
                    prop_assert_eq!(seq, None, "{:?} is in another room", sent);
                    continue;
                }
                match sent.outcome.as_ref().expect("answered") {
                    Appended::Stored { seq: expected, .. } => prop_assert_eq!(seq, Some(*expected), "{:?}", sent),
                    Appended::Repeated { seq: of } => {
                        prop_assert_eq!(seq, None, "{:?}", sent);
                        prop_assert!(seqs.contains(of), "{:?} repeats an event", sent);
                    }
                    Appended::Unknown(_) => {}
                    Appended::Refused(_) | Appended::NoSuchRoom | Appended::Forgotten => {
                        prop_assert_eq!(seq, None, "{:?}", sent);
                    }
                }
            }
            // Each key has one event at most.
            let mut keys = BTreeSet::new();
            for sent in sent
                .iter()
                .filter(|sent| sent.room == *room && texts.contains_key(&sent.text))
            {
                if let Some(key) = &sent.key {
                    prop_assert!(keys.insert(key), "{} has two events", key);
                }
            }
            prop_assert!(
                !self.deleted.lock().contains(&*room.epoch),
                "a deleted incarnation does not return"
            );
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_file_has_what_was_answered(actions in proptest::collection::vec(action(), 1..60)) {
        let mut run = Run::new();
        for action in actions {
            run.act(action);
        }
        run.check()?;
    }
}
