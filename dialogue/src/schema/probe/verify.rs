//! The last step of the probe: whether the type and its schemas agree about every sample.

use serde_json::Value;

use super::search::{Search, Verdict};
use crate::schema::compile::SchemaError;
use crate::schema::decode::Reshape;
use crate::schema::graph::{NodeId, StepId};
use crate::schema::sample::{Content, Sampler, Trial};
use crate::schema::validator::EventSchema;
use crate::schema::violation::Violation;

enum Disagreement {
    Refused(Violation),
    WrittenDifferently(Vec<Violation>),
}

/// Refuses a type that cannot read data that its schema accepts, or that writes it in a form that its outbound schema
/// does not allow.
pub(super) fn verify(
    inbound: &EventSchema,
    outbound: Option<&EventSchema>,
    sampler: &Sampler<'_>,
    reshape: Reshape<'_>,
    refused_at: &dyn Fn(&Value) -> Option<String>,
) -> Result<(), SchemaError> {
    let outbound = outbound.unwrap_or(inbound);
    let judge = |payload: &Value| {
        if !inbound.accepts(payload) {
            return Verdict::Excluded;
        }
        match reshape(payload).map(|written| outbound.check(&written)) {
            Ok(Ok(())) => Verdict::Agreed,
            Ok(Err(violations)) => Verdict::Disagreed(Disagreement::WrittenDifferently(violations)),
            Err(violation) => Verdict::Disagreed(Disagreement::Refused(violation)),
        }
    };
    let search = Search { sampler, judge: &judge };
    let smallest = Trial {
        step: None,
        content: Content::Any,
    };
    // The other samples contain most of the smallest one.
    let found = search.first(vec![smallest]).or_else(|| search.first(trials(sampler)));
    let Some((trial, disagreement)) = found else {
        return Ok(());
    };
    let payload = sampler.payload(&[&trial]).unwrap_or_default();
    let node = place(sampler, trial.step, refused_at(&payload));
    let at = sampler.graph().at(node).to_owned();
    let data = payload.to_string().chars().take(200).collect();
    Err(match disagreement {
        Disagreement::Refused(source) => SchemaError::RefusedByType {
            at,
            data,
            source: Box::new(source),
        },
        Disagreement::WrittenDifferently(violations) => SchemaError::WrittenDifferently { at, data, violations },
    })
}

/// The schema of what the type refuses. `step` leads to the changed part of the sample. It is as good as the place that
/// the type refuses, if serde buffers data there.
fn place(sampler: &Sampler<'_>, step: Option<StepId>, refused_at: Option<String>) -> NodeId {
    let changed = sampler.path(step);
    let refused = refused_at.filter(|refused| !changed.starts_with(refused.as_str()));
    let places = sampler.places();
    let mut refused = places.filter(|step| Some(sampler.path(*step)) == refused);
    sampler.target(refused.next().unwrap_or(step))
}

/// All samples of each schema, at each place where it occurs.
fn trials(sampler: &Sampler<'_>) -> Vec<Trial> {
    let trials = sampler.places().flat_map(|step| {
        let contents = sampler.contents(sampler.target(step));
        contents.into_iter().map(move |content| Trial { step, content })
    });
    trials.collect()
}
