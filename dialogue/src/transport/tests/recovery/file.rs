//! A real file as the test's store: its writer has injected failures, and a restart opens the file again.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use super::steps::{Ending, StoreFault};
use super::stores::TestStore;
use crate::id::{EventName, RoomId, UserId};
use crate::log::durable::{
    Answer, Append, AppendKey, Done, DurableLog, ErasedPlace, Expired, ExpiredEvent, IndexedRoom, KeyOutcome, NewRoom,
    PerType, Place, RoomExists, RoomKey, StoreFailure, StoreHealth, StoreRun, StoredRoom, StoredWindow, UserEvents,
    Wanted, Watch,
};
use crate::log::sqlite::tests::Folder;
use crate::log::sqlite::{StoreError, StoreFault as Fault, StoreFaults};
use crate::log::{LogBounds, LogPage, Replay, StoredEvent};

/// What a file does to a change, by what the caller learns.
const REFUSES: [Fault; 6] = [
    Fault::AtChange(0, StoreError::Io),
    Fault::AtChange(0, StoreError::Corrupt),
    Fault::AtCommit(StoreError::Full),
    Fault::AtCommit(StoreError::Busy),
    Fault::AtCommit(StoreError::ReadOnly),
    Fault::AtCommit(StoreError::Constraint),
];
const LOSES: [Fault; 2] = [Fault::AtCommit(StoreError::Io), Fault::PanicBeforeCommit];
const HIDES: [Fault; 2] = [Fault::AfterCommit(StoreError::Io), Fault::PanicAfterCommit];

/// A file in a folder of its own.
pub(super) struct File {
    folder: Folder,
    faults: StoreFaults,
    log: Arc<Awaited>,
    boots: usize,
    /// How many faults there were, so that each kind has its turn.
    failures: usize,
}

impl File {
    pub(super) fn new() -> Self {
        let (folder, faults) = (Folder::new(), StoreFaults::new());
        Self {
            log: open(&folder, &faults, 0),
            folder,
            faults,
            boots: 0,
            failures: 0,
        }
    }
}

fn open(folder: &Folder, faults: &StoreFaults, boots: usize) -> Arc<Awaited> {
    let settings = folder.settings().with_boot_id(Some(format!("boot {boots}")));
    let log = settings.with_faults(faults).start(1 << 20).expect("a file");
    Arc::new(Awaited(Box::new(log)))
}

impl TestStore for File {
    fn durable(&self) -> Arc<dyn DurableLog> {
        Arc::clone(&self.log) as _
    }

    fn fail(&mut self, fault: StoreFault) {
        let faults: &[Fault] = match fault {
            StoreFault::Refuses => &REFUSES,
            StoreFault::Loses => &LOSES,
            StoreFault::Hides => &HIDES,
        };
        self.failures += 1;
        // Not only the next transaction: that may be one of the upkeep.
        self.faults.always(faults[self.failures % faults.len()]);
    }

    fn heal(&mut self) {
        self.faults.heal();
    }

    fn recover(&mut self) {
        // The store finds out with the next change, whatever it is.
        wait(self.log.0.revoke("nobody".into(), 0)).expect("a store that works");
    }

    fn reopen(&mut self, ending: Ending) {
        let remains = (ending != Ending::Stop).then(|| self.folder.remains());
        wait(self.log.0.close()).expect("a store that closes");
        if let Some(remains) = remains {
            self.folder.restore(&remains);
        }
        self.boots += usize::from(ending == Ending::Reboot);
        self.log = open(&self.folder, &self.faults, self.boots);
    }

    fn let_expire(&mut self, room: &str, through: u64) {
        let through = through.cast_signed();
        let aged = "UPDATE events SET at = 0 WHERE id <= \
                    (SELECT events.id FROM events JOIN rooms ON rooms.id = room WHERE name = ?1 AND seq <= ?2 \
                     ORDER BY events.id DESC LIMIT 1)";
        let connection = self.folder.connection();
        connection.execute(aged, (room, through)).expect("old events");
        // Retention waits until the store's thread has removed deleted rooms, and that thread does not know the test's clock.
        let deleted = "SELECT EXISTS (SELECT 1 FROM rooms WHERE name IS NULL)";
        let is_left = || connection.query_row(deleted, [], |row| row.get(0)).expect("the rooms");
        while is_left() {
            std::thread::yield_now();
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _closed = wait(self.log.0.close());
        let intact = self.folder.connection();
        let intact: String = intact
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .expect("a file");
        if !std::thread::panicking() {
            assert_eq!(intact, "ok");
        }
    }
}

/// A log each of whose changes and reads ends within its call, so that a paused clock does not advance meanwhile.
#[derive(Debug)]
struct Awaited(Box<dyn DurableLog>);

/// Waits for an answer where there is no runtime, so that the clock of the test does not see it.
fn wait<T: Send>(mut answer: Answer<T>) -> Result<T, StoreFailure> {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let run = move || {
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        loop {
            match answer.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(outcome) => return outcome,
                Poll::Pending => std::thread::park(),
            }
        }
    };
    std::thread::scope(|scope| scope.spawn(run).join().expect("no panic"))
}

