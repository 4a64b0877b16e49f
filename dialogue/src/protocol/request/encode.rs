//! Encodes a client's requests into text frames. The opposite of `decode`.
//!
//! [`Request::parse`] can read everything that is written here. A property test checks that both agree.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::command::{
    Command, ConnectCommand, FirstAttempt, HistoryCommand, HistoryCursor, JoinCommand, LogPosition, NewRoom, Request,
    TriggerCommand,
};
use crate::protocol::json;

impl Request {
    /// The frame's text.
    pub(crate) fn encode(&self) -> String {
        let mut text = Vec::with_capacity(128);
        json::write(&mut text, self);
        // serde_json writes UTF-8 only. If that ever failed, the server would answer the empty frame with an error.
        String::from_utf8(text).unwrap_or_default()
    }
}

/// Writes one object. `type` and `id` come first, and absent fields are left out.
impl Serialize for Request {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = FieldWriter(serializer.serialize_map(None)?);
        fields.put("type", self.command.kind())?;
        fields.put_some("id", self.id.as_ref())?;
        match &self.command {
            Command::Connect(ConnectCommand { protocol, auth, resume }) => {
                fields.put("protocol", protocol)?;
                fields.put("auth", auth)?;
                fields.put_some("resume", resume.as_ref())?;
            }
            Command::Join(JoinCommand {
                room_id,
                subscriptions,
                except,
                since,
                erasures,
            }) => {
                fields.put("roomId", room_id)?;
                fields.put_some("subscriptions", subscriptions.as_ref())?;
                fields.put_some("except", (!except.is_empty()).then_some(except))?;
                fields.put_some("since", since.as_ref())?;
                fields.put_some("erasures", erasures.as_ref())?;
            }
            Command::Leave { room_id } | Command::SubscribeAll { room_id } | Command::DeleteRoom { room_id } => {
                fields.put("roomId", room_id)?;
            }
            Command::Subscribe { room_id, event } | Command::Unsubscribe { room_id, event } => {
                fields.put("roomId", room_id)?;
                fields.put("event", event)?;
            }
            Command::Trigger(TriggerCommand {
                room_id,
                event,
                data,
                meta,
                key,
                repeats,
            }) => {
                fields.put("roomId", room_id)?;
                fields.put("event", event)?;
                fields.put("data", data)?;
                fields.put_some("meta", meta.as_ref())?;
                fields.put_some("key", key.as_ref())?;
                fields.put_some("repeats", repeats.as_ref())?;
            }
            Command::History(HistoryCommand { room_id, event, cursor }) => {
                fields.put("roomId", room_id)?;
                fields.put("event", event)?;
                match cursor {
                    HistoryCursor::Index { start, end } => {
                        fields.put("start", start)?;
                        fields.put("end", end)?;
                    }
                    HistoryCursor::Before { seq, limit } => {
                        fields.put("before", seq)?;
                        fields.put("limit", limit)?;
                    }
                    HistoryCursor::Unnumbered { skip, limit } => {
                        fields.put("before", &1)?;
                        fields.put("limit", limit)?;
                        fields.put("skip", skip)?;
                    }
                }
            }
            Command::ListRooms { after } => fields.put_some("after", after.as_ref())?,
            Command::CreateRoom { room } => fields.put("room", room)?,
            Command::Ping => {}
        }
        fields.0.end()
    }
}

impl Command {
    /// The frame's `type`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::Join(_) => "join",
            Self::Leave { .. } => "leave",
            Self::Subscribe { .. } => "subscribe",
            Self::Unsubscribe { .. } => "unsubscribe",
            Self::SubscribeAll { .. } => "subscribeAll",
            Self::Trigger(_) => "trigger",
            Self::History(_) => "history",
            Self::ListRooms { .. } => "listRooms",
            Self::CreateRoom { .. } => "createRoom",
            Self::DeleteRoom { .. } => "deleteRoom",
            Self::Ping => "ping",
        }
    }
}

impl Serialize for LogPosition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = FieldWriter(serializer.serialize_map(None)?);
        fields.put("epoch", &self.epoch)?;
        fields.put("seq", &self.seq)?;
        fields.0.end()
    }
}

impl Serialize for FirstAttempt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = FieldWriter(serializer.serialize_map(None)?);
        fields.put("clientId", &self.client_id)?;
        fields.put("epoch", &self.epoch)?;
        fields.0.end()
    }
}

impl Serialize for NewRoom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = FieldWriter(serializer.serialize_map(None)?);
        fields.put("id", &self.id)?;
        fields.put_some("name", self.name.as_ref())?;
        fields.put_some("description", self.description.as_ref())?;
        fields.put_some("maxSize", self.max_size.as_ref())?;
        fields.0.end()
    }
}

/// An object while its fields are written.
struct FieldWriter<M>(M);

impl<M: SerializeMap> FieldWriter<M> {
    fn put(&mut self, name: &str, value: &(impl Serialize + ?Sized)) -> Result<(), M::Error> {
        self.0.serialize_entry(name, value)
    }

    /// Leaves an absent field out. It is not written as `null`.
    fn put_some(&mut self, name: &str, value: Option<&impl Serialize>) -> Result<(), M::Error> {
        value.map_or(Ok(()), |value| self.put(name, value))
    }
}
