//! A schema and the validator compiled from it, or why there is none.

use std::sync::OnceLock;

use serde_json::Value;

use super::decode_cost;
use super::explain::{self, Narrow};
use super::violation::{self, Violation};

/// Why a schema cannot be enforced. Places are JSON Pointers into the schema, written as fragments (`#/properties/id`).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// It is not a JSON Schema that compiles: malformed, with a reference that leads outside, or with a pattern that
    /// needs backtracking.
    #[error("the schema does not compile: at `#{at}`: {reason}")]
    Invalid {
        /// Where in the schema.
        at: String,
        /// What the compiler says.
        reason: String,
    },
    /// It has an integer of 128 bits, which JSON numbers do not carry through the parsers of clients or of this server.
    #[error("the schema has a 128-bit integer at `#{at}`: use 64 bits or a string")]
    Integer128 {
        /// Where in the schema.
        at: String,
    },
    /// It has a map with integer keys in a place where serde cannot read them: below a `flatten`, or in an untagged or
    /// internally tagged enum, serde sees keys as strings and does not parse them.
    #[error("the type cannot read the integer keys of the map at `#{at}`: use string keys, or another enum tagging")]
    IntegerKeys {
        /// Where in the schema.
        at: String,
    },
    /// The type refuses data that its schema accepts, or makes of it what its schema does not allow, so that what is
    /// published would not be what is enforced.
    #[error("the type disagrees with its schema at `#{at}` about `{data}`: {reason}; say it in `#[schemars(…)]`")]
    Disagreement {
        /// Where in the schema.
        at: String,
        /// A payload, as JSON, that shows it.
        data: String,
        /// What the type says of the data, or the schema of what the type made of it.
        reason: String,
    },
}

/// A published schema with the validator compiled from it.
pub(crate) struct EventSchema {
    published: Value,
    validator: jsonschema::Validator,
    /// What tells the violations of data by which the validator would take too long; made when first needed.
    narrow: OnceLock<Option<Narrow>>,
    /// Whether its type may read a value more than once.
    choices: OnceLock<bool>,
}

/// How schemas are compiled.
pub(super) fn options() -> jsonschema::ValidationOptions<'static> {
    jsonschema::options()
        .should_validate_formats(true)
        .with_pattern_options(jsonschema::PatternOptions::regex())
        // Whatever features of the validator others in the build may have turned on.
        .offline()
}

impl EventSchema {
    pub(crate) fn compile(published: Value) -> Result<Self, SchemaError> {
        let validator = options()
            .build(&published)
            .map_err(|error| invalid(&published, &error))?;
        Ok(Self {
            published,
            validator,
            narrow: OnceLock::new(),
            choices: OnceLock::new(),
        })
    }

    pub(crate) fn published(&self) -> &Value {
        &self.published
    }

    pub(super) fn accepts(&self, data: &Value) -> bool {
        self.validator.is_valid(data)
    }

    pub(crate) fn check(&self, data: &Value) -> Result<(), Vec<Violation>> {
        // Telling whether is several times cheaper than telling why.
        if self.accepts(data) {
            return Ok(());
        }
        if let Some(narrow) = self.narrow().filter(|_| explain::takes_long(&self.published, data)) {
            return Err(narrow.violations(&self.published, data));
        }
        Err(violation::violations(self.validator.iter_errors(data)))
    }

    /// Refuses valid data that its type would take too long to read.
    pub(crate) fn check_readings(&self, data: &Value) -> Result<(), Vec<Violation>> {
        let has_choices = *self.choices.get_or_init(|| decode_cost::has_choices(&self.published));
        match has_choices.then(|| self.narrow()).flatten() {
            Some(narrow) => decode_cost::check(narrow, &self.published, data),
            None => Ok(()),
        }
    }

    fn narrow(&self) -> Option<&Narrow> {
        self.narrow.get_or_init(|| Narrow::of(&self.published)).as_ref()
    }
}

fn invalid(schema: &Value, error: &jsonschema::ValidationError<'_>) -> SchemaError {
    let at = error.instance_path().to_string();
    let pattern = schema
        .pointer(&at)
        .and_then(Value::as_str)
        .filter(|_| at.ends_with("/pattern"));
    let reason = match pattern.map(regex_syntax::parse) {
        // Says what of the pattern is not supported, where the validator says only that it is none.
        Some(Err(regex_syntax::Error::Parse(error))) => error.kind().to_string(),
        Some(Err(regex_syntax::Error::Translate(error))) => error.kind().to_string(),
        Some(Ok(_)) => {
            "the pattern needs too much memory: it has too large repetitions, or repetitions of them".to_owned()
        }
        _ => error.to_string(),
    };
    SchemaError::Invalid { at, reason }
}
