//! How clients join rooms, leave them and change their subscriptions.

pub(super) mod delete_room;
pub(super) mod join;
pub(super) mod leave;
pub(super) mod subscribe;
