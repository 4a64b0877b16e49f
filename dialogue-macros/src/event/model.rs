//! The model of an event, after all checks have passed.

use syn::{Ident, Path};

pub(super) struct Event {
    pub(super) ident: Ident,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) history: History,
    pub(super) krate: Path,
}

pub(super) enum History {
    Off,
    ManagerLimit,
    Limit(usize),
}
