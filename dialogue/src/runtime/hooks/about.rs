//! The arguments of hooks as one trait: what a report and a choice of hooks need to know about them.

use std::sync::Arc;

use serde_json::Value;

use super::arguments::{Arrival, ConnectionEnd, Left};
use crate::connection::ClientState;
use crate::id::EventName;
use crate::room::RoomDeclaration;
use crate::runtime::core::{Client, RoomHandle};
use crate::runtime::observe::emit::Involved;

/// The arguments of a hook.
pub(crate) trait HookArguments: Clone {
    /// The client, room and event of the call.
    fn involved(&self) -> Involved<'_>;

    /// The client that a notification is about, if it is about one.
    fn client(&self) -> Option<&ClientState> {
        None
    }

    /// The declaration of the room, if there is a room and it is declared.
    fn declaration(&self) -> Option<&'static RoomDeclaration> {
        None
    }
}

impl HookArguments for Client {
    fn involved(&self) -> Involved<'_> {
        Involved::client(&self.state)
    }

    fn client(&self) -> Option<&ClientState> {
        Some(&self.state)
    }
}

impl HookArguments for (Client, ConnectionEnd) {
    fn involved(&self) -> Involved<'_> {
        self.0.involved()
    }

    fn client(&self) -> Option<&ClientState> {
        self.0.client()
    }
}

impl HookArguments for RoomHandle {
    fn involved(&self) -> Involved<'_> {
        Involved::default().in_room(&self.cell.id)
    }

    fn declaration(&self) -> Option<&'static RoomDeclaration> {
        self.cell.template.declaration
    }
}

impl HookArguments for (Client, RoomHandle) {
    fn involved(&self) -> Involved<'_> {
        let (client, room) = self;
        client.involved().in_room(&room.cell.id)
    }

    fn declaration(&self) -> Option<&'static RoomDeclaration> {
        self.1.declaration()
    }
}

impl HookArguments for (Client, RoomHandle, EventName, Arc<Value>) {
    fn involved(&self) -> Involved<'_> {
        let (client, room, event, _) = self;
        Involved {
            event: Some(event),
            ..client.involved().in_room(&room.cell.id)
        }
    }

    fn declaration(&self) -> Option<&'static RoomDeclaration> {
        self.1.declaration()
    }
}

/// How a client came into a room, or left it.
pub(in crate::runtime) trait Passage: Copy {}

impl Passage for Arrival {}
impl Passage for Left {}

impl<P: Passage> HookArguments for (Client, RoomHandle, P) {
    fn involved(&self) -> Involved<'_> {
        let (client, room, _) = self;
        client.involved().in_room(&room.cell.id)
    }

    fn client(&self) -> Option<&ClientState> {
        self.0.client()
    }

    fn declaration(&self) -> Option<&'static RoomDeclaration> {
        self.1.declaration()
    }
}
