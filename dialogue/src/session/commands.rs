//! A client's commands: each becomes a call of the runtime, and its outcome a reply.

use std::sync::Arc;

use super::greeting::{Presented, authenticate, connected_frame};
use super::reply::{Failure, error_frame};
use crate::client::{ClientState, Frame};
use crate::history::Cursor;
use crate::id::{EventName, RoomId};
use crate::protocol::{self, Command, ErrorCode, History, Join, PROTOCOL, Refused, Request, ServerFrame};
use crate::room::RoomCell;
use crate::runtime::{
    Core, Draft, JoinRequest, ask_again, by_client, create_for, delete, info, join, leave, page, subscribe,
    subscribe_all, unsubscribe,
};

/// One connected client's conversation.
pub(crate) struct Session {
    core: Arc<Core>,
    client: Arc<ClientState>,
    presented: Presented,
}

/// What is answered to a command that succeeded, if anything is.
type Reply = Option<bytes::Bytes>;

impl Session {
    pub(crate) fn new(core: Arc<Core>, client: Arc<ClientState>, presented: Presented) -> Self {
        Self {
            core,
            client,
            presented,
        }
    }

    pub(crate) fn client(&self) -> &Arc<ClientState> {
        &self.client
    }

    /// Tells `on_connected`, and waits for it: the first command comes after.
    pub(crate) async fn begin(&self) {
        let client = self.core.client(&self.client);
        self.core.tell_in_turn(
            &self.client.hooks,
            "on_connected",
            &self.core.hooks.on_connected,
            client,
        );
        self.client.hooks.idle().await;
    }

    /// Answers a frame that is no request.
    pub(crate) fn refuse(&self, refused: Refused) {
        let id = refused.id;
        self.reply(error_frame(id, &Failure::from(refused), None, None));
    }

    /// Answers a request that came too fast.
    pub(crate) fn slow_down(&self, id: Option<i64>, retry_after: std::time::Duration) {
        self.reply(error_frame(id, &Failure::too_fast(retry_after), None, None));
    }

    fn reply(&self, frame: bytes::Bytes) {
        self.client.outbox.push(Frame::Text(frame));
    }

    /// Runs one command to its end and queues the reply.
    ///
    /// Safe to drop: what a command changes, it changes in one step.
    pub(crate) async fn run(&self, request: Request) {
        let Request { id, command } = request;
        let (room_id, event) = subject(&command);
        match self.execute(id, command).await {
            Ok(Some(frame)) => self.reply(frame),
            Ok(None) => {}
            Err(failure) => self.reply(error_frame(id, &failure, room_id.as_ref(), event.as_ref())),
        }
    }

    async fn execute(&self, id: Option<i64>, command: Command) -> Result<Reply, Failure> {
        match command {
            Command::Connect(connect) => self.refresh(id, connect).await,
            Command::Join(wanted) => self.join(id, wanted).await,
            Command::Leave { room_id } => self.leave(id, &room_id).await,
            Command::Subscribe { room_id, event } => {
                let seq = subscribe(&self.core, &self.client, &*self.room(&room_id)?, &event)?;
                Ok(ok(id, Some(seq)))
            }
            Command::Unsubscribe { room_id, event } => {
                unsubscribe(&self.core, &self.client, &*self.room(&room_id)?, &event)?;
                Ok(ok(id, None))
            }
            Command::SubscribeAll { room_id } => {
                let seq = subscribe_all(&self.core, &self.client, &*self.room(&room_id)?)?;
                Ok(ok(id, Some(seq)))
            }
            Command::Trigger(trigger) => self.trigger(id, trigger).await,
            Command::History(wanted) => self.history(id, wanted).await,
            Command::ListRooms { after } => Ok(self.list_rooms(id, after.as_ref())),
            Command::CreateRoom { room } => {
                create_for(&self.core, &self.client, id, room)?;
                Ok(None)
            }
            Command::DeleteRoom { room_id } => self.delete_room(id, &room_id),
            Command::Ping => Ok(Some(ServerFrame::Pong { id }.encode())),
        }
    }

    fn room(&self, room_id: &RoomId) -> Result<Arc<RoomCell>, Failure> {
        self.core.registry.find(room_id).ok_or_else(Failure::no_such_room)
    }

    /// A later `connect` renews the session of the same user.
    async fn refresh(&self, id: Option<i64>, connect: protocol::Connect) -> Result<Reply, Failure> {
        if connect.protocol != PROTOCOL {
            return Err(Failure::new(
                ErrorCode::UnsupportedProtocol,
                format!("this server speaks protocol {PROTOCOL}"),
            ));
        }
        let refused = |reason: &str| Failure::new(ErrorCode::Unauthenticated, reason);
        let who = authenticate(
            &self.core,
            &self.presented,
            connect.auth,
            self.core.limits.connect_deadline,
        )
        .await
        .map_err(|reason| refused(&reason))?;
        let same = match who.user_id {
            Some(user_id) => user_id == self.client.user_id,
            None => self.client.anonymous,
        };
        if !same {
            return Err(refused("the connection belongs to another user"));
        }
        *self.client.session.lock() = who.session;
        self.core.resumes.renew(&self.client);
        ask_again(&self.core, &self.client).await;
        Ok(Some(connected_frame(&self.core, &self.client, id)))
    }

