//! What the rooms are, once everything about them that the macro can see is known to be right.

use proc_macro2::Span;
use quote::format_ident;
use syn::{Attribute, Ident, Path, Type, Visibility};

use super::pattern::Segment;

pub(super) struct RoomSet {
    pub(super) krate: Path,
    pub(super) attrs: Vec<Attribute>,
    pub(super) visibility: Visibility,
    pub(super) ident: Ident,
    pub(super) rooms: Vec<Room>,
}

pub(super) struct Room {
    pub(super) attrs: Vec<Attribute>,
    pub(super) visibility: Visibility,
    pub(super) ident: Ident,
    pub(super) id: Id,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) events: Events,
    pub(super) default_subscriptions: Subscriptions,
    pub(super) max_size: Option<usize>,
    pub(super) sync: Sync,
}

impl Room {
    /// What the enum of the room's events is called. There is none where they are not listed.
    pub(super) fn enum_name(&self) -> Option<Ident> {
        matches!(self.events, Events::Only(_)).then(|| format_ident!("{}Event", self.ident))
    }
}

pub(super) enum Id {
    Fixed(String),
    Family(Family),
}

pub(super) struct Family {
    pub(super) fields: Vec<Field>,
    /// Every field is in exactly one of these.
    pub(super) segments: Vec<Segment>,
    pub(super) options: FamilyOptions,
}

#[derive(Default)]
pub(super) struct FamilyOptions {
    pub(super) on_demand: bool,
    pub(super) client_created: Option<usize>,
    pub(super) listed: bool,
}

pub(super) struct Field {
    pub(super) attrs: Vec<Attribute>,
    pub(super) ident: Ident,
    pub(super) ty: Type,
}

pub(super) enum Events {
    /// `events: *`: anyone, anything.
    Any,
    /// `events: []` alone: the server anything, clients nothing.
    ReadOnly,
    /// Exactly these, of which there is at least one.
    Only(Vec<Event>),
}

/// An event of a room.
pub(super) struct Event {
    pub(super) path: Path,
    /// Its variant in the room's enum: the path's last segment.
    pub(super) variant: Ident,
    pub(super) span: Span,
    /// Whether clients may trigger it too.
    pub(super) from_clients: bool,
}

pub(super) enum Subscriptions {
    All,
    Only(Vec<Subscription>),
}

pub(super) struct Subscription {
    pub(super) path: Path,
    pub(super) span: Span,
    /// Whether the path is written the same among the room's events; if not, the compiler has to tell.
    pub(super) listed: bool,
}

pub(super) enum Sync {
    Off,
    All,
    PerType(usize),
}
