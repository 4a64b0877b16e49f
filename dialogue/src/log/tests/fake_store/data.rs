//! What a fake store keeps. It outlives the store, as a file does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::id::{ClientId, EventName, RoomId, UserId};
use crate::log::bounds::{Budget, LogBounds};
use crate::log::durable::{
    Append, AppendKey, Appended, Done, ErasedPlace, Expired, ExpiredEvent, IndexedRoom, IndexedState, KeyOutcome,
    NewRoom, Place, Revocation, RoomExists, RoomKey, StoreRun, StoredRoom, StoredType, StoredWindow, UserEvents,
};
use crate::log::{LogCursor, LogPage, Replay, StoredEvent};
use crate::protocol::{erased, is_unerased_of};

/// How long a key counts that is not known to be a repetition.
const KEYS_COUNT_FOR: Duration = Duration::from_secs(120);

#[derive(Debug, Default)]
pub(super) struct Data {
    generation: u64,
    /// How often the store has been opened again.
    run: u64,
    /// Keys of earlier runs are forgotten.
    oldest: u64,
    /// For how long the store was in use before this run, and when this run began.
    used: Duration,
    began: Option<Instant>,
    /// Connections of which a key was forgotten.
    forgotten: Vec<ClientId>,
    revoked: Vec<Revocation>,
    /// Counts everything that needs another name than all before.
    latest: u64,
    rooms: BTreeMap<RoomId, RoomData>,
    keys: Vec<KeyData>,
    /// Rows that retention no longer keeps.
    expired: Vec<i64>,
}

#[derive(Debug)]
struct RoomData {
    /// The part of the epoch that does not depend on the generation.
    own: String,
    /// Whether the epoch depends on the generation. The epoch of a room that a test makes without the store does not.
    has_generation: bool,
    created: Option<NewRoom>,
    is_deleted: bool,
    top: u64,
    /// Row and event, oldest first.
    events: Vec<(i64, StoredEvent)>,
    marks: BTreeMap<EventName, u64>,
}

#[derive(Debug)]
struct KeyData {
    room: RoomId,
    user: UserId,
    key: String,
    connection: ClientId,
    seq: u64,
    /// For how long the store had been in use.
    at: Duration,
}

impl KeyData {
    fn is(&self, room: &RoomKey, key: &AppendKey) -> bool {
        self.room == room.id && self.user == key.user && self.key == key.key
    }
}

impl RoomData {
    fn new(own: String) -> Self {
        Self {
            own,
            has_generation: true,
            created: None,
            is_deleted: false,
            top: 0,
            events: Vec::new(),
            marks: BTreeMap::new(),
        }
    }

    fn mark(&self, event: &str) -> u64 {
        self.marks.get(event).copied().unwrap_or(0)
    }

    /// The types that the room has or has had.
    fn types(&self) -> Vec<EventName> {
        let kept = self.events.iter().map(|(_, stored)| &stored.event);
        let mut types: Vec<_> = kept.chain(self.marks.keys()).cloned().collect();
        types.sort();
        types.dedup();
        types
    }
}

fn number(stored: &StoredEvent) -> u64 {
    stored.seq.unwrap_or(0)
}

impl Data {
    /// Ends the belief in everything that clients know: all epochs change.
    pub(super) fn begin_generation(&mut self) {
        self.generation += 1;
    }

    fn next_name(&mut self) -> u64 {
        self.latest += 1;
        self.latest
    }

    fn epoch(&self, own: &str) -> Arc<str> {
        format!("{own}.{}", self.generation).into()
    }

    pub(super) fn first_epoch(&self, id: &str) -> Arc<str> {
        self.epoch(&format!("first-{id}"))
    }

    fn key_of(&self, id: &RoomId) -> RoomKey {
        let epoch = match self.rooms.get(id) {
            Some(room) if !room.has_generation => Arc::from(&*room.own),
            Some(room) => self.epoch(&room.own),
            None => self.first_epoch(id),
        };
        RoomKey { id: id.clone(), epoch }
    }

    fn present(&self, key: &RoomKey) -> Option<&RoomData> {
        self.rooms.get(&key.id).filter(|_| self.key_of(&key.id) == *key)
    }

