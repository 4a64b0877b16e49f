//! Whether a node of the fake cluster reaches the store, as the test decides.

use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::time::Instant;

use super::FakeNode;
use crate::cluster::{Contact, Erased, Feed, FeedBatch, Unfit};
use crate::id::RoomId;
use crate::log::durable::{Answer, DurableLog, IndexedRoom};
use crate::log::tests::fake_store::FakeStore;
use crate::store_failure::StoreFailure;

impl FakeNode {
    /// The node reaches the store, or reaches it again.
    pub(crate) fn reach(&self) {
        self.contact.send_replace(Contact::Connected);
        let number = *self.number.lock();
        let Some(feed) = self.hub.feeds.lock().get(number).cloned() else {
            return;
        };
        let following = self.hub.following.lock().clone();
        for ((room, _), count) in following.into_iter().filter(|((_, node), _)| *node == number) {
            if count > 0 {
                feed.check(&room);
            }
        }
        feed.rooms(self.hub.store.index().unwrap_or_default(), &|_| true);
    }

    /// From now on, the node does not reach the store, and gets no messages.
    pub(crate) fn lose(&self) {
        let since = Instant::now();
        self.contact.send_replace(Contact::Lost { since });
    }

    /// The node reaches the store for the first time, and finds that it can never begin.
    pub(crate) fn fail_to_begin(&self, unfit: Unfit) {
        *self.unfit.lock() = Some(unfit);
        self.reach();
    }

    /// Whether anybody waits for the first contact.
    pub(crate) fn is_awaited(&self) -> bool {
        self.contact.receiver_count() > 0
    }

    /// Why the store does not answer now.
    pub(super) fn failure(&self) -> Option<StoreFailure> {
        let reason = "a test has cut it off".to_owned();
        (!is_connected(&self.contact.borrow())).then_some(StoreFailure::Unreachable { reason })
    }

    /// What the store answers, if this node reaches it.
    pub(super) fn ask<T: Send + 'static>(&self, ask: impl FnOnce(&FakeStore) -> Answer<T>) -> Answer<T> {
        match self.failure() {
            Some(failure) => async { Err(failure) }.boxed(),
            None => ask(&self.hub.store),
        }
    }
}

pub(super) fn is_connected(contact: &Contact) -> bool {
    *contact == Contact::Connected
}

/// A feed that gets nothing while its node does not reach the store.
pub(super) struct WhileConnected {
    pub(super) contact: Arc<watch::Sender<Contact>>,
    pub(super) feed: Arc<dyn Feed>,
}

impl WhileConnected {
    fn tell(&self, tell: impl FnOnce(&dyn Feed)) {
        let is_connected = is_connected(&self.contact.borrow());
        if is_connected {
            tell(&*self.feed);
        }
    }
}

impl Feed for WhileConnected {
    fn entries(&self, room: &RoomId, batch: FeedBatch) {
        self.tell(|feed| feed.entries(room, batch));
    }

    fn check(&self, room: &RoomId) {
        self.tell(|feed| feed.check(room));
    }

    fn created(&self, room: &RoomId, incarnation: &str) {
        self.tell(|feed| feed.created(room, incarnation));
    }

    fn deleted(&self, room: &RoomId, incarnation: &str) {
        self.tell(|feed| feed.deleted(room, incarnation));
    }

    fn erased(&self, room: &RoomId, erased: Erased) {
        self.tell(|feed| feed.erased(room, erased));
    }

    fn rooms(&self, index: Vec<IndexedRoom>, is_covered: &dyn Fn(&str) -> bool) {
        self.tell(|feed| feed.rooms(index, is_covered));
    }
}
