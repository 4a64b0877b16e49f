//! The answer to a request, and its receiver.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::error::ClientError;
use super::room_shared::RoomShared;
use crate::event::EventMessage;
use crate::protocol::{ListedRoom, NextPage};

/// The answer to a request.
#[derive(Debug)]
pub(super) enum Answer {
    Joined(Arc<RoomShared>),
    Done {
        seq: Option<u64>,
    },
    /// The volatile trigger was not sent, because a newer one replaced it.
    Superseded,
    History {
        events: Vec<EventMessage>,
        more: bool,
        next: Option<NextPage>,
    },
    Rooms {
        rooms: Vec<ListedRoom>,
        more: bool,
    },
    Room(ListedRoom),
}

/// Tells callers that their request was carried out.
pub(super) fn done(replies: Vec<ReplySender>) {
    for reply in replies {
        let _ = reply.send(Ok(Answer::Done { seq: None }));
    }
}

/// Tells callers that their request failed.
pub(super) fn fail(replies: Vec<ReplySender>, error: &ClientError) {
    for reply in replies {
        let _ = reply.send(Err(error.clone()));
    }
}

/// Delivers the answer to the caller that waits for it.
pub(super) type ReplySender = oneshot::Sender<Result<Answer, ClientError>>;

/// The error for an answer of the wrong kind. The session matches answers to requests, so none should get this far.
pub(super) fn unexpected(answer: &Answer) -> ClientError {
    ClientError::protocol(format!("the server's answer does not match the request: {answer:?}"))
}
