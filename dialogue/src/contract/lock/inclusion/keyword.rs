//! The keywords that the comparison knows.

/// Whether the comparison covers a keyword, or the keyword does not restrict instances.
pub(super) fn is_understood(keyword: &str) -> bool {
    const COMPARED: [&str; 29] = [
        "$ref",
        "additionalProperties",
        "allOf",
        "anyOf",
        "const",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "items",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "oneOf",
        "pattern",
        "patternProperties",
        "prefixItems",
        "properties",
        "propertyNames",
        "required",
        "type",
        "unevaluatedProperties",
        "uniqueItems",
    ];
    const REMARKS: [&str; 15] = [
        "$comment",
        "$defs",
        "$schema",
        "contentEncoding",
        "contentMediaType",
        "contentSchema",
        "default",
        "definitions",
        "deprecated",
        "description",
        "examples",
        "readOnly",
        "title",
        "writeOnly",
        "x-dialogue",
    ];
    COMPARED.contains(&keyword) || REMARKS.contains(&keyword)
}
