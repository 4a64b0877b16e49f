//! Joining a room: `before_join` first, then a seat.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::join_error::JoinError;
use super::seat::{NotSeated, SeatRequest, take_seat};
use crate::connection::ClientState;
use crate::id::EventName;
use crate::protocol::{self, LogPosition};
use crate::room::{Origin, RoomCell};
use crate::runtime::clients::ghost_among;
use crate::runtime::core::Core;
use crate::runtime::history::load::read_ahead;
use crate::runtime::history::prefetch::ReadAhead;
use crate::runtime::hooks::clock::waiting_for;
use crate::runtime::hooks::recursion::{checked_depth, depth};
use crate::runtime::publish::reach::reach_end_of_log;
use crate::runtime::rooms::announce::{ChangedBy, remove_room};
use crate::runtime::rooms::expiry::Needed;
use crate::runtime::rooms::on_demand::{find_for_server, find_or_prepare, is_current, make_present};
use crate::runtime::rooms::registry::NotAdded;
use crate::serial::JobTicket;

/// How long a client that wants a seat waits until a lost connection has left the room.
const GHOST_LEAVES: Duration = Duration::from_secs(5);

/// The wishes of a client that joins a room.
#[derive(Debug, Default)]
pub(crate) struct JoinRequest {
    /// The request's id, repeated in the reply.
    pub(crate) id: Option<i64>,
    /// The subscriptions; the room's default if `None`.
    pub(crate) wanted: Option<protocol::SubscriptionList>,
    /// The events that a wildcard among them does not cover.
    pub(crate) except: BTreeSet<EventName>,
    /// The client's position when it was last in the room.
    pub(crate) since: Option<LogPosition>,
    /// Whether the client wants to learn which events are erased. `None` leaves that as it is.
    pub(crate) erasures: Option<bool>,
    /// The incarnation of the room, if only that one is meant. No room is created on demand then.
    pub(crate) epoch: Option<String>,
}

/// A client's seat in a room.
pub(crate) struct Seat {
    pub(crate) room: Arc<RoomCell>,
    /// The call of `on_joined`, if there is one.
    pub(crate) hook: Option<JobTicket>,
}

/// Makes a client a member of a room: `before_join`, and then the seat, the reply and live delivery in one step.
///
/// If the room is full, and a lost connection of the same user has a seat that the server still counts, the client gets
/// that seat.
///
/// Safe to drop: the client is a member with everything that belongs to it, or not a member.
pub(crate) async fn join(
    core: &Arc<Core>,
    client: &Arc<ClientState>,
    room_id: &str,
    request: JoinRequest,
) -> Result<Seat, JoinError> {
    loop {
        match try_join(core, client, room_id, &request).await {
            // In a box, as every step that most joins do not need.
            Err(JoinError::Full) if Box::pin(free_seat_of_ghost(core, client, room_id)).await => {}
            outcome => return outcome,
        }
    }
}

/// Finds out whether another connection of the client's user is lost that has a seat in a room. If so, waits until it has
/// left, and returns true. Returns false if there is none, or if all answer.
async fn free_seat_of_ghost(core: &Core, client: &ClientState, room_id: &str) -> bool {
    let Some(room) = core.rooms.find(room_id) else {
        return false;
    };
    let mut others = core.clients.of_user(&client.user_id);
    {
        let state = room.lock();
        others.retain(|other| other.key != client.key && state.local.contains(other.key));
    }
    match ghost_among(&others).await {
        // Its `on_disconnected` runs before it leaves.
        Some(ghost) => timeout(GHOST_LEAVES, ghost.departed.wait()).await.is_ok(),
        None => false,
    }
}

