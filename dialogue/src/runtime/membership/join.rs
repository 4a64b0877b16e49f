//! How clients come into rooms: `before_join`, a seat, and what they are told of before they came.

use std::sync::Arc;

use bytes::Bytes;

use crate::connection::{ClientState, Frame};
use crate::id::{EventName, RoomId};
use crate::limits::Limits;
use crate::protocol::{self, LeftReason, ServerFrame, Since};
use crate::random::random_epoch;
use crate::room::{NoSeat, Origin, RoomCell, RoomState, Subscriptions};
use crate::runtime::core::Core;
use crate::runtime::history::keep::History;
use crate::runtime::hooks::recursion::{checked_depth, depth};
use crate::runtime::hooks::run::allowed;
use crate::runtime::membership::leave::leave;
use crate::runtime::observe::tap::Notice;
use crate::runtime::rooms::announce::{add_room, remove_room};
use crate::runtime::rooms::expiry::note_if_empty;
use crate::runtime::rooms::registry::{NotAdded, Rooms};

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
    /// The incarnation of the room, where it is a particular one; no other is made on demand then.
    pub(crate) epoch: Option<String>,
}

type State = RoomState<Arc<ClientState>>;

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
    let found = match &request.epoch {
        Some(epoch) => core.rooms.find_incarnation(room_id, Some(epoch)),
        None => find_or_prepare(&core.rooms, room_id),
    };
    let mut room = found.ok_or_else(no_such_room)?;
    let may_be_another = |room: &RoomCell| room.origin == Origin::OnDemand && request.epoch.is_none();
    let wanted = match request.wanted {
        Some(wanted) => Some(room.wanted(wanted).map_err(|event| JoinError::NoSuchEvent { event })?),
        None => None,
    };
    let mut asked = false;
    // Until the seat is taken, an on-demand room may go, or be made by another, and a member be taken out.
    loop {
        let (is_member, is_full) = {
            let state = room.lock();
            (state.local.contains(client.key), state.record.is_full())
        };
        if !is_member && !asked {
            if is_full {
                return Err(JoinError::Full);
            }
            if core.hooks.before_join.is_some() {
                // In a box, so that a join without the hook needs no room for it.
                Box::pin(ask_before_join(core, client, &room)).await?;
            }
            asked = true;
        }
        if may_be_another(&room) {
            if room.lock().record.is_deleted() {
                remove_room(core, &room, None);
                room = find_or_prepare(&core.rooms, room_id).ok_or_else(no_such_room)?;
            }
            room = make_present(core, room)?;
        }
        let seat = Seat {
            asked,
            wanted: wanted.clone(),
            since: request.since.as_ref(),
        };
        let refused = match take_seat(core, client, &room, request.id, seat) {
            Err(NotSeated::RoomGone) if may_be_another(&room) => continue,
            Err(NotSeated::NotAsked) => continue,
            Ok(()) => None,
            Err(NotSeated::RoomGone) => Some(no_such_room()),
            Err(NotSeated::Refused(error)) => Some(error),
        };
        // It may have been made for nobody but this client.
        note_if_empty(core, &room);
        return refused.map_or(Ok(room), Err);
    }
}

/// Adds an on-demand room to the registry, unless there is one of its id.
fn make_present(core: &Arc<Core>, room: Arc<RoomCell>) -> Result<Arc<RoomCell>, JoinError> {
    loop {
        if let Some(there) = core.rooms.find(&room.id) {
            return Ok(there);
        }
        match add_room(core, &room, None) {
            Ok(()) => return Ok(room),
            // By another, whose room may have gone again.
            Err(NotAdded::Exists) => {}
            Err(NotAdded::TooMany | NotAdded::Quota) => {
                return Err(JoinError::Limited {
                    reason: "there are as many rooms as there may be".to_owned(),
                });
            }
        }
    }
}

