//! The last step of the probe: whether the type and its schemas agree about every sample.

use std::collections::BTreeSet;

use serde_json::Value;

use super::refused::{Narrower, Refused, shortened};
use super::search::{Search, Verdict};
use super::strings::Read;
use crate::schema::decode::Reshape;
use crate::schema::error::SchemaError;
use crate::schema::sample::{Content, Sampler, Trial};
use crate::schema::validator::EventSchema;
use crate::schema::violation::Violation;

enum Disagreement {
    Refused(Violation),
    WrittenDifferently(Vec<Violation>),
}

/// Refuses a type that cannot read data that its schema accepts, or that writes it in a form that its outbound schema
/// does not allow. Returns keywords to add if they would make the type and the schema agree. The schemas at the places
/// `seen` already have such keywords.
pub(super) fn verify(
    inbound: &EventSchema,
    outbound: Option<&EventSchema>,
    sampler: &Sampler<'_>,
    reshape: Reshape<'_>,
    read: Read<'_>,
    seen: &BTreeSet<String>,
) -> Result<Vec<Narrower>, SchemaError> {
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
    let mut found: Vec<_> = search.first(vec![smallest]).into_iter().collect();
    if found.is_empty() {
        found = search.all(trials(sampler));
    }
    // Undeclared properties explain less than the values of declared ones.
    found.sort_by_key(|(trial, _)| matches!(trial.content, Content::With(_)));
    let mut narrower: Vec<Narrower> = Vec::new();
    let mut first = None;
    for (trial, disagreement) in found {
        let payload = sampler.payload(&[&trial]).unwrap_or_default();
        let narrow = match disagreement {
            Disagreement::Refused(violation) => Refused {
                sampler,
                trial: &trial,
                payload: &payload,
                violation: &violation,
                reshape,
                known: &narrower,
            }
            .narrower(read, seen),
            Disagreement::WrittenDifferently(violations) => Err(SchemaError::WrittenDifferently {
                at: sampler.graph().at(sampler.target(trial.step)).to_owned(),
                data: shortened(&payload),
                violations,
            }),
        };
        match narrow {
            Ok(added) if narrower.iter().any(|known| known.at == added.at) => {}
            Ok(added) => narrower.push(added),
            Err(error) => drop(first.get_or_insert(error)),
        }
    }
    match first {
        Some(error) if narrower.is_empty() => Err(error),
        _ => Ok(narrower),
    }
}

/// All samples of each schema, at each place where it occurs.
fn trials(sampler: &Sampler<'_>) -> Vec<Trial> {
    let trials = sampler.places().flat_map(|step| {
        let contents = sampler.contents(sampler.target(step));
        contents.into_iter().map(move |content| Trial { step, content })
    });
    trials.collect()
}
