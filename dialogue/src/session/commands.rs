//! A client's commands: each becomes a call of the runtime, and its outcome a reply.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt, lazy};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::greeting::{authenticate, connected_frame};
use super::reply::{Failure, refuse};
use crate::connection::{ClientState, Frame, Handshake};
use crate::containment::contain_panic;
use crate::id::{EventName, RoomId};
use crate::log::Cursor;
use crate::protocol::{
    Command, ConnectCommand, ErrorCode, HistoryCommand, HistoryCursor, JoinCommand, NewRoom, PROTOCOL, RejectedRequest,
    Request, ServerFrame, TriggerCommand,
};
use crate::room::RoomCell;
use crate::runtime::{
    Core, Draft, Involved, JoinRequest, by_client, create_for, delete_room, info, join, leave, page, recheck_rooms,
    subscribe, subscribe_all, unsubscribe,
};

/// One connected client's conversation.
pub(crate) struct Conversation {
    core: Arc<Core>,
    client: Arc<ClientState>,
    /// What came with the HTTP request, for a later `connect`.
    presented: Option<Box<Handshake>>,
    /// Told when a later `connect` has changed when the session ends.
    renewed: Notify,
}

/// What is answered to a command that succeeded, if anything is.
type Reply = Option<bytes::Bytes>;

impl Conversation {
    pub(crate) fn new(core: Arc<Core>, client: Arc<ClientState>, presented: Option<Box<Handshake>>) -> Self {
        Self {
            core,
            client,
            presented,
            renewed: Notify::new(),
        }
    }

    /// Whether the session has come to its end.
    pub(crate) fn is_expired(&self) -> bool {
        let expires_at = self.client.session.lock().expires_at;
        expires_at.is_some_and(|expires_at| expires_at <= Instant::now())
    }