/// The room of this id, or one that is ready to be added if its family makes rooms on demand.
fn find_or_prepare(rooms: &Rooms, room_id: &str) -> Option<Arc<RoomCell>> {
    rooms.find(room_id).or_else(|| {
        let blueprint = rooms.blueprint(room_id)?;
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
async fn ask_before_join(core: &Arc<Core>, client: &Arc<ClientState>, room: &Arc<RoomCell>) -> Result<(), JoinError> {
    let Some(before_join) = &core.hooks.before_join else {
        return Ok(());
    };
    let answer = core
        .set_off(depth(), || before_join((core.client(client), core.room(room))))
        .await;
    allowed(core, "before_join", answer).map_err(|reason| JoinError::Denied { reason })
}

/// A seat to be taken.
struct Seat<'a> {
    /// Whether `before_join` has let the client in. Without that, only who is in the room already has a seat there.
    asked: bool,
    /// What to subscribe to, if the client says.
    wanted: Option<Subscriptions>,
    since: Option<&'a Since>,
}

/// Why a client has not got a seat.
#[derive(Debug, PartialEq, Eq)]
enum NotSeated {
    /// The room has been deleted meanwhile.
    RoomGone,
    /// The client is not in the room (any more), and `before_join` is to be asked first.
    NotAsked,
    Refused(JoinError),
}

/// Takes the seat, queues the `joined` reply and the `on_joined` hook, all under the room's lock, so that nothing comes
/// between.
fn take_seat(
    core: &Arc<Core>,
    client: &Arc<ClientState>,
    room: &Arc<RoomCell>,
    id: Option<i64>,
    seat: Seat<'_>,
) -> Result<(), NotSeated> {
    let mut state = room.lock();
    if state.record.is_deleted() {
        return Err(NotSeated::RoomGone);
    }
    let is_member = state.local.contains(client.key);
    if !is_member && !seat.asked {
        return Err(NotSeated::NotAsked);
    }
    let subscriptions = seat
        .wanted
        .or_else(|| state.local.subscriptions(client.key).cloned())
        .unwrap_or_else(|| room.template.default_subscriptions.clone());
    sit_down(&core.limits, client, room, &mut state, &subscriptions)?;
    let (recovered, events) = catch_up(
        &core.history,
        client,
        room,
        &mut state,
        &subscriptions,
        is_member,
        seat.since,
    );
    let joined = ServerFrame::Joined {
        id,
        room_id: &room.id,
        room_name: &room.template.name,
        subscriptions: &room.names_of(&subscriptions),
        epoch: &room.epoch,
        seq: state.record.seq(),
        recovered,
        events: &events,
    };
    client.outbox.push(Frame::Text(joined.encode()));
    if !is_member {
        let size = state.record.size();
        core.tap
            .offer(|| Notice::joined(&room.id, &client.id, &client.user_id, size));
        core.tell_of_member(client, room, "on_joined", &core.hooks.on_joined);
    }
    Ok(())
}

/// Notes in the room and in the client that the one is in the other with these subscriptions; or neither, where that is
/// over a limit.
fn sit_down(
    limits: &Limits,
    client: &Arc<ClientState>,
    room: &RoomCell,
    state: &mut State,
    subscriptions: &Subscriptions,
) -> Result<(), NotSeated> {
    let mut membership = client.membership.lock();
    if membership.is_gone() {
        return Err(NotSeated::Refused(JoinError::Disconnected));
    }
    let is_member = state.local.contains(client.key);
    if !is_member && membership.len() >= limits.rooms_per_client {
        return Err(NotSeated::Refused(JoinError::Limited {
            reason: format!("a client may be in {} rooms", limits.rooms_per_client),
        }));
    }
    within_subscriptions(
        limits,
        membership.subscriptions_besides(&room.id) + subscriptions.count(),
    )
    .map_err(NotSeated::Refused)?;
    state
        .join(client.key, Arc::clone(client), subscriptions.clone())
        .map_err(|no_seat| match no_seat {
            NoSeat::Full => NotSeated::Refused(JoinError::Full),
            NoSeat::Deleted => NotSeated::RoomGone,
        })?;
    if is_member {
        membership.set_subscriptions(&room.id, subscriptions.count());
    } else {
        membership.enter(&room.id, subscriptions.count());
    }
    Ok(())
}

/// What a client is sent of before it came, oldest first; and, if it says where it was, whether that is all that it missed.
fn catch_up(
    history: &History,
    client: &ClientState,
    room: &RoomCell,
    state: &mut State,
    subscriptions: &Subscriptions,
    was_member: bool,
    since: Option<&Since>,
) -> (Option<bool>, Vec<Bytes>) {
    let recovery = since.map(|since| match was_member {
        // A member that has been sent all of it gets nothing twice. What one has not cannot be given in order: later events
        // may be on their way to it.
        true if *since.epoch == *room.epoch && state.is_complete_since(client.key, since.seq) => Some(Vec::new()),
        true => None,
        false => history
            .missed(room, since, state.record.seq(), subscriptions)
            .inspect(|_| {
                state.local.set_complete_since(client.key, since.seq);
            }),
    });
    let recovered = recovery.as_ref().map(Option::is_some);
    let events = recovery.flatten().unwrap_or_else(|| {
        // Its log begins here, whatever it was sent before.
        let top = state.record.seq();
        state.local.set_complete_since(client.key, top);
        history.for_new_member(room, subscriptions)
    });
    (recovered, events)
}

/// Whether a client may hold so many subscriptions over all its rooms.
pub(in crate::runtime) fn within_subscriptions(limits: &Limits, count: usize) -> Result<(), JoinError> {
    if count > limits.subscriptions_per_client {
        return Err(JoinError::Limited {
            reason: format!("a client may hold {} subscriptions", limits.subscriptions_per_client),
        });
    }
    Ok(())
}

/// Asks `before_join` again for every room that a client is in, as after its session was renewed, and takes it out of those
/// where the answer is no.
pub(crate) async fn ask_again(core: &Arc<Core>, client: &Arc<ClientState>) {
    if core.hooks.before_join.is_none() {
        return;
    }
    let rooms = client.membership.lock().rooms();
    for room in rooms {
        let Some(room) = core.rooms.find(&room) else {
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
    use crate::connection::{ClientKey, Membership, Outbox, Session};
    use crate::id::UserId;
    use crate::runtime::delete_room;
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
            departed: Default::default(),
            hooks: Default::default(),
        });
        let take = |asked| {
            let seat = Seat {
                asked,
                wanted: None,
                since: None,
            };
            take_seat(&dialogue.core, &client, &room, None, seat)
        };
        assert_eq!(take(false), Err(NotSeated::NotAsked));
        assert_eq!(take(true), Ok(()));
        assert_eq!(take(false), Ok(()), "a member has its seat");
    }

    #[tokio::test]
    async fn a_room_that_two_make_at_once_is_one_that_is_found_or_has_been_deleted() {
        let dialogue = Dialogue::builder().build().expect("a server");
        let core = &dialogue.core;
        let template = RoomConfig::new("room").template(Arc::clone(&core.rooms.known_events));
        let template = Arc::new(template.expect("a template"));
        // Makes the room, and deletes it whoever has made it.
        let make_and_delete = || {
            for _ in 0..30_000 {
                let template = Arc::clone(&template);
                let room = RoomCell::new("room".into(), template, None, Origin::OnDemand, random_epoch());
                let room = make_present(core, Arc::new(room)).expect("a room");
                assert!(core.rooms.holds(&room) || room.lock().record.is_deleted());
                delete_room(core, &room, None);
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(make_and_delete);
            scope.spawn(make_and_delete);
        });
    }
}
