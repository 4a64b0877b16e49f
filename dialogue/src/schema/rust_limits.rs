//! The limits that a schema implies about its Rust type, added as keywords that validators enforce.
//!
//! schemars writes the width of an integer in `format`, which validators ignore. Here the width becomes limits. Other
//! properties of a type cannot be seen in its schema, such as the width of a map's integer keys or the fields that it
//! refuses. The module `probe` finds these out.

use serde_json::{Map, Value, json};

use super::error::SchemaError;
use super::{string_forms, walk};

/// Adds the limits that the keywords of each schema in `root` imply about its Rust type.
pub(super) fn apply(root: &mut Value) -> Result<(), SchemaError> {
    walk::change_each(root, "", &mut |schema, at| {
        if walk::has_type(schema, "integer") {
            bound_integer(schema, at)?;
        }
        if walk::has_type(schema, "number") && has_format(schema, "float") {
            bound_single_float(schema);
        }
        if walk::has_type(schema, "string") {
            if has_format(schema, "ip") {
                split_ip_format(schema);
            }
            add_pattern_of_format(schema);
        }
        bound_std_time(schema);
        Ok(())
    })
}

fn has_format(schema: &Map<String, Value>, format: &str) -> bool {
    schema.get("format").is_some_and(|found| found == format)
}

/// Adds the limits of the integer type that `format` names.
fn bound_integer(schema: &mut Map<String, Value>, at: &str) -> Result<(), SchemaError> {
    let (least, most): (i64, u64) = match schema.get("format").and_then(Value::as_str) {
        Some("int8") => (i8::MIN.into(), i8::MAX as u64),
        Some("int16") => (i16::MIN.into(), i16::MAX as u64),
        Some("int32") => (i32::MIN.into(), i32::MAX as u64),
        Some("int64") => (i64::MIN, i64::MAX as u64),
        Some("int") => (isize::MIN as i64, isize::MAX as u64),
        Some("uint8") => (0, u8::MAX.into()),
        Some("uint16") => (0, u16::MAX.into()),
        Some("uint32") => (0, u32::MAX.into()),
        Some("uint64") => (0, u64::MAX),
        Some("uint") => (0, usize::MAX as u64),
        Some("int128" | "uint128") => return Err(SchemaError::Integer128 { at: at.to_owned() }),
        _ => return Ok(()),
    };
    raise_minimum(schema, least);
    lower_maximum(schema, most);
    Ok(())
}

/// Sets the minimum, unless the declared one is stricter.
fn raise_minimum(schema: &mut Map<String, Value>, least: i64) {
    let stricter = schema.get("minimum").is_some_and(|declared| match declared.as_i64() {
        Some(declared) => declared >= least,
        // The declared minimum is above `i64::MAX`, or has a fraction.
        None => declared.as_u64().is_some() || declared.as_f64().is_some_and(|declared| declared >= least as f64),
    });
    if !stricter {
        schema.insert("minimum".to_owned(), least.into());
    }
}

/// Sets the maximum, unless the declared one is stricter.
fn lower_maximum(schema: &mut Map<String, Value>, most: u64) {
    let stricter = schema.get("maximum").is_some_and(|declared| match declared.as_u64() {
        Some(declared) => declared <= most,
        // The declared maximum is negative, or has a fraction. `most as f64` may round up to a value above `most`.
        None => declared.as_i64().is_some() || declared.as_f64().is_some_and(|declared| declared < most as f64),
    });
    if !stricter {
        schema.insert("maximum".to_owned(), most.into());
    }
}

/// An `f32` overflows to infinity, which JSON cannot represent, and other values are rounded. If a limit is itself an
/// `f32`, rounding never moves a value across it. A declared limit that isn't an `f32`, such as 0.1, moves outwards to
/// the next `f32`, so that the limit itself stays allowed.
fn bound_single_float(schema: &mut Map<String, Value>) {
    let limit = |declared: Option<&Value>, otherwise: f32, outwards: fn(f32) -> f32| {
        let declared = declared.and_then(Value::as_f64).unwrap_or(otherwise.into());
        let nearest = (declared as f32).clamp(f32::MIN, f32::MAX);
        let within = if otherwise < 0.0 {
            declared >= f64::from(nearest)
        } else {
            declared <= f64::from(nearest)
        };
        f64::from(if within {
            nearest
        } else {
            outwards(nearest).clamp(f32::MIN, f32::MAX)
        })
    };
    let least = limit(schema.get("minimum"), f32::MIN, f32::next_down);
    let most = limit(schema.get("maximum"), f32::MAX, f32::next_up);
    schema.insert("minimum".to_owned(), least.into());
    schema.insert("maximum".to_owned(), most.into());
}

