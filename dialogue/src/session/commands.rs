//! Runs a client's commands: turns each command into a call of the runtime, and the outcome into a reply.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt, lazy};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::reply::{CommandError, refuse};
use super::sign_in::{authenticate, connected_frame};
use crate::connection::{ClientState, Frame, Handshake};
use crate::containment::{contain_panic, text_of};
use crate::id::{EventName, RoomId};
use crate::log::LogCursor;
use crate::protocol::{
    Command, ConnectCommand, ErrorCode, HistoryCommand, HistoryCursor, JoinCommand, NewRoom, PROTOCOL, RejectedRequest,
    Request, ServerFrame, TriggerCommand,
};
use crate::room::RoomCell;
use crate::runtime::{
    Core, Draft, Involved, JoinRequest, KeyedTrigger, ReplySpace, RoomRecheck, by_client, create_for, delete_for,
    find_for_client, info, is_stored, join, leave, list, log_line, page, recall, recheck_rooms, subscribe,
    subscribe_all, unsubscribe,
};
use crate::serial::JobTicket;

/// How many of a client's hooks may wait before its next command waits for them.
const MAX_WAITING_HOOKS: usize = 100;

/// The conversation with one connected client.
pub(crate) struct Conversation {
    core: Arc<Core>,
    client: Arc<ClientState>,
    /// The headers and the other parts of the client's HTTP request, for a later `connect`.
    handshake: Option<Box<Handshake>>,
    /// Notified when a later `connect` has replaced the session, and so its end.
    renewed: Notify,
    /// The checks of the client's rooms after the last renewal. The next renewal and the end of the connection end them.
    recheck: Mutex<Option<RoomRecheck>>,
    /// The call of `on_connected`, if there is one.
    on_connected: Option<JobTicket>,
}

/// The reply to a command that succeeded. `None` if the runtime has queued the reply already, or the client requested
/// none.
type ReplyFrame = Option<bytes::Bytes>;

impl Conversation {
    pub(crate) fn new(core: Arc<Core>, client: Arc<ClientState>, handshake: Option<Box<Handshake>>) -> Self {
        Self {
            core,
            client,
            handshake,
            renewed: Notify::new(),
            recheck: Mutex::default(),
            on_connected: None,
        }
    }

    /// Whether the session has expired.
    pub(crate) fn is_expired(&self) -> bool {
        let expires_at = self.client.session.lock().expires_at;
        expires_at.is_some_and(|expires_at| expires_at <= Instant::now())
    }

    /// Waits until the session expires. A command that runs meanwhile may renew the session, which changes its end.
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

    /// Queues the `on_connected` hook. The hook runs for every admitted client, because `on_disconnected` will run for
    /// it too.
    pub(crate) fn queue_on_connected(&mut self) {
        let client = self.core.client(&self.client);
        self.on_connected = self
            .core
            .notify_in_order(&self.client.hooks, |hooks| &hooks.on_connected, client);
    }

    /// Waits until the `on_connected` hook has ended. The first command must run after it.
    pub(crate) async fn wait_for_on_connected(&self) {
        self.wait_for_hook(self.on_connected).await;
    }

    /// Answers a frame that is not a valid request.
    pub(crate) fn reject(&self, rejected: RejectedRequest) {
        let id = rejected.id;
        self.reply_with_error(id, &CommandError::from(rejected), &CommandTarget::default());
    }

    /// Answers a request that exceeds the client's rate limit.
    pub(crate) fn reject_too_fast(&self, id: Option<i64>, retry_after: std::time::Duration) {
        self.reply_with_error(id, &CommandError::too_fast(retry_after), &CommandTarget::default());
    }

    fn reply(&self, frame: bytes::Bytes) {
        self.client.outbox.push(Frame::Text(frame));
    }

    fn reply_with_error(&self, id: Option<i64>, error: &CommandError, target: &CommandTarget) {
        self.reply(refuse(&self.core, id, error, self.involved(target)));
    }

    fn involved<'a>(&'a self, target: &'a CommandTarget) -> Involved<'a> {
        Involved {
            room: target.room_id.as_ref(),
            event: target.event.as_ref(),
            ..Involved::client(&self.client)
        }
    }

