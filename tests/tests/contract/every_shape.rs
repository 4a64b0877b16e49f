//! Rooms and payloads of every shape, and the frames that a real server sends for them. The generators of other languages
//! read their documents, and the code that they generate reads these frames.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use dialogue::Dialogue;
use dialogue::prelude::*;
use dialogue_tests::TestServer;
use serde_json::{Value, json};

use super::rooms::{Author, Bell, Kind, Message, Page, Shapes, Tree, Trouble, UserJoined, other};

/// Each width of a number.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub(crate) struct Numbers {
    tiny: u8,
    signed: i8,
    port: u16,
    index: u32,
    id: u64,
    offset: i64,
    size: usize,
    count: NonZeroU32,
    ratio: f64,
    maybe: Option<i64>,
    #[serde(default = "ten")]
    tenth: u32,
}

fn ten() -> u32 {
    10
}

/// Texts, and text that other types are written as.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub(crate) struct Texts {
    text: String,
    shared: Arc<str>,
    letter: char,
    maybe: Option<String>,
    /// It may be left out, and then the server leaves it out, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
    #[schemars(length(min = 1, max = 20), regex(pattern = "^[a-z]+$"))]
    slug: String,
    #[serde(default = "quoted")]
    quoted: String,
    address: std::net::Ipv4Addr,
}

fn quoted() -> String {
    "a \"quoted\" word, and a\nnew line".to_owned()
}

/// Arrays, sets and maps with each kind of key.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub(crate) struct Collections {
    tags: BTreeSet<String>,
    pairs: Vec<(String, u32)>,
    matrix: [[f64; 2]; 2],
    by_name: HashMap<String, Author>,
    by_number: BTreeMap<u16, Author>,
    by_signed: BTreeMap<i32, String>,
    by_kind: BTreeMap<Kind, Vec<Author>>,
    nested: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    #[serde(default)]
    maybe_later: Vec<Author>,
}

/// Items and values that may be `null`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub(crate) struct Holes {
    list: Vec<Option<String>>,
    nested: Vec<Vec<Option<bool>>>,
    by_name: BTreeMap<String, Option<u8>>,
    authors: Vec<Option<Author>>,
}

/// Any JSON, and objects and arrays of it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub(crate) struct Anything {
    value: Value,
    alias: Json,
    object: serde_json::Map<String, Value>,
    list: Vec<Value>,
    maybe: Option<Value>,
}

/// Undeclared fields.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub(crate) struct Extra {
    own: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, u32>,
}

type Json = Value;

/// Durations at any place look the same.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub(crate) struct Waits {
    wait: Duration,
    color: String,
    maybe: Option<Duration>,
    all: Vec<Duration>,
    by_name: BTreeMap<String, Duration>,
}

/// Enums with tags, one in another.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub(crate) struct Choices {
    plain: Kind,
    tagged: Shape,
    adjacent: Action,
    external: Command,
    any_of: Either,
    list: Vec<Shape>,
    by_name: BTreeMap<String, Action>,
    maybe: Option<Command>,
    outcome: Result<Shape, String>,
}

/// A tag among the fields. Two variants have the same fields.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Shape {
    Point,
    Circle { x: f64, r: f64 },
    Disc { x: f64, r: f64 },
    LabelledBy(Author),
}

/// A tag beside the content. Two variants have the same content.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "do", content = "with")]
pub(crate) enum Action {
    Stop,
    Walk(u32),
    Run(u32),
    Turn { degrees: i16 },
    Jump(u8, u8),
}

/// A tag around the content.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Command {
    /// Stop now.
    Halt,
    /// Go on.
    Resume,
    Say(String),
    Move {
        to: Vec<f64>,
        fast: Option<bool>,
    },
    Invite(Author),
    Repeat(Box<Command>),
}

/// No tag.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Either {
    Number(f64),
    Text(String),
    Switch(bool),
    Person(Author),
}

/// Fields of other types among its own.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub(crate) struct Flat {
    own: u8,
    #[serde(flatten)]
    author: Author,
    #[serde(flatten)]
    action: Action,
}

/// Types that contain themselves and one another.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub(crate) struct Forest {
    trees: Vec<Tree>,
    folder: Folder,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Folder {
    name: String,
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub(crate) enum Entry {
    File { bytes: u64 },
    Folder(Folder),
    Link { to: Option<Box<Entry>> },
}

/// One generic type with several arguments, and types with equal names.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub(crate) struct Pages {
    authors: Page<Author>,
    others: Page<other::Author>,
    pages: Page<Page<u8>>,
    choices: Page<Shape>,
}

