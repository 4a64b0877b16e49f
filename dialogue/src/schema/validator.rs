//! A published schema together with the validator that enforces it.

use std::sync::OnceLock;

use serde_json::Value;

use super::compile::{SchemaError, compile};
use super::subschemas::SubschemaValidators;
use super::violation::Violation;
use super::{decode_cost, explain, report};

/// A published schema with the validator compiled from it.
pub(crate) struct EventSchema {
    published: Value,
    validator: jsonschema::Validator,
    /// The validators of its parts, if it is recursive. They are built when first needed.
    subschemas: OnceLock<Option<SubschemaValidators>>,
    /// Whether its type may read a value more than once.
    has_choices: OnceLock<bool>,
}

impl EventSchema {
    pub(crate) fn compile(published: Value) -> Result<Self, SchemaError> {
        let validator = compile(&published)?;
        Ok(Self {
            published,
            validator,
            subschemas: OnceLock::new(),
            has_choices: OnceLock::new(),
        })
    }

    pub(crate) fn published(&self) -> &Value {
        &self.published
    }

    pub(super) fn accepts(&self, data: &Value) -> bool {
        self.validator.is_valid(data)
    }

    pub(crate) fn check(&self, data: &Value) -> Result<(), Vec<Violation>> {
        // Checking is several times cheaper than explaining.
        if self.accepts(data) {
            return Ok(());
        }
        let takes_long = |_: &&SubschemaValidators| explain::takes_long(&self.published, data);
        if let Some(subschemas) = self.subschemas().filter(takes_long) {
            return Err(explain::violations(subschemas, &self.published, data));
        }
        Err(report::violations(&self.published, self.validator.iter_errors(data)))
    }

    /// Refuses valid data that its type would take too long to read.
    pub(crate) fn check_decode_cost(&self, data: &Value) -> Result<(), Vec<Violation>> {
        let has_choices = *self
            .has_choices
            .get_or_init(|| decode_cost::has_choices(&self.published));
        match has_choices.then(|| self.subschemas()).flatten() {
            Some(subschemas) => decode_cost::check(subschemas, &self.published, data),
            None => Ok(()),
        }
    }

    fn subschemas(&self) -> Option<&SubschemaValidators> {
        self.subschemas
            .get_or_init(|| SubschemaValidators::of_recursive(&self.published))
            .as_ref()
    }
}
