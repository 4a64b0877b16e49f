//! Each difference between the schema from schemars and the data that serde reads, and how it is resolved.

use serde_json::{Value, json};

use super::Published;
use super::shapes::*;
use crate::event::dialogue_event::DialogueEvent;
use crate::event::validate_event_data;
use crate::schema::generate;
use crate::schema::validator::EventSchema;

#[test]
fn integers_stop_at_the_limits_of_their_type() {
    let published = Published::of::<Integers>();
    let zeros = json!({ "a": 0, "b": 0, "c": 0, "d": 0, "e": 0, "f": 0, "g": 0, "h": 0, "i": 0, "j": 0 });
    let with = |name: &str, value: Value| {
        let mut data = zeros.clone();
        data[name] = value;
        data
    };
    for (name, most) in [
        ("a", 127_u64),
        ("b", 32767),
        ("c", 2147483647),
        ("f", 255),
        ("g", 65535),
        ("h", 4294967295),
    ] {
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
fn a_whole_float_is_an_integer_in_every_place() {
    let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(Published::of::<Newtype>().accepts(number("1e2")), json!(100));
    assert_eq!(Published::of::<Newtype>().accepts(number("-0.0")), json!(0));
    Published::of::<Newtype>().refuses(json!(2.5));
    let internal = Published::of::<Internal>();
    assert_eq!(
        internal.accepts(json!({ "type": "Struct", "a": 3.0 })),
        json!({ "type": "Struct", "a": 3 })
    );
    let flattened = Published::of::<FlattenedMap>();
    assert_eq!(
        flattened.accepts(json!({ "own": "", "more": 7.0 })),
        json!({ "own": "", "more": 7 })
    );
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
fn numbers_that_json_cannot_represent_are_not_sent() {
    let outbound = EventSchema::compile(generate::outbound::<Floats>().unwrap()).unwrap();
    let floats = Floats {
        single: 0.5,
        double: f64::NAN,
        maybe: None,
        limited: 0.5,
    };
    let violations = outbound.check(&serde_json::to_value(floats).unwrap()).unwrap_err();
    assert_eq!(
        (violations[0].path.as_str(), violations[0].rule.as_str()),
        ("/double", "type")
    );
}

#[test]
fn accepts_only_integer_keys_that_the_map_reads() {
    let published = Published::of::<Maps>();
    let maps = json!({
        "text": {}, "wide": {}, "narrow": {}, "signed": {}, "kinds": {}, "nested": {}, "nonzero": {}, "wrapped": {},
    });
    let with = |name: &str, key: &str, value: Value| {
        let mut data = maps.clone();
        data[name] = json!({ key: value });
        data
    };
    for (name, key) in [
        ("narrow", "255"),
        ("signed", "-2147483648"),
        ("wrapped", "4294967295"),
        ("nonzero", "1"),
    ] {
        published.accepts(with(name, key, json!(1)));
    }
    for (name, key) in [
        ("narrow", "256"),
        ("signed", "2147483648"),
        ("wrapped", "4294967296"),
        ("nonzero", "0"),
        ("narrow", "007"),
        ("narrow", "٣"),
        ("signed", "-0"),
    ] {
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
    let with = |lasting: Value, range: Value| json!({ "lasting": lasting, "range": range, "since": { "secs_since_epoch": 1, "nanos_since_epoch": 2 } });
    published.accepts(with(
        json!({ "secs": u64::MAX, "nanos": 999_999_999 }),
        json!({ "start": 1, "end": 2 }),
    ));
    published.refuses(with(
        json!({ "secs": 1, "nanos": 1_000_000_000 }),
        json!({ "start": 1, "end": 2 }),
    ));
    published.refuses(with(
        json!({ "secs": 1, "nanos": 1, "more": 1 }),
        json!({ "start": 1, "end": 2 }),
    ));
    published.refuses(with(
        json!({ "secs": 1, "nanos": 1 }),
        json!({ "start": 1, "end": 2, "more": 1 }),
    ));
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
fn accepts_only_keys_of_other_kinds_that_the_map_reads() {
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
fn an_undeclared_field_is_dropped() {
    assert_eq!(
        Published::of::<Inner>().accepts(json!({ "inner": 1, "secret": 2 })),
        json!({ "inner": 1, "extra": null })
    );
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
        let told: Vec<_> = violations
            .iter()
            .map(|violation| (violation.path.as_str(), violation.rule.as_str()))
            .collect();
        assert_eq!(told, [(path, rule)], "{violations:?}");
    }
}

/// Each level is read twice for each read of the level above, so this would not end.
#[test]
fn refuses_data_that_its_type_would_read_too_often() {
    let published = Published::of::<Element>();
    let nested = |depth: usize, outer: Value| {
        (0..depth).fold(json!("text"), |inner, _| {
            let mut outer = outer.clone();
            outer["children"] = json!([inner]);
            outer
        })
    };
    published.accepts(nested(10, json!({})));
    published.accepts(nested(60, json!({ "name": "first to be tried" })));
    let data = nested(60, json!({}));
    assert!(published.enforced.check(&data).is_ok());
    let violations = validate_event_data(Element::definition(), &data).unwrap_err();
    assert_eq!(
        (violations[0].path.as_str(), violations[0].rule.as_str()),
        ("", "anyOf")
    );
}

mod durations {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
    pub(super) struct Alone {
        wait: Duration,
    }

    #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
    pub(super) struct BesideOthers {
        wait: Duration,
        color: String,
        #[serde(alias = "hue")]
        shade: Option<u8>,
        #[serde(flatten)]
        alone: Alone2,
    }

    #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
    pub(super) struct Alone2 {
        longest: Option<Duration>,
    }

    #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
    pub(super) enum InEachForm {
        Newtype(Duration),
        Pair(Duration, String),
        Struct {
            waits: Vec<Duration>,
            by_name: BTreeMap<String, Duration>,
            color: String,
        },
        Boxed(Box<Duration>),
    }

    #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
    #[serde(tag = "kind")]
    pub(super) enum InTagged {
        Wait { wait: Duration, color: String },
        Twice { first: Duration, second: Duration },
    }

    #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
    #[serde(untagged)]
    pub(super) enum InUntagged {
        Wait(Duration),
        Text { text: String },
    }
}

#[test]
fn a_duration_has_one_schema_wherever_it_is() {
    let definition = |inbound: Result<Value, _>| inbound.map(|schema| schema["$defs"]["Duration"].clone()).unwrap();
    let alone = definition(generate::inbound::<durations::Alone>());
    let mut names: Vec<_> = alone["properties"].as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["nanos", "secs"]);
    for elsewhere in [
        generate::inbound::<durations::BesideOthers>(),
        generate::inbound::<durations::InEachForm>(),
        generate::inbound::<durations::InTagged>(),
        generate::inbound::<durations::InUntagged>(),
    ] {
        assert_eq!(definition(elsewhere), alone);
    }
}
