//! Events as logs keep them.

use std::sync::Arc;

use bytes::Bytes;

use crate::containment::contain_sync;
use crate::event::EventMessage;
use crate::id::{EventName, RoomId};

/// An event in a log. It is encoded once, so that replies and live frames share its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredEvent {
    /// The event's name.
    pub(crate) event: EventName,
    /// Its number in the room. `None` for an event that the application pushed: it takes no part in recovery.
    pub(crate) seq: Option<u64>,
    /// The JSON text of its [`EventMessage`].
    pub(crate) body: Bytes,
}

/// An event that a log no longer keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Evicted {
    /// The room whose log kept it.
    pub(crate) room: RoomId,
    /// The incarnation of the room, if the log knows it: see
    /// [`HistoryManager::retire_room`](super::HistoryManager::retire_room).
    pub(crate) epoch: Option<Arc<str>>,
    /// The event itself.
    pub(crate) entry: StoredEvent,
}

impl StoredEvent {
    /// The event as clients receive it.
    pub(crate) fn into_frame(self) -> Bytes {
        self.body
    }

    /// Parses the event's text. Logs an error and returns `None` if that fails: `serde_json` does not read data that
    /// is nested too deep (see [`HistoryManager::push`](super::HistoryManager::push)).
    pub(crate) fn decode(&self) -> Option<EventMessage> {
        serde_json::from_slice(&self.body)
            .inspect_err(|error| {
                // A panic in the application's subscriber affects nothing else.
                let _contained =
                    contain_sync(|| tracing::error!(event = %self.event, %error, "cannot read a kept event"));
            })
            .ok()
    }
}
