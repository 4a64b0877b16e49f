//! What the answer to a request does to a session.

use tokio::time::Instant;

use super::Session;
use crate::client::answer::{Answer, Reply};
use crate::client::error::{ClientError, Refused};
use crate::client::events::Departure;
use crate::client::notice::Notice;
use crate::client::request_kind::Purpose;
use crate::client::rooms::retry_rejoin;
use crate::id::RoomId;
use crate::protocol::{ErrorCode, Incoming};

impl Session {
    pub(super) fn answer(
        &mut self,
        purpose: Purpose,
        reply: Option<Reply>,
        frame: Incoming,
        bytes: usize,
        now: Instant,
    ) -> Result<(), ClientError> {
        if let Incoming::Error(error) = frame {
            // Said before the key is looked up: of what was sent first, it says nothing.
            let is_unknown = matches!(error.code, ErrorCode::RateLimited | ErrorCode::RoomNotFound)
                && matches!(purpose, Purpose::Trigger { repeats: true, .. });
            let error = if is_unknown {
                ClientError::Disconnected
            } else {
                Refused::from(error).into()
            };
            match reply {
                Some(reply) => drop(reply.send(Err(error))),
                None => self.refused(purpose, error, now),
            }
            return Ok(());
        }
        let answer = self.carried_out(purpose, frame, bytes, now);
        // A server that answers what it was not asked is told to whoever waits, and is not listened to any further.
        let outcome = answer.as_ref().map(|_| ()).map_err(ClientError::clone);
        if let Some(reply) = reply {
            let _ = reply.send(answer);
        }
        outcome
    }

    /// What a request that was carried out comes to.
    fn carried_out(
        &mut self,
        purpose: Purpose,
        frame: Incoming,
        bytes: usize,
        now: Instant,
    ) -> Result<Answer, ClientError> {
        let seq = match (purpose, frame) {
            (Purpose::Join { subscribes, .. }, Incoming::Joined(joined)) => {
                if subscribes {
                    self.rooms.subscribed_anew(&joined.room_id);
                }
                return self.entered(joined, bytes, true, now).map(Answer::Joined);
            }
            (Purpose::Rejoin(_), Incoming::Joined(joined)) => {
                return self.entered(joined, bytes, true, now).map(Answer::Joined);
            }
            (Purpose::History(_), Incoming::History { events, more, .. }) => {
                return Ok(Answer::History { events, more });
            }
            (Purpose::Rooms, Incoming::Rooms { rooms, more, .. }) => return Ok(Answer::Rooms { rooms, more }),
            (Purpose::CreateRoom, Incoming::RoomCreated { room, .. }) => return Ok(Answer::Room(room)),
            (Purpose::Subscribe(room, event), Incoming::Ok { seq, .. }) => {
                self.rooms.subscribed(&room, event);
                self.seen(&room, seq)
            }
            (Purpose::SubscribeAll(room), Incoming::Ok { seq, .. }) => {
                self.rooms.subscribed_to_all(&room);
                self.seen(&room, seq)
            }
            (Purpose::Unsubscribe(room, event), Incoming::Ok { seq, .. }) => {
                self.rooms.unsubscribed(&room, &event);
                self.seen(&room, seq)
            }
            (Purpose::Trigger { room, .. }, Incoming::Ok { seq, .. }) => self.seen(&room, seq),
            (Purpose::Leave(room), Incoming::Left { .. }) => {
                self.rooms.left(&room, Departure::Left);
                None
            }
            (Purpose::DeleteRoom, Incoming::RoomDeleted { room_id, .. }) => {
                self.rooms.left(&room_id, Departure::RoomDeleted);
                None
            }
            (Purpose::Renewal, Incoming::Connected(welcome)) => {
                self.welcomed(welcome, now);
                None
            }
            (Purpose::Ping, Incoming::Pong { .. }) => None,
            (purpose, _) => {
                let error = format!("the server answered another request than {purpose:?}");
                return Err(ClientError::Protocol(error));
            }
        };
        Ok(Answer::Done { seq })
    }

    /// A request of the client's own was refused.
    fn refused(&mut self, purpose: Purpose, error: ClientError, now: Instant) {
        match purpose {
            Purpose::Rejoin(room) => match retry_rejoin(&error, now) {
                Some(at) => self.rooms.rejoin_at(&room, at),
                None => self.barred(&room, error),
            },
            Purpose::Renewal => self.renewal_failed(error, now),
            _ => {}
        }
    }

    /// There is no way back into a room.
    pub(super) fn barred(&mut self, room: &RoomId, error: ClientError) {
        self.rooms.barred(room, error.clone());
        self.tell(Notice::Error(error));
    }
}
