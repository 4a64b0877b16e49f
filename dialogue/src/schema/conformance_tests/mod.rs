//! The published schema is the enforced one, tested on many derived types. An event accepts exactly the data that its
//! published inbound schema accepts, and the data that it writes satisfies the outbound schema.

mod costs;
mod gaps;
mod javascript;
mod patterns;
mod reasons;
mod refusals;
mod shapes;
mod unions;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::error::SchemaError;
use super::generate;
use super::sample::{Content, Sampler, Trial};
use super::validator::EventSchema;
use super::{EventData, decode, violation};

/// A type's published schemas, and validators that are compiled only from them.
struct Published {
    inbound: Value,
    enforced: EventSchema,
    enforced_outbound: EventSchema,
    inbound_validator: jsonschema::Validator,
    outbound_validator: jsonschema::Validator,
    reshape: fn(Value) -> Result<Value, violation::Violation>,
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
        let inbound = generate::inbound::<E>()?;
        let outbound = generate::outbound::<E>()?;
        Ok(Self {
            inbound_validator: independent(&inbound),
            outbound_validator: independent(&outbound),
            enforced_outbound: EventSchema::compile(outbound)?,
            enforced: EventSchema::compile(inbound.clone())?,
            inbound,
            reshape: decode::reshape::<E>,
        })
    }

    /// Does the same as `EventDefinition::accept`.
    fn accept(&self, data: &Value) -> Result<Value, Vec<violation::Violation>> {
        self.enforced.check(data)?;
        self.enforced.check_decode_cost(data)?;
        (self.reshape)(data.clone()).map_err(|violation| vec![violation])
    }

    fn agree_on(&self, data: &Value) {
        explains(&self.enforced, &self.inbound_validator, data);
        explains(&self.enforced_outbound, &self.outbound_validator, data);
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
        self.accept(&data)
            .unwrap_or_else(|violations| panic!("{data}: {violations:?}"))
    }

    #[track_caller]
    fn refuses(&self, data: Value) {
        self.agree_on(&data);
        assert!(self.accept(&data).is_err(), "{data} by {:#}", self.inbound);
    }
}

/// Checks that there is an explanation exactly if the data is invalid, and that its size is limited.
fn explains(enforced: &EventSchema, validator: &jsonschema::Validator, data: &Value) {
    let violations = enforced.check(data).err().unwrap_or_default();
    assert_eq!(
        violations.is_empty(),
        validator.is_valid(data),
        "{data}: {violations:?}"
    );
    assert!(violations.len() <= 20, "{data}: {violations:?}");
    for violation in &violations {
        assert!(
            violation.path.len() <= 512 && violation.message.len() <= 512,
            "{violation:?}"
        );
    }
}

/// Values that reveal limits that are off by one, and confused types.
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
        "before",
        "any_before",
        "older",
        "oldest",
        "One",
        "2",
        "true",
        "é",
        "127.0.0.1",
        "::1",
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

/// One change to a payload, at a place that an index picks among all its values.
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

/// Payloads that contain, at every place of the schema, instances at the limits of that place.
fn samples(schema: &Value) -> Vec<Value> {
    let sampler = Sampler::new(schema);
    let mut samples = Vec::new();
    for step in sampler.places() {
        let node = sampler.target(step);
        let instances = sampler.variants(node).into_iter().map(Content::Exactly);
        let contents = instances.chain(sampler.contents(node));
        let trials = contents.map(|content| Trial { step, content });
        samples.extend(trials.filter_map(|trial| sampler.payload(&[&trial])));
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

/// Each test checks that the published schema accepts exactly the data that the event accepts.
mod published_is_enforced_for {
    use super::shapes::*;
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
        bushy_enums: Bushy,
        recursive_tagged_enums: Node,
        structs_of_many_of_themselves: Wide,
        recursive_untagged_enums: Element,
        unit_structs: Unit,
        newtypes: Newtype,
        tuple_structs: TupleStruct,
        transparent_structs: Transparent,
        generics: Generic<Vec<u8>, Generic<bool>>,
        any_json: AnyJson,
        validation_attributes: Attributes,
        fields_with_another_form: With,
        aliases: Aliased,
        internally_tagged_enums_of_other_types: InternalOfMany,
        flattened_tagged_enums: FlattenedTags,
        flattened_unit_variants: FlattenedSimple,
        flattened_untagged_enums: FlattenedUntagged,
        nested_types: Nested,
        more_of_std: StdRest,
        partly_untagged_enums: Mixed,
        described_internally_tagged_enums: DescribedInternal,
        flattened_defaults: FlattenedTimes,
        strict_structs_of_enums: StrictOfTags,
        flattened_maps_of_enums: Extended,
        keys_of_other_kinds: OddKeys,
        types_read_as_another: FromInto,
    }
}
