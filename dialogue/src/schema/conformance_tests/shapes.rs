//! Types of every form that serde and schemars derive.

#![expect(dead_code, reason = "some fields and variants are only there to be skipped")]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::{NonZeroI16, NonZeroU8, NonZeroU64, Wrapping};
use std::ops::{Bound, Range, RangeInclusive};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dialogue_macros::DialogueEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Integers {
    a: i8,
    b: i16,
    c: i32,
    d: i64,
    e: isize,
    f: u8,
    g: u16,
    h: u32,
    i: u64,
    j: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct NonZeros {
    a: NonZeroU8,
    b: NonZeroI16,
    c: NonZeroU64,
    d: Option<NonZeroU8>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Floats {
    pub(super) single: f32,
    pub(super) double: f64,
    pub(super) maybe: Option<f32>,
    #[schemars(range(min = 0.1, max = 0.7))]
    pub(super) limited: f32,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Ranged {
    #[schemars(range(min = 1, max = 10))]
    few: u64,
    #[schemars(range(min = -5))]
    low: i64,
    #[schemars(range(max = 1.5))]
    real: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Addresses {
    v4: Ipv4Addr,
    v6: Ipv6Addr,
    any: IpAddr,
    maybe: Option<IpAddr>,
    list: Vec<IpAddr>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Times {
    lasting: Duration,
    since: SystemTime,
    maybe: Option<Duration>,
    range: Range<u8>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Texts {
    letter: char,
    boxed: Box<str>,
    shared: Arc<str>,
    nothing: (),
    cow: Cow<'static, str>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Sequences {
    pair: (u8, String),
    triple: [u16; 3],
    none: [u8; 0],
    set: HashSet<u8>,
    sorted: BTreeSet<String>,
    list: Vec<Option<bool>>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Maps {
    text: HashMap<String, u8>,
    wide: BTreeMap<u64, bool>,
    narrow: HashMap<u8, u8>,
    signed: HashMap<i32, u8>,
    kinds: BTreeMap<Kind, u8>,
    nested: HashMap<u16, HashMap<i8, u8>>,
    nonzero: BTreeMap<NonZeroU8, u8>,
    wrapped: BTreeMap<Id, u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub(super) struct Id(u32);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    FirstKind,
    SecondKind,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub(super) struct Digits(#[schemars(regex(pattern = r"^\d+$"))] String);

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct TextKeys {
    codes: BTreeMap<Digits, u8>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Defaults {
    must_have: u8,
    maybe: Option<u8>,
    #[serde(default)]
    by_default: u8,
    #[serde(default = "three", skip_serializing_if = "Option::is_none")]
    by_function: Option<u8>,
    #[serde(skip)]
    skipped: u8,
    #[serde(skip_deserializing)]
    written_only: u8,
    #[serde(default, skip_serializing)]
    read_only: u8,
    #[serde(rename = "other")]
    renamed: u8,
    #[schemars(required)]
    needed: Option<u8>,
}

fn three() -> Option<u8> {
    Some(3)
}
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Strict {
    a: u8,
    b: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Flattened {
    own: u8,
    #[serde(flatten)]
    inner: Inner,
    #[serde(flatten)]
    choice: External,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct FlattenedMap {
    own: String,
    #[serde(flatten)]
    rest: HashMap<String, u8>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct FlattenedOption {
    own: u8,
    #[serde(flatten)]
    inner: Option<Inner>,
    #[serde(flatten)]
    tagged: Option<Internal>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Inner {
    inner: u16,
    #[serde(default)]
    extra: Option<i8>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) enum External {
    Unit,
    Newtype(u8),
    Struct { a: u8, b: Option<u8> },
    Tuple(u8, i8),
    Nested(Inner),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub(super) enum Internal {
    Unit,
    Struct { a: u8 },
    Newtype(Inner),
    Empty {},
    Float { x: f32 },
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", deny_unknown_fields)]
pub(super) enum StrictInternal {
    Unit,
    Struct { a: u8 },
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "t", content = "c")]
pub(super) enum Adjacent {
    Unit,
    Newtype(u8),
    Struct { a: u8 },
    Tuple(u8, u8),
    Maybe(Option<u8>),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "z", content = "c", deny_unknown_fields)]
pub(super) enum StrictAdjacent {
    Unit,
    Newtype(u8),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Untagged {
    Int(i64),
    Real(f32),
    Text(String),
    Pair(u8, u8),
    Struct { a: u8 },
    Null,
    Map(BTreeMap<String, u8>),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) enum Described {
    /// One.
    One,
    /// Two.
    #[serde(rename = "2")]
    Two,
    #[serde(other)]
    Rest,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Enums {
    external: External,
    internal: Internal,
    strict: StrictInternal,
    adjacent: Adjacent,
    strict_adjacent: StrictAdjacent,
    untagged: Untagged,
    described: Described,
    result: Result<u8, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Recursive {
    value: u8,
    children: Vec<Recursive>,
    left: Option<Box<Recursive>>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) enum Expression {
    Sum(Box<Expression>, Box<Expression>),
    Number(i32),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Unit;

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Newtype(u8);

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct TupleStruct(u8, #[serde(skip)] u8, Option<bool>);

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct Transparent {
    only: Vec<u32>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Generic<T, U = u8> {
    first: T,
    second: Option<U>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct AnyJson {
    any: Value,
    object: serde_json::Map<String, Value>,
    number: serde_json::Number,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Attributes {
    #[schemars(length(min = 1, max = 5))]
    text: String,
    #[schemars(email)]
    email: String,
    #[schemars(url)]
    link: String,
    #[schemars(regex(pattern = r"^[A-Z]{2}\d+$"))]
    code: String,
    #[schemars(contains(pattern = "x.y"))]
    inside: String,
    #[schemars(length(min = 1, max = 2), inner(length(min = 2)))]
    tags: Vec<String>,
    #[schemars(extend("format" = "uuid"))]
    id: String,
    #[schemars(extend("format" = "date-time"))]
    at: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct With {
    #[serde(with = "as_text")]
    #[schemars(with = "String", regex(pattern = "^[0-9]{1,3}$"))]
    number: u16,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Aliased {
    #[serde(alias = "before")]
    now: u8,
    #[serde(default, alias = "any_before")]
    any: Value,
    inner: Vec<AliasedInner>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct AliasedInner {
    #[serde(default, alias = "older", alias = "oldest")]
    new: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub(super) enum DescribedKey {
    /// One.
    One,
    /// Two.
    #[serde(alias = "2")]
    Two,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct OddKeys {
    described: HashMap<DescribedKey, u8>,
    flags: BTreeMap<bool, u8>,
    letters: BTreeMap<char, u8>,
    v4: BTreeMap<Ipv4Addr, u8>,
    any: HashMap<IpAddr, u8>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StrictInner {
    inner: u16,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub(super) enum InternalOfMany {
    Strict(StrictInner),
    Unit(Unit),
    Map(HashMap<String, u8>),
    Again(Internal),
    Maybe { x: Option<Inner> },
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct FlattenedTags {
    #[serde(flatten)]
    internal: Internal,
    #[serde(flatten)]
    adjacent: Adjacent,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Simple {
    FirstOne,
    SecondOne,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct FlattenedSimple {
    own: u8,
    #[serde(flatten)]
    simple: Simple,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct FlattenedUntagged {
    own: u8,
    #[serde(flatten)]
    either: Either,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Either {
    A { a: u8 },
    B { b: u8, a: Option<String> },
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Nested {
    deep: Option<Option<u8>>,
    unit: Option<()>,
    simple: Option<Simple>,
    either: Vec<Either>,
    map: HashMap<String, Option<Internal>>,
    set: BTreeSet<Id>,
    named: BTreeMap<Name, u8>,
    pairs: Vec<(Ipv4Addr, [char; 2])>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub(super) struct Name(#[schemars(length(min = 1))] String);

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct StdRest {
    bound: Bound<u8>,
    wrapping: Wrapping<i16>,
    phantom: PhantomData<u8>,
    queue: VecDeque<u8>,
    inclusive: RangeInclusive<i8>,
    path: PathBuf,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all_fields = "camelCase")]
pub(super) enum Mixed {
    Named {
        some_field: u8,
        other_field: Option<u8>,
    },
    #[serde(skip)]
    Never,
    #[serde(untagged)]
    Bare(u8),
    #[serde(untagged)]
    Listed(Vec<i8>),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(super) enum DescribedInternal {
    /// First.
    FirstKind {
        #[serde(default)]
        some: Vec<u8>,
    },
    /// Second.
    SecondKind,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct FlattenedTimes {
    #[serde(flatten)]
    inner: AllDefault,
    at: Option<SystemTime>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct AllDefault {
    x: f32,
    y: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StrictOfTags {
    tag: StrictAdjacent,
    list: Vec<StrictInternal>,
    range: Option<Range<u64>>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("maxProperties" = 3))]
pub(super) struct Extended {
    #[serde(flatten)]
    rest: BTreeMap<String, Either>,
}

mod as_text {
    pub(super) fn serialize<S: serde::Serializer>(number: &u16, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(from = "u8", into = "String")]
pub(super) struct FromInto(u8);

impl From<u8> for FromInto {
    fn from(number: u8) -> Self {
        Self(number)
    }
}
impl From<FromInto> for String {
    fn from(value: FromInto) -> Self {
        value.0.to_string()
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) enum Bushy {
    Many {
        a: Box<Bushy>,
        b: Box<Bushy>,
        c: Box<Bushy>,
        d: Box<Bushy>,
        e: Box<Bushy>,
        f: Vec<Bushy>,
        g: Option<Box<Bushy>>,
    },
    Leaf(u8),
}

/// A node of a document. Each level can be one of several variants.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub(super) enum Node {
    Bold {
        children: Vec<Node>,
    },
    Italic {
        children: Vec<Node>,
    },
    Link {
        children: Vec<Node>,
        href: String,
    },
    Table {
        cells: BTreeMap<String, Node>,
        head: Option<Box<Node>>,
    },
    Text {
        text: String,
    },
}

/// Two variants begin alike, so serde reads their content once for each of them.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[serde(untagged)]
pub(super) enum Element {
    Named { children: Vec<Element>, name: String },
    Fragment { children: Vec<Element> },
    Text(String),
}

/// With a full instance of the type in each field of each field, the definition would take minutes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Wide {
    a: Option<Box<Wide>>,
    b: Option<Box<Wide>>,
    c: Option<Box<Wide>>,
    d: Option<Box<Wide>>,
    e: Option<Box<Wide>>,
    f: Option<Box<Wide>>,
    g: Option<Box<Wide>>,
    h: Option<Box<Wide>>,
    i: Vec<Wide>,
    j: Vec<Wide>,
    k: Vec<Wide>,
    l: BTreeMap<String, Wide>,
    #[serde(alias = "n")]
    m: u8,
}
