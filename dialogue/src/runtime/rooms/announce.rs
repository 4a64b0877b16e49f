//! Rooms come and go, and everyone is told.

use std::sync::Arc;

use crate::connection::{ClientState, Frame};
use crate::protocol::{RoomInfo, ServerFrame};
use crate::room::{NotAdded, RoomCell};
use crate::runtime::core::{Core, RoomHandle};
use crate::runtime::hooks::definition::Told;
use crate::runtime::observe::tap::Notice;

impl Core {
    /// Adds a room to those that there are, and tells everyone; `creator` by a reply.
    pub(in crate::runtime) fn add_room(
        self: &Arc<Self>,
        room: &Arc<RoomCell>,
        creator: Option<(&Arc<ClientState>, Option<i64>)>,
    ) -> Result<(), NotAdded> {
        let _in_turn = self.announcing.lock();
        self.registry.add(Arc::clone(room))?;
        self.announce(room, creator);
        Ok(())
    }

    /// Removes a room that has been deleted, unless somebody else has, and tells everyone; `requester` by a reply.
    pub(in crate::runtime) fn remove_room(
        self: &Arc<Self>,
        room: &Arc<RoomCell>,
        requester: Option<(&Arc<ClientState>, Option<i64>)>,
    ) {
        let _in_turn = self.announcing.lock();
        if self.registry.remove(room) {
            self.announce_end(room, requester);
        }
    }

    /// Tells everyone, and `on_room_created`, that there is a new room; `creator` by a reply.
    fn announce(self: &Arc<Self>, room: &Arc<RoomCell>, creator: Option<(&Arc<ClientState>, Option<i64>)>) {
        if room.is_listed() {
            let frame = |id| ServerFrame::RoomCreated { id, room: info(room) }.encode();
            self.tell_everyone(&frame(None), creator.map(|(client, id)| (client, frame(id))));
        }
        self.tap
            .offer(|| Notice::created(&room.id, &room.template.name, room.template.max_size));
        self.tell_hook(room, "on_room_created", &self.hooks.on_room_created);
    }

    /// Tells everyone, and `on_room_deleted`, that a room is no more; `requester` by a reply.
    fn announce_end(self: &Arc<Self>, room: &Arc<RoomCell>, requester: Option<(&Arc<ClientState>, Option<i64>)>) {
        if room.is_listed() {
            let frame = |id| ServerFrame::RoomDeleted { id, room_id: &room.id }.encode();
            self.tell_everyone(&frame(None), requester.map(|(client, id)| (client, frame(id))));
        }
        self.tap.offer(|| Notice::deleted(&room.id));
        self.tell_hook(room, "on_room_deleted", &self.hooks.on_room_deleted);
    }

    /// Queues one frame for every client, except that one of them may be told otherwise.
    pub(crate) fn tell_everyone(&self, frame: &bytes::Bytes, but: Option<(&Arc<ClientState>, bytes::Bytes)>) -> usize {
        let clients = self.all_clients();
        clients
            .iter()
            .filter(|client| {
                let frame = match &but {
                    Some((other, told)) if other.key == client.key => told.clone(),
                    _ => frame.clone(),
                };
                client.outbox.push(Frame::Text(frame))
            })
            .count()
    }

    fn tell_hook(self: &Arc<Self>, room: &Arc<RoomCell>, name: &'static str, hook: &Told<RoomHandle>) {
        self.tell_in_turn(&room.hooks, name, hook, self.room(room));
    }
}

/// What clients are told of a room.
pub(crate) fn info(room: &RoomCell) -> RoomInfo<'_> {
    RoomInfo {
        id: &room.id,
        name: &room.template.name,
        description: room.template.description.as_deref(),
        size: room.lock().len(),
        max_size: room.template.max_size,
        created_by_id: room.created_by.as_ref(),
    }
}
