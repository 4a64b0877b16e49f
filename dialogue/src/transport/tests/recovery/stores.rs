//! The stores that the test runs on. The steps and the model are the same for each.

use std::sync::Arc;

use super::steps::{Ending, StoreFault};
use crate::log::durable::DurableLog;
use crate::log::tests::fake_store::{FakeStore, Verdict, broken};

/// A store whose failures and restarts a test decides.
pub(super) trait TestStore {
    /// The opened store. [`reopen`](Self::reopen) replaces it.
    fn durable(&self) -> Arc<dyn DurableLog>;

    /// All changes have this fault from now on.
    fn fail(&mut self, fault: StoreFault);

    /// No change has a fault any more. The store need not know it yet.
    fn heal(&mut self);

    /// The store has found out that it works again.
    fn recover(&mut self);

    /// The process has ended, and starts again. If it stopped in order, the store is closed.
    fn reopen(&mut self, ending: Ending);

    /// Retention no longer keeps the events of a room up to this number. It may drop those of other rooms that were stored
    /// before.
    fn let_expire(&mut self, room: &str, through: u64);
}

/// A store in memory.
pub(super) struct Fake(Arc<FakeStore>);

impl Fake {
    pub(super) fn new() -> Self {
        Self(FakeStore::new())
    }
}

impl TestStore for Fake {
    fn durable(&self) -> Arc<dyn DurableLog> {
        Arc::clone(&self.0) as _
    }

    fn fail(&mut self, fault: StoreFault) {
        let verdict = match fault {
            StoreFault::Refuses => Verdict::Refuse(broken()),
            StoreFault::Loses => Verdict::Lose(broken()),
            StoreFault::Hides => Verdict::Hide(broken()),
        };
        self.0.plan([verdict]);
    }

    fn heal(&mut self) {
        self.0.clear_plan();
    }

    fn recover(&mut self) {
        self.0.recover();
    }

    fn reopen(&mut self, ending: Ending) {
        if ending == Ending::Reboot {
            self.0.begin_generation();
        }
        self.0 = self.0.restart();
    }

    fn let_expire(&mut self, room: &str, through: u64) {
        self.0.let_expire(room, through);
    }
}
