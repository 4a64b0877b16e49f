//! The compiler from schemas to validators.

use serde_json::Value;

use super::error::SchemaError;
use super::pattern::{self, Rewritten, WrittenPatterns};

/// Compiles a schema into a validator. Its errors name patterns in the engine's form.
pub(super) fn compile(schema: &Value) -> Result<(jsonschema::Validator, WrittenPatterns), SchemaError> {
    let Rewritten { schema, patterns } = Rewritten::of(schema)?;
    match options().build(&schema) {
        Ok(validator) => Ok((validator, patterns)),
        Err(error) => Err(invalid(&schema, &patterns, &error)),
    }
}

/// Compiles each part of a schema into a validator. The places are those of the rewritten schema.
pub(super) fn compile_parts(schema: &Value) -> Result<(jsonschema::ValidatorMap, WrittenPatterns), SchemaError> {
    let Rewritten { schema, patterns } = Rewritten::of(schema)?;
    match options().build_map(&schema) {
        Ok(validators) => Ok((validators, patterns)),
        Err(error) => Err(invalid(&schema, &patterns, &error)),
    }
}

/// The options with which all schemas are compiled.
fn options() -> jsonschema::ValidationOptions<'static> {
    jsonschema::options()
        .should_validate_formats(true)
        .with_format("regex", pattern::is_valid)
        .with_pattern_options(jsonschema::PatternOptions::regex())
        // Never fetch a schema, even if another crate in the build enables that feature of the validator.
        .offline()
}

fn invalid(schema: &Value, patterns: &WrittenPatterns, error: &jsonschema::ValidationError<'_>) -> SchemaError {
    let place = error.instance_path().to_string();
    let at = patterns.published_place(&place).into_owned();
    let is_pattern = match place.rsplit_once('/') {
        Some((_, "pattern")) => schema.pointer(&place).is_some_and(Value::is_string),
        Some((parent, _)) => parent.ends_with("/patternProperties") && error.instance().is_string(),
        None => false,
    };
    // The engine accepts every pattern that was rewritten, unless it is too large.
    if is_pattern {
        return SchemaError::PatternTooLarge { at };
    }
    let source = error.to_string().into();
    SchemaError::Invalid { at, source }
}
