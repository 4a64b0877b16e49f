//! Decodes a text frame into a request.
//!
//! Checks every field here, even if the command does not use it. The code that runs a command therefore receives valid room ids
//! and event names only. Other code decides whether they exist and what the client may do.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::command::{
    Command, ConnectCommand, FirstAttempt, HistoryCommand, HistoryCursor, JoinCommand, LogPosition, NewRoom, PROTOCOL,
    Request, TriggerCommand,
};
use super::fields::{Fields, Problem};
use crate::id::{EventName, RoomId};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::json::{self, Entries, excerpt};
use crate::protocol::subscriptions::{SubscriptionList, WILDCARD};

/// The longest list of subscriptions, and of exceptions from the wildcard, in one `join`. By default, a client may have
/// that many in all rooms together.
pub(super) const MAX_SUBSCRIPTIONS: usize = 1_000;

/// The longest `key`, in bytes. It fits a UUID or a hash with a prefix. The server remembers every key in use.
const MAX_KEY_BYTES: usize = 128;

/// The longest name of a room that a client creates, in bytes. It is a title, and every client receives it.
const MAX_ROOM_NAME_BYTES: usize = 256;

/// The longest description of a room that a client creates, in bytes. It is a paragraph, and every client receives it.
const MAX_ROOM_DESCRIPTION_BYTES: usize = 2_048;

/// How many events a page of history has if the request does not specify it.
const DEFAULT_PAGE: u64 = 50;

/// The fields of all requests. Other fields are ignored. The fields of the most frequent requests come first.
const FIELDS: &[&str] = &[
    "type",
    "id",
    "roomId",
    "event",
    "data",
    "meta",
    "key",
    "repeats",
    "subscriptions",
    "except",
    "since",
    "erasures",
    "protocol",
    "auth",
    "resume",
    "start",
    "end",
    "before",
    "skip",
    "limit",
    "after",
    "room",
];

/// A frame that the server answers with an error at once. The answer needs no other part of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RejectedRequest {
    /// The request's `id`. It is `Some` if the frame is one JSON object with an integer `id`, even if the rest of the
    /// frame is wrong.
    pub(crate) id: Option<i64>,
    /// `INVALID_REQUEST` for malformed requests. `ROOM_NOT_FOUND`, `EVENT_NOT_ALLOWED` or `LIMIT_EXCEEDED` for
    /// well-formed requests that can never succeed.
    pub(crate) code: ErrorCode,
    /// A text for people. It is short, no matter what the client sent.
    pub(crate) message: String,
}

impl Request {
    /// Decodes a frame of at most `max_depth` levels. The outermost object is the first level.
    pub(crate) fn parse(text: &str, max_depth: usize) -> Result<Self, RejectedRequest> {
        let problem = match json::parse_object(text, max_depth, FIELDS) {
            Ok(Some(entries)) => return Self::from_entries(entries),
            Ok(None) => Problem::invalid("a frame must be a JSON object"),
            Err(error) => Problem::invalid(error.to_string()),
        };
        Err(RejectedRequest {
            id: salvage_id(text),
            code: problem.code,
            message: problem.message,
        })
    }

    fn from_entries(entries: Entries<'_>) -> Result<Self, RejectedRequest> {
        let mut fields = Fields::new(entries);
        let mut id = None;
        let command = fields.optional("id").and_then(|found| {
            id = found;
            Command::take(&mut fields)
        });
        match command.and_then(|command| fields.finish().map(|()| command)) {
            Ok(command) => Ok(Self { id, command }),
            Err(Problem { code, message }) => Err(RejectedRequest { id, code, message }),
        }
    }
}

