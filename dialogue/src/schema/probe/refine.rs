//! The steps of a probe, one after the other.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::Value;

use super::closed_objects::close_objects;
use super::map_keys::{bound_integer_keys, bound_text_keys};
use super::refused::{Change, Narrower};
use super::search::{Search, Verdict};
use super::strings::{Read, describe, describe_keys, describe_strings, widen_written};
use super::verify::verify;
use crate::schema::accepted_names::Names;
use crate::schema::decode::{self, Reshape};
use crate::schema::error::SchemaError;
use crate::schema::event_data::EventData;
use crate::schema::graph::StepId;
use crate::schema::sample::{Content, Sampler, Trial};
use crate::schema::validator::EventSchema;
use crate::schema::walk::{self, Edge};

/// The schemas of a type, with all rules added that the type turns out to have.
pub(crate) struct Refined {
    pub(crate) inbound: EventSchema,
    /// The schema of the data that the type writes, if it differs.
    pub(crate) outbound: Option<EventSchema>,
}

/// Adds to the inbound schema of `E` all rules that the type turns out to have.
pub(in crate::schema) fn refine<E: EventData>(inbound: Value, outbound: Option<Value>) -> Result<Refined, SchemaError> {
    let reshape: Reshape<'_> = &|data: &Value| {
        #[cfg(test)]
        crate::schema::cost::read(data);
        decode::reshape::<E>(data.clone())
    };
    let read: Read<'_> = &|data: &Value| {
        #[cfg(test)]
        crate::schema::cost::read(data);
        Names::default().add::<E>(data)
    };
    let sampler = Sampler::new(&inbound);
    refuse_endless(&sampler)?;
    let (with_forms, forms) = describe_strings(&sampler, read, reshape);
    let sampler = with_forms.as_ref().map_or(sampler, Sampler::new);
    let with_integers = bound_integer_keys(&sampler, reshape)?;
    let sampler = with_integers.as_ref().map_or(sampler, Sampler::new);
    let names = names_read::<E>(&sampler);
    let with_texts = bound_text_keys(&sampler, &names, reshape);
    let inbound = EventSchema::compile(with_texts.or(with_integers).or(with_forms).unwrap_or(inbound))?;
    let sampler = Sampler::new(inbound.enforced());
    let closed = close_objects(&inbound, &sampler, &names, reshape);
    let closed = closed.map(EventSchema::compile).transpose()?;
    let outbound = outbound.map(|outbound| EventSchema::compile(widen_written(outbound, &forms)));
    let outbound = outbound.transpose()?;
    let verify = |inbound: &EventSchema, sampler: &Sampler<'_>, seen: &BTreeSet<String>| {
        verify(inbound, outbound.as_ref(), sampler, reshape, read, seen)
    };
    let found = match &closed {
        Some(closed) => verify(closed, &Sampler::new(closed.enforced()), &BTreeSet::new())?,
        None => verify(&inbound, &sampler, &BTreeSet::new())?,
    };
    let inbound = narrowed(closed.unwrap_or(inbound), found, &verify)?;
    Ok(Refined { inbound, outbound })
}

/// Looks for limits of a type that its schema does not mention.
type Verify<'a> = dyn Fn(&EventSchema, &Sampler<'_>, &BTreeSet<String>) -> Result<Vec<Narrower>, SchemaError> + 'a;

/// The schema with each limit that was found, and those that are found then.
fn narrowed(
    mut schema: EventSchema,
    mut found: Vec<Narrower>,
    verify: &Verify<'_>,
) -> Result<EventSchema, SchemaError> {
    let mut seen = BTreeSet::new();
    while !found.is_empty() {
        let mut narrower = schema.enforced().clone();
        for Narrower { at, change, keywords } in found {
            if let Some(Value::Object(known)) = narrower.pointer_mut(&at) {
                match change {
                    Change::Keys => describe_keys(known, keywords),
                    Change::Value(family) => describe(known, family, keywords),
                }
            }
            seen.insert(at);
        }
        schema = EventSchema::compile(narrower)?;
        found = verify(&schema, &Sampler::new(schema.enforced()), &seen)?;
    }
    Ok(schema)
}

/// Refuses a schema that refers directly to itself. A type may be itself or something else, such as an untagged `enum
/// E { Again(Box<E>), … }`. Its data is the data of the something else alone. With any other data, serde would try the
/// first variant endlessly.
fn refuse_endless(sampler: &Sampler<'_>) -> Result<(), SchemaError> {
    match sampler.graph().endless() {
        None => Ok(()),
        Some(at) => Err(SchemaError::Endless { at: at.to_owned() }),
    }
}

/// All names of fields and variants that the type reads, including aliases, as far as they can be observed.
fn names_read<E: EventData>(sampler: &Sampler<'_>) -> Names {
    let names = RefCell::new(Names::default());
    // A type stops reading at the first value that it refuses, so the changes of a refused sample are tried separately.
    let judge = |payload: &Value| match names.borrow_mut().add::<E>(payload) {
        Ok(()) => Verdict::Agreed,
        Err(_) => Verdict::Disagreed(()),
    };
    let graph = sampler.graph();
    let is_named = |step: &Option<StepId>| {
        let object = graph.keywords(sampler.target(*step));
        object.is_some_and(|object| walk::has_type(object, "object"))
            || step
                .and_then(|id| graph.step(id))
                .is_some_and(|step| step.edge == Edge::Additional)
    };
    let places = sampler.places().filter(is_named).map(|step| Trial {
        step,
        content: Content::Any,
    });
    let search = Search { sampler, judge: &judge };
    search.all(places.collect());
    names.into_inner()
}