    /// The room with this key. A room that is not known begins here, whatever its epoch is: its first use may come
    /// from a test that makes rooms without the store.
    fn present_or_new(&mut self, key: &RoomKey) -> Option<&mut RoomData> {
        if !self.rooms.contains_key(&key.id) {
            let suffix = format!(".{}", self.generation);
            let own = key.epoch.strip_suffix(&*suffix);
            let mut room = RoomData::new(own.unwrap_or(&key.epoch).to_owned());
            room.has_generation = own.is_some();
            self.rooms.insert(key.id.clone(), room);
        }
        self.present(key)?;
        self.rooms.get_mut(&key.id)
    }

    pub(super) fn append(&mut self, append: Append) -> (Appended, Done<Appended>) {
        let Append {
            room,
            event,
            prepared,
            key,
            done,
            ..
        } = append;
        let row = self.next_name() as i64;
        if self.present_or_new(&room).is_none() {
            return (Appended::NoSuchRoom, done);
        }
        match key.as_ref().map(|key| self.outcome_of(&room, key)) {
            Some(KeyOutcome::Stored { seq }) => return (Appended::Repeated { seq }, done),
            Some(KeyOutcome::Forgotten) => return (Appended::Forgotten, done),
            Some(KeyOutcome::NotStored) | None => {}
        }
        let at = self.now();
        let Some(data) = self.rooms.get_mut(&room.id) else {
            return (Appended::NoSuchRoom, done);
        };
        data.top += 1;
        let seq = data.top;
        let frame = prepared.finish(Some(seq));
        data.events.push((
            row,
            StoredEvent {
                event,
                seq: Some(seq),
                body: frame.text.clone(),
            },
        ));
        if let Some(key) = key {
            self.keys.retain(|known| !known.is(&room, &key));
            self.keys.push(KeyData {
                room: room.id,
                user: key.user,
                key: key.key,
                connection: key.connection,
                seq,
                at,
            });
        }
        let epoch = None;
        (Appended::Stored { seq, epoch, frame }, done)
    }

    pub(super) fn create(&mut self, new: NewRoom) -> Result<Arc<str>, RoomExists> {
        let own = format!("created-{}", self.next_name());
        if let Some(room) = self.rooms.get(&new.id)
            && !room.is_deleted
            && room.created.is_some()
        {
            return Err(RoomExists);
        }
        let epoch = self.epoch(&own);
        let mut room = RoomData::new(own);
        let id = new.id.clone();
        room.created = Some(new);
        self.rooms.insert(id, room);
        Ok(epoch)
    }

    pub(super) fn delete(&mut self, key: &RoomKey, stays_deleted: bool) -> bool {
        if self.present_or_new(key).is_none() && self.key_of(&key.id) != *key {
            return false;
        }
        let mut next = RoomData::new(format!("after-{}", self.next_name()));
        next.is_deleted = stays_deleted;
        let before = self.rooms.insert(key.id.clone(), next);
        self.keys.retain(|known| known.room != key.id);
        before.is_none_or(|room| !room.is_deleted)
    }

    pub(super) fn index(&self) -> Vec<IndexedRoom> {
        let indexed = self.rooms.iter().filter_map(|(id, room)| {
            let state = match &room.created {
                _ if room.is_deleted => IndexedState::Deleted,
                Some(new) => IndexedState::Created {
                    creator: new.creator,
                    holder: new.holder.clone(),
                },
                None => return None,
            };
            Some(IndexedRoom {
                id: id.clone(),
                incarnation: self.key_of(id).epoch,
                state,
            })
        });
        indexed.collect()
    }

    pub(super) fn room(&self, id: &RoomId) -> StoredRoom {
        let room = self.rooms.get(id);
        StoredRoom {
            key: self.key_of(id),
            created: room.and_then(|room| room.created.clone()),
            is_deleted: room.is_some_and(|room| room.is_deleted),
        }
    }

    pub(super) fn window(&self, key: &RoomKey, per_type: &dyn Fn(&str) -> usize, bounds: LogBounds) -> StoredWindow {
        let Some(room) = self.present(key) else {
            return StoredWindow::default();
        };
        let mut budget = Budget::new(bounds);
        let types = room.types().into_iter().map(|event| {
            let all: Vec<_> = room.events.iter().filter(|(_, stored)| stored.event == event).collect();
            let mut events: Vec<StoredEvent> = all
                .iter()
                .rev()
                .take(per_type(&event))
                .map(|(_, stored)| stored)
                .take_while(|stored| budget.spend(stored))
                .cloned()
                .collect();
            events.reverse();
            let left = &all[..all.len() - events.len()];
            StoredType {
                mark: left
                    .last()
                    .map_or(0, |(_, stored)| number(stored))
                    .max(room.mark(&event)),
                has_older: !left.is_empty(),
                event,
                events,
            }
        });
        StoredWindow {
            top: room.top,
            types: types.collect(),
        }
    }

