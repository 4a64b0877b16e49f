//! A change to a sample, at one place.

use serde_json::{Map, Value};

use crate::schema::graph::StepId;

/// What a sample has at one place.
#[derive(Debug, Clone)]
pub(in crate::schema) struct Trial {
    /// The step that leads to the place. Without a step, it is the whole sample.
    pub(in crate::schema) step: Option<StepId>,
    pub(in crate::schema) content: Content,
}

/// What is done at a place.
#[derive(Debug, Clone)]
pub(in crate::schema) enum Content {
    /// The place has this instance.
    Exactly(Value),
    /// The place has an object with these properties, unless it has others of these names.
    With(Map<String, Value>),
    /// The place has an instance without the parts that it need not have.
    Bare,
    /// The place has an instance, whichever it is.
    Any,
}
