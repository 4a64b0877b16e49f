//! Reads the replies of the scripts. Pure.
//!
//! The header of each script in `scripts/` describes its reply. Anything unexpected is an error: the data is not ours, or a
//! later version wrote it.

use std::str;
use std::sync::Arc;

use bytes::Bytes;
use redis::Value;

use super::answers::{self, EventAnswer};
use super::change_position::ChangePosition;
use super::foreign::{BadReply, number};
use crate::cluster::Erasures;
use crate::id::{EventName, RoomId};

/// The reply of `append.lua`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AppendReply {
    Stored {
        epoch: Arc<str>,
        /// The room's last number after the batch.
        seq: u64,
        answers: Vec<EventAnswer>,
    },
    Gone,
    Old,
    Unknown,
}

/// The reply of `read.lua`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReadReply {
    Read {
        epoch: Arc<str>,
        seq: u64,
        types: Vec<TypeReply>,
    },
    Lost {
        epoch: Arc<str>,
        seq: u64,
    },
    /// The room has these types, too.
    Types(Vec<EventName>),
    Gone,
}

/// The events of one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TypeReply {
    pub(super) event: EventName,
    /// The last number of this type.
    pub(super) last: u64,
    /// Its number before the entries, or 0.
    pub(super) mark: u64,
    /// Whether that event is still there.
    pub(super) has_older: bool,
    /// Newest first.
    pub(super) entries: Vec<Bytes>,
}

/// The reply of `position.lua`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PositionReply {
    pub(super) position: ChangePosition,
    /// In the order of the call.
    pub(super) rooms: Vec<RoomPosition>,
}

/// What Redis has of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RoomPosition {
    Room {
        epoch: Arc<str>,
        seq: u64,
        erasures: Erasures,
        /// The last number of each type.
        types: Vec<(EventName, u64)>,
    },
    Gone,
    Foreign,
}

/// The reply of `outcome.lua`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutcomeReply {
    Stored(u64),
    None,
    Forgotten,
}

/// The reply of `create_room.lua`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CreateReply {
    Created { epoch: Arc<str> },
    Exists,
    Types(Vec<EventName>),
}

/// The reply of `delete_room.lua`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DeleteReply {
    Deleted,
    Gone,
    /// Another connection is subscribed to the room's channel.
    Used,
    Types(Vec<EventName>),
}

/// One room in the reply of `rooms.lua`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RoomReply {
    Room {
        /// Empty if there is no metadata.
        own: Arc<str>,
        record: RoomRecordText,
    },
    Foreign,
}

/// What `T:rooms` has for a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RoomRecordText {
    /// Nothing.
    None,
    /// The room was created, with what the node stored.
    Created { own: Arc<str>, text: Bytes },
    /// It stays deleted.
    Deleted { own: Arc<str> },
}

/// The reply of `changes.lua`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ChangesReply {
    Changes {
        position: ChangePosition,
        /// The rooms, and the position of their last change.
        rooms: Vec<(RoomId, ChangePosition)>,
    },
    /// Each room may have changed.
    Old { position: ChangePosition },
}

/// The reply of `erase.lua`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EraseReply {
    /// In the order of the events.
    Erased(Vec<EraseAnswer>),
    Gone,
}

/// What happened to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EraseAnswer {
    /// It was erased now.
    Erased,
    /// It had this text already.
    Already,
    /// There is no such event.
    Missing,
}

/// The reply of `trimmed_take.lua`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TrimmedReply {
    Taken {
        /// How many events were dropped since the last reply that said so.
        dropped: u64,
        events: Vec<TrimmedEntry>,
    },
    /// Another node has the lease for so long, in ms.
    Busy(u64),
}

/// A trimmed event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TrimmedEntry {
    /// What `trimmed_done.lua` needs.
    pub(super) id: Bytes,
    pub(super) room: RoomId,
    pub(super) epoch: Arc<str>,
    pub(super) event: EventName,
    pub(super) entry: Bytes,
}

/// The reply of `scan.lua`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScanReply {
    /// `None` at the end.
    pub(super) cursor: Option<String>,
    pub(super) names: Vec<Bytes>,
}

/// The reply of `sent_by.lua`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SentByReply {
    Events {
        own: Arc<str>,
        /// The last event that was looked at. `None` if there are no more.
        next: Option<u64>,
        numbers: Vec<u64>,
    },
    Gone,
}

/// The reply of `contact.lua`.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum ContactReply {
    Agreed {
        partitions: u16,
        secret: [u8; 32],
    },
    /// The stored format is too old or too new.
    Format(u64),
}

/// The fields of a reply, one after another.
struct Fields<'a> {
    what: &'static str,
    values: &'a [Value],
}

type Parsed<T> = Result<T, BadReply>;

