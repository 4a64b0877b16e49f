//! The `joined` frame: the answer to a join, and what tells a member another epoch.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::connection::ClientState;
use crate::protocol::ServerFrame;
use crate::room::{RoomCell, ServedRoomState, Subscriptions};
use crate::runtime::clients::ReplySpace;
use crate::runtime::core::Core;
use crate::runtime::history::prefetch::{ReadAhead, ReadFirst};

/// Tells a member the room's epoch, which has changed: an unrequested `joined`, as if the client had joined without a position. Does
/// nothing if the client is no member, or knows the epoch. Returns what must be read from the store first.
pub(super) fn tell_epoch(
    core: &Core,
    client: &ClientState,
    room: &RoomCell,
    ahead: &ReadAhead,
    space: ReplySpace<'_>,
) -> Option<ReadFirst> {
    let mut state = room.lock();
    let subscriptions = state.local.subscriptions(client.key).cloned()?;
    if !state.must_be_told(client.key) {
        return None;
    }
    if ahead.may_read()
        && let Some(first) = core.history.to_read(room, None, &state.record, &subscriptions, ahead)
    {
        return Some(first);
    }
    let top = state.record.seq();
    state.local.set_complete_since(client.key, top);
    let events = core.history.for_new_member(room, &state.record, &subscriptions, ahead);
    space.fill(joined(room, &state, None, &subscriptions, Some(false), &events));
    state.note_told(client.key);
    None
}

/// A `joined` frame.
pub(super) fn joined(
    room: &RoomCell,
    state: &ServedRoomState,
    id: Option<i64>,
    subscriptions: &Subscriptions,
    recovered: Option<bool>,
    events: &[Bytes],
) -> Bytes {
    let none = BTreeSet::new();
    let joined = ServerFrame::Joined {
        id,
        room_id: &room.id,
        room_name: &room.template.name,
        subscriptions: &room.subscription_names(subscriptions),
        except: subscriptions.exceptions().unwrap_or(&none),
        epoch: state.record.epoch(),
        seq: state.record.seq(),
        recovered,
        events,
    };
    joined.encode()
}
