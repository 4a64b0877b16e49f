//! Rooms with payloads of every form, for their descriptions in TypeScript, JSON Schema and AsyncAPI.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use dialogue::prelude::*;

/// A chat message.
///
/// This text contains "*/", too.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[serde(rename_all = "camelCase")]
#[event(name = "message", history = 50)]
pub(crate) struct Message {
    /// The text of the message.
    #[schemars(length(min = 1, max = 1000))]
    pub(crate) text: String,
    /// The user whom the message addresses.
    pub(crate) to: Option<Author>,
    #[serde(default)]
    pub(crate) urgent: bool,
}

/// A user.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Author {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
}

/// Its event is named `error`, but it must not take the name `Error` from another type.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(name = "error")]
pub(crate) struct Trouble {
    pub(crate) code: u16,
}

/// Somebody joined.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub(crate) struct UserJoined {
    pub(crate) username: String,
}

/// An event without a payload.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub(crate) struct Bell;

/// Every other form that a payload can have.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(name = "shapes:all")]
pub(crate) struct Shapes {
    integers: (u8, i64),
    real: f32,
    letter: char,
    nothing: (),
    triple: [u16; 3],
    none: [u8; 0],
    set: BTreeSet<u8>,
    nested: Vec<Vec<Option<bool>>>,
    text_keys: HashMap<String, Author>,
    number_keys: BTreeMap<u16, String>,
    kind_keys: BTreeMap<Kind, u8>,
    kind: Kind,
    described: Described,
    external: External,
    internal: Internal,
    adjacent: Adjacent,
    untagged: Untagged,
    tree: Tree,
    flattened: Flattened,
    strict: Strict,
    any: serde_json::Value,
    object: serde_json::Map<String, serde_json::Value>,
    page: Page<Author>,
    #[serde(rename = "odd name")]
    odd: u8,
    #[serde(rename = "$dollar")]
    dollar: u8,
    #[serde(rename = "1st")]
    first: u8,
    result: Result<u8, String>,
    duration: std::time::Duration,
    pair_or_nothing: Option<(u8, String)>,
    #[deprecated]
    old: Option<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    FirstKind,
    SecondKind,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Described {
    /// One.
    One,
    /// Two.
    Two,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) enum External {
    Unit,
    Newtype(u8),
    Struct { a: u8, b: Option<u8> },
    Tuple(u8, i8),
    Nested(Author),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub(crate) enum Internal {
    Unit,
    Struct { a: u8 },
    Newtype(Author),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "t", content = "c")]
pub(crate) enum Adjacent {
    Unit,
    Newtype(u8),
    Struct { a: u8 },
    Tuple(u8, u8),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Untagged {
    Int(i64),
    Text(String),
    Pair(u8, bool),
    Struct { a: u8 },
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Tree {
    value: u8,
    children: Vec<Tree>,
    left: Option<Box<Tree>>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Flattened {
    own: u8,
    #[serde(flatten)]
    author: Author,
    #[serde(flatten)]
    choice: Choice,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Choice {
    Number(u8),
    Pair { a: u8, b: Option<u8> },
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Strict {
    a: u8,
    b: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Page<T> {
    entries: Vec<T>,
    next: Option<u32>,
}

/// Types that have the same names as other types.
pub(crate) mod other {
    use dialogue::prelude::*;

    /// Another user.
    #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
    pub(crate) struct Author {
        pub(crate) id: u64,
    }

    /// Another kind of chat message.
    #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
    pub(crate) struct Message {
        pub(crate) author: Author,
    }
}

rooms! {
    /// Every room.
    pub(crate) Rooms;

    /// Where everyone talks.
    pub(crate) Chat = "chat" {
        name: "Chat",
        events: [Message, Bell],
        server_events: [UserJoined, Trouble],
        default_subscriptions: [Message],
        max_size: 100,
    }

    /// One room for each project.
    pub(crate) Project { org: String, id: u64 } = "project-{org}-{id}" {
        events: [Shapes],
        server_events: [Message],
        client_created: 5,
    }

    /// An event with the same name as another event.
    pub(crate) Other = "other.room" { events: [other::Message] }

    /// Clients may only listen.
    pub(crate) News = "news" { events: [], server_events: [UserJoined] }

    /// Clients may only listen, to any event.
    pub(crate) Wall = "wall" { events: [] }
}

rooms! {
    /// A room for anything.
    pub(crate) OpenRooms;

    /// Clients may trigger any event.
    pub(crate) Sandbox = "sandbox" { events: * }

    /// A room with a known event.
    pub(crate) Lounge = "lounge" { events: [UserJoined] }
}

rooms! {
    /// Rooms whose ids TypeScript's template types cannot tell apart.
    pub(crate) AlikeRooms;

    pub(crate) Channel { org: String } = "org:{org}:chat" { events: [Message] }

    pub(crate) TeamChannel { org: String, team: String } = "org:{org}:{team}:chat" { events: [Bell] }

    pub(crate) Hall = "org:all:of:us:chat" { events: [UserJoined] }
}
