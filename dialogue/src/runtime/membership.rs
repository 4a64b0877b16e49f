//! How clients come into rooms and out of them.

use std::sync::Arc;

use super::asking::allowed;
use super::core::{Client, Core, RoomHandle};
use super::depth::{checked_depth, depth, one_deeper};
use super::history::{on_join, recover};
use super::random::random_epoch;
use super::retire::{forget_resumes_in_time, note_if_empty};
use super::tap::Notice;
use crate::client::{ClientState, Frame};
use crate::hooks::{Told, contain};
use crate::id::{EventName, RoomId};
use crate::protocol::{self, CloseCode, LeftReason, ServerFrame, Since};
use crate::room::{NoSeat, NotAdded, Origin, RoomCell, Subscriptions};

/// Why a client does not get into a room, or cannot change what it hears there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// There is no room of this id.
    #[error("there is no room `{room}`")]
    NoSuchRoom {
        /// The room's id.
        room: RoomId,
    },
    /// As many clients are in the room as may be.
    #[error("the room is full")]
    Full,
    /// `before_join` refused, panicked or took too long.
    #[error("joining was denied: {reason}")]
    Denied {
        /// What the hook said.
        reason: String,
    },
    /// The client is not in the room.
    #[error("the client is not in the room")]
    NotInRoom,
    /// The room has no such event.
    #[error("the room has no event `{event}`")]
    NoSuchEvent {
        /// The event's name.
        event: EventName,
    },
    /// The client is in too many rooms, holds too many subscriptions, or there are too many rooms.
    #[error("over a limit: {reason}")]
    Limited {
        /// Which limit.
        reason: String,
    },
    /// The client's connection has ended.
    #[error("the client is no longer connected")]
    Disconnected,
}

/// What a join asks for.
#[derive(Debug, Default)]
pub(crate) struct JoinRequest {
    /// The request's id, echoed in the reply.
    pub(crate) id: Option<i64>,
    /// What to subscribe to; the room's default if it is `None`.
    pub(crate) wanted: Option<protocol::Subscriptions>,
    /// Where the client was when it was last in the room.
    pub(crate) since: Option<Since>,
}

/// Lets a client into a room: `before_join`, then seat, reply and going live in one step.
///
/// Safe to drop: the client is in the room with everything that belongs to it, or not at all.
pub(crate) async fn join(
    core: &Arc<Core>,
    client: &Arc<ClientState>,
    room_id: &str,
    request: JoinRequest,
) -> Result<Arc<RoomCell>, JoinError> {
    checked_depth(&core.limits).map_err(|reason| JoinError::Limited { reason })?;
    let no_such_room = || JoinError::NoSuchRoom { room: room_id.into() };
    let mut room = find_or_prepare(core, room_id).ok_or_else(no_such_room)?;
    let wanted = match request.wanted {
        Some(wanted) => Some(room.wanted(wanted).map_err(|event| JoinError::NoSuchEvent { event })?),
        None => None,
    };
    let mut asked = false;
    // Until the seat is taken, an on-demand room may go, or be made by another, and a member be taken out.
    loop {
        let (is_member, is_full) = {
            let state = room.lock();
            (state.contains(client.key), state.is_full())
        };
        if !is_member && !asked {
            if is_full {
                return Err(JoinError::Full);
            }
            ask_before_join(core, client, &room).await?;
            asked = true;
        }
        if room.origin == Origin::OnDemand {
            if room.lock().is_deleted() {
                core.remove_room(&room, None);
                room = find_or_prepare(core, room_id).ok_or_else(no_such_room)?;
            }
            room = make_present(core, room)?;
        }
        let seat = Seat {
            asked,
            id: request.id,
            wanted: wanted.clone(),
            since: request.since.as_ref(),
        };
        match take_seat(core, client, &room, seat) {
            Err(JoinError::NoSuchRoom { .. }) if room.origin == Origin::OnDemand => {}
            Err(JoinError::NotInRoom) => {}
            taken => {
                note_if_empty(core, &room);
                return taken.map(|()| room);
            }
        }
    }
}

