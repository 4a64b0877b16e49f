//! The effects of answers to requests on a session.

use tokio::time::Instant;

use super::ClientSession;
use crate::client::answer::{Answer, ReplySender};
use crate::client::error::{ClientError, Refused};
use crate::client::events::Departure;
use crate::client::notice::ClientNotice;
use crate::client::request_kind::RequestKind;
use crate::id::RoomId;
use crate::protocol::{ErrorCode, Incoming};

impl ClientSession {
    pub(super) fn answer(
        &mut self,
        kind: RequestKind,
        reply: Option<ReplySender>,
        frame: Incoming,
        bytes: usize,
        now: Instant,
    ) -> Result<(), ClientError> {
        if let Incoming::Error(error) = frame {
            // The server refused before it looked up the key, so this says nothing about the first attempt.
            let is_unknown = matches!(error.code, ErrorCode::RateLimited | ErrorCode::RoomNotFound)
                && matches!(kind, RequestKind::Trigger { repeats: true, .. });
            let error = if is_unknown {
                ClientError::Disconnected
            } else {
                Refused::from(error).into()
            };
            // The client is not in the room, which is what the caller wants.
            if let RequestKind::Leave(room) = &kind
                && matches!(error.code(), Some(ErrorCode::NotInRoom | ErrorCode::RoomNotFound))
            {
                self.rooms.left(room, Departure::Left);
                reply.map(|reply| reply.send(Ok(Answer::Done { seq: None })));
                return Ok(());
            }
            match reply {
                Some(reply) => drop(reply.send(Err(error))),
                None => self.refused(kind, error, now),
            }
            return Ok(());
        }
        let answer = self.carried_out(kind, frame, bytes, now);
        // If a server answers something that was not asked, the caller receives an error and the connection ends.
        let outcome = answer.as_ref().map(|_| ()).map_err(ClientError::clone);
        if let Some(reply) = reply {
            let _ = reply.send(answer);
        }
        outcome
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
            (RequestKind::Join { subscribes, .. }, Incoming::Joined(joined)) => {
                if subscribes {
                    self.rooms.resubscribed(&joined.room_id);
                }
                return self.entered(joined, bytes, true, now).map(Answer::Joined);
            }
            (RequestKind::Rejoin(_), Incoming::Joined(joined)) => {
                return self.entered(joined, bytes, true, now).map(Answer::Joined);
            }
            (RequestKind::History(_), Incoming::History { events, more, .. }) => {
                return Ok(Answer::History { events, more });
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
