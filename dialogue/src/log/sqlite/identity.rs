//! Epochs. Each has the room's own part and the file's generation: `<own>.<generation>`. Pure.

use std::sync::Arc;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::random::random_name;

/// How many bytes a part of an epoch has, as the epochs of the memory log.
const PART_BYTES: usize = 8;

/// What all epochs of an opened file have in common.
#[derive(Clone)]
pub(super) struct Identity {
    /// The key of first epochs and of `resume` tokens.
    pub(super) secret: [u8; 32],
    /// The second part of all epochs.
    pub(super) generation: Arc<str>,
    /// Counts the times that the file was opened.
    pub(super) run: u64,
}

impl Identity {
    /// The own part of the epoch of a room that has no row. It needs no row because it is always the same.
    pub(super) fn first_own(&self, room: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("an HMAC key may have any length");
        mac.update(b"room\0");
        mac.update(room.as_bytes());
        hexadecimal(&mac.finalize().into_bytes()[..PART_BYTES])
    }

    /// The epoch that clients see.
    pub(super) fn epoch(&self, own: &str) -> Arc<str> {
        format!("{own}.{}", self.generation).into()
    }

    /// The own part of an epoch that clients see. `None` if it is of another generation.
    pub(super) fn own_part<'a>(&self, epoch: &'a str) -> Option<&'a str> {
        epoch.strip_suffix(&*self.generation)?.strip_suffix('.')
    }
}

/// The own part of a new incarnation.
pub(super) fn random_part() -> String {
    random_name(PART_BYTES)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