async fn try_join(
    core: &Arc<Core>,
    client: &Arc<ClientState>,
    room_id: &str,
    request: &JoinRequest,
) -> Result<Seat, JoinError> {
    checked_depth(&core.limits)?;
    let no_such_room = || JoinError::NoSuchRoom { room: room_id.into() };
    // An idle room that is meant by its epoch is there for this join.
    let (found, _idle) = match &request.epoch {
        Some(epoch) => {
            let used = Box::pin(find_for_server(core, room_id, Some(epoch), |_| false)).await?;
            (used.as_ref().map(|used| Arc::clone(&used.room)), used)
        }
        None => (find_or_prepare(core, client, room_id).await?, None),
    };
    let mut needed = Needed::new(core, found.ok_or_else(no_such_room)?);
    let may_be_another = |room: &RoomCell| room.origin == Origin::OnDemand && request.epoch.is_none();
    let wanted = match &request.wanted {
        Some(wanted) => Some(
            needed
                .room
                .resolve_subscriptions(wanted.clone(), request.except.clone())
                .map_err(|event| JoinError::NoSuchEvent { event })?,
        ),
        None => None,
    };
    let (mut approved, mut ahead) = (false, ReadAhead::default());
    let mut may_lag = core.cluster.is_some();
    // Until the seat is taken, an on-demand room may expire or be created by another client, and a member may be removed.
    loop {
        let room = &needed.room;
        let (is_member, is_full) = {
            let state = room.lock();
            (state.local.contains(client.key), state.record.is_full())
        };
        if !is_member && !approved {
            if is_full {
                return Err(JoinError::Full);
            }
            if core.hooks.before_join.concerns(room.template.declaration) {
                // In a box, so that a join without the hook needs no memory for it.
                Box::pin(ask_before_join(core, client, room)).await?;
            }
            approved = true;
        }
        // A client that is put into many rooms receives their histories as fast as it reads.
        let reply_bytes = core.limits.longest_reply();
        let space = waiting_for(client, core.clients.reply_space(client, reply_bytes)).await;
        if may_be_another(&needed.room) {
            if needed.room.lock().record.is_deleted() {
                remove_room(core, &needed.room, None, ChangedBy::ThisNode);
                needed.room = find_or_prepare(core, client, room_id).await?.ok_or_else(no_such_room)?;
            }
            needed.room = make_present(core, Arc::clone(&needed.room)).map_err(|not_added| match not_added {
                NotAdded::Exists => no_such_room(),
                NotAdded::LimitExceeded(exceeded) => exceeded.into(),
            })?;
        }
        let room = &needed.room;
        if !is_current(core, room).await? {
            match may_be_another(room) {
                true => continue,
                false => return Err(no_such_room()),
            }
        }
        let seat = SeatRequest {
            approved,
            subscriptions: wanted.clone(),
            since: request.since.as_ref(),
            may_lag,
            ahead: &ahead,
            erasures: request.erasures,
        };
        let seated = match take_seat(core, client, room, request.id, seat, space) {
            Err(NotSeated::RoomGone) if may_be_another(room) => continue,
            Err(NotSeated::NotApproved) => continue,
            Err(NotSeated::Lagging) => {
                // Otherwise, the client would take for a gap what only this node lacks.
                may_lag = false;
                Box::pin(reach_end_of_log(core, room)).await?;
                continue;
            }
            Err(NotSeated::ReadFirst(first)) => {
                // In a box, because most joins read nothing.
                Box::pin(read_ahead(core, room, first, &mut ahead)).await?;
                continue;
            }
            Ok(hook) => Ok(hook),
            Err(NotSeated::RoomGone) => Err(no_such_room()),
            Err(NotSeated::Refused(error)) => Err(error),
        };
        let room = Arc::clone(room);
        return seated.map(|hook| Seat { room, hook });
    }
}

/// Asks `before_join`.
pub(super) async fn ask_before_join(
    core: &Arc<Core>,
    client: &Arc<ClientState>,
    room: &Arc<RoomCell>,
) -> Result<(), JoinError> {
    let about = (core.client(client), core.room(room));
    Ok(core.ask(depth(), &core.hooks.before_join, about).await?)
}