/// Names that a language or a document may have to escape.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(name = "odd.names:v2-x")]
pub(crate) struct Names {
    #[serde(rename = "with space")]
    space: u8,
    #[serde(rename = "$dollar")]
    dollar: u8,
    #[serde(rename = "1st")]
    first: u8,
    #[serde(rename = "dash-ed")]
    dashed: u8,
    #[serde(rename = "dot.ted")]
    dotted: u8,
    #[serde(rename = "ab/cd~e%f")]
    pointer: u8,
    #[serde(rename = "straße")]
    letters: u8,
    class: u8,
    r#type: u8,
    from: u8,
    self_: u8,
    #[serde(rename = "camelCase")]
    camel: u8,
    #[serde(rename = "constructor")]
    constructor: u8,
}

/// An event whose payload is an enum.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(crate) enum Edit {
    Insert { at: u32, text: String },
    Delete { from: u32, to: u32 },
    Undo,
}

/// An event whose payload is a number.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub(crate) struct Score(u32);

/// An event whose payload is a list.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub(crate) struct Positions(Vec<(f64, f64)>);

/// An event whose payload is a tuple.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub(crate) struct Mixed(u8, String);

/// It has every default and no other fields.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    volume: u8,
    ratio: f64,
    label: String,
    tags: Vec<String>,
    theme: Theme,
    limits: BTreeMap<String, u32>,
    author: Option<Author>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Theme {
    #[default]
    Light,
    Dark,
}

/// Its name is the name that the document gives to the events of the room `Board`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub(crate) struct BoardEvents {
    count: u8,
}

rooms! {
    /// Rooms of every shape.
    pub(crate) EveryShape;

    /// A room with an event of every shape.
    pub(crate) Board = "board" {
        events: [
            Message, Bell, Shapes, Numbers, Texts, Collections, Holes, Anything, Extra, Waits, Choices, Flat, Forest, Pages, Names, Edit,
            Score, Positions, Mixed, Settings, BoardEvents,
        ],
        server_events: [UserJoined, Trouble],
    }

    /// A family of rooms.
    pub(crate) Desk { org: String, id: u64 } = "desk-{org}:{id}" {
        events: [Message, Bell],
        server_events: [UserJoined],
        client_created: 5,
    }

    /// Clients may trigger any event.
    pub(crate) Open = "open" { events: * }

    /// Clients may trigger any event, and subscribe to one by default.
    pub(crate) Lounge = "lounge.v2" { events: *, default_subscriptions: [Message] }

    /// Clients may only listen.
    pub(crate) News = "news" { events: [], server_events: [UserJoined, Bell] }

    /// Clients may only listen, to any event.
    pub(crate) Wall = "wall" { events: [] }
}

