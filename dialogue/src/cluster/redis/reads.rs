//! Reads of a room's events, and of the outcome of an append.

use std::sync::Arc;

use bytes::Bytes;

use super::appender::key_argument;
use super::reply::{self, OutcomeReply, ReadReply};
use super::script;
use super::shared::{Shared, bad_reply, text};
use super::walk::{Step, Walk, Wish};
use crate::id::EventName;
use crate::log::durable::{AppendKey, KeyOutcome, PerType, RoomKey, StoreFailure, StoredWindow, Wanted};
use crate::log::{LogBounds, LogPage, Replay, StoredEvent};

/// What was read, with the position of the room at that time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct At<T> {
    pub(super) epoch: Arc<str>,
    pub(super) seq: u64,
    pub(super) value: T,
}

impl<T> At<T> {
    /// Whether it was read in the epoch that the caller knows. A caller who knows only the incarnation takes any.
    pub(super) fn is_in(&self, known: &str) -> bool {
        !known.contains('.') || *known == *self.epoch
    }

    fn map<U>(self, map: impl FnOnce(T) -> U) -> At<U> {
        At {
            epoch: self.epoch,
            seq: self.seq,
            value: map(self.value),
        }
    }
}

/// What only the first step of a read says.
#[derive(Default)]
struct First<'a> {
    /// Types of which nothing is wanted.
    others: &'a [EventName],
    /// No type of the room may be missing.
    all: bool,
    /// Extends the lifetime of the room.
    renew: bool,
}

/// How often a read begins again because it has learned of another type, or because the epoch has changed.
const MOST_RESTARTS: usize = 100;

type Read<T> = Result<T, StoreFailure>;

impl Shared {
    /// The newest events of each type. `None` if this incarnation does not exist.
    pub(super) async fn window(
        &self,
        room: RoomKey,
        per_type: PerType,
        bounds: LogBounds,
    ) -> Read<Option<At<StoredWindow>>> {
        let wish = Wish {
            through: None,
            after: None,
            bounds,
            at_least_one: false,
        };
        let walk = self.walk(&room, wish, &|event| Some(per_type(event)), true).await?;
        Ok(walk.map(|walk| {
            let top = walk.seq;
            walk.map(|walk| StoredWindow {
                top,
                types: walk.by_type(),
            })
        }))
    }

    /// All events of the wanted types with a number above `after`, up to `through`.
    pub(super) async fn since(
        &self,
        room: RoomKey,
        (after, through): (u64, u64),
        wanted: Wanted,
        bounds: LogBounds,
    ) -> Read<Option<At<Replay>>> {
        let wish = Wish {
            through: (through != u64::MAX).then_some(through),
            after: Some(after),
            bounds,
            at_least_one: false,
        };
        let walk = self
            .walk(&room, wish, &|event| wanted(event).then_some(usize::MAX), true)
            .await?;
        Ok(walk.map(|walk| {
            // Redis lacks numbers that the runtime knows.
            let lacks = through != u64::MAX && walk.seq < through;
            walk.map(|walk| match walk.is_complete() && !lacks {
                true => Replay::Complete(oldest_first(walk)),
                false => Replay::Lost,
            })
        }))
    }

    /// The newest events up to the number `through`, oldest first.
    pub(super) async fn newest(
        &self,
        room: RoomKey,
        through: u64,
        per_type: PerType,
        bounds: LogBounds,
    ) -> Read<Option<At<Vec<StoredEvent>>>> {
        let through = (through != u64::MAX).then_some(through);
        let wish = Wish {
            through,
            after: None,
            bounds,
            at_least_one: false,
        };
        let wanted = |event: &str| Some(per_type(event)).filter(|most| *most > 0);
        let walk = self.walk(&room, wish, &wanted, true).await?;
        Ok(walk.map(|walk| walk.map(oldest_first)))
    }

    /// At most `limit` events of a type with numbers below `before`, newest first.
    pub(super) async fn page(
        &self,
        room: RoomKey,
        event: EventName,
        (before, limit): (u64, usize),
        bounds: LogBounds,
    ) -> Read<Option<At<LogPage>>> {
        let through = Some(before.saturating_sub(1));
        let wish = Wish {
            through,
            after: None,
            bounds,
            at_least_one: limit > 0,
        };
        self.note_types(&room.id, [event.clone()]);
        let walk = self
            .walk(&room, wish, &|other| (*other == *event).then_some(limit), false)
            .await?;
        Ok(walk.map(|walk| {
            walk.map(|walk| LogPage {
                more: walk.has_older(&event),
                events: walk.newest_first(),
            })
        }))
    }

