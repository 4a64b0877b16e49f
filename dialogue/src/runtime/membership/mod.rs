//! How clients join rooms, leave them and change their subscriptions.

pub(super) mod delete_at_once;
pub(super) mod delete_by_id;
pub(super) mod delete_room;
pub(super) mod join;
pub(super) mod join_error;
mod joined;
pub(super) mod leave;
mod left;
pub(super) mod recheck;
pub(super) mod renewal;
mod seat;
pub(super) mod subscribe;
