//! Where the inspector's viewers watch what happens in every room.
//!
//! Costs one atomic load for each thing that happens while nobody watches. A viewer's buffer is bounded: of what does not
//! fit, the oldest is dropped and counted, so that nothing that happens waits for a viewer.
#![cfg_attr(
    not(feature = "inspector"),
    allow(dead_code, reason = "without the inspector, nobody watches")
)]

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use serde_json::json;
use tokio::sync::Notify;

use crate::id::{ClientId, RoomId, UserId};

/// How many may watch at once: more than a team has, and a bound for what each event costs.
const MAX_VIEWERS: usize = 16;

/// How many notices may wait for a viewer. It takes some twenty times a second, so that it is told of 20,000 events a
/// second before any are dropped; nobody reads more.
const MAX_WAITING: usize = 1_000;

/// How many bytes of notices may wait for a viewer.
const MAX_WAITING_BYTES: usize = 2 * 1024 * 1024;

/// Something that has happened.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    pub(crate) kind: NoticeKind,
    pub(crate) room: RoomId,
    /// An event's live frame; of other kinds, an object with what is to be told.
    pub(crate) body: Bytes,
}

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoticeKind {
    Event { recipients: usize },
    Joined,
    Left,
    Created,
    Deleted,
}

impl Notice {
    /// An event, by its live frame.
    pub(crate) fn event(room: &RoomId, frame: &Bytes, recipients: usize) -> Self {
        Self {
            kind: NoticeKind::Event { recipients },
            room: room.clone(),
            body: frame.clone(),
        }
    }

    /// A client that is in a room now; `size` are.
    pub(crate) fn joined(room: &RoomId, client: &ClientId, user: &UserId, size: usize) -> Self {
        let body = json!({ "roomId": room, "clientId": client, "userId": user, "size": size });
        Self::other(NoticeKind::Joined, room, &body)
    }

    /// A client that is in a room no more; `size` still are.
    pub(crate) fn left(room: &RoomId, client: &ClientId, user: &UserId, size: usize) -> Self {
        let body = json!({ "roomId": room, "clientId": client, "userId": user, "size": size });
        Self::other(NoticeKind::Left, room, &body)
    }

    /// A room that there is now.
    pub(crate) fn created(room: &RoomId, name: &str, max_size: Option<usize>) -> Self {
        let body = json!({ "roomId": room, "name": name, "maxSize": max_size });
        Self::other(NoticeKind::Created, room, &body)
    }

    /// A room that is no more.
    pub(crate) fn deleted(room: &RoomId) -> Self {
        Self::other(NoticeKind::Deleted, room, &json!({ "roomId": room }))
    }

    fn other(kind: NoticeKind, room: &RoomId, body: &serde_json::Value) -> Self {
        Self {
            kind,
            room: room.clone(),
            body: body.to_string().into(),
        }
    }
}

/// Everyone who watches.
#[derive(Debug, Default)]
pub(crate) struct Tap {
    /// How many there are, to be read without a lock.
    count: AtomicUsize,
    buffers: RwLock<Vec<Arc<Buffer>>>,
}

impl Tap {
    /// Shows something to everyone who watches; it is made only if anyone does. Never waits.
    pub(crate) fn offer(&self, notice: impl FnOnce() -> Notice) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let notice = notice();
        for buffer in &*self.buffers.read() {
            buffer.push(notice.clone());
        }
    }

    /// Begins to watch; `None` if as many do as may.
    pub(crate) fn watch(self: &Arc<Self>) -> Option<Viewer> {
        let mut buffers = self.buffers.write();
        if buffers.len() >= MAX_VIEWERS {
            return None;
        }
        let buffer = Arc::new(Buffer::default());
        buffers.push(Arc::clone(&buffer));
        self.count.store(buffers.len(), Ordering::Relaxed);
        Some(Viewer {
            tap: Arc::clone(self),
            buffer,
        })
    }
}

/// Someone who watches, until it is dropped.
#[derive(Debug)]
pub(crate) struct Viewer {
    tap: Arc<Tap>,
    buffer: Arc<Buffer>,
}

impl Viewer {
    /// Waits until there may be something to take.
    ///
    /// Safe to drop.
    pub(crate) async fn ready(&self) {
        self.buffer.filled.notified().await;
    }

