//! Type expressions of TypeScript: names, literals, unions and intersections.
//!
//! Adds parentheses where they are needed. Knows no JSON Schema.

use serde_json::Value;

/// The name of a type, or `unknown` without one.
pub(super) fn reference(name: Option<&str>) -> &str {
    name.unwrap_or("unknown")
}

/// The name of a property, quoted if necessary.
pub(super) fn property_name(name: &str) -> String {
    let is_identifier = name
        .chars()
        .all(|character| character.is_ascii_alphanumeric() || character == '_' || character == '$')
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty();
    if is_identifier {
        name.to_owned()
    } else {
        Value::from(name).to_string()
    }
}

pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(literal).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(properties) => {
            let properties: Vec<String> = properties
                .iter()
                .map(|(name, value)| format!("{}: {}", property_name(name), literal(value)))
                .collect();
            format!("{{ {} }}", properties.join("; "))
        }
        scalar => scalar.to_string(),
    }
}

/// A type expression, and how tightly its operator binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expression {
    pub(super) text: String,
    binding: Binding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Union,
    Intersection,
    Atom,
}

impl Expression {
    pub(super) fn atom(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            binding: Binding::Atom,
        }
    }

    /// The text as an operand of an operator that binds most tightly, such as `[]`.
    pub(super) fn into_operand(self) -> String {
        self.within(Binding::Atom)
    }

    /// The text as an operand of an operator that binds as tightly as `binding`.
    fn within(self, binding: Binding) -> String {
        if self.binding < binding {
            format!("({})", self.text)
        } else {
            self.text
        }
    }
}

pub(super) fn union(members: impl IntoIterator<Item = Expression>) -> Expression {
    let mut distinct: Vec<Expression> = Vec::new();
    for member in members {
        if member.text == "unknown" {
            return member;
        }
        if member.text != "never" && !distinct.contains(&member) {
            distinct.push(member);
        }
    }
    joined(distinct, Binding::Union, " | ", "never")
}

pub(super) fn intersection(members: impl IntoIterator<Item = Expression>) -> Expression {
    let mut distinct: Vec<Expression> = Vec::new();
    for member in members {
        if member.text == "never" {
            return member;
        }
        if member.text != "unknown" && !distinct.contains(&member) {
            distinct.push(member);
        }
    }
    joined(distinct, Binding::Intersection, " & ", "unknown")
}

fn joined(mut members: Vec<Expression>, binding: Binding, operator: &str, empty: &str) -> Expression {
    match members.len() {
        0 => Expression::atom(empty),
        1 => members.remove(0),
        _ => Expression {
            text: members
                .into_iter()
                .map(|member| member.within(binding))
                .collect::<Vec<_>>()
                .join(operator),
            binding,
        },
    }
}
