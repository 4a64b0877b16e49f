//! The path of an event from a trigger to its recipients.

pub(super) mod publish;