    pub(super) fn since(
        &self,
        key: &RoomKey,
        after: u64,
        through: u64,
        wanted: &dyn Fn(&str) -> bool,
        bounds: LogBounds,
    ) -> Replay {
        let Some(room) = self.present(key) else {
            return Replay::Lost;
        };
        let lost = |(event, mark): (&EventName, &u64)| wanted(event) && *mark > after;
        if room.marks.iter().any(lost) {
            return Replay::Lost;
        }
        let mut budget = Budget::new(bounds);
        let mut events = Vec::new();
        for (_, stored) in &room.events {
            let is_due = (after + 1..=through).contains(&number(stored)) && wanted(&stored.event);
            if is_due && !budget.spend(stored) {
                return Replay::Lost;
            }
            events.extend(is_due.then(|| stored.clone()));
        }
        Replay::Complete(events)
    }

    pub(super) fn newest(
        &self,
        key: &RoomKey,
        through: u64,
        per_type: &dyn Fn(&str) -> usize,
        bounds: LogBounds,
    ) -> Vec<StoredEvent> {
        let Some(room) = self.present(key) else {
            return Vec::new();
        };
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut budget = Budget::new(bounds);
        let mut events: Vec<StoredEvent> = room
            .events
            .iter()
            .rev()
            .map(|(_, stored)| stored)
            .filter(|stored| number(stored) <= through)
            .filter(|stored| {
                let count = counts.entry(stored.event.as_str()).or_default();
                *count += 1;
                *count <= per_type(&stored.event)
            })
            .take_while(|stored| budget.spend(stored))
            .cloned()
            .collect();
        events.reverse();
        events
    }

    pub(super) fn page(&self, key: &RoomKey, event: &str, before: u64, limit: usize, bounds: LogBounds) -> LogPage {
        let Some(room) = self.present(key) else {
            return LogPage::default();
        };
        let of_type = room.events.iter().rev().map(|(_, stored)| stored);
        let cursor = LogCursor::Before { seq: before, limit };
        LogPage::of(of_type.filter(|stored| stored.event == *event), cursor, bounds)
    }

    /// Another run begins.
    pub(super) fn begin_run(&mut self) {
        self.used = self.now();
        self.began = Some(Instant::now());
        self.run += 1;
    }

    /// For how long the store has been in use.
    fn now(&mut self) -> Duration {
        self.used + self.began.get_or_insert_with(Instant::now).elapsed()
    }

    /// Whether a key counts that is not known to be a repetition.
    fn counts(&self, key: &KeyData, now: Duration) -> bool {
        let within = |later: Duration, earlier: Duration| later.saturating_sub(earlier) < KEYS_COUNT_FOR;
        if key.at < self.used {
            within(self.used, key.at) && within(now, self.used)
        } else {
            within(now, key.at)
        }
    }

    pub(super) fn outcome_of(&mut self, room: &RoomKey, key: &AppendKey) -> KeyOutcome {
        let now = self.now();
        let known = self.keys.iter().find(|known| known.is(room, key));
        let known = known.filter(|known| key.repeats.is_some() || self.counts(known, now));
        match known {
            Some(known) if self.key_of(&room.id) == *room => KeyOutcome::Stored { seq: known.seq },
            _ if key.repeats.is_some_and(|run| run < self.oldest) => KeyOutcome::Forgotten,
            _ if key.repeats.is_some() && self.forgotten.contains(&key.connection) => KeyOutcome::Forgotten,
            _ => KeyOutcome::NotStored,
        }
    }

    /// Forgets the earlier runs, as time does.
    pub(super) fn forget_earlier_runs(&mut self) {
        let used = self.used;
        self.keys.retain(|key| key.at >= used);
        self.oldest = self.run;
    }

    /// Forgets the keys of the connection that sent the oldest one, as if there were too many.
    pub(super) fn forget_oldest_key(&mut self) {
        if !self.keys.is_empty() {
            let oldest = self.keys.remove(0);
            self.forgotten.push(oldest.connection);
        }
    }

    pub(super) fn describe_run(&self) -> StoreRun {
        StoreRun {
            run: self.run,
            oldest: self.oldest,
            generation: self.generation.to_string().into(),
            secret: [7; 32],
            revoked: self.revoked.clone(),
        }
    }

