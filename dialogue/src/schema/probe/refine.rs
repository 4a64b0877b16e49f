//! The steps of a probe, one after the other.

use std::collections::BTreeSet;

use serde_json::Value;

use super::closed_objects::close_objects;
use super::map_keys::{bound_integer_keys, bound_text_keys};
use super::verify::verify;
use crate::schema::accepted_names::accepted_names;
use crate::schema::compile::SchemaError;
use crate::schema::decode::{self, Reshape};
use crate::schema::event_data::EventData;
use crate::schema::sample::Sampler;

/// The inbound schema of `E`, with all rules added that the type turns out to have. `outbound` is the schema of the
/// data that the type writes, if it differs.
pub(in crate::schema) fn refine<E: EventData>(
    mut inbound: Value,
    outbound: Option<Value>,
) -> Result<Value, SchemaError> {
    let reshape: Reshape<'_> = &|data: &Value| {
        #[cfg(test)]
        crate::schema::cost::read(data);
        decode::reshape::<E>(data.clone())
    };
    bound_integer_keys(&mut inbound, reshape)?;
    let names = names_read::<E>(&inbound);
    bound_text_keys(&mut inbound, &names, reshape);
    close_objects(&mut inbound, &names, reshape)?;
    verify(&inbound, outbound, reshape)?;
    Ok(inbound)
}

/// All names of fields and variants that the type reads, including aliases, as far as they can be observed.
fn names_read<E: EventData>(schema: &Value) -> BTreeSet<&'static str> {
    let sampler = Sampler::new(schema);
    let held = sampler
        .steps()
        .iter()
        .filter_map(|step| sampler.through(step, sampler.full(schema.pointer(&step.to)?)?));
    sampler
        .full(schema)
        .into_iter()
        .chain(held)
        .flat_map(|payload| accepted_names::<E>(&payload))
        .collect()
}
