//! What a request comes to, and who waits for it.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::error::ClientError;
use super::room_shared::RoomShared;
use crate::event::EventMessage;
use crate::protocol::ListedRoom;

/// What a request comes to.
#[derive(Debug)]
pub(super) enum Answer {
    Joined(Arc<RoomShared>),
    Done { seq: Option<u64> },
    History { events: Vec<EventMessage>, more: bool },
    Rooms { rooms: Vec<ListedRoom>, more: bool },
    Room(ListedRoom),
}

/// Who waits for it.
pub(super) type ReplySender = oneshot::Sender<Result<Answer, ClientError>>;

/// The session matches answers with requests; one that does not match does not come this far.
pub(super) fn unexpected(answer: &Answer) -> ClientError {
    ClientError::Protocol(format!("the server answered another request: {answer:?}"))
}
