//! The violations that the sender of an invalid enum receives: they are about the variant that the sender meant.

use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::shapes::*;
use super::{Published, apply, change, samples};
use crate::schema::validator::EventSchema;
use crate::schema::{EventData, generate};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Drawing {
    shape: Shape,
    #[serde(default)]
    border: Option<Border>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Shape {
    Circle {
        #[schemars(range(min = 1))]
        radius: u32,
    },
    Square {
        side: u32,
        #[serde(default)]
        fill: Option<Fill>,
    },
    Point(Place),
    Nothing,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Place {
    x: i8,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Fill {
    None,
    Color(#[schemars(range(max = 9))] u8),
    Stripes { width: u8, gap: u8 },
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "style", content = "of", rename_all = "lowercase")]
enum Border {
    Solid(u8),
    Dashed { length: u8 },
    Hidden,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Tagged {
    own: u8,
    #[serde(flatten)]
    shape: Shape,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Measure {
    Size { width: u8, height: u8 },
    Radius { radius: u8 },
    Text(String),
    List(Vec<u8>),
}

#[track_caller]
fn of<E: EventData>(data: Value) -> Vec<(String, String, String)> {
    let schema = EventSchema::compile(generate::inbound::<E>().unwrap()).unwrap();
    let violations = schema.check(&data).unwrap_err();
    violations
        .into_iter()
        .map(|violation| (violation.path, violation.rule, violation.message))
        .collect()
}

/// Checks that data has one violation, at this place and of this rule. Returns its message.
#[track_caller]
fn only<E: EventData>(data: Value, path: &str, rule: &str) -> String {
    let told = of::<E>(data);
    let [(at, of, message)] = &told[..] else {
        panic!("not one violation: {told:?}");
    };
    assert_eq!((at.as_str(), of.as_str()), (path, rule), "{message}");
    message.clone()
}

#[test]
fn reports_the_field_of_the_variant_that_an_internal_tag_names() {
    for (shape, path, rule) in [
        (json!({ "kind": "circle", "radius": 0 }), "/shape/radius", "minimum"),
        (json!({ "kind": "circle" }), "/shape", "required"),
        (json!({ "kind": "square", "side": "long" }), "/shape/side", "type"),
        (json!({ "kind": "point", "x": 300 }), "/shape/x", "maximum"),
        (json!({ "kind": "point" }), "/shape", "required"),
    ] {
        only::<Drawing>(json!({ "shape": shape }), path, rule);
    }
    for (data, path, rule) in [
        (json!({ "type": "Struct", "a": "x" }), "/a", "type"),
        (json!({ "type": "Float" }), "", "required"),
    ] {
        only::<Internal>(data, path, rule);
    }
    only::<StrictInternal>(json!({ "type": "Unit", "b": 1 }), "", "additionalProperties");
}

#[test]
fn reports_the_field_of_the_variant_that_an_adjacent_tag_names() {
    for (border, path, rule) in [
        (json!({ "style": "solid", "of": -1 }), "/border/of", "minimum"),
        (json!({ "style": "solid" }), "/border", "required"),
        (json!({ "style": "dashed", "of": {} }), "/border/of", "required"),
        (
            json!({ "style": "dashed", "of": { "length": true } }),
            "/border/of/length",
            "type",
        ),
        (json!({ "style": "hidden", "of": 1 }), "/border/of", "type"),
    ] {
        only::<Drawing>(json!({ "shape": { "kind": "nothing" }, "border": border }), path, rule);
    }
    only::<StrictAdjacent>(json!({ "z": "Unit", "d": 1 }), "", "additionalProperties");
}

#[test]
fn reports_the_field_of_the_variant_that_an_external_tag_names() {
    for (fill, path, rule) in [
        (json!({ "color": 10 }), "/shape/fill/color", "maximum"),
        (json!({ "stripes": { "width": 1 } }), "/shape/fill/stripes", "required"),
        (
            json!({ "stripes": { "width": 1, "gap": "" } }),
            "/shape/fill/stripes/gap",
            "type",
        ),
        (json!({ "color": 1, "more": 1 }), "/shape/fill", "additionalProperties"),
    ] {
        let shape = json!({ "kind": "square", "side": 1, "fill": fill });
        only::<Drawing>(json!({ "shape": shape }), path, rule);
    }
    only::<External>(json!({ "Struct": { "a": 300 } }), "/Struct/a", "maximum");
    only::<External>(json!({ "Tuple": [1, 300] }), "/Tuple/1", "maximum");
    only::<External>(json!({ "Nested": {} }), "/Nested", "required");
}

#[test]
fn reports_the_field_of_the_variant_of_a_flattened_enum() {
    only::<Tagged>(json!({ "own": 1, "kind": "circle", "radius": 0 }), "/radius", "minimum");
    only::<Tagged>(json!({ "own": 1, "kind": "circle" }), "", "required");
    let inner = json!({ "own": 1, "inner": 1 });
    let with = |name: &str, value: Value| {
        let mut data = inner.clone();
        data[name] = value;
        data
    };
    only::<Flattened>(with("Struct", json!({ "a": 300 })), "/Struct/a", "maximum");
    let message = only::<Flattened>(inner.clone(), "", "oneOf");
    assert!(
        message.starts_with("unknown variant: use one of {\"Newtype\": …}"),
        "{message}"
    );
}

#[test]
fn lists_the_known_tags_and_puts_similar_ones_first() {
    assert_eq!(
        only::<Drawing>(
            json!({ "shape": { "kind": "sqare", "side": 1 } }),
            "/shape/kind",
            "const"
        ),
        "unknown tag: use one of \"square\", \"circle\", \"point\", \"nothing\""
    );
    assert_eq!(
        only::<Drawing>(json!({ "shape": { "kind": 7 } }), "/shape/kind", "const"),
        "unknown tag: use one of \"circle\", \"square\", \"point\", \"nothing\""
    );
    assert_eq!(
        only::<Drawing>(json!({ "shape": {} }), "/shape", "required"),
        "the tag \"kind\" is missing: use one of \"circle\", \"square\", \"point\", \"nothing\""
    );
    for fill in [json!("colour"), json!({ "colour": 1 })] {
        let shape = json!({ "kind": "square", "side": 1, "fill": fill });
        let message = only::<Drawing>(json!({ "shape": shape }), "/shape/fill", "oneOf");
        assert_eq!(
            message,
            "unknown variant: use one of {\"color\": …}, \"none\", {\"stripes\": …}"
        );
    }
    assert_eq!(
        only::<Described>(json!("Ones"), "", "oneOf"),
        "unknown variant: use one of \"One\", \"Rest\", \"2\""
    );
    assert_eq!(
        only::<Simple>(json!("seconds"), "", "enum"),
        "unknown value: use one of \"second_one\", \"first_one\""
    );
}

#[test]
fn a_list_of_known_tags_is_bounded() {
    let form = |number: usize| {
        json!({
            "type": "object", "required": ["kind"],
            "properties": { "kind": { "const": format!("{number}-{}", "x".repeat(100)) } },
        })
    };
    let schema = json!({ "oneOf": (0..1_000).map(form).collect::<Vec<_>>() });
    let schema = EventSchema::compile(schema).unwrap();
    for typed in ["y".to_owned(), "x".repeat(60_000)] {
        let violations = schema.check(&json!({ "kind": typed })).unwrap_err();
        assert_eq!(violations.len(), 1);
        let message = &violations[0].message;
        assert!(message.len() <= 512 && message.ends_with('…'), "{message}");
    }
    let short = |number: usize| json!({ "const": number.to_string() });
    let schema = json!({ "oneOf": (0..1_000).map(short).collect::<Vec<_>>() });
    let violations = EventSchema::compile(schema).unwrap().check(&json!("1001")).unwrap_err();
    let message = &violations[0].message;
    assert!(
        message.starts_with("unknown variant: use one of \"100\", "),
        "{message}"
    );
    assert!(message.ends_with(" and 990 more"), "{message}");
}

#[test]
fn reports_a_form_without_a_tag_only_if_it_is_clearly_the_nearest() {
    for (data, path, rule) in [
        (json!({ "radius": 300 }), "/radius", "maximum"),
        (json!({ "width": 1 }), "", "required"),
        (json!({ "width": 1, "height": "" }), "/height", "type"),
        (json!([1, 300]), "/1", "maximum"),
        (json!({}), "", "anyOf"),
        (json!({ "depth": 1 }), "", "anyOf"),
        (json!(7), "", "anyOf"),
        // Each form lacks one property of the other.
        (json!({ "width": 1, "radius": "" }), "", "anyOf"),
    ] {
        only::<Measure>(data, path, rule);
    }
}

/// A float that is not a number becomes `null` in JSON, which the type can write but no client may receive.
#[test]
fn reports_the_field_of_the_variant_for_data_that_the_server_sends_too() {
    let schema = EventSchema::compile(generate::outbound::<Internal>().unwrap()).unwrap();
    let written = serde_json::to_value(Internal::Float { x: f32::NAN }).unwrap();
    let violations = schema.check(&written).unwrap_err();
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert_eq!(
        (violations[0].path.as_str(), violations[0].rule.as_str()),
        ("/x", "type")
    );
}

#[test]
fn reports_the_union_if_the_value_has_the_type_of_no_form() {
    for data in [json!(7), json!(null), json!([])] {
        assert_eq!(
            only::<Internal>(data, "", "oneOf"),
            "value matches none of the 5 forms that are allowed here"
        );
    }
}

/// Invalid data with the tag of a variant has exactly the violations that it has against the schema of this variant.
#[test]
fn violations_of_tagged_data_are_those_of_the_variant() {
    fn law<E: EventData>(means: fn(&Value, &Value) -> bool) {
        let published = Published::of::<E>();
        let forms: Vec<(Value, EventSchema)> = published.inbound["oneOf"]
            .as_array()
            .unwrap()
            .iter()
            .map(|form| {
                let mut alone = form.clone();
                if let Some(definitions) = published.inbound.get("$defs") {
                    alone["$defs"] = definitions.clone();
                }
                (form.clone(), EventSchema::compile(alone).unwrap())
            })
            .collect();
        let near = (
            prop::sample::select(samples(&published.inbound)),
            prop::collection::vec(change(), 1..4),
        );
        proptest!(|((mut data, changes) in near)| {
            changes.iter().for_each(|(at, change)| apply(&mut data, at, change));
            let meant: Vec<_> = forms.iter().filter(|(form, _)| means(form, &data)).collect();
            if let ([(_, form)], Err(violations)) = (&meant[..], published.enforced.check(&data)) {
                prop_assert_eq!(Err(violations), form.check(&data), "{}", data);
            }
        });
    }
    fn has_tag(tag: &str, form: &Value, data: &Value) -> bool {
        data.get(tag)
            .is_some_and(|given| *given == form["properties"][tag]["const"])
    }
    fn has_key(form: &Value, data: &Value) -> bool {
        let name = form["required"][0].as_str();
        name.is_some_and(|name| data.get(name).is_some())
    }
    law::<Internal>(|form, data| has_tag("type", form, data));
    law::<StrictInternal>(|form, data| has_tag("type", form, data));
    law::<InternalOfMany>(|form, data| has_tag("type", form, data));
    law::<DescribedInternal>(|form, data| has_tag("kind", form, data));
    law::<Shape>(|form, data| has_tag("kind", form, data));
    law::<Adjacent>(|form, data| has_tag("t", form, data));
    law::<StrictAdjacent>(|form, data| has_tag("z", form, data));
    law::<Border>(|form, data| has_tag("style", form, data));
    law::<External>(has_key);
    law::<Fill>(has_key);
}
