//! What happens in the server, for observers.

pub(super) mod tap;