    /// What waits, the oldest first, and how much before it was dropped.
    pub(crate) fn take(&self) -> (u64, VecDeque<Notice>) {
        let mut waiting = self.buffer.waiting.lock();
        waiting.bytes = 0;
        (
            std::mem::take(&mut waiting.dropped),
            std::mem::take(&mut waiting.notices),
        )
    }

    /// What was counted since the last time, dropped events included.
    pub(crate) fn counts(&self) -> Counts {
        std::mem::take(&mut self.buffer.waiting.lock().counts)
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let mut buffers = self.tap.buffers.write();
        buffers.retain(|buffer| !Arc::ptr_eq(buffer, &self.buffer));
        self.tap.count.store(buffers.len(), Ordering::Relaxed);
    }
}

/// How much has happened.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// How many events were triggered.
    pub(crate) events: u64,
    /// For how many clients they were queued, all together.
    pub(crate) deliveries: u64,
    /// How many events each room had that had any.
    pub(crate) rooms: HashMap<RoomId, u64>,
}

/// What waits for one viewer.
#[derive(Debug, Default)]
struct Buffer {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    notices: VecDeque<Notice>,
    bytes: usize,
    dropped: u64,
    counts: Counts,
}

impl Buffer {
    fn push(&self, notice: Notice) {
        let mut waiting = self.waiting.lock();
        if let NoticeKind::Event { recipients } = notice.kind {
            waiting.counts.events += 1;
            waiting.counts.deliveries += recipients as u64;
            match waiting.counts.rooms.get_mut(&notice.room) {
                Some(count) => *count += 1,
                None => {
                    waiting.counts.rooms.insert(notice.room.clone(), 1);
                }
            }
        }
        waiting.bytes += notice.body.len();
        waiting.notices.push_back(notice);
        while waiting.notices.len() > MAX_WAITING || waiting.bytes > MAX_WAITING_BYTES {
            let Some(oldest) = waiting.notices.pop_front() else {
                break;
            };
            waiting.bytes -= oldest.body.len();
            waiting.dropped += 1;
        }
        drop(waiting);
        self.filled.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(room: &str, bytes: usize) -> Notice {
        Notice::event(&room.into(), &vec![b'x'; bytes].into(), 2)
    }

    #[test]
    fn makes_nothing_while_nobody_watches() {
        let tap = Arc::new(Tap::default());
        tap.offer(|| panic!("made for nobody"));
        drop(tap.watch());
        tap.offer(|| panic!("made for one who is gone"));
    }

    #[test]
    fn drops_the_oldest_beyond_either_bound_and_says_how_many() {
        let tap = Arc::new(Tap::default());
        let viewer = tap.watch().expect("a place");
        for _ in 0..MAX_WAITING + 3 {
            tap.offer(|| event("a", 1));
        }
        tap.offer(|| Notice::deleted(&"last".into()));
        let (dropped, notices) = viewer.take();
        assert_eq!((dropped, notices.len()), (4, MAX_WAITING));
        assert_eq!(notices.back().expect("the newest").kind, NoticeKind::Deleted);
        for _ in 0..3 {
            tap.offer(|| event("a", MAX_WAITING_BYTES / 2));
        }
        let (dropped, notices) = viewer.take();
        assert_eq!((dropped, notices.len()), (1, 2), "and what was taken counts no more");
    }

    #[test]
    fn counts_what_it_drops_too() {
        let tap = Arc::new(Tap::default());
        let viewer = tap.watch().expect("a place");
        for _ in 0..MAX_WAITING + 1 {
            tap.offer(|| event("a", 1));
        }
        tap.offer(|| event("b", 1));
        let counts = viewer.counts();
        assert_eq!((counts.events, counts.deliveries), (1_002, 2_004));
        assert_eq!(counts.rooms["b"], 1);
        assert_eq!(viewer.counts(), Counts::default());
    }

    #[test]
    fn gives_as_many_places_as_it_has_and_takes_them_back() {
        let tap = Arc::new(Tap::default());
        let mut viewers: Vec<_> = (0..MAX_VIEWERS).map(|_| tap.watch().expect("a place")).collect();
        assert!(tap.watch().is_none());
        viewers.pop();
        assert!(tap.watch().is_some());
    }
}
