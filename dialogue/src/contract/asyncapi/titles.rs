//! Titles for the objects and enums inside of types. Generators name the types that they make for these after the title;
//! without one, the name is a number that changes with every edit.

use serde_json::{Map, Value};

use crate::contract::names::Names;

/// Gives each inner object and enum of the type `name` a title that no other type has.
pub(super) fn title_parts(name: &str, schema: &mut Value, names: &mut Names) {
    let Value::Object(keywords) = schema else {
        return;
    };
    for union in ["oneOf", "anyOf", "allOf"] {
        let parts = keywords.get_mut(union).and_then(Value::as_array_mut);
        for (at, part) in parts.into_iter().flatten().enumerate() {
            let wanted = format!("{name}-{}", variant(part, at));
            let is_type = is_object(part) || is_enum(part) || part.get("allOf").is_some();
            title(&wanted, is_type, part, names);
        }
    }
    let properties = keywords.get_mut("properties").and_then(Value::as_object_mut);
    for (property, part) in properties.into_iter().flatten() {
        let is_type = (is_object(part) && part.get("properties").is_some()) || is_enum(part);
        title(&format!("{name}-{property}"), is_type, part, names);
    }
    for (holder, what) in [("items", "item"), ("additionalProperties", "value")] {
        match keywords.get_mut(holder) {
            Some(Value::Array(parts)) => {
                for (at, part) in parts.iter_mut().enumerate() {
                    let is_type = part.get("properties").is_some() || is_enum(part);
                    title(&format!("{name}-{what}{}", at + 1), is_type, part, names);
                }
            }
            Some(part) => {
                let is_type = part.get("properties").is_some() || is_enum(part);
                title(&format!("{name}-{what}"), is_type, part, names);
            }
            None => {}
        }
    }
}

/// Gives a part its title, if it is a type, and the parts within it theirs.
fn title(wanted: &str, is_type: bool, part: &mut Value, names: &mut Names) {
    let Value::Object(keywords) = part else {
        return;
    };
    if keywords.contains_key("$ref") {
        return;
    }
    let mut name = wanted.to_owned();
    if is_type {
        name = names.fresh(wanted, "");
        keywords.insert("title".to_owned(), name.clone().into());
    }
    title_parts(&name, part, names);
}

/// The word for a variant: the text of its tag, its only property, or its number.
fn variant(part: &Value, at: usize) -> String {
    let text = |schema: &Value| match (schema.get("const"), schema.get("enum").and_then(Value::as_array)) {
        (Some(Value::String(text)), _) => Some(text.clone()),
        (None, Some(texts)) => match texts.as_slice() {
            [Value::String(text)] => Some(text.clone()),
            _ => None,
        },
        _ => None,
    };
    let of_first = part.get("allOf").and_then(|all| all.get(0));
    let properties = [Some(part), of_first]
        .into_iter()
        .flatten()
        .filter_map(|part| part.get("properties")?.as_object());
    if let Some(tag) = properties.flat_map(Map::values).find_map(text) {
        return tag;
    }
    match part.get("required").and_then(Value::as_array).map(Vec::as_slice) {
        Some([Value::String(only)]) => return only.clone(),
        _ if part.get("enum").is_some() => return "text".to_owned(),
        _ => {}
    }
    format!("variant{}", at + 1)
}

fn is_object(part: &Value) -> bool {
    part.get("type").is_some_and(|kind| kind == "object")
}

fn is_enum(part: &Value) -> bool {
    part.get("enum").is_some() || part.get("const").is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn inner_types_are_named_after_their_place() {
        let mut schema = json!({
            "properties": {
                "kind": { "enum": ["a", "b"], "type": "string" },
                "of": { "$ref": "#/components/schemas/Other" },
                "text": { "type": "string" },
            },
            "oneOf": [
                { "type": "object", "required": ["Pair"], "properties": { "Pair": { "type": "object", "properties": {} } } },
                { "type": "object", "properties": { "t": { "const": "two-words" } } },
            ],
        });
        title_parts("Shape", &mut schema, &mut Names::besides([]));
        assert_eq!(schema["properties"]["kind"]["title"], "ShapeKind");
        assert_eq!(schema["properties"]["text"].get("title"), None);
        assert_eq!(schema["oneOf"][0]["title"], "ShapePair");
        assert_eq!(schema["oneOf"][0]["properties"]["Pair"]["title"], "ShapePairPair");
        assert_eq!(schema["oneOf"][1]["title"], "ShapeTwoWords");
    }

    #[test]
    fn equal_names_get_numbers() {
        let mut schema = json!({ "properties": { "a-b": { "enum": [1] }, "aB": { "enum": [2] } } });
        title_parts("Shape", &mut schema, &mut Names::besides([]));
        let titles = [
            &schema["properties"]["a-b"]["title"],
            &schema["properties"]["aB"]["title"],
        ];
        assert_eq!(titles, ["ShapeAB", "ShapeAB2"]);
    }
}