impl<'a> Fields<'a> {
    fn of(what: &'static str, reply: &'a Value) -> Parsed<Self> {
        match reply {
            Value::Array(values) => Ok(Self { what, values }),
            other => Err(bad(what, other)),
        }
    }

    fn value(&mut self) -> Parsed<&'a Value> {
        let (first, rest) = self
            .values
            .split_first()
            .ok_or_else(|| BadReply::new(self.what, b"too short"))?;
        self.values = rest;
        Ok(first)
    }

    fn bytes(&mut self) -> Parsed<Bytes> {
        let what = self.what;
        self.value().and_then(|value| bytes(what, value))
    }

    fn text(&mut self) -> Parsed<&'a str> {
        let what = self.what;
        let value = self.value()?;
        match value {
            Value::BulkString(text) => str::from_utf8(text).map_err(|_| bad(what, value)),
            Value::SimpleString(text) => Ok(text),
            _ => Err(bad(what, value)),
        }
    }

    /// A text that is not empty.
    fn word(&mut self) -> Parsed<&'a str> {
        let what = self.what;
        let text = self.text()?;
        if text.is_empty() {
            Err(BadReply::new(what, b"an empty text"))
        } else {
            Ok(text)
        }
    }

    /// A number, as text or as an integer.
    fn number(&mut self) -> Parsed<u64> {
        let (what, value) = (self.what, self.value()?);
        let found = match value {
            Value::Int(found) => u64::try_from(*found).ok(),
            Value::BulkString(text) => str::from_utf8(text).ok().and_then(number),
            _ => None,
        };
        found.ok_or_else(|| bad(what, value))
    }

    fn position(&mut self) -> Parsed<ChangePosition> {
        let text = self.text()?;
        ChangePosition::parse(text).ok_or_else(|| BadReply::new(self.what, text.as_bytes()))
    }

    fn nested(&mut self) -> Parsed<Fields<'a>> {
        Fields::of(self.what, self.value()?)
    }

    fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    fn rest<T>(mut self, mut read: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut all = Vec::new();
        while !self.is_empty() {
            all.push(read(&mut self)?);
        }
        Ok(all)
    }

    /// The reply has ended.
    fn end<T>(self, value: T) -> Parsed<T> {
        match self.values.first() {
            None => Ok(value),
            Some(more) => Err(bad(self.what, more)),
        }
    }

    fn unknown<T>(&self, word: &str) -> Parsed<T> {
        Err(BadReply::new(self.what, word.as_bytes()))
    }
}

fn bytes(what: &'static str, value: &Value) -> Parsed<Bytes> {
    match value {
        Value::BulkString(text) => Ok(Bytes::copy_from_slice(text)),
        other => Err(bad(what, other)),
    }
}

fn bad(what: &'static str, value: &Value) -> BadReply {
    match value {
        Value::BulkString(text) => BadReply::new(what, text),
        Value::Array(values) => BadReply::new(what, format!("an array of {}", values.len()).as_bytes()),
        other => BadReply::new(what, format!("{other:?}").as_bytes()),
    }
}

fn names(fields: Fields<'_>) -> Parsed<Vec<EventName>> {
    fields.rest(|fields| fields.word().map(EventName::from))
}

pub(super) fn append(reply: &Value) -> Parsed<AppendReply> {
    let mut fields = Fields::of("reply of append", reply)?;
    match fields.text()? {
        "stored" => {
            let text = fields.text()?;
            let bad = || BadReply::new("reply of append", text.as_bytes());
            let words: Vec<_> = text.split(' ').collect();
            let &[epoch, seq, answers] = &*words else {
                return Err(bad());
            };
            let seq = number(seq).ok_or_else(bad)?;
            let answers = answers::parse(answers, seq)?;
            fields.end(AppendReply::Stored {
                epoch: epoch.into(),
                seq,
                answers,
            })
        }
        "gone" => fields.end(AppendReply::Gone),
        "old" => fields.end(AppendReply::Old),
        "unknown" => fields.end(AppendReply::Unknown),
        other => fields.unknown(other),
    }
}

pub(super) fn read(reply: &Value) -> Parsed<ReadReply> {
    let mut fields = Fields::of("reply of read", reply)?;
    match fields.text()? {
        "ok" => Ok(ReadReply::Read {
            epoch: fields.word()?.into(),
            seq: fields.number()?,
            types: fields.rest(|fields| {
                let mut kind = fields.nested()?;
                Ok(TypeReply {
                    event: kind.word()?.into(),
                    last: kind.number()?,
                    mark: kind.number()?,
                    has_older: kind.number()? != 0,
                    entries: kind.rest(Fields::bytes)?,
                })
            })?,
        }),
        "lost" => {
            let (epoch, seq) = (fields.word()?.into(), fields.number()?);
            fields.end(ReadReply::Lost { epoch, seq })
        }
        "types" => names(fields).map(ReadReply::Types),
        "gone" => fields.end(ReadReply::Gone),
        other => fields.unknown(other),
    }
}