/// Adds an on-demand room to the registry, unless there is one of its id.
fn make_present(core: &Arc<Core>, room: Arc<RoomCell>) -> Result<Arc<RoomCell>, JoinError> {
    if let Some(there) = core.registry.find(&room.id) {
        return Ok(there);
    }
    match core.add_room(&room, None) {
        Ok(()) => {}
        Err(NotAdded::Exists) => return Ok(core.registry.find(&room.id).unwrap_or(room)),
        Err(NotAdded::TooMany | NotAdded::Quota) => {
            return Err(JoinError::Limited {
                reason: "there are as many rooms as there may be".to_owned(),
            });
        }
    }
    Ok(room)
}

/// The room of this id, or one that is ready to be added if its family makes rooms on demand.
fn find_or_prepare(core: &Core, room_id: &str) -> Option<Arc<RoomCell>> {
    core.registry.find(room_id).or_else(|| {
        let blueprint = core.registry.blueprint(room_id)?;
        if !blueprint.template.family.on_demand || !RoomId::is_valid(room_id) {
            return None;
        }
        Some(Arc::new(RoomCell::new(
            room_id.into(),
            Arc::clone(&blueprint.template),
            None,
            Origin::OnDemand,
            random_epoch(),
        )))
    })
}

/// Asks `before_join`.
pub(crate) async fn ask_before_join(
    core: &Arc<Core>,
    client: &Arc<ClientState>,
    room: &Arc<RoomCell>,
) -> Result<(), JoinError> {
    let Some(before_join) = &core.hooks.before_join else {
        return Ok(());
    };
    let answer = contain(core.limits.hook_deadline, || {
        one_deeper(depth(), before_join((core.client(client), core.room(room))))
    })
    .await;
    allowed(core, "before_join", answer).map_err(|reason| JoinError::Denied { reason })
}

/// A seat to be taken.
struct Seat<'a> {
    /// Whether `before_join` has let the client in. Without that, only who is in the room already has a seat there.
    asked: bool,
    id: Option<i64>,
    wanted: Option<Subscriptions>,
    since: Option<&'a Since>,
}

/// Takes the seat, queues the `joined` reply and the `on_joined` hook, all under the room's lock, so that nothing comes
/// between. `NotInRoom` if `before_join` is to be asked first.
fn take_seat(
    core: &Arc<Core>,
    client: &Arc<ClientState>,
    room: &Arc<RoomCell>,
    seat: Seat<'_>,
) -> Result<(), JoinError> {
    let Seat {
        asked,
        id,
        wanted,
        since,
    } = seat;
    let mut state = room.lock();
    if state.is_deleted() {
        return Err(JoinError::NoSuchRoom { room: room.id.clone() });
    }
    let is_member = state.contains(client.key);
    if !is_member && !asked {
        return Err(JoinError::NotInRoom);
    }
    let subscriptions = wanted
        .or_else(|| state.subscriptions(client.key).cloned())
        .unwrap_or_else(|| room.template.default_subscriptions.clone());
    {
        let mut membership = client.membership.lock();
        if membership.is_gone() {
            return Err(JoinError::Disconnected);
        }
        if !is_member && membership.len() >= core.limits.rooms_per_client {
            return Err(JoinError::Limited {
                reason: format!("a client may be in {} rooms", core.limits.rooms_per_client),
            });
        }
        within_subscriptions(core, membership.subscriptions_besides(&room.id) + subscriptions.count())?;
        state
            .join(client.key, Arc::clone(client), subscriptions.clone())
            .map_err(|no_seat| match no_seat {
                NoSeat::Full => JoinError::Full,
                NoSeat::Deleted => JoinError::NoSuchRoom { room: room.id.clone() },
            })?;
        if is_member {
            membership.set_subscriptions(&room.id, subscriptions.count());
        } else {
            membership.enter(&room.id, subscriptions.count());
        }
    }
    let recovery = since.map(|since| match is_member {
        // A member that has been sent all of it gets nothing twice. What one has not cannot be given in order: later events
        // may be on their way to it.
        true if *since.epoch == *room.epoch && state.has_heard_since(client.key, since.seq) => Some(Vec::new()),
        true => None,
        false => recover(core, room, since, state.seq(), &subscriptions).inspect(|_| {
            state.heard_from(client.key, since.seq);
        }),
    });
    let recovered = recovery.as_ref().map(Option::is_some);
    let events = recovery.flatten().unwrap_or_else(|| {
        // Its log begins here, whatever it was sent before.
        let top = state.seq();
        state.heard_from(client.key, top);
        on_join(core, room, &subscriptions)
    });
    let joined = ServerFrame::Joined {
        id,
        room_id: &room.id,
        room_name: &room.template.name,
        subscriptions: &room.names_of(&subscriptions),
        epoch: &room.epoch,
        seq: state.seq(),
        recovered,
        events: &events,
    };
    client.outbox.push(Frame::Text(joined.encode()));
    if !is_member {
        let size = state.len();
        core.tap
            .offer(|| Notice::joined(&room.id, &client.id, &client.user_id, size));
        queue_hook(core, client, room, "on_joined", &core.hooks.on_joined);
    }
    Ok(())
}

