//! The values of a script: placeholders, spreads and optional fields. `docs/conformance/README.md` defines them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// The values of placeholders, by their name with the `$`.
pub(crate) type Bound = BTreeMap<String, Value>;

/// Why something is not what the script expects.
pub(crate) type Mismatch = String;

/// The value with every placeholder filled in.
pub(crate) fn fill(value: &Value, bound: &Bound) -> Result<Value, Mismatch> {
    match value {
        Value::String(name) if name.starts_with('$') => {
            let found = bound.get(name).cloned();
            found.ok_or_else(|| format!("{name} has no value here"))
        }
        Value::Array(items) => items.iter().map(|item| fill(item, bound)).collect(),
        Value::Object(_) => {
            let mut filled = Map::new();
            for (name, field) in spread(value, bound)? {
                match name.strip_suffix('?') {
                    None => drop(filled.insert(name, fill(&field, bound)?)),
                    Some(plain) => {
                        let value = field.as_str().and_then(|placeholder| bound.get(placeholder));
                        filled.extend(value.map(|value| (plain.to_owned(), value.clone())));
                    }
                }
            }
            Ok(Value::Object(filled))
        }
        plain => Ok(plain.clone()),
    }
}

/// Compares a value with what the script expects. Gives unbound placeholders their values.
pub(crate) fn check(expected: &Value, actual: &Value, bound: &mut Bound) -> Result<(), Mismatch> {
    let differs = || Err(format!("expected {expected}, got {actual}"));
    match (expected, actual) {
        (Value::String(name), _) if name == "$any" => Ok(()),
        (Value::String(name), _) if name.starts_with('$') => match bound.get(name).cloned() {
            Some(value) => check(&value, actual, bound),
            None => {
                bound.insert(name.clone(), actual.clone());
                Ok(())
            }
        },
        (Value::Object(expected), Value::Array(actual)) if expected.contains_key("$set") => {
            let items = expected["$set"].as_array().ok_or("`$set` has a list")?;
            check_set(items, actual, bound)
        }
        (Value::Object(_), Value::Object(actual)) => check_fields(&spread(expected, bound)?, actual, bound),
        (Value::Array(expected), Value::Array(items)) if expected.len() == items.len() => {
            let mut pairs = expected.iter().zip(items);
            pairs.try_for_each(|(expected, actual)| check(expected, actual, bound))
        }
        _ if expected == actual => Ok(()),
        _ => differs(),
    }
}

/// Compares a list in any order.
pub(crate) fn check_set(expected: &[Value], actual: &[Value], bound: &mut Bound) -> Result<(), Mismatch> {
    let mut left = actual.to_vec();
    for item in expected {
        let found = left.iter().position(|candidate| {
            let mut attempt = bound.clone();
            let is_it = check(item, candidate, &mut attempt).is_ok();
            if is_it {
                *bound = attempt;
            }
            is_it
        });
        match found {
            Some(index) => drop(left.remove(index)),
            None => return Err(format!("{item} is not in {left:?}")),
        }
    }
    if left.is_empty() {
        Ok(())
    } else {
        Err(format!("not expected: {}", Value::Array(left)))
    }
}

/// Compares what the user sees. It has an order only within each group.
pub(crate) fn check_groups(expected: &[Value], seen: &[Value], bound: &mut Bound) -> Result<(), Mismatch> {
    let (wanted, actual) = (groups(expected, bound)?, groups(seen, bound)?);
    let names: BTreeSet<_> = wanted.keys().chain(actual.keys()).collect();
    for name in names {
        let of = |groups: &BTreeMap<String, Vec<Value>>| Value::Array(groups.get(name).cloned().unwrap_or_default());
        check(&of(&wanted), &of(&actual), bound).map_err(|mismatch| format!("{name}: {mismatch}"))?;
    }
    Ok(())
}

fn groups(items: &[Value], bound: &Bound) -> Result<BTreeMap<String, Vec<Value>>, Mismatch> {
    let mut groups: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for item in items {
        let fields = item.as_object().ok_or_else(|| format!("not an object: {item}"))?;
        let kind = ["result", "recovered", "joined", "event", "erased", "gap", "left"]
            .into_iter()
            .find(|kind| fields.contains_key(*kind));
        let handle = fields.get("handle").and_then(Value::as_str).unwrap_or_default();
        let group = match kind {
            Some("result") => format!("result {}", fields["result"]),
            Some("recovered") => format!("recovery of {} {handle}", room_of(&fields["recovered"], bound)?),
            Some(kind) => format!("room {} {handle}", room_of(&fields[kind], bound)?),
            None => fields.keys().next().cloned().unwrap_or_default(),
        };
        groups.entry(group).or_default().push(item.clone());
    }
    Ok(groups)
}

/// The room of something seen, which may be a placeholder or spread one.
fn room_of(value: &Value, bound: &Bound) -> Result<Value, Mismatch> {
    let value = match value {
        Value::String(name) => bound.get(name).ok_or_else(|| format!("{name} has no value"))?,
        value => value,
    };
    let room = spread(value, bound)?.get("roomId").cloned();
    room.ok_or_else(|| format!("no room in {value}"))
}

fn check_fields(expected: &Map<String, Value>, actual: &Map<String, Value>, bound: &mut Bound) -> Result<(), Mismatch> {
    for (name, field) in expected {
        let plain = name.strip_suffix('?');
        match (actual.get(plain.unwrap_or(name)), plain) {
            (Some(value), _) => check(field, value, bound).map_err(|mismatch| format!("{name}: {mismatch}"))?,
            (None, Some(_)) => {}
            (None, None) => return Err(format!("{name} is missing in {actual:?}")),
        }
    }
    let is_known = |name: &String| expected.contains_key(name) || expected.contains_key(&format!("{name}?"));
    match actual.keys().find(|name| !is_known(name)) {
        Some(extra) => Err(format!("{extra} is not expected in {actual:?}")),
        None => Ok(()),
    }
}

/// The fields of an object, with those of the object that its field `...` names. Fields of its own win.
pub(crate) fn spread(value: &Value, bound: &Bound) -> Result<Map<String, Value>, Mismatch> {
    let mut own = value.as_object().cloned().unwrap_or_default();
    let Some(name) = own.remove("...") else {
        return Ok(own);
    };
    let spread = name.as_str().and_then(|name| bound.get(name));
    let spread = spread
        .and_then(Value::as_object)
        .ok_or_else(|| format!("{name} is not an object"))?;
    let mut fields = spread.clone();
    fields.extend(own);
    Ok(fields)
}