    /// Runs one command to its end and queues the reply. The future is boxed, so that it only takes the memory that
    /// this command needs.
    ///
    /// The future is safe to drop: each command makes its changes in one step.
    pub(crate) fn run(&self, request: Request) -> BoxFuture<'_, ()> {
        let Request { id, command } = request;
        let target = CommandTarget::of(&command);
        // `lazy`, so that commands that never wait also run when they are polled, not when this function is called.
        match command {
            Command::Connect(connect) => self.answer(id, target, self.renew_session(id, connect)),
            Command::Join(command) => self.answer(id, target, self.join(id, command)),
            Command::Leave { room_id } => self.answer(id, target, self.leave(id, room_id)),
            Command::Subscribe { room_id, event } => {
                self.answer(id, target, lazy(move |_| self.subscribe(id, &room_id, &event)))
            }
            Command::Unsubscribe { room_id, event } => {
                self.answer(id, target, lazy(move |_| self.unsubscribe(id, &room_id, &event)))
            }
            Command::SubscribeAll { room_id } => {
                self.answer(id, target, lazy(move |_| self.subscribe_all(id, &room_id)))
            }
            Command::Trigger(trigger) => self.answer(id, target, self.trigger(id, trigger)),
            Command::History(command) => self.answer(id, target, self.history(id, command)),
            Command::ListRooms { after } => self.answer(id, target, self.list_rooms(id, after)),
            Command::CreateRoom { room } => self.answer(id, target, self.create_room(id, room)),
            Command::DeleteRoom { room_id } => self.answer(id, target, self.delete_room(id, room_id)),
            Command::Ping => self.answer(id, target, lazy(move |_| Ok(Some(ServerFrame::Pong { id }.encode())))),
        }
    }

    /// Waits for the outcome of a command and sends it to the client.
    fn answer<'s>(
        &'s self,
        id: Option<i64>,
        target: CommandTarget,
        outcome: impl Future<Output = Result<ReplyFrame, CommandError>> + Send + 's,
    ) -> BoxFuture<'s, ()> {
        // The runtime contains panics of hooks. Other code of the application may panic here, such as its
        // `Deserialize`.
        contain_panic(outcome)
            .map(move |outcome| {
                let outcome = outcome.unwrap_or_else(|failure| {
                    let error = text_of(&failure);
                    log_line!(ERROR, self.core, self.involved(&target), "", { error, }, "a command failed");
                    Err(CommandError::internal())
                });
                match outcome {
                    Ok(Some(frame)) => self.reply(frame),
                    Ok(None) => {}
                    Err(error) => self.reply_with_error(id, &error, &target),
                }
            })
            .boxed()
    }

    /// Waits until a possibly long reply fits into the queue. A client that requests a lot at once therefore receives it
    /// as fast as it reads, and is not disconnected because of its own replies.
    fn reply_space(&self) -> impl Future<Output = ReplySpace<'_>> {
        let longest = self.core.limits.longest_reply();
        self.core.clients.reply_space(&self.client, longest)
    }

    /// Finds the room of a command for members.
    fn room(&self, room_id: &RoomId) -> Result<Arc<RoomCell>, CommandError> {
        self.core.rooms.find(room_id).ok_or_else(|| {
            // A room that is not loaded exists, but nobody is in it.
            match self.core.rooms.is_stored(room_id) {
                true => CommandError::not_in_room(),
                false => CommandError::no_such_room(),
            }
        })
    }

    /// Loads a room that only the store has, if the store may know the key of a trigger for it: nobody is in the room, but the
    /// trigger may have taken place. `None` if it is certain that it has not.
    async fn room_of_key(
        &self,
        room_id: &RoomId,
        has_key: bool,
        is_repetition: bool,
    ) -> Result<Option<Arc<RoomCell>>, CommandError> {
        let may_be_known = has_key && (is_repetition || self.core.continuity.resumes.expects_earlier_clients());
        if may_be_known && self.core.rooms.is_stored(room_id) {
            match find_for_client(&self.core, &self.client, room_id).await {
                Ok(Some(room)) => return Ok(Some(room)),
                Ok(None) => {}
                // Every other error would say that nothing happened.
                Err(_) => return Err(CommandError::store_failed()),
            }
        }
        match is_repetition {
            // The incarnation of the room in which it was first sent has gone, with its keys.
            true => Err(CommandError::outcome_unknown()),
            false => Ok(None),
        }
    }

    /// Runs a later `connect`, which renews the session of the same user.
    async fn renew_session(&self, id: Option<i64>, connect: ConnectCommand) -> Result<ReplyFrame, CommandError> {
        if connect.protocol != PROTOCOL {
            return Err(CommandError::new(
                ErrorCode::UnsupportedProtocol,
                format!("this server supports protocol version {PROTOCOL} only"),
            ));
        }
        let renewed = authenticate(
            &self.core,
            self.handshake.as_deref(),
            connect.auth,
            self.core.limits.connect_deadline,
            Involved::client(&self.client),
        )
        .await
        .map_err(|error| CommandError::of_hook(ErrorCode::Unauthenticated, &error))?;
        let is_same_user = match renewed.user_id {
            Some(user_id) => user_id == self.client.user_id,
            None => self.client.anonymous,
        };
        if !is_same_user {
            return Err(CommandError::new(
                ErrorCode::Unauthenticated,
                "the connection belongs to another user",
            ));
        }
        *self.client.session.lock() = renewed.session;
        self.renewed.notify_one();
        self.core.continuity.resumes.renew(&self.client);
        self.reply(connected_frame(&self.core, &self.client, id));
        // After the reply, so that the client learns of the renewal before it leaves a room because of it.
        *self.recheck.lock() = recheck_rooms(&self.core, &self.client);
        Ok(None)
    }

    async fn join(&self, id: Option<i64>, command: JoinCommand) -> Result<ReplyFrame, CommandError> {
        let request = JoinRequest {
            id,
            wanted: command.subscriptions,
            except: command.except,
            since: command.since,
            erasures: command.erasures,
            epoch: None,
        };
        let seat = join(&self.core, &self.client, &command.room_id, request).await?;
        self.wait_for_hook(seat.hook).await;
        Ok(None)
    }

    async fn leave(&self, id: Option<i64>, room_id: RoomId) -> Result<ReplyFrame, CommandError> {
        let room = self.room(&room_id)?;
        let departure = leave(&self.core, &self.client, &room, id, None).ok_or_else(CommandError::not_in_room)?;
        self.wait_for_hook(departure.hook).await;
        Ok(None)
    }

    /// Waits until the hook of a command has ended, so that the next command runs after it. If hooks of the client's other
    /// rooms come first, the next command does not wait for them, unless too many wait.
    async fn wait_for_hook(&self, hook: Option<JobTicket>) {
        if let Some(hook) = hook {
            self.client.hooks.ended(hook, MAX_WAITING_HOOKS).await;
        }
    }

    fn subscribe(&self, id: Option<i64>, room_id: &RoomId, event: &EventName) -> Result<ReplyFrame, CommandError> {
        let seq = subscribe(&self.core.limits, &self.client, &*self.room(room_id)?, event)?;
        Ok(ok(id, Some(seq)))
    }

    fn unsubscribe(&self, id: Option<i64>, room_id: &RoomId, event: &EventName) -> Result<ReplyFrame, CommandError> {
        unsubscribe(&self.core.limits, &self.client, &*self.room(room_id)?, event)?;
        Ok(ok(id, None))
    }

    fn subscribe_all(&self, id: Option<i64>, room_id: &RoomId) -> Result<ReplyFrame, CommandError> {
        let seq = subscribe_all(&self.core.limits, &self.client, &*self.room(room_id)?)?;
        Ok(ok(id, Some(seq)))
    }

    /// Not an `async` function, which would store the command twice. Futures above a kilobyte take the allocator longer.
    fn trigger(
        &self,
        id: Option<i64>,
        command: TriggerCommand,
    ) -> impl Future<Output = Result<ReplyFrame, CommandError>> + Send {
        let TriggerCommand {
            room_id,
            event,
            data,
            meta,
            key,
            repeats,
        } = command;
        async move {
            let room = match self.room(&room_id) {
                Err(not_found) => Box::pin(self.room_of_key(&room_id, key.is_some(), repeats.is_some()))
                    .await?
                    .ok_or(not_found)?,
                Ok(room) => room,
            };
            let draft = Draft {
                event,
                data,
                from: self.client.user_id.clone(),
                meta,
                timestamp: None,
            };
            let delivery = match key {
                None => by_client(&self.core, &room, &self.client, draft, None).await?,
                Some(key) => {
                    let is_stored = is_stored(&self.core, &room, &draft.event);
                    let recall = recall(&self.core, &room, &self.client, is_stored, repeats.is_some());
                    let keyed = KeyedTrigger {
                        user: self.client.user_id.clone(),
                        holder: self.client.holder(),
                        connection: self.client.id.clone(),
                        epoch: Arc::clone(&room.incarnation),
                        key,
                        repeats,
                        is_stored,
                        recall,
                    };
                    let (core, room, client) = (&self.core, &room, &self.client);
                    let run = |receipt| async move { by_client(core, room, client, draft, Some(&receipt)).await };
                    Box::pin(core.continuity.keys.run_once(keyed, run)).await?
                }
            };
            Ok(ok(id, delivery.seq))
        }
    }

    async fn history(&self, id: Option<i64>, command: HistoryCommand) -> Result<ReplyFrame, CommandError> {
        let share = self.reply_space().await.until_prepared();
        let room = self.room(&command.room_id)?;
        let is_member = |room: &RoomCell| room.lock().local.contains(self.client.key);
        if !is_member(&room) {
            return Err(CommandError::not_in_room());
        }
        if !room.template.policy.knows(&command.event) {
            return Err(CommandError::new(
                ErrorCode::EventNotAllowed,
                "the room does not allow this event",
            ));
        }
        let cursor = match command.cursor {
            HistoryCursor::Index { start, end } => LogCursor::Index {
                start: index(start),
                end: index(end),
            },
            HistoryCursor::Before { seq, limit } => LogCursor::Before {
                seq,
                limit: index(limit),
            },
            HistoryCursor::Unnumbered { skip, limit } => LogCursor::Unnumbered {
                skip: index(skip),
                limit: index(limit),
            },
        };
        let page = page(&self.core, &room, &command.event, cursor, Some(&self.client)).await?;
        // The client may have left the room while `load_history` ran.
        if !is_member(&room) {
            return Err(CommandError::not_in_room());
        }
        let frame = ServerFrame::History {
            id,
            room_id: &room.id,
            event: &command.event,
            more: page.more,
            next: page.next,
            events: &page.events,
        };
        let frame = frame.encode();
        // Other replies may have been queued while `load_history` ran.
        let space = self.client.outbox.reserve(frame.len()).await;
        if let Some(share) = share {
            self.reply(share.attach(frame));
        }
        drop(space);
        Ok(None)
    }

    async fn list_rooms(&self, id: Option<i64>, after: Option<RoomId>) -> Result<ReplyFrame, CommandError> {
        let space = self.reply_space().await;
        let after = after.as_ref().map(RoomId::as_str);
        let listed = list(&self.core, after, self.core.limits.room_page).await;
        let (rooms, more) = listed.map_err(|_| CommandError::store_failed())?;
        // A page must fit into the queue, however long the names and descriptions are that clients gave to their rooms.
        let mut bytes_left = self.core.limits.history_page_bytes;
        let infos: Vec<_> = rooms
            .iter()
            .map(|room| info(room))
            .enumerate()
            .take_while(|(at, info)| {
                let bytes = info.encoded_len();
                // A page has at least one room. A client could not request the rest after an empty page.
                let fits = bytes <= bytes_left || *at == 0;
                bytes_left = bytes_left.saturating_sub(bytes);
                fits
            })
            .map(|(_, info)| info)
            .collect();
        let more = more || infos.len() < rooms.len();
        let frame = ServerFrame::Rooms {
            id,
            rooms: &infos,
            more,
        };
        space.fill(frame.encode());
        Ok(None)
    }

    async fn create_room(&self, id: Option<i64>, room: NewRoom) -> Result<ReplyFrame, CommandError> {
        create_for(&self.core, &self.client, id, room).await?;
        Ok(None)
    }

    async fn delete_room(&self, id: Option<i64>, room_id: RoomId) -> Result<ReplyFrame, CommandError> {
        delete_for(&self.core, &self.client, id, &room_id).await?;
        Ok(None)
    }
}

/// The reply to a command without further results. Only clients that sent an `id` receive it.
fn ok(id: Option<i64>, seq: Option<u64>) -> ReplyFrame {
    id.map(|id| ServerFrame::Ok { id, seq }.encode())
}

/// The room and the event of a command, which its error frame names.
#[derive(Default)]
struct CommandTarget {
    room_id: Option<RoomId>,
    event: Option<EventName>,
}

impl CommandTarget {
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

/// Converts an index on the wire to one in memory.
fn index(wire: u64) -> usize {
    usize::try_from(wire).unwrap_or(usize::MAX)
}
