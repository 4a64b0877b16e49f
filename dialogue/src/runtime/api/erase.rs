//! Erasing events: [`RoomHandle::erase`] and [`Dialogue::erase_user`].

use crate::runtime::core::{Dialogue, RoomHandle};
use crate::runtime::erase;
use crate::runtime::history::error::EraseError;

impl RoomHandle {
    /// Erases the data and the metadata of the event with this number, for example because its user wants that. The
    /// event's number, sender, time and place stay. Whoever reads it later learns that it was erased: see
    /// [`Unreadable::Erased`](crate::event::Unreadable::Erased).
    ///
    /// Members whose client asks for it, as both of Dialogue's do, receive an `erased` frame after the event.
    /// [`on_erased`](crate::Builder::on_erased) informs archives. Both happen even if the server does not have the event
    /// any more, because clients and archives may still have it.
    ///
    /// With a cluster, every other node does the same as soon as it hears of the erasure: usually within milliseconds, and
    /// about a second after its feed has lost the message. `on_erased` runs on this node only. If the server does not have the event any more, only members on this node
    /// receive the frame. A failover of Redis that loses data may bring back what was erased a moment before: erase it again.
    ///
    /// Returns whether this erased the data of an event: false if the server does not have the event, or if it was
    /// erased before. Handlers and streams that have received the event keep it.
    ///
    /// # Errors
    ///
    /// [`EraseError`] if the store fails, or if it takes longer than
    /// [`Limits::append_deadline`](crate::Limits::append_deadline). The erasure may still happen then. Without a store, this
    /// never fails.
    ///
    /// # Cancel safety
    ///
    /// Without a store, the event is erased when this future is first polled. With a store, the erasure continues if the
    /// future is dropped later.
    pub async fn erase(&self, seq: u64) -> Result<bool, EraseError> {
        erase::erase(&self.core, &self.cell, seq).await
    }
}

impl Dialogue {
    /// Erases the data and the metadata of all events of a user, in all rooms, as [`RoomHandle::erase`] does for one. With
    /// a store, this includes the rooms that are not loaded. Returns how many events were erased.
    ///
    /// With a cluster, this looks at all events that Redis has. Events without history that an application has put into the
    /// memory of another node stay there.
    ///
    /// Events that the user triggers meanwhile may stay: revoke the user first. The server does not know which events of
    /// the user an archive has: erase them there, too.
    ///
    /// # Errors
    ///
    /// [`EraseError`] if the store fails, if it takes longer than
    /// [`Limits::append_deadline`](crate::Limits::append_deadline) to erase 200 events, or longer than 10 minutes to find them.
    /// Some events may be erased then. Call this again for the others.
    ///
    /// # Cancel safety
    ///
    /// If this future is dropped, some events may stay. Call this again for the others.
    pub async fn erase_user(&self, user: &str) -> Result<u64, EraseError> {
        erase::erase_user(&self.core, &user.into()).await
    }
}