pub(super) fn position(reply: &Value) -> Parsed<PositionReply> {
    let mut fields = Fields::of("reply of position", reply)?;
    match fields.text()? {
        "ok" => Ok(PositionReply {
            position: fields.position()?,
            rooms: fields.rest(|fields| {
                let mut room = fields.nested()?;
                match room.text()? {
                    "ok" => Ok(RoomPosition::Room {
                        epoch: room.word()?.into(),
                        seq: room.number()?,
                        erasures: erasures("reply of position", room.text()?)?,
                        types: room.rest(|types| Ok((types.word()?.into(), types.number()?)))?,
                    }),
                    "gone" => room.end(RoomPosition::Gone),
                    "foreign" => room.end(RoomPosition::Foreign),
                    other => room.unknown(other),
                }
            })?,
        }),
        other => fields.unknown(other),
    }
}

pub(super) fn outcome(reply: &Value) -> Parsed<OutcomeReply> {
    let mut fields = Fields::of("reply of outcome", reply)?;
    match fields.text()? {
        "stored" => {
            let seq = fields.number()?;
            fields.end(OutcomeReply::Stored(seq))
        }
        "none" => fields.end(OutcomeReply::None),
        "forgotten" => fields.end(OutcomeReply::Forgotten),
        other => fields.unknown(other),
    }
}

pub(super) fn create_room(reply: &Value) -> Parsed<CreateReply> {
    let mut fields = Fields::of("reply of create_room", reply)?;
    match fields.text()? {
        "ok" => {
            let epoch = fields.word()?.into();
            fields.end(CreateReply::Created { epoch })
        }
        "exists" => fields.end(CreateReply::Exists),
        "types" => names(fields).map(CreateReply::Types),
        other => fields.unknown(other),
    }
}

pub(super) fn delete_room(reply: &Value) -> Parsed<DeleteReply> {
    let mut fields = Fields::of("reply of delete_room", reply)?;
    match fields.text()? {
        "ok" => fields.end(DeleteReply::Deleted),
        "gone" => fields.end(DeleteReply::Gone),
        "used" => fields.end(DeleteReply::Used),
        "types" => names(fields).map(DeleteReply::Types),
        other => fields.unknown(other),
    }
}

pub(super) fn rooms(reply: &Value) -> Parsed<Vec<RoomReply>> {
    Fields::of("reply of rooms", reply)?.rest(|fields| {
        let mut room = fields.nested()?;
        // 'foreign' has no second field, unlike an own part with this text.
        let own = room.text()?;
        if room.is_empty() && own == "foreign" {
            return Ok(RoomReply::Foreign);
        }
        let record = room_record(&room.bytes()?)?;
        room.end(RoomReply::Room {
            own: own.into(),
            record,
        })
    })
}

/// The reply of `index.lua`: the next cursor, and the rooms with their records.
pub(super) fn index(reply: &Value) -> Parsed<(Bytes, Vec<(RoomId, Bytes)>)> {
    let mut fields = Fields::of("reply of index", reply)?;
    let cursor = fields.bytes()?;
    let rooms = fields.rest(|fields| Ok((fields.word()?.into(), fields.bytes()?)))?;
    Ok((cursor, rooms))
}

/// The reply of `may_publish.lua`: why not, or nothing.
pub(super) fn may_publish(reply: &Value) -> Parsed<&str> {
    match reply {
        Value::BulkString(text) => str::from_utf8(text).map_err(|_| bad("reply of may_publish", reply)),
        other => Err(bad("reply of may_publish", other)),
    }
}

/// The reply of `hello.lua`: the fingerprints of other nodes.
pub(super) fn hello(reply: &Value) -> Parsed<Vec<String>> {
    Fields::of("reply of hello", reply)?.rest(|fields| fields.text().map(str::to_owned))
}

/// Reads a value of `T:rooms`.
pub(super) fn room_record(text: &Bytes) -> Parsed<RoomRecordText> {
    read_room_record(text).ok_or_else(|| BadReply::new("record of a room", text))
}

fn read_room_record(text: &Bytes) -> Option<RoomRecordText> {
    if text.is_empty() {
        return Some(RoomRecordText::None);
    }
    let rest = text.get(2..)?;
    let end = rest.iter().position(|&byte| byte == b' ').unwrap_or(rest.len());
    let own: Arc<str> = str::from_utf8(&rest[..end]).ok().filter(|own| !own.is_empty())?.into();
    match &text[..2] {
        b"c " => Some(RoomRecordText::Created {
            own,
            text: text.slice((2 + end + 1).min(text.len())..),
        }),
        b"d " if end == rest.len() => Some(RoomRecordText::Deleted { own }),
        _ => None,
    }
}