    pub(super) fn revoke(&mut self, user: UserId, at: u64) {
        self.revoked.retain(|earlier| earlier.user != user);
        let run = self.run;
        self.revoked.push(Revocation { user, run, at });
    }

    pub(super) fn events_of(&self, user: &UserId, after: Option<&Place>, limit: usize) -> UserEvents {
        let after = after.and_then(Place::row).unwrap_or(0);
        let all = self.rooms.iter().flat_map(|(id, room)| {
            let of_user = |(_, stored): &&(i64, StoredEvent)| is_unerased_of(&stored.body, user);
            room.events.iter().filter(of_user).map(move |(row, stored)| {
                let place = ErasedPlace {
                    room: self.key_of(id),
                    event: Some(stored.event.clone()),
                    seq: number(stored),
                };
                (*row, place)
            })
        });
        let mut places: Vec<_> = all.filter(|(row, _)| *row > after).collect();
        places.sort_by_key(|(row, _)| *row);
        places.truncate(limit);
        UserEvents {
            next: places.last().map(|(row, _)| Place::of_row(*row)),
            events: places.into_iter().map(|(_, place)| place).collect(),
        }
    }

    /// Erases these events. Returns those that were erased now.
    pub(super) fn erase(&mut self, events: Vec<ErasedPlace>) -> Vec<ErasedPlace> {
        let mut done = Vec::new();
        for place in events {
            if self.present(&place.room).is_none() {
                continue;
            }
            let room = self.rooms.get_mut(&place.room.id).into_iter();
            let mut of_room = room.flat_map(|room| &mut room.events);
            let Some((_, stored)) = of_room.find(|(_, stored)| number(stored) == place.seq) else {
                continue;
            };
            if let Ok(Some(body)) = erased(&stored.body) {
                stored.body = body;
                let event = Some(stored.event.clone());
                done.push(ErasedPlace { event, ..place });
            }
        }
        done
    }

    /// Lets a room's events up to this number expire.
    pub(super) fn let_expire(&mut self, id: &str, through: u64) {
        let rows = self.rooms.get(id).into_iter().flat_map(|room| &room.events);
        let due = rows.filter(|(_, stored)| number(stored) <= through);
        self.expired.extend(due.map(|(row, _)| *row));
    }

    pub(super) fn expired(&self, bounds: LogBounds) -> Expired {
        let mut budget = Budget::new(bounds);
        let all = self.rooms.iter().flat_map(|(id, room)| {
            let events = room.events.iter();
            events.map(move |(row, event)| ExpiredEvent {
                place: Place::of_row(*row),
                room: self.key_of(id),
                event: event.clone(),
            })
        });
        let is_due = |expired: &ExpiredEvent| expired.place.row().is_some_and(|row| self.expired.contains(&row));
        let events = all.filter(is_due).take_while(|expired| budget.spend(&expired.event));
        Expired {
            events: events.collect(),
            dropped: 0,
        }
    }

    pub(super) fn remove(&mut self, expired: &[ExpiredEvent]) {
        for ExpiredEvent { place, room, event } in expired {
            let (Some(room), Some(row)) = (self.rooms.get_mut(&room.id), place.row()) else {
                continue;
            };
            room.events.retain(|(kept, _)| *kept != row);
            let mark = room.marks.entry(event.event.clone()).or_default();
            *mark = (*mark).max(number(event));
            self.expired.retain(|left| *left != row);
        }
    }

    pub(super) fn lose_newest(&mut self, id: &RoomId, events: u64) {
        if let Some(room) = self.rooms.get_mut(id) {
            room.top = room.top.saturating_sub(events);
            let top = room.top;
            room.events.retain(|(_, stored)| number(stored) <= top);
            self.keys.retain(|known| known.room != *id || known.seq <= top);
        }
    }

    pub(super) fn end_of(&self, id: &RoomId) -> (Arc<str>, u64) {
        let top = self.rooms.get(id).map_or(0, |room| room.top);
        (self.key_of(id).epoch, top)
    }

    /// The numbers and the texts of a room's events.
    pub(super) fn events(&self, id: &str) -> Vec<StoredEvent> {
        let events = self.rooms.get(id).into_iter().flat_map(|room| &room.events);
        events.map(|(_, stored)| stored.clone()).collect()
    }

    pub(super) fn bytes(&self) -> usize {
        let events = self.rooms.values().flat_map(|room| &room.events);
        events.map(|(_, stored)| stored.body.len()).sum()
    }
}
