//! The observer of one open page. It keeps the entries that the page has not read yet, and counts every event.
//!
//! Owns a bounded buffer and the counts since they were last read. Events that the buffer drops are counted too.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::entry::Entry;
use crate::id::RoomId;
use crate::runtime::{Bounded, Observation, Observer};

/// How many entries may wait for a page. The page takes them about twenty times per second, so none are dropped below
/// 20,000 events per second. Nobody reads more.
const MAX_WAITING: usize = 1_000;

/// How many bytes of event frames may wait for a page.
const MAX_WAITING_BYTES: usize = 2 * 1024 * 1024;

/// The entries that one page has not read yet.
pub(super) struct PageObserver {
    unread: Mutex<Unread>,
    filled: Notify,
}

struct Unread {
    entries: Bounded<Entry>,
    counts: Counts,
}

/// Counts of events.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// How many events were accepted.
    pub(super) events: u64,
    /// How many clients they were queued for, in total.
    pub(super) deliveries: u64,
    /// How many events each room accepted, without the rooms that accepted none.
    pub(super) rooms: HashMap<RoomId, u64>,
}

impl PageObserver {
    pub(super) fn new() -> Self {
        Self {
            unread: Mutex::new(Unread {
                entries: Bounded::new(MAX_WAITING, MAX_WAITING_BYTES),
                counts: Counts::default(),
            }),
            filled: Notify::new(),
        }
    }

    /// Waits until there may be entries to take.
    ///
    /// Safe to drop.
    pub(super) async fn ready(&self) {
        self.filled.notified().await;
    }

    /// Takes the waiting entries, the oldest first, and the number of entries before them that were dropped.
    pub(super) fn take(&self) -> (u64, impl Iterator<Item = Entry> + use<>) {
        let mut unread = self.unread.lock();
        (unread.entries.take_dropped(), unread.entries.take_all())
    }

    /// Takes the counts since the last call.
    pub(super) fn counts(&self) -> Counts {
        std::mem::take(&mut self.unread.lock().counts)
    }
}

impl Observer for PageObserver {
    fn observe(&self, observation: &Observation) {
        let Some(entry) = Entry::of(observation) else {
            return;
        };
        let mut unread = self.unread.lock();
        if let Observation::Event(event) = observation {
            unread.counts.add(&event.message.room_id, event.recipients);
        }
        let bytes = entry.bytes();
        unread.entries.push(entry, bytes);
        drop(unread);
        self.filled.notify_one();
    }

    /// Does nothing: the feed itself watches for the end of the server.
    fn end(&self) {}
}

impl Counts {
    fn add(&mut self, room: &RoomId, recipients: usize) {
        self.events += 1;
        self.deliveries += recipients as u64;
        match self.rooms.get_mut(room) {
            Some(count) => *count += 1,
            None => {
                self.rooms.insert(room.clone(), 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::runtime::Registration;
    use crate::{Dialogue, EventMessage};

    /// A server, and a page that observes it for as long as the registration lives.
    fn observed() -> (Dialogue, Arc<PageObserver>, Registration) {
        let dialogue = Dialogue::builder().define_events([]).build().expect("a server");
        let page = Arc::new(PageObserver::new());
        let observer = Arc::clone(&page) as Arc<dyn Observer>;
        let place = dialogue.core.observe.observers().add(observer).expect("a place");
        (dialogue, page, place)
    }

    #[tokio::test]
    async fn counts_dropped_events_too() {
        let (dialogue, page, _place) = observed();
        let observe = &dialogue.core.observe;
        let event = |room: &str| {
            let message = EventMessage::new("message", room, json!(null));
            observe.event(&Arc::new(message), 2, &"frame".into());
        };
        (0..=MAX_WAITING).for_each(|_| event("a"));
        event("b");
        let counts = page.counts();
        assert_eq!((counts.events, counts.deliveries), (1_002, 2_004));
        assert_eq!((counts.rooms["a"], counts.rooms["b"]), (1_001, 1));
        assert_eq!(page.counts(), Counts::default());
        let (dropped, entries) = page.take();
        assert_eq!((dropped, entries.count()), (2, MAX_WAITING));
    }

    #[tokio::test]
    async fn observations_that_the_page_does_not_list_take_no_space() {
        let (dialogue, page, _place) = observed();
        let observe = &dialogue.core.observe;
        observe.connected(&"client".into(), &"ada".into());
        observe.hook_timed("on", std::time::Duration::ZERO);
        let (dropped, entries) = page.take();
        assert_eq!((dropped, entries.count()), (0, 0));
    }
}