    /// Waits for the end of the session, also while a command is run that puts it off or brings it forward.
    pub(crate) async fn expired(&self) {
        loop {
            let expires_at = self.client.session.lock().expires_at;
            let end = async {
                match expires_at {
                    Some(expires_at) => sleep_until(expires_at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.renewed.notified() => {}
                () = end => return,
            }
        }
    }

    pub(crate) fn client(&self) -> &Arc<ClientState> {
        &self.client
    }

    /// Has `on_connected` told. Of a client that was admitted it is told in any case, since `on_disconnected` is.
    pub(crate) fn announce(&self) {
        let client = self.core.client(&self.client);
        self.core.notify_in_order(
            &self.client.hooks,
            "on_connected",
            &self.core.hooks.on_connected,
            client,
        );
    }

    /// Waits until `on_connected` has been told: the first command comes after.
    pub(crate) async fn announced(&self) {
        self.client.hooks.idle().await;
    }

    /// Answers a frame that is no request.
    pub(crate) fn refuse(&self, refused: RejectedRequest) {
        let id = refused.id;
        self.reply_with_error(id, &Failure::from(refused), &Subject::default());
    }

    /// Answers a request that came too fast.
    pub(crate) fn slow_down(&self, id: Option<i64>, retry_after: std::time::Duration) {
        self.reply_with_error(id, &Failure::too_fast(retry_after), &Subject::default());
    }

    fn reply(&self, frame: bytes::Bytes) {
        self.client.outbox.push(Frame::Text(frame));
    }

    fn reply_with_error(&self, id: Option<i64>, failure: &Failure, about: &Subject) {
        let involved = Involved {
            room: about.room_id.as_ref(),
            event: about.event.as_ref(),
            ..Involved::client(&self.client)
        };
        self.reply(refuse(&self.core, id, failure, involved));
    }

    /// Runs one command to its end and queues the reply. In a box that is no larger than this command needs.
    ///
    /// Safe to drop: what a command changes, it changes in one step.
    pub(crate) fn run(&self, request: Request) -> BoxFuture<'_, ()> {
        let Request { id, command } = request;
        let about = Subject::of(&command);
        // What waits for nothing runs when it is polled, as all else does.
        match command {
            Command::Connect(connect) => self.answer(id, about, self.refresh(id, connect)),
            Command::Join(wanted) => self.answer(id, about, self.when_it_fits(self.join(id, wanted))),
            Command::Leave { room_id } => self.answer(id, about, self.leave(id, room_id)),
            Command::Subscribe { room_id, event } => {
                self.answer(id, about, lazy(move |_| self.subscribe(id, &room_id, &event)))
            }
            Command::Unsubscribe { room_id, event } => {
                self.answer(id, about, lazy(move |_| self.unsubscribe(id, &room_id, &event)))
            }
            Command::SubscribeAll { room_id } => {
                self.answer(id, about, lazy(move |_| self.subscribe_all(id, &room_id)))
            }
            Command::Trigger(trigger) => self.answer(id, about, self.trigger(id, trigger)),
            Command::History(wanted) => self.answer(id, about, self.when_it_fits(self.history(id, wanted))),
            Command::ListRooms { after } => {
                let list = lazy(move |_| Ok(self.list_rooms(id, after.as_ref())));
                self.answer(id, about, self.when_it_fits(list))
            }
            Command::CreateRoom { room } => self.answer(id, about, lazy(move |_| self.create_room(id, room))),
            Command::DeleteRoom { room_id } => self.answer(id, about, lazy(move |_| self.delete_room(id, &room_id))),
            Command::Ping => self.answer(id, about, lazy(move |_| Ok(Some(ServerFrame::Pong { id }.encode())))),
        }
    }

    /// Sends the outcome of a command, once it has one.
    fn answer<'s>(
        &'s self,
        id: Option<i64>,
        about: Subject,
        outcome: impl Future<Output = Result<Reply, Failure>> + Send + 's,
    ) -> BoxFuture<'s, ()> {
        // Hooks are contained; what else may panic is the application's `Deserialize` and the like.
        contain_panic(outcome)
            .map(move |outcome| {
                let outcome = outcome.unwrap_or_else(|failure| {
                    self.core.log(|| {
                        tracing::error!(room = ?about.room_id, event = ?about.event, error = %failure, "a command failed");
                    });
                    Err(Failure::internal())
                });
                match outcome {
                    Ok(Some(frame)) => self.reply(frame),
                    Ok(None) => {}
                    Err(failure) => self.reply_with_error(id, &failure, &about),
                }
            })
            .boxed()
    }

    /// Runs what may have a long reply once there is room for that in the queue: who asks for much at once is served as fast as
    /// it reads, and not cut for what it has been given.
    fn when_it_fits<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        let limits = &self.core.limits;
        let longest = limits.replay_bytes.max(limits.history_page_bytes);
        self.client.outbox.wait_for_space(longest).then(|()| work)
    }

    fn room(&self, room_id: &RoomId) -> Result<Arc<RoomCell>, Failure> {
        self.core.rooms.find(room_id).ok_or_else(Failure::no_such_room)
    }

    /// A later `connect` renews the session of the same user.
    async fn refresh(&self, id: Option<i64>, connect: ConnectCommand) -> Result<Reply, Failure> {
        if connect.protocol != PROTOCOL {
            return Err(Failure::new(
                ErrorCode::UnsupportedProtocol,
                format!("this server speaks protocol {PROTOCOL}"),
            ));
        }
        let refused = |reason: &str| Failure::new(ErrorCode::Unauthenticated, reason);
        let who = authenticate(
            &self.core,
            self.presented.as_deref(),
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
        self.renewed.notify_one();
        recheck_rooms(&self.core, &self.client).await;
        // Not before: if the connection is lost meanwhile, the client comes back with the secret that it has.
        self.core.continuity.resumes.renew(&self.client);
        Ok(Some(connected_frame(&self.core, &self.client, id)))
    }

    async fn join(&self, id: Option<i64>, wanted: JoinCommand) -> Result<Reply, Failure> {
        let request = JoinRequest {
            id,
            wanted: wanted.subscriptions,
            since: wanted.since,
            epoch: None,
        };
        join(&self.core, &self.client, &wanted.room_id, request).await?;
        self.client.hooks.idle().await;
        Ok(None)
    }

    async fn leave(&self, id: Option<i64>, room_id: RoomId) -> Result<Reply, Failure> {
        let room = self.room(&room_id)?;
        if !leave(&self.core, &self.client, &room, id, None) {
            return Err(Failure::not_in_room());
        }
        self.client.hooks.idle().await;
        Ok(None)
    }

    fn subscribe(&self, id: Option<i64>, room_id: &RoomId, event: &EventName) -> Result<Reply, Failure> {
        let seq = subscribe(&self.core.limits, &self.client, &*self.room(room_id)?, event)?;
        Ok(ok(id, Some(seq)))
    }

    fn unsubscribe(&self, id: Option<i64>, room_id: &RoomId, event: &EventName) -> Result<Reply, Failure> {
        unsubscribe(&self.core.limits, &self.client, &*self.room(room_id)?, event)?;
        Ok(ok(id, None))
    }

    fn subscribe_all(&self, id: Option<i64>, room_id: &RoomId) -> Result<Reply, Failure> {
        let seq = subscribe_all(&self.core.limits, &self.client, &*self.room(room_id)?)?;
        Ok(ok(id, Some(seq)))
    }

    async fn trigger(&self, id: Option<i64>, trigger: TriggerCommand) -> Result<Reply, Failure> {
        let room = self.room(&trigger.room_id)?;
        let draft = Draft {
            event: trigger.event,
            data: trigger.data,
            from: self.client.user_id.clone(),
            meta: trigger.meta,
            timestamp: None,
        };
        let delivery = match trigger.key {
            None => by_client(&self.core, &room, &self.client, draft).await?,
            Some(key) => {
                let run = by_client(&self.core, &room, &self.client, draft);
                let keys = &self.core.continuity.keys;
                Box::pin(keys.run_once(&self.client.user_id, &room, key, run)).await?
            }
        };
        Ok(ok(id, delivery.seq))
    }

    async fn history(&self, id: Option<i64>, wanted: HistoryCommand) -> Result<Reply, Failure> {
        let room = self.room(&wanted.room_id)?;
        let member = |room: &RoomCell| room.lock().local.contains(self.client.key);
        if !member(&room) {
            return Err(Failure::not_in_room());
        }
        if !room.template.policy.knows(&wanted.event) {
            return Err(Failure::new(ErrorCode::EventNotAllowed, "the room has no such event"));
        }
        let cursor = match wanted.cursor {
            HistoryCursor::Index { start, end } => Cursor::Index {
                start: index(start),
                end: index(end),
            },
            HistoryCursor::Before { seq, limit } => Cursor::Before {
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
            .rooms
            .listed(after.map(RoomId::as_str), self.core.limits.room_page);
        // A page must fit the queue, whatever names and descriptions clients have given to their rooms.
        let mut room_left = self.core.limits.history_page_bytes;
        let infos: Vec<_> = rooms
            .iter()
            .map(|room| info(room))
            .enumerate()
            .take_while(|(at, info)| {
                let bytes = info.encoded_len();
                // With none at all, a client could not ask for those after it.
                let fits = bytes <= room_left || *at == 0;
                room_left = room_left.saturating_sub(bytes);
                fits
            })
            .map(|(_, info)| info)
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

    fn create_room(&self, id: Option<i64>, room: NewRoom) -> Result<Reply, Failure> {
        create_for(&self.core, &self.client, id, room)?;
        Ok(None)
    }

    fn delete_room(&self, id: Option<i64>, room_id: &RoomId) -> Result<Reply, Failure> {
        let room = self.room(room_id)?;
        if room.created_by.as_ref() != Some(&self.client.user_id) {
            return Err(Failure::new(
                ErrorCode::PermissionDenied,
                "only who created a room may delete it",
            ));
        }
        if !delete_room(&self.core, &room, Some((&self.client, id))) {
            return Err(Failure::no_such_room());
        }
        Ok(None)
    }
}

/// The reply to a command that has nothing to tell: sent only to who asked for one.
fn ok(id: Option<i64>, seq: Option<u64>) -> Reply {
    id.map(|id| ServerFrame::Ok { id, seq }.encode())
}

/// What a failure of a command is told to be about.
#[derive(Default)]
struct Subject {
    room_id: Option<RoomId>,
    event: Option<EventName>,
}

impl Subject {
    fn of(command: &Command) -> Self {
        let (room_id, event) = match command {
            Command::Connect(_) | Command::ListRooms { .. } | Command::Ping => return Self::default(),
            Command::Join(JoinCommand { room_id, .. })
            | Command::Leave { room_id }
            | Command::SubscribeAll { room_id }
            | Command::DeleteRoom { room_id }
            | Command::CreateRoom {
                room: NewRoom { id: room_id, .. },
            } => (room_id, None),
            Command::Subscribe { room_id, event } | Command::Unsubscribe { room_id, event } => (room_id, Some(event)),
            Command::Trigger(trigger) => (&trigger.room_id, Some(&trigger.event)),
            Command::History(history) => (&history.room_id, Some(&history.event)),
        };
        Self {
            room_id: Some(room_id.clone()),
            event: event.cloned(),
        }
    }
}

/// An index on the wire as one in memory.
fn index(wire: u64) -> usize {
    usize::try_from(wire).unwrap_or(usize::MAX)
}
