//! The form of the schemas in the documents: many tools read neither boolean schemas nor names that need escaping.

use std::collections::BTreeSet;

use dialogue::event::EventDefinition;
use dialogue::{DialogueEvent, RoomSet};
use serde_json::{Value, json};

use super::rooms::{AlikeRooms, Colored, OpenRooms, Rooms, Shapes};

/// The keywords whose value is a schema.
const ONE: [&str; 12] = [
    "items",
    "additionalItems",
    "contains",
    "additionalProperties",
    "unevaluatedProperties",
    "unevaluatedItems",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
    "payload",
];

/// The keywords whose value is a list of schemas.
const LISTS: [&str; 5] = ["anyOf", "oneOf", "allOf", "prefixItems", "items"];

/// The keywords whose value maps names to schemas.
const MAPS: [&str; 6] = [
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
    "schemas",
];

/// The places of boolean schemas within a schema. An object may be closed by `false`: all tools read that.
fn booleans(schema: &Value, at: &str, found: &mut Vec<String>) {
    match schema {
        Value::Bool(_) => found.push(at.to_owned()),
        Value::Object(keywords) => {
            for (keyword, value) in keywords {
                let closes = matches!(keyword.as_str(), "additionalProperties" | "unevaluatedProperties");
                let at = format!("{at}/{keyword}");
                match value {
                    Value::Bool(false) if closes => {}
                    Value::Array(list) if LISTS.contains(&keyword.as_str()) => {
                        for (index, schema) in list.iter().enumerate() {
                            booleans(schema, &format!("{at}/{index}"), found);
                        }
                    }
                    Value::Object(map) if MAPS.contains(&keyword.as_str()) => {
                        for (name, schema) in map {
                            booleans(schema, &format!("{at}/{name}"), found);
                        }
                    }
                    schema if ONE.contains(&keyword.as_str()) => booleans(schema, &at, found),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

fn assert_no_booleans(schema: &Value, what: &str) {
    let mut found = Vec::new();
    booleans(schema, what, &mut found);
    assert_eq!(found, [""; 0], "{schema:#}");
}

#[test]
fn no_schema_of_an_event_is_boolean_or_contains_a_boolean() {
    let any = EventDefinition::new("any")
        .schema(json!(true))
        .build()
        .expect("a definition");
    let none = EventDefinition::new("none")
        .schema(json!(false))
        .build()
        .expect("a definition");
    let listed = EventDefinition::new("listed").schema(json!({
        "prefixItems": [true, { "const": { "items": true } }], "items": false, "minItems": 1, "not": { "contains": true },
        "properties": { "a": true, "b": false }, "additionalProperties": true, "dependentSchemas": { "a": false },
        "if": true, "then": { "unevaluatedItems": false }, "$defs": { "A": false },
    }));
    let listed = listed.build().expect("a definition");
    for event in [Shapes::definition(), Colored::definition(), &any, &none, &listed] {
        assert_no_booleans(event.inbound_schema().expect("a schema"), event.name());
        assert_no_booleans(event.outbound_schema().expect("a schema"), event.name());
    }
    let published = listed.inbound_schema().expect("a schema");
    assert_eq!(
        published["prefixItems"][1]["const"],
        json!({ "items": true }),
        "data is no schema"
    );
    assert_eq!(published["maxItems"], 2);
    assert_eq!(published["properties"], json!({ "a": {}, "b": { "not": {} } }));
}

#[test]
fn no_json_schema_of_rooms_contains_a_boolean() {
    assert_no_booleans(&Rooms::json_schema().expect("the schema"), "rooms");
    assert_no_booleans(&OpenRooms::json_schema().expect("the schema"), "open");
    assert_no_booleans(&AlikeRooms::json_schema().expect("the schema"), "alike");
}

#[test]
fn no_asyncapi_document_contains_a_boolean_schema_or_a_property_that_nothing_satisfies() {
    for document in [Rooms::asyncapi(), OpenRooms::asyncapi(), AlikeRooms::asyncapi()] {
        let components = &document.expect("the document")["components"];
        assert_no_booleans(components, "components");
        for (name, message) in components["messages"].as_object().expect("the messages") {
            assert_no_booleans(message, name);
        }
        assert_no_impossible_properties(components);
    }
}

fn assert_no_impossible_properties(within: &Value) {
    for (name, part) in within.as_object().into_iter().flatten() {
        if name == "properties" {
            for (property, schema) in part.as_object().into_iter().flatten() {
                assert_ne!(schema, &json!({ "not": {} }), "{property} in {within}");
            }
        }
        assert_no_impossible_properties(part);
    }
    for item in within.as_array().into_iter().flatten() {
        assert_no_impossible_properties(item);
    }
}

#[test]
fn the_types_of_the_documents_have_plain_names_and_their_name_as_their_title() {
    let (rooms, open, alike) = (
        Rooms::json_schema(),
        OpenRooms::json_schema(),
        AlikeRooms::json_schema(),
    );
    for document in [rooms, open, alike] {
        assert_plainly_named(&document.expect("the schema")["$defs"], true);
    }
    for document in [Rooms::asyncapi(), OpenRooms::asyncapi(), AlikeRooms::asyncapi()] {
        let document = document.expect("the document");
        assert_plainly_named(&document["components"]["schemas"], true);
        assert_plainly_named(&document["components"]["messages"], false);
        assert_plainly_named(&document["channels"], false);
        assert_plainly_named(&document["operations"], false);
    }
    for event in [Shapes::definition(), Colored::definition()] {
        assert_plainly_named(&event.inbound_schema().expect("a schema")["$defs"], true);
    }
}

fn assert_plainly_named(items: &Value, with_titles: bool) {
    let items = items.as_object().expect("items by name");
    let mut titles = BTreeSet::new();
    for (name, item) in items {
        let is_plain = |character: char| character.is_ascii_alphanumeric() || character == '_';
        assert!(name.chars().all(is_plain), "{name}");
        if with_titles {
            assert_eq!(item["title"], **name);
            assert!(
                titles.insert(name.to_ascii_lowercase()),
                "{name} is only unique by its capitals"
            );
        }
    }
}

#[test]
fn the_events_of_a_room_are_types_named_after_the_room() {
    let document = Rooms::json_schema().expect("the schema");
    for name in [
        "ChatEvents",
        "ChatTriggers",
        "ProjectEvents",
        "ProjectTriggers",
        "NewsTriggers",
    ] {
        assert!(document["$defs"][name].is_object(), "{name}");
    }
    assert_eq!(document["anyOf"][0], json!({ "$ref": "#/$defs/ChatEvents" }));
}

#[test]
fn an_erased_event_is_its_own_alternative_in_the_schema_of_its_room() {
    let document = Rooms::json_schema().expect("the schema");
    let validator = jsonschema::validator_for(&document).expect("a valid schema");
    let event = |name: &str, data: Value, more: Value| {
        let mut event = json!({ "event": name, "roomId": "chat", "data": data, "from": "ada", "timestamp": 1 });
        event
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().cloned().unwrap_or_default());
        event
    };
    let message = || json!({ "text": "hi", "to": null, "urgent": false });
    let (none, erased) = (json!({}), json!({ "seq": 7, "erased": true }));
    for (accepted, event) in [
        (true, event("message", message(), json!({ "seq": 7, "meta": {} }))),
        (true, event("message", Value::Null, erased.clone())),
        (false, event("message", Value::Null, json!({ "seq": 7 }))),
        (false, event("message", message(), erased.clone())),
        (
            false,
            event("message", Value::Null, json!({ "seq": 7, "erased": false })),
        ),
        // No room keeps it, so it cannot be erased.
        (true, event("bell", Value::Null, none)),
        (false, event("bell", Value::Null, erased)),
    ] {
        assert_eq!(validator.is_valid(&event), accepted, "{event}");
    }
}
