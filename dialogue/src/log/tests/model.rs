//! A model that remembers every event and marks the evicted ones, and the steps to take on model and store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use crate::log::{Evicted, LogBounds, LogCursor, LogPage, Remembered, Replay, StoredEvent};

pub(super) const ROOMS: [&str; 4] = ["a", "b", "c", "d"];
/// Event types and how many events of each a room keeps.
pub(super) const TYPES: [(&str, usize); 3] = [("rare", 1), ("plain", 3), ("chatty", 6)];
pub(super) const MAX_ROOMS: usize = 2;

#[derive(Debug, Clone)]
pub(super) enum Step {
    Append {
        room: usize,
        kind: usize,
        size: usize,
    },
    Push {
        room: usize,
        kind: usize,
    },
    Page {
        room: usize,
        kind: usize,
        cursor: LogCursor,
        bounds: LogBounds,
    },
    Recent {
        room: usize,
        wanted: u8,
        per_type: Option<usize>,
        bounds: LogBounds,
    },
    Since {
        room: usize,
        seq: u64,
        wanted: u8,
        bounds: LogBounds,
    },
    Replace {
        room: usize,
        seq: u64,
        size: usize,
    },
    Clear {
        room: usize,
    },
    Forget {
        room: usize,
    },
    /// The room is idle.
    Retire {
        room: usize,
    },
    Remembered {
        room: usize,
    },
}

pub(super) fn any_step() -> impl Strategy<Value = Step> {
    let room = 0..ROOMS.len();
    let kind = 0..TYPES.len();
    let cursor = prop_oneof![
        (0_usize..8, 0_usize..9).prop_map(|(start, end)| LogCursor::Index { start, end }),
        (0_u64..30, 0_usize..8).prop_map(|(seq, limit)| LogCursor::Before { seq, limit }),
        (0_usize..4, 0_usize..4).prop_map(|(skip, limit)| LogCursor::Unnumbered { skip, limit }),
    ];
    prop_oneof![
        20 => (room.clone(), kind.clone(), 1_usize..12)
            .prop_map(|(room, kind, size)| Step::Append { room, kind, size }),
        1 => (room.clone(), kind.clone()).prop_map(|(room, kind)| Step::Push { room, kind }),
        4 => (room.clone(), kind, cursor, any_bounds())
            .prop_map(|(room, kind, cursor, bounds)| Step::Page { room, kind, cursor, bounds }),
        3 => (room.clone(), 0_u8..8, prop::option::of(0_usize..5), any_bounds())
            .prop_map(|(room, wanted, per_type, bounds)| Step::Recent { room, wanted, per_type, bounds }),
        6 => (room.clone(), 0_u64..30, 0_u8..8, any_bounds())
            .prop_map(|(room, seq, wanted, bounds)| Step::Since { room, seq, wanted, bounds }),
        2 => (room.clone(), 0_u64..30, 1_usize..12)
            .prop_map(|(room, seq, size)| Step::Replace { room, seq, size }),
        1 => room.clone().prop_map(|room| Step::Clear { room }),
        1 => room.clone().prop_map(|room| Step::Forget { room }),
        2 => room.clone().prop_map(|room| Step::Retire { room }),
        2 => room.prop_map(|room| Step::Remembered { room }),
    ]
}

pub(super) fn any_bounds() -> impl Strategy<Value = LogBounds> {
    prop_oneof![
        Just(LogBounds::NONE),
        (0_usize..8, 0_usize..60).prop_map(|(events, bytes)| LogBounds { events, bytes }),
    ]
}

/// Every event that was ever appended, and whether it is still kept.
pub(super) struct Model {
    max_bytes: usize,
    rooms: BTreeMap<&'static str, Vec<(StoredEvent, bool)>>,
    /// The rooms that have been idle. Their epochs are their ids.
    retired: BTreeSet<&'static str>,
    /// The live rooms, the least recently used first.
    pub(super) used: Vec<&'static str>,
}

impl Default for Model {
    fn default() -> Self {
        Self::bounded(usize::MAX)
    }
}

