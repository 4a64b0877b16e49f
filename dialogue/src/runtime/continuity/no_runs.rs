//! Without a store, nothing of an earlier run of the server is left.

use tokio::time::Instant;

use super::lineage::{Lineage, Predecessor};
use crate::connection::ClientState;
use crate::id::UserId;
use crate::log::durable::StoreRun;

/// There is none.
pub(super) enum Runs {}

pub(super) struct EarlierClient {
    pub(super) user_id: UserId,
    pub(super) anonymous: bool,
    pub(super) lineage: Lineage,
}

impl Runs {
    pub(super) fn new(_run: StoreRun, _message_bytes: usize, _is_shared: bool) -> Option<Self> {
        None
    }

    pub(super) fn is(&self, _run: u64) -> bool {
        match *self {}
    }

    pub(super) fn expects_earlier_clients(&self) -> bool {
        match *self {}
    }

    pub(super) fn connection(&self, _client: &ClientState) -> Predecessor {
        match *self {}
    }

    pub(super) fn seal(&self, _client: &ClientState, _lineage: Option<&Lineage>) -> Option<String> {
        match *self {}
    }

    pub(super) fn take(&self, _token: &str, _user: Option<&UserId>, _now: Instant) -> Option<EarlierClient> {
        match *self {}
    }

    pub(super) fn note_taken(&self, _lineage: &Lineage) {
        match *self {}
    }

    pub(super) fn revoke(&self, _user: &UserId) -> u64 {
        match *self {}
    }
}
