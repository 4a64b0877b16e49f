//! How many connections are remembered after they have ended, for `resume` and for repeated triggers.

use crate::connection::Holder;

/// How many connections are remembered. Beyond that, the oldest are forgotten.
pub(super) const MAX_ENDED: usize = 100_000;

/// How many of them may belong to one user, so that nobody can make the server forget the connections of others.
pub(super) const MAX_ENDED_OF_USER: usize = 1_000;

/// How many of them may belong to one address. Many anonymous users may share one, such as that of a proxy.
pub(super) const MAX_ENDED_OF_ADDRESS: usize = MAX_ENDED / 2;

/// How many of them may belong to this holder.
pub(super) fn most_ended(holder: &Holder) -> usize {
    match holder {
        Holder::User(_) => MAX_ENDED_OF_USER,
        Holder::Address(_) => MAX_ENDED_OF_ADDRESS,
    }
}
