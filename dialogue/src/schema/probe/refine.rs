//! The steps of a probe, one after the other.

use std::cell::RefCell;

use serde_json::Value;

use super::closed_objects::close_objects;
use super::map_keys::{bound_integer_keys, bound_text_keys};
use super::search::{Search, Verdict};
use super::verify::verify;
use crate::schema::accepted_names::Names;
use crate::schema::compile::SchemaError;
use crate::schema::decode::{self, Reshape};
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
    let sampler = Sampler::new(&inbound);
    refuse_endless(&sampler)?;
    let with_integers = bound_integer_keys(&sampler, reshape)?;
    let sampler = with_integers.as_ref().map_or(sampler, Sampler::new);
    let names = names_read::<E>(&sampler);
    let with_texts = bound_text_keys(&sampler, &names, reshape);
    let inbound = EventSchema::compile(with_texts.or(with_integers).unwrap_or(inbound))?;
    let sampler = Sampler::new(inbound.enforced());
    let closed = close_objects(&inbound, &sampler, &names, reshape);
    let closed = closed.map(EventSchema::compile).transpose()?;
    let outbound = outbound.map(EventSchema::compile).transpose()?;
    let refused_at = |data: &Value| Names::default().add::<E>(data).err();
    let verify = |inbound: &EventSchema, sampler: &Sampler<'_>| {
        verify(inbound, outbound.as_ref(), sampler, reshape, &refused_at)
    };
    match &closed {
        Some(closed) => verify(closed, &Sampler::new(closed.enforced()))?,
        None => verify(&inbound, &sampler)?,
    }
    let inbound = closed.unwrap_or(inbound);
    Ok(Refined { inbound, outbound })
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