impl Command {
    fn take(fields: &mut Fields<'_>) -> Result<Self, Problem> {
        let kind: Cow<'_, str> = fields.required("type")?;
        Ok(match &*kind {
            "connect" => Self::Connect(ConnectCommand::take(fields)?),
            "join" => Self::Join(JoinCommand::take(fields)?),
            "leave" => Self::Leave {
                room_id: fields.room_id()?,
            },
            "subscribe" => Self::Subscribe {
                room_id: fields.room_id()?,
                event: fields.event()?,
            },
            "unsubscribe" => Self::Unsubscribe {
                room_id: fields.room_id()?,
                event: fields.event()?,
            },
            "subscribeAll" => Self::SubscribeAll {
                room_id: fields.room_id()?,
            },
            "trigger" => Self::Trigger(TriggerCommand::take(fields)?),
            "history" => Self::History(HistoryCommand::take(fields)?),
            "listRooms" => Self::ListRooms { after: after(fields)? },
            "createRoom" => Self::CreateRoom {
                room: NewRoom::take(fields)?,
            },
            "deleteRoom" => Self::DeleteRoom {
                room_id: fields.room_id()?,
            },
            "ping" => Self::Ping,
            unknown => return Err(Problem::invalid(format!("unknown type `{}`", excerpt(unknown)))),
        })
    }
}

impl ConnectCommand {
    fn take(fields: &mut Fields<'_>) -> Result<Self, Problem> {
        let protocol = fields.required("protocol")?;
        if protocol != PROTOCOL {
            return Ok(Self {
                protocol,
                auth: Value::Null,
                resume: None,
            });
        }
        Ok(Self {
            protocol,
            auth: fields.take("auth").unwrap_or_default(),
            resume: fields.optional("resume")?,
        })
    }
}

impl JoinCommand {
    fn take(fields: &mut Fields<'_>) -> Result<Self, Problem> {
        let room_id = fields.room_id()?;
        let since = fields.optional("since")?.map(LogPosition::from_object).transpose()?;
        let subscriptions = subscriptions(fields)?;
        let except = except(fields)?;
        if except.is_some() && !subscriptions.as_ref().is_some_and(|list| list.wildcard) {
            return Err(Problem::invalid("`except` requires `*` in `subscriptions`"));
        }
        Ok(Self {
            room_id,
            subscriptions,
            except: except.unwrap_or_default(),
            since,
            erasures: fields.optional("erasures")?,
        })
    }
}

impl LogPosition {
    fn from_object(object: Map<String, Value>) -> Result<Self, Problem> {
        let mut fields = Fields::at("since.", object);
        Ok(Self {
            epoch: fields.required("epoch")?,
            seq: fields.required("seq")?,
        })
    }
}

impl TriggerCommand {
    fn take(fields: &mut Fields<'_>) -> Result<Self, Problem> {
        let (room_id, event) = (fields.room_id()?, fields.event()?);
        let (data, meta) = (fields.take("data").unwrap_or_default(), fields.optional("meta")?);
        let key = fields.short_text("key", MAX_KEY_BYTES)?;
        let repeats = fields.optional("repeats")?.map(FirstAttempt::from_object).transpose()?;
        if repeats.is_some() && key.is_none() {
            return Err(Problem::invalid("`repeats` requires `key`"));
        }
        Ok(Self {
            room_id,
            event,
            data,
            meta,
            key,
            repeats,
        })
    }
}

impl FirstAttempt {
    fn from_object(object: Map<String, Value>) -> Result<Self, Problem> {
        let mut fields = Fields::at("repeats.", object);
        let client_id: String = fields.required("clientId")?;
        Ok(Self {
            client_id: client_id.into(),
            epoch: fields.required("epoch")?,
        })
    }
}

impl HistoryCommand {
    fn take(fields: &mut Fields<'_>) -> Result<Self, Problem> {
        Ok(Self {
            room_id: fields.room_id()?,
            event: fields.event()?,
            cursor: HistoryCursor::take(fields)?,
        })
    }
}

impl HistoryCursor {
    fn take(fields: &mut Fields<'_>) -> Result<Self, Problem> {
        let (start, end) = (fields.optional("start")?, fields.optional("end")?);
        let (before, limit) = (fields.optional("before")?, fields.optional("limit")?);
        let skip = fields.optional("skip")?;
        if limit == Some(0) {
            return Err(fields.malformed("limit", "at least 1"));
        }
        if skip.is_some() && before.is_none() {
            return Err(Problem::invalid("`skip` requires `before`"));
        }
        match (before, limit) {
            (Some(_), _) if start.is_some() || end.is_some() => {
                Err(Problem::invalid("`before` cannot be combined with `start` or `end`"))
            }
            (Some(seq), limit) => {
                let limit = limit.unwrap_or(DEFAULT_PAGE);
                Ok(match skip {
                    Some(skip) => Self::Unnumbered { skip, limit },
                    None => Self::Before { seq, limit },
                })
            }
            (None, Some(_)) => Err(Problem::invalid("`limit` requires `before`")),
            (None, None) => {
                let (start, end) = (start.unwrap_or(0), end.unwrap_or(DEFAULT_PAGE));
                if end < start {
                    return Err(Problem::invalid(format!("`end` ({end}) is below `start` ({start})")));
                }
                Ok(Self::Index { start, end })
            }
        }
    }
}

