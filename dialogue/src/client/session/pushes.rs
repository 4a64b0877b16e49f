//! The effects on a session of frames that answer no request.

use tokio::time::Instant;

use super::ClientSession;
use crate::client::error::{ClientError, Refused};
use crate::client::events::Departure;
use crate::client::notice::ClientNotice;
use crate::id::{EventName, RoomId};
use crate::protocol::Incoming;

impl ClientSession {
    /// Takes in a frame that answers no waiting request.
    pub(super) fn push(&mut self, frame: Incoming, bytes: usize, now: Instant) -> Result<(), ClientError> {
        match frame {
            Incoming::Event(message) => {
                let pending = &self.pending;
                let is_wanted = |room: &RoomId, event: &EventName| pending.is_subscribing(room, event);
                self.rooms.event(message, bytes, is_wanted);
            }
            Incoming::Joined(joined) => {
                // A frame with an id answers a join that nobody waits for any more.
                let notice = joined
                    .id
                    .is_none()
                    .then(|| ClientNotice::Joined(joined.room_id.clone()));
                let is_new = !self.rooms.contains(&joined.room_id);
                if is_new && notice.is_none() {
                    // Nobody holds the room, so the client leaves it.
                    return self.not_wanted(joined.room_id, now);
                }
                self.entered(joined, bytes, false, usize::from(is_new), now)?;
                if let Some(notice) = notice.filter(|_| is_new) {
                    self.notify(notice);
                }
            }
            Incoming::Left { room_id, reason, .. } => self.rooms.left(&room_id, Departure::of(reason)),
            Incoming::RoomCreated { id: None, room } => {
                self.rooms.created(&room.id);
                self.notify(ClientNotice::RoomCreated(room.into()));
            }
            Incoming::RoomDeleted { id: None, room_id } => {
                self.rooms.left(&room_id, Departure::RoomDeleted);
                self.notify(ClientNotice::RoomDeleted(room_id));
            }
            Incoming::Erased { room_id, seq } => self.rooms.erased(&room_id, seq),
            // The session is renewed, even if the answer came after the request timed out.
            Incoming::Connected(welcome) => self.welcomed(welcome, now),
            Incoming::Direct { event, data } => self.notify(ClientNotice::Direct(event, data, bytes)),
            Incoming::Error(error) if error.id.is_none() => {
                self.notify(ClientNotice::Error(Refused::from(error).into()));
            }
            _ => {}
        }
        Ok(())
    }
}
