//! The declarations of the browser's client, and the names that they use.

use std::collections::BTreeSet;

/// The client's own types, for unknown rooms. The file compiles as it is.
pub(super) const BASE: &str = include_str!("../../../npm/client.d.ts");

/// The marks in [`BASE`]. The rooms are inserted between them.
pub(super) const BEGIN: &str = "// <rooms>\n";
pub(super) const END: &str = "// </rooms>";

/// All names that the client's own types use, and `Record`, which the translation uses. An event called `error` must
/// not take the name `Error` from them. The names of their type parameters are free, so an event may be called
/// `Message`.
pub(in super::super) fn reserved() -> impl Iterator<Item = String> {
    let code = BASE.lines().filter(|line| {
        let line = line.trim_start();
        !["//", "/*", "*"].iter().any(|comment| line.starts_with(comment))
    });
    let (mut used, mut declared, mut parameters) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (before, word, after) in code.flat_map(words) {
        used.insert(word);
        if ["class ", "interface ", "type "]
            .iter()
            .any(|keyword| before.ends_with(keyword))
        {
            declared.insert(word);
        }
        let opens = before.ends_with('<') || before.ends_with(", ");
        if opens && (after.starts_with(" extends ") || after.starts_with(" = ")) {
            parameters.insert(word);
        }
    }
    used.retain(|word| declared.contains(word) || !parameters.contains(word));
    used.into_iter().chain(["Record"]).map(str::to_owned)
}

/// The words of a line, each with the text before and after it.
fn words(line: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + line[at..].find(is_word)?;
        let end = line[start..]
            .find(|character| !is_word(character))
            .map_or(line.len(), |length| start + length);
        at = end;
        Some((&line[..start], &line[start..end], &line[end..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_parameter_is_not_taken_for_a_use_of_its_name() {
        let found: Vec<_> = words("a<B = C>").collect();
        assert_eq!(
            found,
            [("", "a", "<B = C>"), ("a<", "B", " = C>"), ("a<B = ", "C", ">")]
        );
        assert!(!reserved().any(|name| name == "Message"));
    }

    #[test]
    fn the_clients_types_have_their_marks_and_reserve_their_names() {
        let (before, rest) = BASE.split_once(BEGIN).unwrap();
        assert!(rest.split_once(END).is_some(), "{before}");
        let reserved: BTreeSet<String> = reserved().collect();
        for name in ["DialogueClient", "Error", "EventMessage", "Promise", "Record", "Rooms"] {
            assert!(reserved.contains(name), "{name}");
        }
    }
}