fn within_subscriptions(core: &Core, count: usize) -> Result<(), JoinError> {
    if count > core.limits.subscriptions_per_client {
        return Err(JoinError::Limited {
            reason: format!(
                "a client may hold {} subscriptions",
                core.limits.subscriptions_per_client
            ),
        });
    }
    Ok(())
}

/// Queues a hook about a client and a room behind the client's earlier ones.
fn queue_hook(
    core: &Arc<Core>,
    client: &Arc<ClientState>,
    room: &Arc<RoomCell>,
    name: &'static str,
    hook: &Told<(Client, RoomHandle)>,
) {
    core.tell_in_turn(&client.hooks, name, hook, (core.client(client), core.room(room)));
}

/// Takes a client out of a room: tells it, if it did not ask for it, and `on_left`. Returns whether it was in the room.
pub(crate) fn leave(
    core: &Arc<Core>,
    client: &Arc<ClientState>,
    room: &Arc<RoomCell>,
    id: Option<i64>,
    reason: Option<LeftReason>,
) -> bool {
    let mut state = room.lock();
    if !state.leave(client.key) {
        return false;
    }
    left(core, client, room, id, reason, state.len());
    drop(state);
    note_if_empty(core, room);
    true
}

/// What follows when a client is no longer in a room's state, where `size` stay. Called under the room's lock.
pub(super) fn left(
    core: &Arc<Core>,
    client: &Arc<ClientState>,
    room: &Arc<RoomCell>,
    id: Option<i64>,
    reason: Option<LeftReason>,
    size: usize,
) {
    client.membership.lock().exit(&room.id);
    let frame = ServerFrame::Left {
        id,
        room_id: &room.id,
        reason,
    };
    client.outbox.push(Frame::Text(frame.encode()));
    core.tap
        .offer(|| Notice::left(&room.id, &client.id, &client.user_id, size));
    queue_hook(core, client, room, "on_left", &core.hooks.on_left);
}

/// Changes what a member hears; `change` is given what it hears now. Returns the number of the room's last event with
/// history: the change holds for every later one.
fn resubscribe(
    core: &Core,
    client: &ClientState,
    room: &RoomCell,
    change: impl FnOnce(Subscriptions) -> Result<Subscriptions, JoinError>,
) -> Result<u64, JoinError> {
    let mut state = room.lock();
    let current = state.subscriptions(client.key).cloned().ok_or(JoinError::NotInRoom)?;
    let changed = change(current)?;
    let mut membership = client.membership.lock();
    within_subscriptions(core, membership.subscriptions_besides(&room.id) + changed.count())?;
    membership.set_subscriptions(&room.id, changed.count());
    state.set_subscriptions(client.key, changed);
    Ok(state.seq())
}

/// Adds one event to what a member hears.
pub(crate) fn subscribe(
    core: &Core,
    client: &ClientState,
    room: &RoomCell,
    event: &EventName,
) -> Result<u64, JoinError> {
    resubscribe(core, client, room, |current| {
        known(room, event)?;
        Ok(current.with(event))
    })
}

/// Takes one event out of what a member hears.
pub(crate) fn unsubscribe(
    core: &Core,
    client: &ClientState,
    room: &RoomCell,
    event: &EventName,
) -> Result<u64, JoinError> {
    resubscribe(core, client, room, |current| {
        known(room, event)?;
        Ok(current.without(event, room.template.policy.closed_names()))
    })
}

