//! The changes that the writer's thread makes, with the receivers of their outcomes.

use std::sync::Arc;
use std::time::Instant;

use super::reply::Reply;
use crate::id::{EventName, UserId};
use crate::log::durable::{
    Append, AppendKey, Appended, ErasedPlace, ExpiredEvent, NewRoom, RoomExists, RoomKey, StoreFailure, Ticket,
};
use crate::protocol::NumberedEvent;

/// What a change needs besides its text: the job itself, its ids and its receiver, about.
const OVERHEAD_BYTES: usize = 512;

pub(super) type Answered<T> = Result<T, StoreFailure>;

/// One change.
pub(super) enum Job {
    Append(PendingAppend),
    CreateRoom {
        room: NewRoom,
        reply: Reply<Answered<Result<Arc<str>, RoomExists>>>,
    },
    DeleteRoom {
        room: RoomKey,
        stays_deleted: bool,
        reply: Reply<Answered<bool>>,
    },
    Remove {
        expired: Vec<ExpiredEvent>,
        reply: Reply<Answered<()>>,
    },
    Erase {
        events: Vec<ErasedPlace>,
        reply: Reply<Answered<Vec<ErasedPlace>>>,
    },
    Revoke {
        user: UserId,
        at: u64,
        reply: Reply<Answered<()>>,
    },
}

/// An append that waits or is being stored.
pub(super) struct PendingAppend {
    pub(super) room: RoomKey,
    pub(super) event: EventName,
    pub(super) from: UserId,
    pub(super) text: NumberedEvent,
    pub(super) key: Option<AppendKey>,
    ticket: Arc<Ticket>,
    since: Instant,
    reply: Reply<Appended>,
}

/// What a change did, before it is known to be stored.
pub(super) enum Outcome {
    Stored(u64),
    Repeated(u64),
    Forgotten,
    NoSuchRoom,
    Created(Result<Arc<str>, RoomExists>),
    Deleted(bool),
    Erased(Vec<ErasedPlace>),
    Done,
}

impl Outcome {
    /// Whether data was erased.
    pub(super) fn has_erased(&self) -> bool {
        matches!(self, Self::Erased(erased) if !erased.is_empty())
    }
}

impl From<Append> for PendingAppend {
    fn from(append: Append) -> Self {
        Self {
            room: append.room,
            event: append.event,
            from: append.from,
            text: NumberedEvent::new(append.prepared),
            key: append.key,
            ticket: append.ticket,
            since: Instant::now(),
            reply: Reply::new(append.done),
        }
    }
}

impl Job {
    pub(super) fn bytes(&self) -> usize {
        OVERHEAD_BYTES
            + match self {
                Self::Append(append) => append.text.len(),
                Self::CreateRoom { room, .. } => room.config.as_ref().map_or(0, String::len),
                Self::Remove { expired, .. } => {
                    let bodies = expired.iter().map(|expired| expired.event.body.len());
                    bodies.sum::<usize>() + expired.len() * OVERHEAD_BYTES
                }
                Self::Erase { events, .. } => events.len() * OVERHEAD_BYTES,
                Self::DeleteRoom { .. } | Self::Revoke { .. } => 0,
            }
    }

    /// How many rows it changes, about.
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Remove { expired, .. } => expired.len(),
            Self::Erase { events, .. } => events.len(),
            Self::Append(_) | Self::CreateRoom { .. } | Self::DeleteRoom { .. } | Self::Revoke { .. } => 1,
        }
    }

    /// Begins the change. Returns false if its deadline has withdrawn it, and answers it.
    pub(super) fn begin(&mut self) -> bool {
        let Self::Append(append) = self else { return true };
        let has_begun = append.ticket.begin();
        if !has_begun {
            let seconds = append.since.elapsed().as_secs();
            append.reply.give(Appended::Refused(StoreFailure::TimedOut { seconds }));
        }
        has_begun
    }

    /// The change is stored.
    pub(super) fn complete(self, outcome: Outcome) {
        match (self, outcome) {
            (Self::Append(append), Outcome::Stored(seq)) => {
                let frame = append.text.finish();
                let epoch = None;
                append.reply.send(Appended::Stored { seq, epoch, frame });
            }
            (Self::Append(append), Outcome::Repeated(seq)) => append.reply.send(Appended::Repeated { seq }),
            (Self::Append(append), Outcome::Forgotten) => append.reply.send(Appended::Forgotten),
            (Self::Append(append), Outcome::NoSuchRoom) => append.reply.send(Appended::NoSuchRoom),
            (Self::CreateRoom { reply, .. }, Outcome::Created(created)) => reply.send(Ok(created)),
            (Self::DeleteRoom { reply, .. }, Outcome::Deleted(existed)) => reply.send(Ok(existed)),
            (Self::Erase { reply, .. }, Outcome::Erased(erased)) => reply.send(Ok(erased)),
            (Self::Remove { reply, .. } | Self::Revoke { reply, .. }, Outcome::Done) => reply.send(Ok(())),
            // Each change has its own outcomes. The reply of another one says that it got lost.
            (job, _) => drop(job),
        }
    }

    /// The change is not stored.
    pub(super) fn refuse(self, why: StoreFailure) {
        match self {
            Self::Append(append) => append.reply.send(Appended::Refused(why)),
            other => other.fail(why),
        }
    }

    /// The change may be stored.
    pub(super) fn leave_unknown(self, why: StoreFailure) {
        match self {
            Self::Append(append) => append.reply.send(Appended::Unknown(why)),
            other => other.fail(why),
        }
    }

    fn fail(self, why: StoreFailure) {
        match self {
            Self::Append(append) => drop(append),
            Self::CreateRoom { reply, .. } => reply.send(Err(why)),
            Self::DeleteRoom { reply, .. } => reply.send(Err(why)),
            Self::Erase { reply, .. } => reply.send(Err(why)),
            Self::Remove { reply, .. } | Self::Revoke { reply, .. } => reply.send(Err(why)),
        }
    }
}
