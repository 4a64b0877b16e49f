//! The model of the rooms, after every check that the macro can make has passed.

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
    /// Returns the name of the enum of the room's events. A room whose events are not listed has no enum.
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
    /// Each field is in exactly one segment.
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
    /// `events: *`: everyone may trigger any event.
    Any,
    /// `events: []` without `server_events`: the server may trigger any event, and clients may trigger none.
    ReadOnly,
    /// The room allows exactly these events. There is at least one.
    Only(Vec<Event>),
}

/// An event of a room.
pub(super) struct Event {
    pub(super) path: Path,
    /// The event's variant in the room's enum: the last segment of the path.
    pub(super) variant: Ident,
    pub(super) span: Span,
    /// Whether clients may trigger the event too.
    pub(super) from_clients: bool,
}

pub(super) enum Subscriptions {
    All,
    Only(Vec<Subscription>),
}

pub(super) struct Subscription {
    pub(super) path: Path,
    pub(super) span: Span,
    /// Whether the list of the room's events contains the same spelling of the path. If it does not, the compiler
    /// checks the event.
    pub(super) listed: bool,
}

pub(super) enum Sync {
    Off,
    All,
    PerType(usize),
}
