//! Published = enforced, tried on a battery of derived types: what the published inbound schema accepts is what the event
//! accepts, and what comes out is valid by the outbound schema.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::{NonZeroI16, NonZeroU8, NonZeroU64};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::sample::Sampler;
use super::schema::{self, EventSchema, SchemaError};
use super::{EventData, validate};

/// A type with what is published for it and validators made of that alone.
struct Published {
    inbound: Value,
    enforced: EventSchema,
    inbound_validator: jsonschema::Validator,
    outbound_validator: jsonschema::Validator,
    reshape: fn(&Value) -> Result<Value, validate::Violation>,
}

impl Published {
    fn of<E: EventData>() -> Self {
        Self::try_of::<E>().unwrap_or_else(|error| panic!("{}: {error}", std::any::type_name::<E>()))
    }

    fn try_of<E: EventData>() -> Result<Self, SchemaError> {
        let independent = |schema: &Value| {
            jsonschema::draft202012::options()
                .should_validate_formats(true)
                .build(schema)
                .unwrap()
        };
        let inbound = schema::inbound::<E>()?;
        Ok(Self {
            inbound_validator: independent(&inbound),
            outbound_validator: independent(&schema::outbound::<E>()?),
            enforced: EventSchema::compile(inbound.clone())?,
            inbound,
            reshape: validate::reshape::<E>,
        })
    }

    /// What `EventDefinition::accept` does.
    fn accept(&self, data: &Value) -> Result<Value, String> {
        self.enforced
            .check(data)
            .map_err(|violations| format!("{violations:?}"))?;
        (self.reshape)(data).map_err(|violation| format!("accepted by the schema, then: {violation}"))
    }

    fn agree_on(&self, data: &Value) {
        let accepted = self.accept(data);
        assert_eq!(
            self.inbound_validator.is_valid(data),
            accepted.is_ok(),
            "{data}: {accepted:?} by {:#}",
            self.inbound
        );
        if let Ok(written) = accepted {
            assert!(
                self.outbound_validator.is_valid(&written),
                "{data} is written as {written}"
            );
        }
    }

    #[track_caller]
    fn accepts(&self, data: Value) -> Value {
        self.agree_on(&data);
        self.accept(&data).unwrap_or_else(|error| panic!("{data}: {error}"))
    }

    #[track_caller]
    fn refuses(&self, data: Value) {
        self.agree_on(&data);
        assert!(self.accept(&data).is_err(), "{data} by {:#}", self.inbound);
    }
}