pub(super) fn changes(reply: &Value) -> Parsed<ChangesReply> {
    let mut fields = Fields::of("reply of changes", reply)?;
    let word = fields.text()?;
    let position = fields.position()?;
    match word {
        "ok" => Ok(ChangesReply::Changes {
            position,
            rooms: fields.rest(|fields| Ok((fields.word()?.into(), fields.position()?)))?,
        }),
        "old" => fields.end(ChangesReply::Old { position }),
        other => fields.unknown(other),
    }
}

pub(super) fn erase(reply: &Value) -> Parsed<EraseReply> {
    let mut fields = Fields::of("reply of erase", reply)?;
    match fields.text()? {
        "ok" => {
            let text = fields.text()?;
            let answers: Parsed<Vec<_>> = text
                .bytes()
                .map(|letter| match letter {
                    b'e' => Ok(EraseAnswer::Erased),
                    b'a' => Ok(EraseAnswer::Already),
                    b'n' => Ok(EraseAnswer::Missing),
                    _ => Err(BadReply::new("reply of erase", text.as_bytes())),
                })
                .collect();
            fields.end(EraseReply::Erased(answers?))
        }
        "gone" => fields.end(EraseReply::Gone),
        other => fields.unknown(other),
    }
}

pub(super) fn trimmed_take(reply: &Value) -> Parsed<TrimmedReply> {
    let mut fields = Fields::of("reply of trimmed_take", reply)?;
    match fields.text()? {
        "ok" => Ok(TrimmedReply::Taken {
            dropped: fields.number()?,
            events: fields.rest(|fields| {
                let mut event = fields.nested()?;
                let entry = TrimmedEntry {
                    id: event.bytes()?,
                    room: event.word()?.into(),
                    epoch: event.word()?.into(),
                    event: event.word()?.into(),
                    entry: event.bytes()?,
                };
                event.end(entry)
            })?,
        }),
        "busy" => {
            let ms = fields.number()?;
            fields.end(TrimmedReply::Busy(ms))
        }
        other => fields.unknown(other),
    }
}

pub(super) fn trimmed_done(reply: &Value) -> Parsed<u64> {
    match reply {
        Value::Int(removed) => u64::try_from(*removed).map_err(|_| bad("reply of trimmed_done", reply)),
        other => Err(bad("reply of trimmed_done", other)),
    }
}

pub(super) fn scan(reply: &Value) -> Parsed<ScanReply> {
    let mut fields = Fields::of("reply of scan", reply)?;
    let cursor = Some(fields.word()?).filter(|cursor| *cursor != "0").map(str::to_owned);
    let names = fields.rest(|fields| fields.bytes())?;
    Ok(ScanReply { cursor, names })
}

pub(super) fn sent_by(reply: &Value) -> Parsed<SentByReply> {
    let mut fields = Fields::of("reply of sent_by", reply)?;
    match fields.text()? {
        "ok" => Ok(SentByReply::Events {
            own: fields.word()?.into(),
            next: Some(fields.number()?).filter(|next| *next != 0),
            numbers: fields.rest(|fields| fields.number())?,
        }),
        "gone" => fields.end(SentByReply::Gone),
        other => fields.unknown(other),
    }
}

/// Reads what `erase.lua` keeps in a room's metadata.
fn erasures(what: &'static str, text: &str) -> Parsed<Erasures> {
    let read = |word| number(word).ok_or_else(|| BadReply::new(what, text.as_bytes()));
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    Ok(Erasures {
        count: words.next().map_or(Ok(0), read)?,
        latest: words.map(read).collect::<Parsed<_>>()?,
    })
}

pub(super) fn contact(reply: &Value) -> Parsed<ContactReply> {
    let mut fields = Fields::of("reply of contact", reply)?;
    match fields.text()? {
        "ok" => {
            let _format = fields.number()?;
            let partitions = fields.number()?;
            let partitions = u16::try_from(partitions).or_else(|_| fields.unknown("too many partitions"))?;
            // An error must not show the secret.
            let secret = secret(fields.text()?).ok_or_else(|| BadReply::new("reply of contact", b"not a secret"))?;
            fields.end(ContactReply::Agreed { partitions, secret })
        }
        "format" => {
            let format = fields.number()?;
            fields.end(ContactReply::Format(format))
        }
        other => fields.unknown(other),
    }
}

fn secret(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| digit.to_digit(16).map(|value| value as u8))
        .collect::<Option<_>>()?;
    let digits: &[u8; 64] = digits.as_slice().try_into().ok()?;
    let mut secret = [0; 32];
    for (byte, pair) in secret.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Some(secret)
}

#[cfg(test)]
#[path = "reply/tests.rs"]
mod tests;