/// Lets a member hear everything.
pub(crate) fn subscribe_all(core: &Core, client: &ClientState, room: &RoomCell) -> Result<u64, JoinError> {
    resubscribe(core, client, room, |_| Ok(Subscriptions::all()))
}

fn known(room: &RoomCell, event: &EventName) -> Result<(), JoinError> {
    if room.template.policy.knows(event) {
        Ok(())
    } else {
        Err(JoinError::NoSuchEvent { event: event.clone() })
    }
}

/// Ends a client's membership everywhere, once: `on_disconnected` first, while it is still in its rooms, then each room
/// is left and the client forgotten. Returns at once; the client's hooks run on.
pub(crate) fn disconnect(core: &Arc<Core>, client: &Arc<ClientState>) {
    // From here on no room lets it in, although it is still in those it has joined.
    if !client.membership.lock().end() {
        return;
    }
    let end = {
        let (core, client) = (Arc::clone(core), Arc::clone(client));
        move || {
            let rooms = client.membership.lock().rooms();
            for room in rooms.iter().filter_map(|room| core.registry.find(room)) {
                leave(&core, &client, &room, None, None);
            }
            core.forget(&client);
            forget_resumes_in_time(&core);
        }
    };
    let Some(hook) = core.hooks.on_disconnected.clone() else {
        end();
        return;
    };
    let (handle, core, depth) = (core.client(client), Arc::clone(core), depth());
    let tasks = core.tasks.clone();
    client.hooks.push(
        usize::MAX,
        &tasks,
        Box::pin(async move {
            one_deeper(depth, core.tell("on_disconnected", &hook, handle)).await;
            end();
        }),
    );
}

/// Ends a client's connection and membership at once, with a code by which it does not come back of itself. What waits is
/// dropped; for each of its rooms it is told `left`, if there is a reason to tell.
pub(crate) fn expel(core: &Arc<Core>, client: &Arc<ClientState>, message: &str, reason: Option<LeftReason>) {
    let rooms = client.membership.lock().rooms();
    let farewell = rooms.iter().filter(|_| reason.is_some()).map(|room_id| {
        let frame = ServerFrame::Left {
            id: None,
            room_id,
            reason,
        };
        Frame::Text(frame.encode())
    });
    client.outbox.cut(CloseCode::Disconnected, message, farewell);
    disconnect(core, client);
}

/// Asks `before_join` again for every room that a client is in, as after its session was renewed, and takes it out of those
/// where the answer is no.
pub(crate) async fn rejoin(core: &Arc<Core>, client: &Arc<ClientState>) {
    if core.hooks.before_join.is_none() {
        return;
    }
    let rooms = client.membership.lock().rooms();
    for room in rooms {
        let Some(room) = core.registry.find(&room) else {
            continue;
        };
        if ask_before_join(core, client, &room).await.is_err() {
            leave(core, client, &room, None, Some(LeftReason::Denied));
        }
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::client::{ClientKey, Membership, Outbox, Session};
    use crate::id::UserId;
    use crate::{Dialogue, Limits, RoomConfig};

    #[tokio::test]
    async fn who_was_taken_out_meanwhile_gets_no_seat_without_before_join() {
        let dialogue = Dialogue::builder().build().expect("a server");
        let room = dialogue
            .create_room(RoomConfig::new("room"))
            .await
            .expect("a room")
            .cell;
        let client = Arc::new(ClientState {
            key: ClientKey(1),
            id: "client".into(),
            user_id: UserId::from("ada"),
            meta: Default::default(),
            session: Mutex::new(Session {
                auth: Default::default(),
                claims: Default::default(),
                expires_at: None,
            }),
            resume: Default::default(),
            anonymous: false,
            outbox: Arc::new(Outbox::new(&Limits::default())),
            membership: Mutex::new(Membership::default()),
            hooks: Default::default(),
        });
        let take = |asked| {
            let seat = Seat {
                asked,
                id: None,
                wanted: None,
                since: None,
            };
            take_seat(&dialogue.core, &client, &room, seat)
        };
        assert_eq!(take(false), Err(JoinError::NotInRoom));
        assert_eq!(take(true), Ok(()));
        assert_eq!(take(false), Ok(()), "a member has its seat");
    }
}
