//! Changing the subscriptions of a member.

use super::join_error::JoinError;
use super::seat::check_subscriptions;
use crate::connection::ClientState;
use crate::id::EventName;
use crate::limits::Limits;
use crate::room::{RoomCell, Subscriptions};

/// Changes a member's subscriptions; `change` receives the present ones. Returns the number of the room's last event with
/// history: the change holds for every later event.
fn resubscribe(
    limits: &Limits,
    client: &ClientState,
    room: &RoomCell,
    change: impl FnOnce(Subscriptions) -> Result<Subscriptions, JoinError>,
) -> Result<u64, JoinError> {
    let mut state = room.lock();
    let current = state
        .local
        .subscriptions(client.key)
        .cloned()
        .ok_or(JoinError::NotInRoom)?;
    let changed = change(current)?;
    let mut membership = client.membership.lock();
    let count = room.count_subscriptions(&changed);
    check_subscriptions(limits, membership.subscriptions_besides(&room.id) + count)?;
    membership.set_subscriptions(&room.id, count);
    state.set_subscriptions(client.key, changed);
    Ok(state.record.seq())
}

/// Subscribes a member to one more event.
pub(crate) fn subscribe(
    limits: &Limits,
    client: &ClientState,
    room: &RoomCell,
    event: &EventName,
) -> Result<u64, JoinError> {
    resubscribe(limits, client, room, |current| {
        known(room, event)?;
        Ok(current.with(event))
    })
}

/// Unsubscribes a member from one event.
pub(crate) fn unsubscribe(
    limits: &Limits,
    client: &ClientState,
    room: &RoomCell,
    event: &EventName,
) -> Result<u64, JoinError> {
    resubscribe(limits, client, room, |current| {
        known(room, event)?;
        Ok(current.without(event))
    })
}

/// Subscribes a member to every event.
pub(crate) fn subscribe_all(limits: &Limits, client: &ClientState, room: &RoomCell) -> Result<u64, JoinError> {
    resubscribe(limits, client, room, |_| Ok(Subscriptions::all()))
}

fn known(room: &RoomCell, event: &EventName) -> Result<(), JoinError> {
    if room.template.policy.knows(event) {
        Ok(())
    } else {
        Err(JoinError::NoSuchEvent { event: event.clone() })
    }
}
