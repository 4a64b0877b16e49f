//! The declaration of a room in `rooms!`, as plain data. The runtime builds the registry of rooms from it.

use crate::event::DefinitionResult;

/// The declaration of one room, or of one family of rooms.
#[derive(Debug)]
pub struct RoomDeclaration {
    /// The Rust name of the room's type.
    pub type_name: &'static str,
    /// The id, or the pattern of a family's ids.
    pub id: IdPattern,
    /// The name that people see.
    pub name: &'static str,
    /// The description of the room.
    pub description: Option<&'static str>,
    /// The events that clients and the server may trigger.
    pub events: DeclaredEvents,
    /// The events that only the server may trigger, in addition to `events`.
    pub server_events: &'static [fn() -> DefinitionResult],
    /// The events that a client is subscribed to when it joins without naming events.
    pub default_subscriptions: DefaultSubscriptions,
    /// How many clients can be in the room at once; `None` for no limit.
    pub max_size: Option<usize>,
    /// How much of the history a client receives when it joins.
    pub sync_history_on_join: SyncHistory,
    /// How the rooms of a family are created; the default for a single room.
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
        /// Returns whether an id belongs to the family: it parses, and the result prints as the same id.
        recognises: fn(&str) -> bool,
    },
}

/// Prints the id as the declaration writes it: `chat`, `project-{id}`.
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
    /// Fixed text.
    Literal(&'static str),
    /// The value of the field with this name.
    Field(&'static str),
}

/// Prints the part as the declaration writes it: `project-`, `{id}`.
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
    /// `events: […]`: only these events. An empty list makes a read-only room.
    Only(&'static [fn() -> DefinitionResult]),
}

/// The events that a client is subscribed to when it joins without naming events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultSubscriptions {
    /// `default_subscriptions: *`: every event.
    All,
    /// Only the events with these names.
    Only(&'static [&'static str]),
}

/// How much of the history a client receives when it joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SyncHistory {
    /// None.
    #[default]
    Off,
    /// All events in memory, within the limits of a replay.
    All,
    /// The newest events of each type, at most this many.
    PerType(usize),
}

/// How the rooms of a family are created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FamilyOptions {
    /// Whether the first join that `before_join` allows creates the room.
    pub on_demand: bool,
    /// How many rooms each user may create with `createRoom`; `None` if clients cannot create them.
    pub client_created: Option<usize>,
    /// Whether the server announces and lists on-demand rooms.
    pub listed: bool,
}
