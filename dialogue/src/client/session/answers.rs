//! The effects of answers to requests on a session.

use tokio::time::Instant;

use super::ClientSession;
use super::moves::LEAVE_AGAIN;
use crate::client::answer::{Answer, ReplySender, done, fail};
use crate::client::error::{ClientError, Refused};
use crate::client::events::Departure;
use crate::client::notice::ClientNotice;
use crate::client::request_kind::RequestKind;
use crate::id::RoomId;
use crate::protocol::{ErrorCode, ErrorFrame, Incoming, JoinedRoom};

impl ClientSession {
    pub(super) fn answer(
        &mut self,
        kind: RequestKind,
        replies: Vec<ReplySender>,
        frame: Incoming,
        bytes: usize,
        now: Instant,
    ) -> Result<(), ClientError> {
        if let Incoming::Error(error) = frame {
            // The server refused before it looked up the key, so this says nothing about the first attempt.
            let is_unknown = match error.code {
                ErrorCode::OutcomeUnknown => true,
                ErrorCode::RoomNotFound => matches!(kind, RequestKind::Trigger { repeats: true, .. }),
                _ => false,
            };
            let error = if is_unknown {
                ClientError::OutcomeUnknown
            } else {
                Refused::from(error).into()
            };
            // The client is not in the room, which is what the caller wants.
            if let RequestKind::Leave(room) = &kind
                && matches!(error.code(), Some(ErrorCode::NotInRoom | ErrorCode::RoomNotFound))
            {
                self.rooms.left(room, Departure::Left);
                done(replies);
                return Ok(());
            }
            if replies.is_empty() {
                self.refused(kind, error, now);
            } else {
                fail(replies, &error);
            }
            return Ok(());
        }
        if let (RequestKind::Join { merged, .. }, Incoming::Joined(joined)) = (&kind, &frame) {
            self.rooms.resubscribed(&joined.room_id, merged.as_ref());
            let Incoming::Joined(joined) = frame else {
                return Ok(());
            };
            return self.joined_for(replies, joined, bytes, now);
        }
        let answer = self.carried_out(kind, frame, bytes, now);
        // If a server answers something that was not asked, the caller receives an error and the connection ends.
        let outcome = answer.as_ref().map(|_| ()).map_err(ClientError::clone);
        let mut replies = replies.into_iter();
        if let Some(reply) = replies.next() {
            // Only a leave has several callers.
            done(replies.collect());
            let _ = reply.send(answer);
        }
        outcome
    }

    /// Whether the refused request is sent again on this connection, after a while.
    pub(super) fn is_repeated(&mut self, id: i64, error: &ErrorFrame, now: Instant) -> bool {
        match error.code {
            ErrorCode::RateLimited => self.came_too_early(id, error.clone().into(), now),
            // Without randomness, the longest wait is the safest.
            ErrorCode::Unavailable => {
                let random = getrandom::u64().unwrap_or(u64::MAX);
                self.pending.not_now(id, error.clone().into(), now, random)
            }
            _ => false,
        }
    }

    /// Enters a room, and gives each caller that still waits a handle.
    fn joined_for(
        &mut self,
        replies: Vec<ReplySender>,
        joined: JoinedRoom,
        bytes: usize,
        now: Instant,
    ) -> Result<(), ClientError> {
        let waiting: Vec<_> = replies.into_iter().filter(|reply| !reply.is_closed()).collect();
        if waiting.is_empty() && !self.rooms.contains(&joined.room_id) {
            return self.not_wanted(joined.room_id, now);
        }
        match self.entered(joined, bytes, true, waiting.len(), now) {
            Ok(handles) => {
                for (reply, handle) in waiting.into_iter().zip(handles) {
                    if let Err(Ok(Answer::Joined(unclaimed))) = reply.send(Ok(Answer::Joined(handle))) {
                        self.rooms.release(&unclaimed);
                    }
                }
                Ok(())
            }
            Err(error) => {
                fail(waiting, &error);
                Err(error)
            }
        }
    }

    /// The result of a request that was carried out.
    fn carried_out(
        &mut self,
        kind: RequestKind,
        frame: Incoming,
        bytes: usize,
        now: Instant,
    ) -> Result<Answer, ClientError> {
        let seq = match (kind, frame) {
            (RequestKind::Rejoin(_), Incoming::Joined(joined)) => {
                self.entered(joined, bytes, true, 0, now)?;
                None
            }
            (RequestKind::LeaveUnwanted(_), Incoming::Left { .. }) => None,
            (
                RequestKind::History(room),
                Incoming::History {
                    mut events, more, next, ..
                },
            ) => {
                self.rooms.mark_erased(&room, &mut events);
                return Ok(Answer::History { events, more, next });
            }
            (RequestKind::Rooms, Incoming::Rooms { rooms, more, .. }) => return Ok(Answer::Rooms { rooms, more }),
            (RequestKind::CreateRoom, Incoming::RoomCreated { room, .. }) => {
                self.rooms.created(&room.id);
                return Ok(Answer::Room(room));
            }
            (RequestKind::Subscribe(room, event), Incoming::Ok { seq, .. }) => {
                self.rooms.subscribed(&room, event);
                self.acknowledged(&room, seq)
            }
            (RequestKind::SubscribeAll(room), Incoming::Ok { seq, .. }) => {
                self.rooms.subscribed_to_all(&room);
                self.acknowledged(&room, seq)
            }
            (RequestKind::Unsubscribe(room, event), Incoming::Ok { seq, .. }) => {
                self.rooms.unsubscribed(&room, &event);
                self.acknowledged(&room, seq)
            }
            (RequestKind::Trigger { room, .. }, Incoming::Ok { seq, .. }) => self.acknowledged(&room, seq),
            (RequestKind::Leave(room), Incoming::Left { .. }) => {
                self.rooms.left(&room, Departure::Left);
                None
            }
            (RequestKind::DeleteRoom, Incoming::RoomDeleted { room_id, .. }) => {
                self.rooms.left(&room_id, Departure::RoomDeleted);
                None
            }
            (RequestKind::Renewal, Incoming::Connected(welcome)) => {
                self.welcomed(welcome, now);
                None
            }
            (RequestKind::Ping, Incoming::Pong { .. }) => None,
            (kind, _) => {
                let error = format!("the server's answer does not match the request ({kind:?})");
                return Err(ClientError::protocol(error));
            }
        };
        Ok(Answer::Done { seq })
    }

    /// A request of the client's own was refused.
    fn refused(&mut self, kind: RequestKind, error: ClientError, now: Instant) {
        match kind {
            RequestKind::Rejoin(room) => self.rejoin_refused(&room, error, now),
            RequestKind::Renewal => self.renewal_failed(error, now),
            RequestKind::LeaveUnwanted(room)
                if matches!(error.code(), Some(ErrorCode::Unavailable | ErrorCode::Internal)) =>
            {
                self.unwanted(room, now + LEAVE_AGAIN);
            }
            _ => {}
        }
    }

    /// The rejoin failed: it is repeated, or the client has left the room.
    pub(super) fn rejoin_refused(&mut self, room: &RoomId, error: ClientError, now: Instant) {
        // Without randomness, the longest wait is the safest.
        let random = getrandom::u64().unwrap_or(u64::MAX);
        if !self.rooms.retry_rejoin(room, &error, now, random) {
            self.rejoin_failed(room, error);
        }
    }

    /// The client cannot rejoin a room.
    pub(super) fn rejoin_failed(&mut self, room: &RoomId, error: ClientError) {
        if self.rooms.rejoin_failed(room, error.clone()) {
            self.notify(ClientNotice::Error(error));
        }
    }
}