    /// Reads events step by step. `most` says how many of a type are wanted; `None` leaves a type out. `all` asks for types
    /// that this node does not know, too.
    async fn walk(
        &self,
        room: &RoomKey,
        wish: Wish,
        most: &(dyn Fn(&str) -> Option<usize> + Sync),
        all: bool,
    ) -> Read<Option<At<Walk>>> {
        for _ in 0..MOST_RESTARTS {
            let types = self.types(&room.id);
            let others: Vec<_> = types.iter().filter(|event| most(event).is_none()).cloned().collect();
            let wanted = types.iter().filter_map(|event| Some((event.clone(), most(event)?)));
            let mut walk = Walk::new(wish, wanted);
            // Even without types, the first call reads the position and asks for types.
            let empty = Step {
                through: wish.through,
                after: None,
                events: 1,
                bytes: 1,
                types: Vec::new(),
            };
            let mut position = None;
            let mut step = Some(walk.step().unwrap_or(empty));
            let is_known = loop {
                let Some(next) = step else { break true };
                let is_first = position.is_none();
                let first = match is_first {
                    true => First {
                        others: &others,
                        all,
                        renew: false,
                    },
                    false => First::default(),
                };
                match self.read(room, &next, first).await? {
                    ReadReply::Gone => return Ok(None),
                    ReadReply::Types(more) => {
                        self.note_types(&room.id, more);
                        break false;
                    }
                    // Not even its epoch is the same any more.
                    ReadReply::Read { epoch, .. } | ReadReply::Lost { epoch, .. }
                        if position.as_ref().is_some_and(|(first, _)| *first != epoch) =>
                    {
                        break false;
                    }
                    ReadReply::Read { epoch, seq, types } => {
                        self.note(&room.id, &epoch, seq);
                        position.get_or_insert((epoch, seq));
                        walk.take(types).map_err(|error| bad_reply(&error))?;
                    }
                    ReadReply::Lost { epoch, seq } => {
                        self.note(&room.id, &epoch, seq);
                        position.get_or_insert((epoch, seq));
                        walk.split();
                    }
                }
                step = walk.step();
            };
            if let (true, Some((epoch, seq))) = (is_known, position) {
                return Ok(Some(At {
                    epoch,
                    seq,
                    value: walk,
                }));
            }
        }
        Err(super::shared::failed(
            "the room has other types or another epoch each time".to_owned(),
        ))
    }

    /// Extends the lifetime of everything that Redis has of a room. A room that is in use needs it once an hour.
    pub(super) async fn keep(&self, room: RoomKey) -> Read<()> {
        let step = Step {
            through: None,
            after: None,
            events: 1,
            bytes: 1,
            types: Vec::new(),
        };
        for _ in 0..MOST_RESTARTS {
            let types: Vec<_> = self.types(&room.id).into_iter().collect();
            let first = First {
                others: &types,
                all: true,
                renew: true,
            };
            match self.read(&room, &step, first).await? {
                ReadReply::Types(more) => self.note_types(&room.id, more),
                _ => break,
            }
        }
        Ok(())
    }

    async fn read(&self, room: &RoomKey, step: &Step, first: First<'_>) -> Read<ReadReply> {
        let agreed = self.agreed()?;
        let (keys, partition) = (&agreed.keys, agreed.keys.partition(&room.id));
        let (known, seen) = self.known(&room.id, &room.epoch);
        let types = step.types.iter().map(|(event, most)| (event, *most));
        let types: Vec<_> = types.chain(first.others.iter().map(|event| (event, 0))).collect();
        let mut names = vec![keys.meta(&room.id), keys.log(partition)];
        names.extend(types.iter().map(|(event, _)| keys.events(&room.id, event)));
        let mut args = self.head(partition)?;
        args.extend([
            text(agreed.first_own(&room.id)),
            text(known),
            text(seen.to_string()),
            text(&room.id),
            keys.channel(&room.id),
            if first.renew { text("renew") } else { Bytes::new() },
            if first.all { text("all") } else { Bytes::new() },
            step.after.map(|after| text(after.to_string())).unwrap_or_default(),
            step.through
                .map(|through| text(through.to_string()))
                .unwrap_or_default(),
            text(step.events.to_string()),
            text(step.bytes.to_string()),
        ]);
        for (event, most) in types {
            // Lua counts exactly up to 2^53.
            args.extend([text(event), text(most.min(1 << 50).to_string())]);
        }
        let reply = self.call(partition, &script::READ, names, args).await?;
        reply::read(&reply).map_err(|error| bad_reply(&error))
    }

    /// The outcome of an append with this key, as another append with it would find it.
    pub(super) async fn outcome_of(&self, room: RoomKey, key: AppendKey) -> Read<KeyOutcome> {
        let agreed = self.agreed()?;
        let partition = agreed.keys.partition(&room.id);
        let keys = agreed.keys.idempotency(&room.id).to_vec();
        let args = vec![
            Bytes::new(),
            Bytes::new(),
            Bytes::new(),
            text(&room.epoch),
            key_argument(&key),
        ];
        let reply = self.call(partition, &script::OUTCOME, keys, args).await?;
        Ok(match reply::outcome(&reply).map_err(|error| bad_reply(&error))? {
            OutcomeReply::Stored(seq) => KeyOutcome::Stored { seq },
            OutcomeReply::None => KeyOutcome::NotStored,
            OutcomeReply::Forgotten => KeyOutcome::Forgotten,
        })
    }
}

fn oldest_first(walk: Walk) -> Vec<StoredEvent> {
    let mut events = walk.newest_first();
    events.reverse();
    events
}
