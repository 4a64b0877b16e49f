//! A seat in a room: taken in one step with the `joined` reply and the client's position, so that no event is missed or
//! delivered twice between replay and live delivery.
//!
//! Calls no hook but queues `on_joined`. [`super::join`] asks `before_join` first.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::join_error::JoinError;
use super::joined::joined;
use crate::connection::ClientState;
use crate::limit_exceeded::LimitExceeded;
use crate::limits::Limits;
use crate::protocol::LogPosition;
use crate::room::{NoSeat, RoomCell, ServedRoomState, Subscriptions};
use crate::runtime::clients::{Clients, ReplySpace};
use crate::runtime::core::Core;
use crate::runtime::history::keep::History;
use crate::runtime::history::prefetch::{ReadAhead, ReadFirst};
use crate::runtime::hooks::arguments::Arrival;
use crate::serial::JobTicket;

/// A wish for a seat.
pub(super) struct SeatRequest<'a> {
    /// Whether `before_join` has approved the client. Without that, only a member keeps its seat.
    pub(super) approved: bool,
    /// The subscriptions, if the client names them.
    pub(super) subscriptions: Option<Subscriptions>,
    /// The client's position in the room, if it has been there before.
    pub(super) since: Option<&'a LogPosition>,
    /// Whether the client wants to learn which events are erased, if it says so.
    pub(super) erasures: Option<bool>,
    /// Whether this node may lag behind another one.
    pub(super) may_lag: bool,
    /// What was read from the store for this join.
    pub(super) ahead: &'a ReadAhead,
}

/// Why a client has no seat.
#[derive(Debug)]
pub(super) enum NotSeated {
    /// The room has been deleted in the meantime.
    RoomGone,
    /// The client is not (or no longer) a member, and `before_join` must approve it first.
    NotApproved,
    /// The client needs events that only the store has.
    ReadFirst(ReadFirst),
    /// The client's position is not one that this node knows: the node may lag behind another one.
    Lagging,
    Refused(JoinError),
}

/// Takes a seat, and queues the `joined` reply, which has `space`, and the `on_joined` hook. All of it happens under the
/// room's lock, so that nothing comes in between. Returns the call of that hook, if there is one.
pub(super) fn take_seat(
    core: &Arc<Core>,
    client: &Arc<ClientState>,
    room: &Arc<RoomCell>,
    id: Option<i64>,
    request: SeatRequest<'_>,
    space: ReplySpace<'_>,
) -> Result<Option<JobTicket>, NotSeated> {
    let mut state = room.lock();
    if state.record.is_deleted() {
        return Err(NotSeated::RoomGone);
    }
    let was_member = state.local.contains(client.key);
    if !was_member && !request.approved {
        return Err(NotSeated::NotApproved);
    }
    let subscriptions = request
        .subscriptions
        .clone()
        .or_else(|| state.local.subscriptions(client.key).cloned())
        .unwrap_or_else(|| room.template.default_subscriptions.clone());
    if request.may_lag
        && let Some(since) = request.since
        && (*since.epoch != **state.record.epoch() || since.seq > state.record.seq())
    {
        return Err(NotSeated::Lagging);
    }
    if request.ahead.may_read()
        && let Some(first) = to_read(&core.history, client, room, &state, &subscriptions, &request)
    {
        return Err(NotSeated::ReadFirst(first));
    }
    enter(&core.limits, client, room, &mut state, &subscriptions)?;
    if let Some(wanted) = request.erasures {
        state.local.set_wants_erasures(client.key, wanted);
    }
    let (recovered, events) = replay(
        &core.history,
        client,
        room,
        &mut state,
        &subscriptions,
        was_member,
        &request,
    );
    space.fill(joined(room, &state, id, &subscriptions, recovered, &events));
    state.note_told(client.key);
    if was_member {
        return Ok(None);
    }
    let size = state.record.size();
    core.observe.joined(&room.id, &client.id, &client.user_id, size);
    if !core.hooks.on_joined.concerns(room.template.declaration) {
        return Ok(None);
    }
    let arrival = arrival(&core.clients, client, room, &mut state);
    Ok(core.notify_of_member(client, &core.room(room), |hooks| &hooks.on_joined, arrival))
}

/// How a client has come into the room that it is in now.
fn arrival(clients: &Clients, client: &ClientState, room: &RoomCell, state: &mut ServedRoomState) -> Arrival {
    let is_other_in_room = |other: &Arc<ClientState>| other.key != client.key && state.local.contains(other.key);
    let has_others = clients.user_has(&client.user_id, is_other_in_room);
    // From here on, whoever leaves last takes the user away, even if another connection is about to return.
    let is_known = state.returning.take(&client.user_id, Instant::now()) || has_others;
    match client.membership.lock().come_back_to(&room.id) {
        true => Arrival::Comeback { was_gone: !is_known },
        false if is_known => Arrival::Additional,
        false => Arrival::First,
    }
}

