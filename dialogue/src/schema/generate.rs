//! From a type to the JSON Schema that is published for it and enforced on it.
//!
//! Data from a client passes the published inbound schema first and the type's own `Deserialize` second. So that the
//! schema says exactly what is accepted, it must accept nothing that the type refuses. Three steps see to that, all when
//! the event is defined:
//!
//! 1. schemars generates the schema (draft 2020-12, `for_deserialize` and `for_serialize`);
//! 2. `tighten` turns what is implicit in it into keywords: limits of integer and `f32` types, the halves of `ip`;
//! 3. `agreement` shows samples of the schema to the type: it learns the width of integer map keys, closes objects that
//!    the type reads strictly, and refuses the definition if the two still disagree.
//!
//! Samples cannot prove agreement; known not to be found, and refused when it arrives as a violation of `type`, is
//!
//! - what a hand-written `Deserialize`, a `deserialize_with` or a `try_from` asks of a value beyond its form;
//! - an alias in a struct that serde reads through its buffer: flattened, or in an untagged or internally tagged enum;
//! - strings under a `pattern` that says less than the type asks (one text of the pattern is tried, or a few).
//!
//! What untagged variants would have to be tried for too often is refused, too, with a violation of `anyOf` (`readings`).
//!
//! And of what the type writes, sent on though its outbound schema does not hold: a set or map with a `minItems` or
//! `minProperties` that falls below it as equal members become one (`::1` and `0::1`) or undeclared fields stay behind,
//! and an `f32` whose rounding breaks a keyword other than `minimum` and `maximum`.
//!
//! Where schema and derive differ by design, the schema is the stricter and decides: no `#[serde(alias)]`, no unlisted
//! tag for `#[serde(other)]`, no struct as an array, no repeated item of a set, no second variant of a flattened enum.
//!
//! Formats are asserted, those that the validator knows (`email`, `uri`, `uuid`, `date-time`, …); the others, Rust's own
//! (`int32`, `double`) among them, are remarks. A whole float is an integer, as JSON Schema has it. Patterns are matched
//! in linear time, so lookaround and backreferences are refused. Nothing is ever fetched.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::compile::SchemaError;
use super::walk::{self, Edge};
use super::{EventData, probe, rust_limits};

/// The schema of what clients may send: exactly what [`EventDefinition::accept`](super::EventDefinition) takes.
pub(crate) fn inbound<E: EventData>() -> Result<Value, SchemaError> {
    let generated = generate::<E>(SchemaSettings::draft2020_12().for_deserialize());
    let outbound = generate::<E>(SchemaSettings::draft2020_12().for_serialize());
    let outbound = if outbound == generated {
        None
    } else {
        Some(with_rust_limits(outbound)?)
    };
    probe::refine::<E>(with_rust_limits(generated)?, outbound)
}

/// The schema of what clients receive. Equal to [`inbound`] for a type that is read as it is written.
pub(crate) fn outbound<E: EventData>() -> Result<Value, SchemaError> {
    let generated = generate::<E>(SchemaSettings::draft2020_12().for_serialize());
    if generated == generate::<E>(SchemaSettings::draft2020_12().for_deserialize()) {
        inbound::<E>()
    } else {
        with_rust_limits(generated)
    }
}

fn generate<E: JsonSchema>(settings: SchemaSettings) -> Value {
    settings.into_generator().into_root_schema_for::<E>().to_value()
}

fn with_rust_limits(mut schema: Value) -> Result<Value, SchemaError> {
    refuse_endless(&schema)?;
    rust_limits::apply(&mut schema)?;
    Ok(schema)
}

/// A type that is itself or something else, as an untagged `enum E { Again(Box<E>), … }`, has the data of the something
/// else alone; and serde, given other data, would try the first for ever.
fn refuse_endless(schema: &Value) -> Result<(), SchemaError> {
    match walk::cycle(schema, |edge| matches!(edge, Edge::Same | Edge::All)) {
        None => Ok(()),
        Some(at) => Err(SchemaError::Invalid {
            at,
            reason: "it refers to itself with nothing in between, so that reading it would not end".to_owned(),
        }),
    }
}