macro_rules! shape {
    ($(#[$meta:meta])* struct $($rest:tt)*) => {
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        $(#[$meta])* struct $($rest)*
    };
    ($(#[$meta:meta])* enum $($rest:tt)*) => {
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        $(#[$meta])* enum $($rest)*
    };
}

shape! { struct Integers { a: i8, b: i16, c: i32, d: i64, e: isize, f: u8, g: u16, h: u32, i: u64, j: usize } }
shape! { struct NonZeros { a: NonZeroU8, b: NonZeroI16, c: NonZeroU64, d: Option<NonZeroU8> } }
shape! { struct Floats { single: f32, double: f64, maybe: Option<f32>,
#[schemars(range(min = 0.1, max = 0.7))] limited: f32 } }
shape! { struct Ranged { #[schemars(range(min = 1, max = 10))] few: u64, #[schemars(range(min = -5))] low: i64, #[schemars(range(max = 1.5))] real: f64 } }
shape! { struct Addresses { v4: Ipv4Addr, v6: Ipv6Addr, any: IpAddr, maybe: Option<IpAddr>, list: Vec<IpAddr> } }
shape! { struct Times { lasting: Duration, since: SystemTime, maybe: Option<Duration>, range: Range<u8> } }
shape! { struct Texts { letter: char, boxed: Box<str>, shared: Arc<str>, nothing: (), cow: std::borrow::Cow<'static, str> } }
shape! { struct Sequences { pair: (u8, String), triple: [u16; 3], none: [u8; 0], set: HashSet<u8>, sorted: BTreeSet<String>, list: Vec<Option<bool>> } }
shape! { struct Maps { text: HashMap<String, u8>, wide: BTreeMap<u64, bool>, narrow: HashMap<u8, u8>, signed: HashMap<i32, u8>, kinds: BTreeMap<Kind, u8>, nested: HashMap<u16, HashMap<i8, u8>>, nonzero: BTreeMap<NonZeroU8, u8>, wrapped: BTreeMap<Id, u8> } }
shape! { #[derive(PartialEq, Eq, PartialOrd, Ord, Hash)] struct Id(u32); }
shape! { #[derive(PartialEq, Eq, PartialOrd, Ord, Hash)] #[serde(rename_all = "kebab-case")] enum Kind { FirstKind, SecondKind } }
shape! { #[derive(PartialEq, Eq, PartialOrd, Ord, Hash)] struct Digits(#[schemars(regex(pattern = r"^\d+$"))] String); }
shape! { struct TextKeys { codes: BTreeMap<Digits, u8> } }
shape! { #[serde(rename_all = "camelCase")] struct Defaults {
    must_have: u8,
    maybe: Option<u8>,
    #[serde(default)] by_default: u8,
    #[serde(default = "three", skip_serializing_if = "Option::is_none")] by_function: Option<u8>,
    #[serde(skip)] skipped: u8,
    #[serde(skip_deserializing)] written_only: u8,
    #[serde(default, skip_serializing)] read_only: u8,
    #[serde(rename = "other")] renamed: u8,
    #[schemars(required)] needed: Option<u8>,
} }
fn three() -> Option<u8> {
    Some(3)
}
shape! { #[derive(Default)] #[serde(default, deny_unknown_fields)] struct Strict { a: u8, b: String } }
shape! { struct Flattened { own: u8, #[serde(flatten)] inner: Inner, #[serde(flatten)] choice: External, #[serde(flatten)] rest: BTreeMap<String, Value> } }
shape! { struct FlattenedMap { own: String, #[serde(flatten)] rest: HashMap<String, u8> } }
shape! { struct FlattenedOption { own: u8, #[serde(flatten)] inner: Option<Inner>, #[serde(flatten)] tagged: Option<Internal> } }
shape! { struct Inner { inner: u16, #[serde(default)] extra: Option<i8> } }
shape! { enum External { Unit, Newtype(u8), Struct { a: u8, b: Option<u8> }, Tuple(u8, i8), Nested(Inner) } }
shape! { #[serde(tag = "type")] enum Internal { Unit, Struct { a: u8 }, Newtype(Inner), Empty {}, Float { x: f32 } } }
shape! { #[serde(tag = "type", deny_unknown_fields)] enum StrictInternal { Unit, Struct { a: u8 } } }
shape! { #[serde(tag = "t", content = "c")] enum Adjacent { Unit, Newtype(u8), Struct { a: u8 }, Tuple(u8, u8), Maybe(Option<u8>) } }
shape! { #[serde(tag = "z", content = "c", deny_unknown_fields)] enum StrictAdjacent { Unit, Newtype(u8) } }
shape! { #[serde(untagged)] enum Untagged { Int(i64), Real(f32), Text(String), Pair(u8, u8), Struct { a: u8 }, Null, Map(BTreeMap<String, u8>) } }
shape! { enum Described {
    /// One.
    One,
    /// Two.
    #[serde(rename = "2")] Two,
    #[serde(other)] Rest,
} }
shape! { struct Enums { external: External, internal: Internal, strict: StrictInternal, adjacent: Adjacent, strict_adjacent: StrictAdjacent, untagged: Untagged, described: Described, result: Result<u8, String> } }
shape! { struct Recursive { value: u8, children: Vec<Recursive>, left: Option<Box<Recursive>> } }
shape! { enum Expression { Sum(Box<Expression>, Box<Expression>), Number(i32) } }
shape! { struct Unit; }
shape! { struct Newtype(u8); }
shape! { struct TupleStruct(u8, #[serde(skip)] u8, Option<bool>); }
shape! { #[serde(transparent)] struct Transparent { only: Vec<u32> } }
shape! { struct Generic<T, U = u8> { first: T, second: Option<U> } }
shape! { struct AnyJson { any: Value, object: serde_json::Map<String, Value>, number: serde_json::Number } }
shape! { struct Attributes {
    #[schemars(length(min = 1, max = 5))] text: String,
    #[schemars(email)] email: String,
    #[schemars(url)] link: String,
    #[schemars(regex(pattern = r"^[A-Z]{2}\d+$"))] code: String,
    #[schemars(contains(pattern = "x.y"))] inside: String,
    #[schemars(length(min = 1, max = 2), inner(length(min = 2)))] tags: Vec<String>,
    #[schemars(extend("format" = "uuid"))] id: String,
    #[schemars(extend("format" = "date-time"))] at: Option<String>,
} }
shape! { struct With { #[serde(with = "as_text")] #[schemars(with = "String", regex(pattern = "^[0-9]{1,3}$"))] number: u16 } }
mod as_text {
    pub(super) fn serialize<S: serde::Serializer>(number: &u16, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
shape! { #[serde(from = "u8", into = "String")] struct FromInto(u8); }
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

/// Values that lie in wait for something to be off by one or of another type.
fn ill_fitting() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1),
        json!(3.0),
        json!(-0.0),
        json!(0.1),
        json!(0.7),
        json!(1.5),
        json!(127),
        json!(128),
        json!(-129),
        json!(255),
        json!(256.0),
        json!(65536),
        json!(i64::from(i32::MAX) + 1),
        json!(u32::MAX),
        json!(u64::from(u32::MAX) + 1),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(9223372036854775808.0),
        json!(18446744073709551616.0),
        json!(-9223372036854775808.0),
        json!(-9223372036854777856.0),
        json!(f32::MAX),
        json!(3.4028235677973366e38),
        json!(1e39),
        json!(1e308),
        json!(""),
        json!("a"),
        json!("é"),
        json!("ab\0"),
        json!("007"),
        json!("1"),
        json!("127.0.0.1"),
        json!("::1"),
        json!("Unit"),
        json!("One"),
        json!("first-kind"),
        json!("a@example.org"),
        json!([]),
        json!([1]),
        json!([1, 1.0]),
        json!([1, "a"]),
        json!({}),
        json!({ "a": 1 }),
        json!({ "1": 1 }),
        json!({ "type": "Unit" }),
        json!({ "t": "Unit", "c": null }),
        json!({ "t": "Unit", "c": 1 }),
        json!({ "secs": 1, "nanos": 4_000_000_000_u32 }),
        json!({ "secs": u64::MAX, "nanos": u32::MAX }),
        json!({ "Ok": 1, "Err": "a" }),
    ])
}

fn key() -> impl Strategy<Value = String> {
    const KEYS: &[&str] = &[
        "",
        "a",
        "b",
        "c",
        "t",
        "type",
        "key",
        "0",
        "1",
        "-1",
        "-0",
        "007",
        "1.0",
        "255",
        "256",
        "65535",
        "65536",
        "4294967295",
        "4294967296",
        "18446744073709551615",
        "18446744073709551616",
        "-128",
        "-2147483648",
        "-2147483649",
        "٣",
        "first-kind",
        "Unit",
        "Newtype",
        "Struct",
        "Ok",
        "Err",
        "inner",
        "extra",
        "own",
    ];
    prop::sample::select(KEYS).prop_map(str::to_owned)
}

/// One change to a payload: at the place that `at` picks among all its values.
#[derive(Debug, Clone)]
enum Change {
    Replace(Value),
    Insert(String, Value),
    Remove(usize),
    Rename(usize, String),
    Repeat,
}

fn change() -> impl Strategy<Value = (prop::sample::Index, Change)> {
    let change = prop_oneof![
        4 => ill_fitting().prop_map(Change::Replace),
        3 => (key(), ill_fitting()).prop_map(|(key, value)| Change::Insert(key, value)),
        2 => (0..8_usize).prop_map(Change::Remove),
        1 => (0..8_usize, key()).prop_map(|(index, key)| Change::Rename(index, key)),
        1 => Just(Change::Repeat),
    ];
    (any::<prop::sample::Index>(), change)
}

fn places(data: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match data {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, item)| places(item, &format!("{at}/{index}"), all)),
        Value::Object(fields) => fields.iter().for_each(|(name, field)| {
            places(
                field,
                &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")),
                all,
            );
        }),
        _ => {}
    }
}

fn apply(data: &mut Value, at: &prop::sample::Index, change: &Change) {
    let mut all = Vec::new();
    places(data, "", &mut all);
    let target = data.pointer_mut(&all[at.index(all.len())]).unwrap();
    match (change, target) {
        (Change::Replace(value), target) => *target = value.clone(),
        (Change::Insert(key, value), Value::Object(fields)) => drop(fields.insert(key.clone(), value.clone())),
        (Change::Insert(_, value), Value::Array(items)) => items.push(value.clone()),
        (Change::Remove(index), Value::Object(fields)) => {
            if let Some(name) = fields.keys().nth(*index).cloned() {
                fields.remove(&name);
            }
        }
        (Change::Remove(_), Value::Array(items)) => drop(items.pop()),
        (Change::Rename(index, key), Value::Object(fields)) => {
            if let Some(value) = fields.keys().nth(*index).cloned().and_then(|name| fields.remove(&name)) {
                fields.insert(key.clone(), value);
            }
        }
        (Change::Repeat, Value::Array(items)) => items.extend(items.first().cloned()),
        _ => {}
    }
}

/// Payloads that carry, at every place of the schema, the instances at the edges of what is allowed there.
fn samples(schema: &Value) -> Vec<Value> {
    let sampler = Sampler::new(schema);
    let mut samples: Vec<Value> = sampler.variants(schema);
    for step in sampler.steps() {
        let held = schema.pointer(&step.to).unwrap();
        samples.extend(
            sampler
                .variants(held)
                .into_iter()
                .filter_map(|variant| sampler.through(step, variant)),
        );
    }
    samples
}

macro_rules! battery {
    ($($name:ident: $type:ty),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                let published = Published::of::<$type>();
                let samples = samples(&published.inbound);
                let valid: Vec<Value> =
                    samples.iter().filter(|sample| published.inbound_validator.is_valid(sample)).cloned().collect();
                assert!(!valid.is_empty(), "no valid sample of {:#}", published.inbound);
                samples.iter().for_each(|sample| published.agree_on(sample));
                let near = (prop::sample::select(valid), prop::collection::vec(change(), 0..4));
                proptest!(|((mut data, changes) in near)| {
                    for (at, change) in &changes {
                        apply(&mut data, at, change);
                    }
                    published.agree_on(&data);
                });
            }
        )*
    };
}

/// Each test says of its type that the published schema accepts just what the event accepts.
mod published_is_enforced_for {
    use super::*;

    battery! {
        integers: Integers,
        nonzero_integers: NonZeros,
        floats: Floats,
        ranges: Ranged,
        addresses: Addresses,
        times: Times,
        texts: Texts,
        sequences: Sequences,
        maps: Maps,
        maps_with_keys_of_digits: TextKeys,
        defaults_and_skips: Defaults,
        strict_structs: Strict,
        flattened_structs: Flattened,
        flattened_maps: FlattenedMap,
        flattened_options: FlattenedOption,
        externally_tagged_enums: External,
        internally_tagged_enums: Internal,
        strict_internally_tagged_enums: StrictInternal,
        adjacently_tagged_enums: Adjacent,
        strict_adjacently_tagged_enums: StrictAdjacent,
        untagged_enums: Untagged,
        enums_with_described_variants: Described,
        structs_of_enums: Enums,
        recursive_structs: Recursive,
        recursive_enums: Expression,
        unit_structs: Unit,
        newtypes: Newtype,
        tuple_structs: TupleStruct,
        transparent_structs: Transparent,
        generics: Generic<Vec<u8>, Generic<bool>>,
        any_json: AnyJson,
        validation_attributes: Attributes,
        fields_with_another_form: With,
        types_read_as_another: FromInto,
    }
}
