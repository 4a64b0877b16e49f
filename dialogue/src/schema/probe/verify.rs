//! The last step of the probe: whether the type and its schemas agree about every sample.

use serde_json::Value;

use crate::schema::compile::SchemaError;
use crate::schema::decode::Reshape;
use crate::schema::sample::Sampler;
use crate::schema::validator::EventSchema;

/// Refuses a type that cannot read data that its schema accepts, or that writes it in a form that its outbound schema
/// does not allow.
pub(super) fn verify(inbound: &Value, outbound: Option<Value>, reshape: Reshape<'_>) -> Result<(), SchemaError> {
    let validator = EventSchema::compile(inbound.clone())?;
    let outbound = outbound.map(EventSchema::compile).transpose()?;
    let outbound = outbound.as_ref().unwrap_or(&validator);
    let try_out = |at: &str, payload: Value| {
        if !validator.accepts(&payload) {
            return Ok(());
        }
        let data = || payload.to_string().chars().take(200).collect();
        let written = reshape(&payload).map_err(|source| SchemaError::RefusedByType {
            at: at.to_owned(),
            data: data(),
            source: Box::new(source),
        })?;
        outbound
            .check(&written)
            .map_err(|violations| SchemaError::WrittenDifferently {
                at: at.to_owned(),
                data: data(),
                violations,
            })
    };
    let sampler = Sampler::new(inbound);
    for variant in sampler.variants(inbound) {
        try_out("", variant)?;
    }
    for step in sampler.steps() {
        for variant in inbound
            .pointer(&step.to)
            .map(|held| sampler.variants(held))
            .unwrap_or_default()
        {
            if let Some(payload) = sampler.through(step, variant) {
                try_out(&step.to, payload)?;
            }
        }
    }
    Ok(())
}