    async fn join(&self, id: Option<i64>, wanted: Join) -> Result<Reply, Failure> {
        let request = JoinRequest {
            id,
            wanted: wanted.subscriptions,
            since: wanted.since,
        };
        join(&self.core, &self.client, &wanted.room_id, request).await?;
        self.client.hooks.idle().await;
        Ok(None)
    }

    async fn leave(&self, id: Option<i64>, room_id: &RoomId) -> Result<Reply, Failure> {
        let room = self.room(room_id)?;
        if !leave(&self.core, &self.client, &room, id, None) {
            return Err(Failure::not_in_room());
        }
        self.client.hooks.idle().await;
        Ok(None)
    }

    async fn trigger(&self, id: Option<i64>, trigger: protocol::Trigger) -> Result<Reply, Failure> {
        let room = self.room(&trigger.room_id)?;
        let draft = Draft {
            event: trigger.event,
            data: trigger.data,
            from: self.client.user_id.clone(),
            meta: trigger.meta,
            timestamp: None,
        };
        let run = by_client(&self.core, &room, &self.client, draft);
        let delivery = match trigger.key {
            None => run.await?,
            Some(key) => {
                let keys = &self.core.triggered_keys;
                keys.once(&self.client.user_id, &room, key, run).await?
            }
        };
        Ok(ok(id, delivery.seq))
    }

    async fn history(&self, id: Option<i64>, wanted: History) -> Result<Reply, Failure> {
        let room = self.room(&wanted.room_id)?;
        let member = |room: &RoomCell| room.lock().contains(self.client.key);
        if !member(&room) {
            return Err(Failure::not_in_room());
        }
        if !room.template.policy.knows(&wanted.event) {
            return Err(Failure::new(ErrorCode::EventNotAllowed, "the room has no such event"));
        }
        let cursor = match wanted.cursor {
            protocol::Cursor::Index { start, end } => Cursor::Index {
                start: index(start),
                end: index(end),
            },
            protocol::Cursor::Before { seq, limit } => Cursor::Before {
                seq,
                limit: index(limit),
            },
        };
        let page = page(&self.core, &room, &wanted.event, cursor)
            .await
            .map_err(|reason| Failure::new(ErrorCode::Unavailable, reason))?;
        // `load_history` may have taken a while.
        if !member(&room) {
            return Err(Failure::not_in_room());
        }
        let frame = ServerFrame::History {
            id,
            room_id: &room.id,
            event: &wanted.event,
            more: page.more,
            events: &page.events,
        };
        Ok(Some(frame.encode()))
    }

    fn list_rooms(&self, id: Option<i64>, after: Option<&RoomId>) -> Reply {
        let (rooms, more) = self
            .core
            .registry
            .listed(after.map(RoomId::as_str), self.core.limits.room_page);
        // A page must fit the queue, whatever names and descriptions clients have given to their rooms.
        let mut room_left = self.core.limits.history_page_bytes;
        let infos: Vec<_> = rooms
            .iter()
            .map(|room| info(room))
            .take_while(|info| {
                let bytes = info.encoded_len();
                let fits = bytes <= room_left;
                room_left = room_left.saturating_sub(bytes);
                fits
            })
            .collect();
        let more = more || infos.len() < rooms.len();
        Some(
            ServerFrame::Rooms {
                id,
                rooms: &infos,
                more,
            }
            .encode(),
        )
    }

    fn delete_room(&self, id: Option<i64>, room_id: &RoomId) -> Result<Reply, Failure> {
        let room = self.room(room_id)?;
        if room.created_by.as_ref() != Some(&self.client.user_id) {
            return Err(Failure::new(
                ErrorCode::PermissionDenied,
                "only who created a room may delete it",
            ));
        }
        if !delete(&self.core, &room, Some((&self.client, id))) {
            return Err(Failure::no_such_room());
        }
        Ok(None)
    }
}

/// The reply to a command that has nothing to tell: sent only to who asked for one.
fn ok(id: Option<i64>, seq: Option<u64>) -> Reply {
    id.map(|id| ServerFrame::Ok { id, seq }.encode())
}

/// What a failure of this command is told to be about.
fn subject(command: &Command) -> (Option<RoomId>, Option<EventName>) {
    match command {
        Command::Connect(_) | Command::ListRooms { .. } | Command::Ping => (None, None),
        Command::Join(join) => (Some(join.room_id.clone()), None),
        Command::Leave { room_id } | Command::SubscribeAll { room_id } | Command::DeleteRoom { room_id } => {
            (Some(room_id.clone()), None)
        }
        Command::Subscribe { room_id, event } | Command::Unsubscribe { room_id, event } => {
            (Some(room_id.clone()), Some(event.clone()))
        }
        Command::Trigger(trigger) => (Some(trigger.room_id.clone()), Some(trigger.event.clone())),
        Command::History(history) => (Some(history.room_id.clone()), Some(history.event.clone())),
        Command::CreateRoom { room } => (Some(room.id.clone()), None),
    }
}

/// An index on the wire as one in memory.
fn index(wire: u64) -> usize {
    usize::try_from(wire).unwrap_or(usize::MAX)
}
