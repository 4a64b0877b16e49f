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
            jsonschema::draft202012::options().should_validate_formats(true).build(schema).unwrap()
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
        self.enforced.check(data).map_err(|violations| format!("{violations:?}"))?;
        (self.reshape)(data).map_err(|violation| format!("accepted by the schema, then: {violation}"))
    }

    fn agree_on(&self, data: &Value) {
        let accepted = self.accept(data);
        assert_eq!(self.inbound_validator.is_valid(data), accepted.is_ok(), "{data}: {accepted:?} by {:#}", self.inbound);
        if let Ok(written) = accepted {
            assert!(self.outbound_validator.is_valid(&written), "{data} is written as {written}");
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
shape! { struct Aliased { #[serde(alias = "before")] now: u8, #[serde(default, alias = "any_before")] any: Value, inner: Vec<AliasedInner> } }
shape! { struct AliasedInner { #[serde(default, alias = "older", alias = "oldest")] new: String } }
shape! { #[derive(PartialEq, Eq, PartialOrd, Ord, Hash)] enum DescribedKey {
    /// One.
    One,
    /// Two.
    #[serde(alias = "2")] Two,
} }
shape! { struct OddKeys { described: HashMap<DescribedKey, u8>, flags: BTreeMap<bool, u8>, letters: BTreeMap<char, u8>, v4: BTreeMap<Ipv4Addr, u8>, any: HashMap<IpAddr, u8> } }
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
        "before", "any_before", "older", "oldest", "One", "2", "true", "é", "127.0.0.1", "::1",
        "", "a", "b", "c", "t", "type", "key", "0", "1", "-1", "-0", "007", "1.0", "255", "256", "65535", "65536",
        "4294967295", "4294967296", "18446744073709551615", "18446744073709551616", "-128", "-2147483648",
        "-2147483649", "٣", "first-kind", "Unit", "Newtype", "Struct", "Ok", "Err", "inner", "extra", "own",
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
        Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| places(item, &format!("{at}/{index}"), all)),
        Value::Object(fields) => fields.iter().for_each(|(name, field)| {
            places(field, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), all);
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
        samples.extend(sampler.variants(held).into_iter().filter_map(|variant| sampler.through(step, variant)));
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
        aliases: Aliased,
        keys_of_other_kinds: OddKeys,
        types_read_as_another: FromInto,
    }
}

mod gaps {
    use super::*;

    #[test]
    fn integers_stop_at_the_limits_of_their_type() {
        let published = Published::of::<Integers>();
        let zeros = json!({ "a": 0, "b": 0, "c": 0, "d": 0, "e": 0, "f": 0, "g": 0, "h": 0, "i": 0, "j": 0 });
        let with = |name: &str, value: Value| {
            let mut data = zeros.clone();
            data[name] = value;
            data
        };
        for (name, most) in [("a", 127_u64), ("b", 32767), ("c", 2147483647), ("f", 255), ("g", 65535), ("h", 4294967295)] {
            published.accepts(with(name, json!(most)));
            published.refuses(with(name, json!(most + 1)));
        }
        published.accepts(with("d", json!(i64::MAX)));
        published.refuses(with("d", json!(9223372036854775808.0)));
        published.accepts(with("d", json!(-9223372036854775808.0)));
        published.accepts(with("i", json!(u64::MAX)));
        published.refuses(with("i", serde_json::from_str("18446744073709551616").unwrap()));
        published.refuses(with("h", json!(-1)));
    }

    #[test]
    fn a_whole_float_is_an_integer_wherever_it_stands() {
        let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(Published::of::<Newtype>().accepts(number("1e2")), json!(100));
        assert_eq!(Published::of::<Newtype>().accepts(number("-0.0")), json!(0));
        Published::of::<Newtype>().refuses(json!(2.5));
        let internal = Published::of::<Internal>();
        assert_eq!(internal.accepts(json!({ "type": "Struct", "a": 3.0 })), json!({ "type": "Struct", "a": 3 }));
        let flattened = Published::of::<FlattenedMap>();
        assert_eq!(flattened.accepts(json!({ "own": "", "more": 7.0 })), json!({ "own": "", "more": 7 }));
        assert_eq!(Published::of::<Untagged>().accepts(json!([1.0, 2.0])), json!([1, 2]));
    }

    #[test]
    fn single_floats_that_would_overflow_are_refused() {
        let published = Published::of::<Floats>();
        let with = |single: f64| json!({ "single": single, "double": 1e308, "limited": 0.1 });
        assert_eq!(published.accepts(with(f64::from(f32::MAX)))["double"], json!(1e308));
        published.refuses(with(1e39));
        published.refuses(with(3.4028235677973366e38));
    }

    #[test]
    fn what_json_cannot_carry_is_not_sent() {
        let outbound = EventSchema::compile(schema::outbound::<Floats>().unwrap()).unwrap();
        let floats = Floats { single: 0.5, double: f64::NAN, maybe: None, limited: 0.5 };
        let violations = outbound.check(&serde_json::to_value(floats).unwrap()).unwrap_err();
        assert_eq!((violations[0].path.as_str(), violations[0].rule.as_str()), ("/double", "type"));
    }

    #[test]
    fn integer_keys_are_those_that_the_map_reads() {
        let published = Published::of::<Maps>();
        let maps = json!({
            "text": {}, "wide": {}, "narrow": {}, "signed": {}, "kinds": {}, "nested": {}, "nonzero": {}, "wrapped": {},
        });
        let with = |name: &str, key: &str, value: Value| {
            let mut data = maps.clone();
            data[name] = json!({ key: value });
            data
        };
        for (name, key) in [("narrow", "255"), ("signed", "-2147483648"), ("wrapped", "4294967295"), ("nonzero", "1")] {
            published.accepts(with(name, key, json!(1)));
        }
        for (name, key) in [("narrow", "256"), ("signed", "2147483648"), ("wrapped", "4294967296"), ("nonzero", "0"), ("narrow", "007"), ("narrow", "٣"), ("signed", "-0")] {
            published.refuses(with(name, key, json!(1)));
        }
        published.accepts(with("wide", "18446744073709551615", json!(true)));
        published.accepts(with("nested", "65535", json!({ "-128": 1 })));
        published.refuses(with("nested", "65535", json!({ "-129": 1 })));
        published.accepts(with("kinds", "second-kind", json!(1)));
        published.refuses(with("kinds", "third-kind", json!(1)));
        Published::of::<TextKeys>().accepts(json!({ "codes": { "007": 1 } }));
    }

    #[test]
    fn std_types_that_serde_reads_strictly_are_closed() {
        let published = Published::of::<Times>();
        let with = |lasting: Value, range: Value| {
            json!({ "lasting": lasting, "range": range, "since": { "secs_since_epoch": 1, "nanos_since_epoch": 2 } })
        };
        published.accepts(with(json!({ "secs": 1, "nanos": 4_000_000_000_u32 }), json!({ "start": 1, "end": 2 })));
        published.refuses(with(json!({ "secs": u64::MAX, "nanos": 1 }), json!({ "start": 1, "end": 2 })));
        published.refuses(with(json!({ "secs": 1, "nanos": 1, "more": 1 }), json!({ "start": 1, "end": 2 })));
        published.refuses(with(json!({ "secs": 1, "nanos": 1 }), json!({ "start": 1, "end": 2, "more": 1 })));
    }

    #[test]
    fn an_alias_is_not_published_and_not_accepted() {
        let published = Published::of::<Aliased>();
        published.accepts(json!({ "now": 1, "inner": [{ "new": "a" }], "unknown": 2 }));
        published.refuses(json!({ "before": 1, "inner": [] }));
        published.refuses(json!({ "now": 1, "any_before": 1, "inner": [] }));
        published.refuses(json!({ "now": 1, "inner": [{ "oldest": "a" }] }));
    }

    #[test]
    fn keys_of_other_kinds_are_those_that_the_map_reads() {
        let published = Published::of::<OddKeys>();
        let maps = json!({ "described": {}, "flags": {}, "letters": {}, "v4": {}, "any": {} });
        for (name, good, bad) in [
            ("described", "One", "Three"),
            ("flags", "true", "TRUE"),
            ("letters", "é", "ab"),
            ("v4", "127.0.0.1", "::1"),
            ("any", "::1", "1"),
        ] {
            let mut data = maps.clone();
            data[name] = json!({ good: 1 });
            published.accepts(data.clone());
            data[name] = json!({ bad: 1 });
            published.refuses(data);
        }
    }

    #[test]
    fn a_unit_variant_has_no_content() {
        let published = Published::of::<Adjacent>();
        published.accepts(json!({ "t": "Unit" }));
        published.accepts(json!({ "t": "Unit", "c": null }));
        published.refuses(json!({ "t": "Unit", "c": 5 }));
    }

    #[test]
    fn a_flattened_enum_has_one_variant() {
        let published = Published::of::<Flattened>();
        published.accepts(json!({ "own": 1, "inner": 2, "Newtype": 3, "more": [] }));
        published.refuses(json!({ "own": 1, "inner": 2, "Newtype": 3, "Struct": { "a": 1 } }));
        published.refuses(json!({ "own": 1, "inner": 2, "Newtype": 3, "Struct": 1 }));
    }

    #[test]
    fn a_field_that_the_type_does_not_declare_stays_behind() {
        assert_eq!(Published::of::<Inner>().accepts(json!({ "inner": 1, "secret": 2 })), json!({ "inner": 1, "extra": null }));
    }

    #[test]
    fn every_attribute_is_enforced_and_named() {
        let published = Published::of::<Attributes>();
        let good = json!({
            "text": "a", "email": "a@example.org", "link": "https://example.org", "code": "AB1", "inside": "-x.y-",
            "tags": ["ab"], "id": "67e55044-10b1-426f-9247-bb680e5fe0c8", "at": "2024-02-29T12:00:00Z",
        });
        published.accepts(good.clone());
        for (name, bad, path, rule) in [
            ("text", json!(""), "/text", "minLength"),
            ("text", json!("abcdef"), "/text", "maxLength"),
            ("email", json!("a"), "/email", "format"),
            ("link", json!("not a link"), "/link", "format"),
            ("code", json!("AB"), "/code", "pattern"),
            ("code", json!("AB٣"), "/code", "pattern"),
            ("inside", json!("xzy"), "/inside", "pattern"),
            ("tags", json!([]), "/tags", "minItems"),
            ("tags", json!(["ab", "ab", "ab"]), "/tags", "maxItems"),
            ("tags", json!(["ab", "a"]), "/tags/1", "minLength"),
            ("id", json!("7"), "/id", "format"),
            ("at", json!("2023-02-29T12:00:00Z"), "/at", "format"),
        ] {
            let mut data = good.clone();
            data[name] = bad;
            published.refuses(data.clone());
            let violations = published.enforced.check(&data).unwrap_err();
            let told: Vec<_> = violations.iter().map(|violation| (violation.path.as_str(), violation.rule.as_str())).collect();
            assert_eq!(told, [(path, rule)], "{violations:?}");
        }
    }
}

mod refused_definitions {
    use super::*;

    shape! { struct Wide { inside: Vec<u128> } }
    shape! { #[serde(untagged)] enum BufferedKeys { Map { map: HashMap<u32, u8> } } }
    shape! { struct FlattenedKeys { #[serde(flatten)] map: HashMap<u32, u8> } }
    shape! { struct Socket { address: std::net::SocketAddr } }
    shape! { struct SocketKeys { map: HashMap<std::net::SocketAddr, u8> } }
    shape! { struct Lookahead { #[schemars(regex(pattern = "^(?!x)"))] text: String } }
    shape! { struct BadDefault { #[serde(default)] #[schemars(length(min = 1))] text: String } }
    shape! { struct MissingOption { #[serde(deserialize_with = "optional")] maybe: Option<u8> } }
    fn optional<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
        Option::deserialize(deserializer)
    }
    shape! { #[serde(try_from = "String")] struct Picky(String); }
    impl TryFrom<String> for Picky {
        type Error = &'static str;

        fn try_from(text: String) -> Result<Self, Self::Error> {
            if text.is_empty() { Err("it is empty") } else { Ok(Self(text)) }
        }
    }

    #[track_caller]
    fn why<E: EventData>() -> String {
        schema::inbound::<E>().unwrap_err().to_string()
    }

    #[test]
    fn integers_of_128_bits_are_refused_with_their_place() {
        assert_eq!(why::<Wide>(), "the schema has a 128-bit integer at `#/properties/inside/items`: use 64 bits or a string");
    }

    #[test]
    fn integer_keys_that_serde_cannot_read_are_refused() {
        assert!(why::<BufferedKeys>().starts_with("the type cannot read the integer keys of the map at `#/anyOf/0/properties/map`"));
        assert!(why::<FlattenedKeys>().starts_with("the type cannot read the integer keys of the map at `#`"));
    }

    #[test]
    fn a_type_that_asks_more_than_its_schema_says_is_refused_with_an_example() {
        for (why, place, reason) in [
            (why::<Socket>(), "`{\"address\":\"a\"}`", "invalid socket address syntax"),
            (why::<SocketKeys>(), "`#` about `{\"map\":{\"key\":1}}`", "invalid socket address syntax"),
            (why::<MissingOption>(), "`#` about `{}`", "missing field `maybe`"),
            (why::<Picky>(), "`#` about `\"\"`", "it is empty"),
        ] {
            assert!(why.contains(place) && why.contains(reason), "{why}");
        }
    }

    #[test]
    fn a_default_that_its_own_schema_forbids_is_refused() {
        assert!(why::<BadDefault>().contains("is written as something that the outbound schema refuses: /text"), "{}", why::<BadDefault>());
    }

    #[test]
    fn a_pattern_that_needs_backtracking_is_refused_with_its_place() {
        let why = why::<Lookahead>();
        assert!(why.contains("`#/properties/text/pattern`") && why.contains("look-around"), "{why}");
    }

    #[test]
    fn a_reference_that_leads_outside_is_refused_and_not_fetched() {
        for reference in ["https://example.org/schema.json", "file:///etc/passwd", "other.json", "#/$defs/Missing"] {
            let error = EventSchema::compile(json!({ "properties": { "a": { "$ref": reference } } })).err().unwrap();
            assert!(matches!(error, SchemaError::Invalid { .. }), "{error}");
        }
    }

    #[test]
    fn a_schema_that_is_none_is_refused_with_its_place() {
        let error = EventSchema::compile(json!({ "properties": { "a": { "type": "text" } } })).err().unwrap();
        assert!(error.to_string().contains("`#/properties/a/type`"), "{error}");
    }
}

mod violations {
    use super::*;

    fn of(schema: Value, data: Value) -> Vec<(String, String, String)> {
        let violations = EventSchema::compile(schema).unwrap().check(&data).unwrap_err();
        violations.into_iter().map(|violation| (violation.path, violation.rule, violation.message)).collect()
    }

    #[test]
    fn long_input_does_not_come_back() {
        let long = "x".repeat(64 * 1024);
        let schema = json!({ "type": "integer" });
        for data in [json!(long), json!([long]), json!({ "a": long })] {
            let (path, _, message) = &of(schema.clone(), data)[0];
            assert!(path.len() <= 512 && message.len() <= 512, "{} {}", path.len(), message.len());
        }
        let closed = json!({ "additionalProperties": false });
        assert!(of(closed, json!({ &long: 1 }))[0].2.len() <= 512);
        let (path, ..) = &of(json!({ "additionalProperties": { "type": "null" } }), json!({ &long: 1 }))[0];
        assert!(path.len() <= 512 && path.ends_with('…'));
    }

    #[test]
    fn a_list_of_violations_ends_at_twenty() {
        assert_eq!(of(json!({ "items": { "type": "null" } }), json!(vec![1; 1000])).len(), 20);
    }

    #[test]
    fn of_a_tagged_enum_the_variant_that_was_meant_is_told() {
        for (schema, data, expected) in [
            (schema::inbound::<Internal>(), json!({ "type": "Struct", "a": "x" }), ("/a", "type")),
            (schema::inbound::<External>(), json!({ "Struct": { "a": 300 } }), ("/Struct/a", "maximum")),
            (schema::inbound::<Adjacent>(), json!({ "t": "Newtype", "c": -1 }), ("/c", "minimum")),
        ] {
            let told = of(schema.unwrap(), data);
            assert_eq!(told.len(), 1, "{told:?}");
            assert_eq!((told[0].0.as_str(), told[0].1.as_str()), expected);
        }
    }

    #[test]
    fn of_a_union_that_nothing_fits_the_union_is_told() {
        let told = of(schema::inbound::<Internal>().unwrap(), json!({ "type": "Other" }));
        assert_eq!(told, [(String::new(), "oneOf".to_owned(), "value has none of the 5 forms that are allowed here".to_owned())]);
    }

    #[test]
    fn any_json_that_is_refused_is_refused_with_reasons() {
        let published = Published::of::<Enums>();
        proptest!(|(data in json_value())| {
            if let Err(violations) = published.enforced.check(&data) {
                prop_assert!(!violations.is_empty() && violations.len() <= 20);
            }
            let _ = validate::reshape::<Enums>(&data);
        });
    }

    fn json_value() -> impl Strategy<Value = Value> {
        ill_fitting().prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::vec((key(), inner), 0..6).prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }
}