/// Records the membership in the room and in the client. If a limit forbids it, neither changes.
fn enter(
    limits: &Limits,
    client: &Arc<ClientState>,
    room: &RoomCell,
    state: &mut ServedRoomState,
    subscriptions: &Subscriptions,
) -> Result<(), NotSeated> {
    let mut membership = client.membership.lock();
    if membership.is_gone() {
        return Err(NotSeated::Refused(JoinError::Disconnected));
    }
    let was_member = state.local.contains(client.key);
    if !was_member && membership.len() >= limits.rooms_per_client {
        let limit = limits.rooms_per_client;
        return Err(NotSeated::Refused(LimitExceeded::RoomsPerClient { limit }.into()));
    }
    let count = room.count_subscriptions(subscriptions);
    check_subscriptions(limits, membership.subscriptions_besides(&room.id) + count)
        .map_err(|exceeded| NotSeated::Refused(exceeded.into()))?;
    state
        .join(client.key, Arc::clone(client), subscriptions.clone())
        .map_err(|no_seat| match no_seat {
            NoSeat::Full => NotSeated::Refused(JoinError::Full),
            NoSeat::Deleted => NotSeated::RoomGone,
        })?;
    if was_member {
        membership.set_subscriptions(&room.id, count);
    } else {
        membership.enter(&room.id, count);
    }
    Ok(())
}

/// What must be read from the store before [`replay`] has everything.
fn to_read(
    history: &History,
    client: &ClientState,
    room: &RoomCell,
    state: &ServedRoomState,
    subscriptions: &Subscriptions,
    request: &SeatRequest<'_>,
) -> Option<ReadFirst> {
    history.durable.as_ref()?;
    let since = match request.since {
        Some(since) if state.local.contains(client.key) => {
            // A member that subscribes to more is not complete any more.
            let is_same = state.local.subscriptions(client.key) == Some(subscriptions);
            if is_same && *since.epoch == **state.record.epoch() && state.is_complete_since(client.key, since.seq) {
                return None;
            }
            None
        }
        since => since,
    };
    history.to_read(room, since, &state.record, subscriptions, request.ahead)
}

/// The earlier events that a client receives, oldest first. If it has named its position, also whether these are all that
/// it missed.
fn replay(
    history: &History,
    client: &ClientState,
    room: &RoomCell,
    state: &mut ServedRoomState,
    subscriptions: &Subscriptions,
    was_member: bool,
    request: &SeatRequest<'_>,
) -> (Option<bool>, Vec<Bytes>) {
    let recovery = request.since.map(|since| match was_member {
        // A member that has been sent everything receives nothing twice. Otherwise, what it missed cannot be replayed in
        // order: later events may already be on their way to it.
        true if *since.epoch == **state.record.epoch() && state.is_complete_since(client.key, since.seq) => {
            Some(Vec::new())
        }
        true => None,
        false => history
            .missed(room, since, &state.record, subscriptions, request.ahead)
            .inspect(|_| state.local.set_complete_since(client.key, since.seq)),
    });
    let recovered = recovery.as_ref().map(Option::is_some);
    let events = recovery.flatten().unwrap_or_else(|| {
        // The client's log begins here, whatever it was sent before.
        let top = state.record.seq();
        state.local.set_complete_since(client.key, top);
        history.for_new_member(room, &state.record, subscriptions, request.ahead)
    });
    (recovered, events)
}

/// Whether a client may have this many subscriptions over all its rooms.
pub(super) fn check_subscriptions(limits: &Limits, count: usize) -> Result<(), LimitExceeded> {
    let limit = limits.subscriptions_per_client;
    if count > limit {
        return Err(LimitExceeded::SubscriptionsPerClient { limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use parking_lot::Mutex;

    use super::*;
    use crate::connection::{AuthSession, ClientKey, Membership, Outbox};
    use crate::id::UserId;
    use crate::{Dialogue, Limits, RoomConfig};

    #[tokio::test]
    async fn a_client_that_was_removed_in_the_meantime_needs_before_join_again() {
        let dialogue = Dialogue::builder().define_events([]).build().expect("a server");
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
            session: Mutex::new(AuthSession {
                auth: Default::default(),
                claims: Default::default(),
                expires_at: None,
            }),
            resume: Default::default(),
            anonymous: false,
            peer: None,
            outbox: Arc::new(Outbox::new(&Limits::default())),
            membership: Mutex::new(Membership::default()),
            departed: Default::default(),
            hooks: Default::default(),
        });
        let take = |approved| {
            let request = SeatRequest {
                approved,
                subscriptions: None,
                since: None,
                erasures: None,
                may_lag: false,
                ahead: &ReadAhead::default(),
            };
            let space = dialogue.core.clients.reply_space(&client, 0).now_or_never();
            take_seat(&dialogue.core, &client, &room, None, request, space.expect("space"))
        };
        assert!(matches!(take(false), Err(NotSeated::NotApproved)));
        assert!(take(true).is_ok());
        assert!(take(false).is_ok(), "a member keeps its seat");
    }
}
