//! The value that a type refuses, where serde reads through a buffer and only the error of the type shows it.

use serde_json::Value;

use crate::schema::walk;

/// The innermost place at or below `path` whose value the type refuses. A type that no longer sees the refused value
/// has another error, if any: that the field is missing. A type that no longer sees another value has the same error,
/// unless the value is a tag.
pub(super) fn culprit(
    payload: &Value,
    path: &str,
    is_tag: &dyn Fn(&str) -> bool,
    message: &dyn Fn(&Value) -> Option<String>,
) -> String {
    let known = message(payload);
    let mut path = path.to_owned();
    while let Some(part) = parts(payload, &path).into_iter().find(|part| {
        let mut without = payload.clone();
        !is_tag(part) && remove(&mut without, part) && message(&without) != known
    }) {
        path = part;
    }
    only_leaf(payload, &path).unwrap_or(path)
}

/// The places of the parts of a value.
fn parts(payload: &Value, path: &str) -> Vec<String> {
    match payload.pointer(path) {
        Some(Value::Object(fields)) => {
            let name = |name: &String| format!("{path}/{}", walk::escape(name));
            fields.keys().map(name).collect()
        }
        Some(Value::Array(items)) => (0..items.len()).map(|index| format!("{path}/{index}")).collect(),
        _ => Vec::new(),
    }
}

fn remove(payload: &mut Value, path: &str) -> bool {
    let Some((holder, part)) = path.rsplit_once('/') else {
        return false;
    };
    let part = part.replace("~1", "/").replace("~0", "~");
    match payload.pointer_mut(holder) {
        Some(Value::Object(fields)) => fields.remove(&part).is_some(),
        Some(Value::Array(items)) => match part.parse::<usize>() {
            Ok(index) if index < items.len() => {
                items.remove(index);
                true
            }
            _ => false,
        },
        _ => false,
    }
}

/// The only value in an object at `path`, and so on, if there is one.
fn only_leaf(payload: &Value, path: &str) -> Option<String> {
    let mut path = path.to_owned();
    loop {
        match (payload.pointer(&path), parts(payload, &path).as_slice()) {
            (Some(Value::Object(_)), [part]) => path = part.clone(),
            (Some(Value::Object(_)), _) => return None,
            _ => return Some(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Deserialize)]
    #[serde(tag = "kind")]
    #[expect(dead_code, reason = "only its errors matter")]
    enum Tagged {
        Both {
            first: String,
            second: std::net::SocketAddr,
            third: Vec<(u8, char)>,
        },
    }

    #[test]
    fn the_refused_value_is_the_one_without_which_the_error_changes() {
        let message = |data: &Value| Tagged::deserialize(data).err().map(|error| error.to_string());
        for (second, third, culprits) in [
            (json!("a"), json!([]), "/second"),
            (json!("127.0.0.1:80"), json!([[1, "a"], [1, "ab"]]), "/third/1"),
        ] {
            let data = json!({ "kind": "Both", "first": "a", "second": second, "third": third });
            let found = culprit(&data, "", &|path| path == "/kind", &message);
            assert!(found.starts_with(culprits), "{found}");
        }
    }
}