/// What a client triggers: rooms, events and data.
fn triggers() -> Vec<(&'static str, &'static str, Value)> {
    let ada = json!({ "name": "ada", "tags": ["first"] });
    let bob = json!({ "name": "bob" });
    let tree = json!({ "value": 1, "children": [{ "value": 2, "children": [], "left": null }], "left": { "value": 3, "children": [], "left": null } });
    vec![
        ("board", "message", json!({ "text": "hello" })),
        (
            "board",
            "message",
            json!({ "text": "hello", "to": ada, "urgent": true }),
        ),
        ("board", "bell", Value::Null),
        (
            "board",
            "shapes:all",
            json!({
                "integers": [1, -9_007_199_254_740_991_i64],
                "real": 1.5,
                "letter": "é",
                "nothing": null,
                "triple": [1, 2, 3],
                "none": [],
                "set": [1, 2],
                "nested": [[true, false], []],
                "text_keys": { "bob": bob },
                "number_keys": { "7": "seven" },
                "kind_keys": { "first-kind": 3 },
                "kind": "second-kind",
                "described": "Two",
                "external": { "Struct": { "a": 1, "b": null } },
                "internal": { "type": "Newtype", "name": "ada", "tags": [] },
                "adjacent": { "t": "Tuple", "c": [1, 2] },
                "untagged": [1, true],
                "tree": tree,
                "flattened": { "own": 1, "name": "ada", "tags": ["a"], "Pair": { "a": 1, "b": 2 } },
                "strict": { "a": 1 },
                "any": { "x": [null, 1] },
                "object": { "a": 1 },
                "page": { "entries": [ada], "next": null },
                "odd name": 3,
                "$dollar": 1,
                "1st": 2,
                "result": { "Ok": 1 },
                "duration": { "secs": 3, "nanos": 4_294_967 },
                "pair_or_nothing": [1, "x"],
                "old": null,
            }),
        ),
        (
            "board",
            "numbers",
            json!({
                "tiny": 255, "signed": -128, "port": 65_535, "index": 4_294_967_295_u32, "id": 9_007_199_254_740_991_u64,
                "offset": -9_007_199_254_740_991_i64, "size": 1, "count": 1, "ratio": 0.5, "maybe": null,
            }),
        ),
        (
            "board",
            "texts",
            json!({ "text": "\"*/ ''' \u{1F600}", "shared": "s", "letter": "x", "maybe": "m", "slug": "abc", "address": "127.0.0.1" }),
        ),
        (
            "board",
            "texts",
            json!({ "text": "", "shared": "", "letter": "\u{1F600}", "skipped": "s", "slug": "a", "quoted": "q", "address": "0.0.0.0" }),
        ),
        (
            "board",
            "collections",
            json!({
                "tags": ["a", "b"], "pairs": [["a", 1]], "matrix": [[1.5, 2.0], [0.5, 1.0]],
                "by_name": { "ada": ada, "__proto": bob }, "by_number": { "7": ada }, "by_signed": { "-7": "seven" },
                "by_kind": { "first-kind": [ada] },
                "nested": { "a": { "b": [1] } },
            }),
        ),
        (
            "board",
            "holes",
            json!({ "list": ["a", null], "nested": [[true, null], []], "by_name": { "a": 1, "b": null }, "authors": [null, ada] }),
        ),
        (
            "board",
            "anything",
            json!({
                "value": [1, "a", null, { "b": true }], "alias": null, "object": { "a": [] }, "list": [1, "a", {}],
                "maybe": null,
            }),
        ),
        ("board", "extra", json!({ "own": 1, "more": 2 })),
        (
            "board",
            "waits",
            json!({
                "wait": { "secs": 1, "nanos": 0 }, "color": "red", "maybe": { "secs": 4_294_967_296_u64, "nanos": 999_999_999 },
                "all": [{ "secs": 0, "nanos": 1 }], "by_name": { "a": { "secs": 1, "nanos": 1 } },
            }),
        ),
        (
            "board",
            "choices",
            json!({
                "plain": "first-kind",
                "tagged": { "kind": "disc", "x": 1.5, "r": 2.5 },
                "adjacent": { "do": "Run", "with": 3 },
                "external": { "Repeat": { "Say": "hi" } },
                "any_of": ada,
                "list": [{ "kind": "point" }, { "kind": "circle", "x": 0.5, "r": 1.5 }, { "kind": "labelled-by", "name": "ada" }],
                "by_name": { "a": { "do": "Stop" }, "b": { "do": "Turn", "with": { "degrees": -90 } }, "c": { "do": "Jump", "with": [1, 2] } },
                "maybe": "Halt",
                "outcome": { "Err": "no" },
            }),
        ),
        (
            "board",
            "choices",
            json!({
                "plain": "second-kind", "tagged": { "kind": "point" }, "adjacent": { "do": "Walk", "with": 1 },
                "external": { "Move": { "to": [1.5], "fast": true } }, "any_of": "text", "list": [], "by_name": {}, "maybe": null,
                "outcome": { "Ok": { "kind": "point" } },
            }),
        ),
        (
            "board",
            "flat",
            json!({ "own": 1, "name": "ada", "tags": [], "do": "Turn", "with": { "degrees": 90 } }),
        ),
        (
            "board",
            "forest",
            json!({
                "trees": [tree],
                "folder": {
                    "name": "/",
                    "entries": {
                        "a": { "type": "File", "bytes": 10 },
                        "b": { "type": "Folder", "name": "b", "entries": {} },
                        "c": { "type": "Link", "to": { "type": "File", "bytes": 1 } },
                    },
                },
            }),
        ),
        (
            "board",
            "pages",
            json!({
                "authors": { "entries": [ada], "next": 2 },
                "others": { "entries": [{ "id": 9_007_199_254_740_991_u64 }], "next": null },
                "pages": { "entries": [{ "entries": [1, 2], "next": null }], "next": null },
                "choices": { "entries": [{ "kind": "point" }], "next": 4_000_000_000_u32 },
            }),
        ),
        (
            "board",
            "odd.names:v2-x",
            json!({
                "with space": 1, "$dollar": 2, "1st": 3, "dash-ed": 4, "dot.ted": 5, "ab/cd~e%f": 6, "straße": 7, "class": 8,
                "type": 9, "from": 10, "self_": 11, "camelCase": 12, "constructor": 13,
            }),
        ),
        ("board", "edit", json!({ "op": "insert", "at": 0, "text": "a" })),
        ("board", "edit", json!({ "op": "delete", "from": 0, "to": 1 })),
        ("board", "edit", json!({ "op": "undo" })),
        ("board", "score", json!(4_000_000_000_u32)),
        ("board", "positions", json!([[0.5, 1.5], [2.5, 3.5]])),
        ("board", "mixed", json!([1, "a"])),
        ("board", "settings", json!({})),
        (
            "board",
            "settings",
            json!({ "volume": 3, "ratio": 0.5, "label": "l", "tags": ["a"], "theme": "DARK", "limits": { "a": 1 }, "author": ada }),
        ),
        ("board", "board-events", json!({ "count": 1 })),
        ("desk-acme:7", "message", json!({ "text": "at the desk" })),
        ("desk-acme:7", "bell", Value::Null),
        ("open", "made-up", json!({ "any": ["thing", null] })),
        ("open", "made.up:too", json!(7)),
        (
            "lounge.v2",
            "message",
            json!({ "text": "hello", "to": null, "urgent": false }),
        ),
    ]
}