impl Model {
    pub(super) fn bounded(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            rooms: BTreeMap::new(),
            retired: BTreeSet::new(),
            used: Vec::new(),
        }
    }

    /// The bytes of all kept events.
    pub(super) fn bytes(&self) -> usize {
        let kept = self.rooms.keys().flat_map(|room| self.kept(room));
        kept.map(|event| event.body.len()).sum()
    }

    pub(super) fn next_seq(&self, room: &str) -> u64 {
        let last = self.log(room).iter().filter_map(|(event, _)| event.seq).max();
        last.unwrap_or(0) + 1
    }

    pub(super) fn log(&self, room: &str) -> &[(StoredEvent, bool)] {
        self.rooms.get(room).map_or(&[], Vec::as_slice)
    }

    pub(super) fn kept<'a>(&'a self, room: &str) -> impl DoubleEndedIterator<Item = &'a StoredEvent> {
        self.log(room).iter().filter(|(_, kept)| *kept).map(|(event, _)| event)
    }

    pub(super) fn touch(&mut self, room: &'static str) {
        if let Some(at) = self.used.iter().position(|used| *used == room) {
            self.used.remove(at);
            self.used.push(room);
        }
    }

    pub(super) fn append(&mut self, room: &'static str, event: StoredEvent, limit: usize) -> Vec<Evicted> {
        let name = event.event.clone();
        let log = self.rooms.entry(room).or_default();
        log.push((event, true));
        if !self.used.contains(&room) {
            self.used.push(room);
        }
        self.touch(room);
        let (mut evicted, epoch) = (Vec::new(), self.epoch(room));
        let log = self.rooms.entry(room).or_default();
        while log.iter().filter(|(event, kept)| *kept && event.event == name).count() > limit {
            let oldest = log
                .iter_mut()
                .find(|(event, kept)| *kept && event.event == name)
                .unwrap();
            oldest.1 = false;
            evicted.push(Evicted {
                room: room.into(),
                epoch: epoch.clone(),
                entry: oldest.0.clone(),
            });
        }
        while self.used.len() > MAX_ROOMS || (self.bytes() > self.max_bytes && self.used.len() > 1) {
            evicted.extend(self.clear(self.used[0]));
        }
        while self.bytes() > self.max_bytes {
            let log = self.rooms.entry(room).or_default();
            let oldest = log.iter_mut().find(|(_, kept)| *kept).unwrap();
            oldest.1 = false;
            evicted.push(Evicted {
                room: room.into(),
                epoch: epoch.clone(),
                entry: oldest.0.clone(),
            });
        }
        evicted
    }

    pub(super) fn replace(&mut self, room: &str, seq: u64, size: usize) -> Vec<StoredEvent> {
        let log = self.rooms.get_mut(room).into_iter().flatten();
        let found = log.filter(|(event, kept)| *kept && event.seq == Some(seq));
        found
            .map(|(event, _)| {
                event.body = vec![b'y'; size].into();
                event.clone()
            })
            .collect()
    }

    pub(super) fn clear(&mut self, room: &'static str) -> Vec<Evicted> {
        self.used.retain(|used| *used != room);
        let epoch = self.epoch(room);
        let log = self.rooms.entry(room).or_default();
        log.iter_mut()
            .filter(|(_, kept)| *kept)
            .map(|(event, kept)| {
                *kept = false;
                Evicted {
                    room: room.into(),
                    epoch: epoch.clone(),
                    entry: event.clone(),
                }
            })
            .collect()
    }

    pub(super) fn forget(&mut self, room: &'static str) -> Vec<Evicted> {
        let evicted = self.clear(room);
        self.rooms.remove(room);
        self.retired.remove(room);
        evicted
    }

    pub(super) fn retire(&mut self, room: &'static str) {
        self.retired.insert(room);
    }

    pub(super) fn remembered(&self, room: &str) -> Option<Remembered> {
        let (epoch, top) = (self.epoch(room)?, self.next_seq(room) - 1);
        Some(Remembered { epoch, top })
    }

    fn epoch(&self, room: &str) -> Option<Arc<str>> {
        self.retired.contains(room).then(|| Arc::from(room))
    }

    pub(super) fn page(&self, room: &str, name: &str, cursor: LogCursor, bounds: LogBounds) -> LogPage {
        let newest_first: Vec<_> = self.kept(room).rev().filter(|event| event.event == *name).collect();
        let (due, limit): (Vec<_>, usize) = match cursor {
            LogCursor::Index { start, end } => (
                newest_first.into_iter().skip(start).collect(),
                end.saturating_sub(start),
            ),
            LogCursor::Before { seq, limit } => (
                newest_first
                    .into_iter()
                    .filter(|event| event.seq.is_some_and(|number| number < seq))
                    .collect(),
                limit,
            ),
            LogCursor::Unnumbered { skip, limit } => (
                newest_first
                    .into_iter()
                    .filter(|event| event.seq.is_none())
                    .skip(skip)
                    .collect(),
                limit,
            ),
        };
        let within = longest_prefix(&due, bounds).max(1).min(limit).min(due.len());
        LogPage {
            events: due[..within].iter().copied().cloned().collect(),
            more: due.len() > within,
        }
    }

    pub(super) fn recent(
        &self,
        room: &str,
        wanted: u8,
        per_type: Option<usize>,
        bounds: LogBounds,
    ) -> Vec<StoredEvent> {
        let mut counts = BTreeMap::new();
        let newest: Vec<_> = self
            .kept(room)
            .rev()
            .filter(|event| {
                let count = counts.entry(event.event.clone()).or_insert(0_usize);
                *count += 1;
                wants(wanted, &event.event) && per_type.is_none_or(|limit| *count <= limit)
            })
            .collect();
        let within = longest_prefix(&newest, bounds);
        newest[..within].iter().rev().copied().cloned().collect()
    }

    pub(super) fn since(&self, room: &str, seq: u64, wanted: u8, bounds: LogBounds) -> Replay {
        let due: Vec<_> = self
            .log(room)
            .iter()
            .filter(|(event, _)| wants(wanted, &event.event) && event.seq.is_some_and(|number| number > seq))
            .collect();
        let events: Vec<_> = due.iter().map(|(event, _)| event).collect();
        if due.iter().any(|(_, kept)| !kept) || longest_prefix(&events, bounds) < due.len() {
            return Replay::Lost;
        }
        Replay::Complete(events.into_iter().cloned().collect())
    }
}

pub(super) fn longest_prefix(events: &[&StoredEvent], bounds: LogBounds) -> usize {
    let fits = |count: &usize| {
        *count <= bounds.events && events[..*count].iter().map(|event| event.body.len()).sum::<usize>() <= bounds.bytes
    };
    (0..=events.len()).take_while(fits).last().unwrap_or(0)
}

pub(super) fn wants(wanted: u8, name: &str) -> bool {
    TYPES
        .iter()
        .position(|(known, _)| *known == name)
        .is_some_and(|kind| wanted & (1 << kind) != 0)
}

pub(super) fn stored(name: &str, seq: Option<u64>, body: impl Into<Bytes>) -> StoredEvent {
    StoredEvent {
        event: name.into(),
        seq,
        body: body.into(),
    }
}