fn awaited<T: Send + 'static>(answer: Answer<T>) -> Answer<T> {
    Box::pin(async move { wait(answer) })
}

/// Calls `done` on this thread, once `change` has ended.
fn within<T: Send + 'static>(done: Done<T>, change: impl FnOnce(Done<T>)) {
    let (answer, answers) = channel();
    change(Box::new(move |outcome| answer.send(outcome).expect("a receiver")));
    done(answers.recv().expect("an outcome"));
}

impl DurableLog for Awaited {
    fn append(&self, append: Append) {
        within(append.done, |done| self.0.append(Append { done, ..append }));
    }

    fn create_room(&self, room: NewRoom) -> Answer<Result<Arc<str>, RoomExists>> {
        awaited(self.0.create_room(room))
    }

    fn delete_room(&self, room: RoomKey, stays_deleted: bool, done: Done<Result<bool, StoreFailure>>) {
        within(done, |done| self.0.delete_room(room, stays_deleted, done));
    }

    fn index(&self) -> Result<Vec<IndexedRoom>, StoreFailure> {
        self.0.index()
    }

    fn room(&self, id: &RoomId) -> Answer<StoredRoom> {
        awaited(self.0.room(id))
    }

    fn rooms(&self, ids: Vec<RoomId>) -> Answer<Vec<StoredRoom>> {
        awaited(self.0.rooms(ids))
    }

    fn first_epoch(&self, id: &str) -> Arc<str> {
        self.0.first_epoch(id)
    }

    fn window(&self, room: RoomKey, per_type: PerType, bounds: LogBounds) -> Answer<StoredWindow> {
        awaited(self.0.window(room, per_type, bounds))
    }

    fn since(&self, room: RoomKey, after: u64, through: u64, wanted: Wanted, bounds: LogBounds) -> Answer<Replay> {
        awaited(self.0.since(room, after, through, wanted, bounds))
    }

    fn newest(&self, room: RoomKey, through: u64, per_type: PerType, bounds: LogBounds) -> Answer<Vec<StoredEvent>> {
        awaited(self.0.newest(room, through, per_type, bounds))
    }

    fn page(&self, room: RoomKey, event: EventName, before: u64, limit: usize, bounds: LogBounds) -> Answer<LogPage> {
        awaited(self.0.page(room, event, before, limit, bounds))
    }

    fn outcome_of(&self, room: RoomKey, key: AppendKey) -> Answer<KeyOutcome> {
        awaited(self.0.outcome_of(room, key))
    }

    fn expired(&self, bounds: LogBounds) -> Answer<Expired> {
        awaited(self.0.expired(bounds))
    }

    fn remove(&self, expired: Vec<ExpiredEvent>) -> Answer<()> {
        awaited(self.0.remove(expired))
    }

    fn run(&self) -> StoreRun {
        self.0.run()
    }

    fn revoke(&self, user: UserId, at: u64) -> Answer<()> {
        awaited(self.0.revoke(user, at))
    }

    fn events_of(&self, user: UserId, after: Option<Place>, limit: usize) -> Answer<UserEvents> {
        awaited(self.0.events_of(user, after, limit))
    }

    fn erase(&self, events: Vec<ErasedPlace>, done: Done<Result<Vec<ErasedPlace>, StoreFailure>>) {
        within(done, |done| self.0.erase(events, done));
    }

    fn health(&self) -> StoreHealth {
        self.0.health()
    }

    fn watch(&self, watch: Watch) {
        self.0.watch(watch);
    }

    fn close(&self) -> Answer<()> {
        awaited(self.0.close())
    }
}