/// What a client sent and received in a conversation with a server of these rooms.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Frames {
    /// The frames of the client, by the types of their replies.
    pub(crate) sent: Vec<Value>,
    pub(crate) received: Vec<Value>,
}

/// Has a client send every command, and every event of these rooms.
pub(crate) async fn converse() -> Frames {
    let server = TestServer::start(Dialogue::builder().rooms::<EveryShape>().trust_client_identity()).await;
    let mut client = server.open().await;
    let connect = json!({ "type": "connect", "protocol": 1, "auth": { "userId": "ada" } });
    client.connect(connect["auth"].clone()).await;
    let mut frames = Frames {
        sent: vec![connect],
        received: vec![client.connected.clone()],
    };
    let mut requests = vec![
        json!({ "type": "createRoom", "room": { "id": "desk-acme:7" } }),
        json!({ "type": "listRooms" }),
    ];
    requests.extend(
        ["board", "desk-acme:7", "open", "wall"]
            .map(|room| json!({ "type": "join", "roomId": room, "subscriptions": ["*"] })),
    );
    requests.push(json!({ "type": "join", "roomId": "news", "subscriptions": ["user-joined"] }));
    requests.push(json!({ "type": "join", "roomId": "lounge.v2", "subscriptions": ["*"], "except": ["noise"] }));
    requests.extend(triggers().into_iter().enumerate().map(|(at, (room, event, data))| {
        json!({
            "type": "trigger", "roomId": room, "event": event, "data": data, "meta": { "device": "phone" },
            "key": format!("key-{at}"),
        })
    }));
    requests.extend([
        json!({ "type": "trigger", "roomId": "board", "event": "message", "data": { "text": 7 } }),
        json!({ "type": "trigger", "roomId": "board", "event": "user-joined", "data": { "username": "eve" } }),
        json!({ "type": "unsubscribe", "roomId": "board", "event": "bell" }),
        json!({ "type": "subscribe", "roomId": "board", "event": "bell" }),
        json!({ "type": "subscribeAll", "roomId": "board" }),
        json!({ "type": "history", "roomId": "board", "event": "message", "before": 9_007_199_254_740_991_u64, "limit": 2 }),
        json!({ "type": "ping" }),
        json!({ "type": "deleteRoom", "roomId": "desk-acme:7" }),
        json!({ "type": "leave", "roomId": "open" }),
        json!({ "type": "join", "roomId": "nowhere" }),
    ]);
    for (at, mut request) in requests.into_iter().enumerate() {
        request["id"] = json!(at + 1);
        client.send(request.clone()).await;
        frames.sent.push(request);
        // A reply is the last frame about its request.
        loop {
            let frame = client.recv().await;
            let done = frame["id"] == json!(at + 1);
            frames.received.push(frame);
            if done {
                break;
            }
        }
    }
    server
        .trigger(
            News,
            UserJoined {
                username: "eve".to_owned(),
            },
        )
        .await
        .expect("an event");
    server.trigger(Board, Trouble { code: 7 }).await.expect("an event");
    for _ in 0..2 {
        frames.received.push(client.recv().await);
    }
    frames
}
