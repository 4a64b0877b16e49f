//! Reads what the scripts publish. Pure.
//!
//! The headers of `append.lua`, `epoch.lua`, `erase.lua`, `create_room.lua` and `delete_room.lua` describe the messages. Every
//! part of a message shares its memory. Anything unexpected is an error, also from a later version.

use std::sync::Arc;

use bytes::Bytes;

use super::answers::{self, EventAnswer};
use super::change_position::ChangePosition;
use super::foreign::{BadReply, number};
use crate::id::{EventName, RoomId};

/// A message on the channel of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RoomMessage {
    /// A batch was stored or published.
    Batch(Batch),
    /// The room has another epoch, and this is its last number.
    Epoch {
        epoch: Arc<str>,
        seq: u64,
        position: ChangePosition,
    },
    /// Events with these numbers were erased.
    Erased {
        epoch: Arc<str>,
        position: ChangePosition,
        /// How many events of the incarnation were erased so far.
        count: u64,
        /// In the order of the erasures.
        numbers: Vec<u64>,
    },
    /// This incarnation was deleted.
    Deleted { own: Arc<str>, position: ChangePosition },
}

/// A message on the channel of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PartitionMessage {
    /// A room was created.
    Created {
        room: RoomId,
        own: Arc<str>,
        position: ChangePosition,
    },
    /// This incarnation of a room was deleted.
    Deleted {
        room: RoomId,
        own: Arc<str>,
        position: ChangePosition,
    },
}

/// A batch that was stored or published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Batch {
    /// The node that sent it, and its number there.
    pub(super) node: Arc<str>,
    pub(super) counter: u64,
    /// `None` if nothing was stored.
    pub(super) position: Option<ChangePosition>,
    pub(super) epoch: Arc<str>,
    /// The room's last number after it.
    pub(super) seq: u64,
    /// Of all events of the batch, also those that are not new.
    pub(super) answers: Vec<EventAnswer>,
    /// The new events, in their order.
    pub(super) events: Vec<BatchEvent>,
}

/// A new event of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BatchEvent {
    pub(super) event: EventName,
    /// Its number. `None` for a volatile event.
    pub(super) seq: Option<u64>,
    /// The entry of an event with a number, see [`Entry`](super::entry::Entry). The frame of a volatile event.
    pub(super) body: Bytes,
}

impl RoomMessage {
    pub(super) fn parse(payload: &Bytes) -> Result<Self, BadReply> {
        read_room_message(payload).ok_or_else(|| BadReply::new("message of a room", payload))
    }
}

impl PartitionMessage {
    pub(super) fn parse(payload: &Bytes) -> Result<Self, BadReply> {
        read_partition_message(payload).ok_or_else(|| BadReply::new("message of a partition", payload))
    }
}

fn read_room_message(payload: &Bytes) -> Option<RoomMessage> {
    let (line, rest) = first_line(payload)?;
    let mut words = line.split(' ');
    let (version, kind) = (words.next()?, words.next()?);
    if version != "1" {
        return None;
    }
    let message = match kind {
        "e" => {
            let (node, counter, position) = (word(&mut words)?, number(words.next()?)?, words.next()?);
            let position = match position {
                "0" => None,
                text => Some(ChangePosition::parse(text)?),
            };
            let (epoch, seq) = (word(&mut words)?, number(words.next()?)?);
            let answers = answers::parse(words.next()?, seq).ok()?;
            let events = read_events(rest.clone(), &answers)?;
            let batch = Batch {
                node,
                counter,
                position,
                epoch,
                seq,
                answers,
                events,
            };
            return words.next().is_none().then_some(RoomMessage::Batch(batch));
        }
        "g" => RoomMessage::Epoch {
            epoch: word(&mut words)?,
            seq: number(words.next()?)?,
            position: ChangePosition::parse(words.next()?)?,
        },
        "x" => RoomMessage::Erased {
            epoch: word(&mut words)?,
            position: ChangePosition::parse(words.next()?)?,
            count: number(words.next()?)?,
            numbers: words.by_ref().map(number).collect::<Option<_>>()?,
        },
        "d" => RoomMessage::Deleted {
            own: word(&mut words)?,
            position: ChangePosition::parse(words.next()?)?,
        },
        _ => return None,
    };
    (words.next().is_none() && rest.is_empty()).then_some(message)
}

/// The events that follow the first line of a batch.
fn read_events(mut rest: Bytes, answers: &[EventAnswer]) -> Option<Vec<BatchEvent>> {
    let new = answers.iter().filter(|answer| answer.is_new());
    let mut events = Vec::new();
    for answer in new {
        let (line, after) = first_line(&rest)?;
        let (bytes, event) = line.split_once(' ')?;
        let bytes = usize::try_from(number(bytes)?).ok()?;
        if event.is_empty() || event.contains(' ') || bytes > after.len() {
            return None;
        }
        events.push(BatchEvent {
            event: event.into(),
            seq: match answer {
                EventAnswer::Stored(seq) => Some(*seq),
                _ => None,
            },
            body: after.slice(..bytes),
        });
        rest = after.slice(bytes..);
    }
    rest.is_empty().then_some(events)
}

fn read_partition_message(payload: &Bytes) -> Option<PartitionMessage> {
    let (line, rest) = first_line(payload)?;
    let words: Vec<_> = line.split(' ').collect();
    let &["1", kind, room, own, position] = &*words else {
        return None;
    };
    if !rest.is_empty() || room.is_empty() || own.is_empty() {
        return None;
    }
    let (room, own, position) = (room.into(), own.into(), ChangePosition::parse(position)?);
    match kind {
        "c" => Some(PartitionMessage::Created { room, own, position }),
        "d" => Some(PartitionMessage::Deleted { room, own, position }),
        _ => None,
    }
}

fn first_line(text: &Bytes) -> Option<(&str, Bytes)> {
    let end = text.iter().position(|&byte| byte == b'\n')?;
    let line = std::str::from_utf8(&text[..end]).ok()?;
    Some((line, text.slice(end + 1..)))
}

fn word<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Arc<str>> {
    words.next().filter(|word| !word.is_empty()).map(Arc::from)
}

#[cfg(test)]
#[path = "message/tests.rs"]
mod tests;
