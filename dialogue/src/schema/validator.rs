//! A schema together with the validator that enforces it.

use std::sync::OnceLock;

use serde_json::Value;

use super::compile::compile;
use super::error::SchemaError;
use super::graph::ROOT;
use super::pattern::WrittenPatterns;
use super::sample::Sampler;
use super::subschemas::SubschemaValidators;
use super::violation::Violation;
use super::{decode_cost, explain, publish, report};

/// A schema with the validator compiled from it.
pub(crate) struct EventSchema {
    enforced: Value,
    /// The form for tools. It is made when first needed.
    published: OnceLock<Value>,
    validator: jsonschema::Validator,
    /// The patterns that the errors of the validator name.
    patterns: WrittenPatterns,
    /// The validators of its parts, if it is recursive. They are built when first needed.
    subschemas: OnceLock<Option<SubschemaValidators>>,
    /// Whether its type may read a value more than once.
    has_choices: OnceLock<bool>,
}

impl EventSchema {
    pub(crate) fn compile(schema: Value) -> Result<Self, SchemaError> {
        let (validator, patterns) = compile(&schema)?;
        Ok(Self {
            enforced: schema,
            published: OnceLock::new(),
            validator,
            patterns,
            subschemas: OnceLock::new(),
            has_choices: OnceLock::new(),
        })
    }

    /// The schema as tools read it.
    pub(crate) fn published(&self) -> &Value {
        self.published.get_or_init(|| publish::published(&self.enforced))
    }

    /// The schema that the validator enforces.
    pub(super) fn enforced(&self) -> &Value {
        &self.enforced
    }

    /// Data that satisfies the schema, if some is found: an example from the schema itself, or a sample.
    pub(crate) fn example(&self) -> Option<Value> {
        let given = self
            .enforced
            .get("examples")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .cloned();
        let sampler = Sampler::new(&self.enforced);
        let samples = [sampler.detailed(), sampler.least(ROOT)];
        given
            .chain(samples.into_iter().flatten())
            .find(|data| self.accepts(data))
    }

    pub(super) fn accepts(&self, data: &Value) -> bool {
        self.validator.is_valid(data)
    }

    pub(crate) fn check(&self, data: &Value) -> Result<(), Vec<Violation>> {
        // Checking is several times cheaper than explaining.
        if self.accepts(data) {
            return Ok(());
        }
        let takes_long = |_: &&SubschemaValidators| explain::takes_long(&self.enforced, data);
        if let Some(subschemas) = self.subschemas().filter(takes_long) {
            return Err(explain::violations(subschemas, &self.enforced, data));
        }
        let errors = self.validator.iter_errors(data);
        Err(report::violations(&self.enforced, &self.patterns, errors))
    }

    /// Refuses valid data that its type would take too long to read.
    pub(crate) fn check_decode_cost(&self, data: &Value) -> Result<(), Vec<Violation>> {
        let has_choices = *self
            .has_choices
            .get_or_init(|| decode_cost::has_choices(&self.enforced));
        match has_choices.then(|| self.subschemas()).flatten() {
            Some(subschemas) => decode_cost::check(subschemas, &self.enforced, data),
            None => Ok(()),
        }
    }

    fn subschemas(&self) -> Option<&SubschemaValidators> {
        self.subschemas
            .get_or_init(|| SubschemaValidators::of_recursive(&self.enforced))
            .as_ref()
    }
}
