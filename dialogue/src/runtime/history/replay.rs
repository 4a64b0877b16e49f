//! What a client that joins receives of a room's history.
//!
//! Owns the selection. Everything here runs under the room's lock, except for the questions to the store.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{FutureExt, TryFutureExt};

use super::keep::{History, history_limit};
use super::prefetch::{Earlier, ReadAhead, ReadEvents, ReadFirst, newest_of};
use crate::log::durable::{Answer, RoomKey};
use crate::log::{LogBounds, Replay, StoredEvent};
use crate::protocol::LogPosition;
use crate::room::{RoomCell, RoomRecord, RoomTemplate, Subscriptions, SyncHistory};

/// How many events of a type a client receives if it joins without a position. 0 if it does not receive the type.
/// `manager` is `Some` with a store: then it is no more than the history that the type is declared with.
fn count_of(template: &RoomTemplate, subscriptions: &Subscriptions, event: &str, manager: Option<usize>) -> usize {
    if !subscriptions.includes(event) {
        return 0;
    }
    let count = match template.sync_history_on_join {
        SyncHistory::Off => 0,
        SyncHistory::All => usize::MAX,
        SyncHistory::PerType(count) => count,
    };
    manager.map_or(count, |manager| count.min(history_limit(template, event, manager)))
}

impl History {
    /// The limit of types without their own, if there is a store.
    fn limit_with_store(&self) -> Option<usize> {
        self.durable.as_ref().map(|_| self.log.config().max_events_per_type)
    }

    /// The events that a client receives if it joins without a position, oldest first. `record` is the room's.
    /// `ahead` is what the join has read from the store. Called under the room's lock.
    pub(in crate::runtime) fn for_new_member(
        &self,
        room: &RoomCell,
        record: &RoomRecord,
        subscriptions: &Subscriptions,
        ahead: &ReadAhead,
    ) -> Vec<Bytes> {
        let top = record.seq();
        if room.template.sync_history_on_join == SyncHistory::Off {
            return Vec::new();
        }
        let limit = self.limit_with_store();
        let per_type = |event: &str| count_of(&room.template, subscriptions, event, limit);
        let read = ahead
            .newest(record.epoch(), subscriptions)
            .filter(|_| !self.log.has_newest(&room.id, &per_type));
        let events = match read.and_then(|read| self.with_newer(room, top, read, &|event| per_type(event) > 0)) {
            Some(events) => newest_of(events, &per_type, self.replay),
            None => self.log.recent(&room.id, &per_type, self.replay),
        };
        events.into_iter().map(StoredEvent::into_frame).collect()
    }

    /// The events that a client missed since its position, oldest first: every event with history that it is subscribed
    /// to. `None` if not all of them can be replayed. `record` is the room's. `ahead` is what the join has read from
    /// the store. Called under the room's lock.
    pub(in crate::runtime) fn missed(
        &self,
        room: &RoomCell,
        since: &LogPosition,
        record: &RoomRecord,
        subscriptions: &Subscriptions,
        ahead: &ReadAhead,
    ) -> Option<Vec<Bytes>> {
        let top = record.seq();
        if *since.epoch != **record.epoch() || since.seq > top {
            return None;
        }
        let wanted = |event: &str| subscriptions.includes(event);
        let events = match self.since(room, since.seq, top, &wanted, self.replay) {
            Replay::Complete(events) => events,
            Replay::Lost => {
                let read = ahead.since(record.epoch(), since.seq, subscriptions)?;
                let events = self.with_newer(room, top, read, &wanted)?;
                (self.replay.fitting(&events) == events.len()).then_some(events)?
            }
        };
        Some(events.into_iter().map(StoredEvent::into_frame).collect())
    }

    /// What a join must read from the store before it takes its seat, because neither the window nor `ahead` has it. `None`
    /// without a store. Called under the room's lock.
    pub(in crate::runtime) fn to_read(
        &self,
        room: &RoomCell,
        since: Option<&LogPosition>,
        record: &RoomRecord,
        subscriptions: &Subscriptions,
        ahead: &ReadAhead,
    ) -> Option<ReadFirst> {
        let limit = Some(self.limit_with_store()?);
        let top = record.seq();
        let read = |what| ReadFirst {
            what,
            epoch: Arc::clone(record.epoch()),
            through: top,
            subscriptions: subscriptions.clone(),
            erasures: self.erasures(),
        };
        let wanted = |event: &str| subscriptions.includes(event);
        if let Some(since) = since
            && *since.epoch == **record.epoch()
            && since.seq <= top
        {
            if self.since(room, since.seq, top, &wanted, self.replay) != Replay::Lost {
                return None;
            }
            if !ahead.found_lost(record.epoch(), since.seq, subscriptions) {
                let found = ahead.since(record.epoch(), since.seq, subscriptions);
                let is_enough = found.is_some_and(|read| self.with_newer(room, top, read, &wanted).is_some());
                return (!is_enough).then(|| read(Earlier::Since(since.seq)));
            }
        }
        let per_type = |event: &str| count_of(&room.template, subscriptions, event, limit);
        if top == 0
            || room.template.sync_history_on_join == SyncHistory::Off
            || self.log.has_newest(&room.id, &per_type)
        {
            return None;
        }
        let found = ahead.newest(record.epoch(), subscriptions);
        let is_enough =
            found.is_some_and(|read| self.with_newer(room, top, read, &|event| per_type(event) > 0).is_some());
        (!is_enough).then(|| read(Earlier::Newest))
    }

    /// The events in memory from after a number up to the number `top`, the room's last one.
    fn since(&self, room: &RoomCell, after: u64, top: u64, wanted: &dyn Fn(&str) -> bool, bounds: LogBounds) -> Replay {
        // A room without events may have no window.
        if self.durable.is_some() && after >= top {
            return Replay::Complete(Vec::new());
        }
        self.log.since(&room.id, after, wanted, bounds)
    }

    /// What was read from the store, followed by what has been applied since. `None` if the window lacks some of that, or if
    /// the store has erased events since then.
    fn with_newer(
        &self,
        room: &RoomCell,
        top: u64,
        read: &ReadEvents,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Option<Vec<StoredEvent>> {
        match self.since(room, read.through, top, wanted, LogBounds::NONE) {
            _ if read.erasures != self.erasures() => None,
            Replay::Complete(newer) => Some(read.events.iter().cloned().chain(newer).collect()),
            Replay::Lost => None,
        }
    }

    /// Asks the store for what a join must read in the room with this key. `None` without a store.
    pub(super) fn read(&self, room: &RoomCell, key: RoomKey, first: &ReadFirst) -> Option<Answer<Replay>> {
        let durable = self.durable.as_ref()?;
        let through = first.through;
        let subscriptions = first.subscriptions.clone();
        Some(match first.what {
            Earlier::Since(after) => {
                let wanted = Arc::new(move |event: &str| subscriptions.includes(event));
                durable.since(key, after, through, wanted, self.replay)
            }
            Earlier::Newest => {
                let (template, limit) = (Arc::clone(&room.template), self.limit_with_store());
                let per_type = Arc::new(move |event: &str| count_of(&template, &subscriptions, event, limit));
                let newest = durable.newest(key, through, per_type, self.replay);
                newest.map_ok(Replay::Complete).boxed()
            }
        })
    }
}
