//! What `rooms!` says of a room, as plain data that the registry is built from.

use crate::event::DefinitionResult;

/// One room, or one family of rooms, as declared.
#[derive(Debug)]
pub struct RoomDeclaration {
    /// The Rust name of the room's type.
    pub type_name: &'static str,
    /// The id, or how a family's ids are built.
    pub id: IdPattern,
    /// The name for people.
    pub name: &'static str,
    /// What the room is for.
    pub description: Option<&'static str>,
    /// What clients may trigger.
    pub events: DeclaredEvents,
    /// What only the server may trigger, besides `events`.
    pub server_events: &'static [fn() -> DefinitionResult],
    /// What a client that joins without asking is subscribed to.
    pub default_subscriptions: DefaultSubscriptions,
    /// The most clients that may be in the room at once.
    pub max_size: Option<usize>,
    /// What of the history a joining client is sent.
    pub sync_history_on_join: SyncHistory,
    /// How members of a family come into being; the default for a single room.
    pub family: FamilyOptions,
}

/// A declared id.
#[derive(Debug)]
pub enum IdPattern {
    /// The id itself.
    Fixed(&'static str),
    /// A family's ids.
    Family {
        /// The id's parts in order.
        segments: &'static [Segment],
        /// Whether an id is one of the family's: it parses, and prints back to itself.
        recognises: fn(&str) -> bool,
    },
}

/// As it is declared: `chat`, `project-{id}`.
impl std::fmt::Display for IdPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fixed(id) => f.write_str(id),
            Self::Family { segments, .. } => segments.iter().try_for_each(|segment| segment.fmt(f)),
        }
    }
}

/// A part of a family's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment {
    /// Text as it is.
    Literal(&'static str),
    /// The value of the field with this name.
    Field(&'static str),
}

/// As it is declared: `project-`, `{id}`.
impl std::fmt::Display for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Literal(text) => f.write_str(text),
            Self::Field(name) => write!(f, "{{{name}}}"),
        }
    }
}

/// The events of a declared room.
#[derive(Debug)]
pub enum DeclaredEvents {
    /// `events: *`: any event.
    Any,
    /// `events: […]`: these. None at all makes a read-only room.
    Only(&'static [fn() -> DefinitionResult]),
}

/// What a client is subscribed to when it joins without naming events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultSubscriptions {
    /// `default_subscriptions: *`: everything.
    All,
    /// These events.
    Only(&'static [&'static str]),
}

/// How much history a joining client is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SyncHistory {
    /// None.
    #[default]
    Off,
    /// All that is kept, within the limits of a replay.
    All,
    /// At most this many of each event type, the newest.
    PerType(usize),
}

/// How the members of a family come into being.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FamilyOptions {
    /// At the first join that `before_join` allows.
    pub on_demand: bool,
    /// By a client's `createRoom`, at most this many a user.
    pub client_created: Option<usize>,
    /// Whether on-demand members are announced and listed.
    pub listed: bool,
}