impl NewRoom {
    fn take(fields: &mut Fields<'_>) -> Result<Self, Problem> {
        let mut room = Fields::at("room.", fields.required("room")?);
        let id: String = room.required("id")?;
        if !RoomId::is_valid(&id) {
            return Err(room.malformed("id", "1 to 128 bytes of [A-Za-z0-9_.:=@,;%-]"));
        }
        let max_size = room.optional::<u64>("maxSize")?;
        Ok(Self {
            id: id.into(),
            name: room.short_text("name", MAX_ROOM_NAME_BYTES)?,
            description: room.short_text("description", MAX_ROOM_DESCRIPTION_BYTES)?,
            max_size: match max_size.map(usize::try_from) {
                None => None,
                Some(Ok(size)) if size > 0 => Some(size),
                Some(_) => return Err(room.malformed("maxSize", "at least 1")),
            },
        })
    }
}

fn subscriptions(fields: &mut Fields<'_>) -> Result<Option<SubscriptionList>, Problem> {
    let Some(list) = fields.optional::<Vec<Value>>("subscriptions")? else {
        return Ok(None);
    };
    check_length(&list, "subscriptions")?;
    let mut subscriptions = SubscriptionList::default();
    for entry in list {
        let Some(name) = entry.as_str() else {
            return Err(fields.malformed("subscriptions", "an array of strings"));
        };
        if name == WILDCARD {
            subscriptions.wildcard = true;
        } else {
            subscriptions.events.insert(fields.event_name(name));
        }
    }
    Ok(Some(subscriptions))
}

/// The exceptions from the wildcard. No room has an event with an invalid name, so such a name is left out: the room
/// ignores names that it does not have.
fn except(fields: &mut Fields<'_>) -> Result<Option<BTreeSet<EventName>>, Problem> {
    let Some(list) = fields.optional::<Vec<Value>>("except")? else {
        return Ok(None);
    };
    check_length(&list, "exceptions")?;
    let mut events = BTreeSet::new();
    for entry in list {
        match entry.as_str() {
            Some(name) if EventName::is_valid(name) => events.insert(name.into()),
            Some(_) => continue,
            None => return Err(fields.malformed("except", "an array of strings")),
        };
    }
    Ok(Some(events))
}

fn check_length(list: &[Value], of: &str) -> Result<(), Problem> {
    if list.len() > MAX_SUBSCRIPTIONS {
        return Err(Problem {
            code: ErrorCode::LimitExceeded,
            message: format!("a request may have at most {MAX_SUBSCRIPTIONS} {of}"),
        });
    }
    Ok(())
}

/// The cursor of `listRooms`. It is the id of a room that exists or existed, so an invalid id is malformed.
fn after(fields: &mut Fields<'_>) -> Result<Option<RoomId>, Problem> {
    match fields.optional::<String>("after")? {
        Some(id) if !RoomId::is_valid(&id) => Err(fields.malformed("after", "a room id")),
        id => Ok(id.map(RoomId::from)),
    }
}

/// The `id` of a frame that is an object but breaks a rule beyond JSON's syntax. Examples are a duplicate key and deep
/// nesting. Without the `id` in the error, the client would wait for a reply in vain.
///
/// Skips everything else without building it and without recursion.
fn salvage_id(text: &str) -> Option<i64> {
    #[derive(Deserialize)]
    struct Id {
        id: i64,
    }

    // serde would also accept an array: it takes a struct's fields in order.
    if !text.trim_start().starts_with('{') {
        return None;
    }
    serde_json::from_str::<Id>(text).ok().map(|found| found.id)
}