/// JSON Schema has no format `ip`, so no validator enforces it. It has the formats `ipv4` and `ipv6`.
fn split_ip_format(schema: &mut Map<String, Value>) {
    schema.remove("format");
    let halves = json!({ "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }] });
    if let Some(Value::Array(all)) = schema.get_mut("allOf") {
        all.push(halves);
    } else {
        schema.insert("allOf".to_owned(), json!([halves]));
    }
}

/// Adds the pattern of a format that schemars uses and no validator knows.
fn add_pattern_of_format(schema: &mut Map<String, Value>) {
    let format = schema.get("format").and_then(Value::as_str);
    if let Some(pattern) = format.and_then(string_forms::pattern_of_format)
        && !schema.contains_key("pattern")
    {
        schema.insert("pattern".to_owned(), pattern.into());
    }
}

/// `Duration` and `SystemTime` are always written with less than a second of nanoseconds. They also read more, and add the
/// whole seconds of it to their seconds, which could overflow. So only the form in which they are written is allowed.
fn bound_std_time(schema: &mut Map<String, Value>) {
    const BELOW_A_SECOND: u64 = 999_999_999;
    let Some(Value::Object(properties)) = schema.get_mut("properties") else {
        return;
    };
    if properties.len() != 2 {
        return;
    }
    for (seconds, nanoseconds, most) in [
        ("secs", "nanos", u64::MAX),
        ("secs_since_epoch", "nanos_since_epoch", i64::MAX as u64),
    ] {
        for (name, format, most) in [(seconds, "uint64", most), (nanoseconds, "uint32", BELOW_A_SECOND)] {
            if let Some(Value::Object(property)) = properties.get_mut(name)
                && has_format(property, format)
            {
                lower_maximum(property, most);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_rust_limits(mut schema: Value) -> Value {
        apply(&mut schema).unwrap();
        schema
    }

    #[test]
    fn every_integer_format_gets_the_limits_of_its_type() {
        for (format, least, most) in [
            ("int8", json!(-128), json!(127)),
            ("int16", json!(-32768), json!(32767)),
            ("int32", json!(i32::MIN), json!(i32::MAX)),
            ("int64", json!(i64::MIN), json!(i64::MAX)),
            ("int", json!(isize::MIN), json!(isize::MAX)),
            ("uint8", json!(0), json!(255)),
            ("uint16", json!(0), json!(65535)),
            ("uint32", json!(0), json!(u32::MAX)),
            ("uint64", json!(0), json!(u64::MAX)),
            ("uint", json!(0), json!(usize::MAX)),
        ] {
            let schema = with_rust_limits(json!({ "type": ["integer", "null"], "format": format }));
            assert_eq!((&schema["minimum"], &schema["maximum"]), (&least, &most), "{format}");
        }
    }

    #[test]
    fn a_declared_limit_stays_only_if_it_is_stricter() {
        let schema = with_rust_limits(json!({ "type": "integer", "format": "int64", "minimum": 5, "maximum": 9.5 }));
        assert_eq!((&schema["minimum"], &schema["maximum"]), (&json!(5), &json!(9.5)));
        let schema = with_rust_limits(json!({ "type": "integer", "format": "uint64", "minimum": -1, "maximum": 1e30 }));
        assert_eq!((&schema["minimum"], &schema["maximum"]), (&json!(0), &json!(u64::MAX)));
        let schema =
            with_rust_limits(json!({ "type": "integer", "format": "uint64", "maximum": 18446744073709551616.0 }));
        assert_eq!(schema["maximum"], json!(u64::MAX));
    }

    #[test]
    fn a_128_bit_integer_is_refused_with_its_place() {
        let mut schema = json!({ "properties": { "a/b": { "type": "integer", "format": "uint128" } } });
        let error = apply(&mut schema).unwrap_err();
        assert!(error.to_string().contains("`#/properties/a~1b`"), "{error}");
    }

    #[test]
    fn single_floats_get_limits_that_are_single_floats() {
        let schema = with_rust_limits(json!({ "type": "number", "format": "float" }));
        assert_eq!(
            (&schema["minimum"], &schema["maximum"]),
            (&json!(f64::from(f32::MIN)), &json!(f64::from(f32::MAX)))
        );
        for limit in [0.1, -0.1, 0.7, 0.5, 1e-50, 16777217.0] {
            let schema =
                with_rust_limits(json!({ "type": "number", "format": "float", "minimum": limit, "maximum": limit }));
            let [least, most] = ["minimum", "maximum"].map(|keyword| schema[keyword].as_f64().unwrap());
            assert!(least <= limit && limit <= most, "{least} {limit} {most}");
            assert_eq!((f64::from(least as f32), f64::from(most as f32)), (least, most));
            assert!(most as f32 <= (least as f32).next_up());
        }
        let schema =
            with_rust_limits(json!({ "type": "number", "format": "float", "minimum": -1e300, "maximum": 1e300 }));
        assert_eq!(
            (&schema["minimum"], &schema["maximum"]),
            (&json!(f64::from(f32::MIN)), &json!(f64::from(f32::MAX)))
        );
    }

    #[test]
    fn an_ip_format_keeps_other_conditions() {
        let schema = with_rust_limits(json!({ "type": "string", "format": "ip", "allOf": [true] }));
        assert_eq!(schema["allOf"][0], true);
        assert_eq!(schema["allOf"][1]["anyOf"][0]["format"], "ipv4");
    }
}
