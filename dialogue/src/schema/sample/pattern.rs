//! Texts that match a pattern, for samples.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::schema::pattern::translate;

/// The maximum length of a sample text. Longer repetitions only cost time and memory.
const MAX_LENGTH: usize = 100_000;

/// A text that matches the whole `pattern`. Where more repetitions are allowed than needed, it has `more` additional
/// ones. `None` if the pattern does not parse or needs too long a text. Assertions are not checked.
pub(super) fn example(pattern: &str, more: u32) -> Option<String> {
    let mut text = String::new();
    let pattern = translate(pattern).ok()?;
    write(&regex_syntax::parse(&pattern).ok()?, more, &mut text)?;
    Some(text)
}

fn write(hir: &Hir, more: u32, text: &mut String) -> Option<()> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(std::str::from_utf8(&literal.0).ok()?),
        HirKind::Class(Class::Unicode(class)) => {
            // Prefer a letter: it is less likely than a control character to break another rule.
            let ranges = class.ranges();
            let letter = ranges.iter().find(|range| range.start() <= 'a' && 'a' <= range.end());
            text.push(letter.map_or_else(|| ranges.first().map(|range| range.start()), |_| Some('a'))?);
        }
        HirKind::Class(Class::Bytes(class)) => text.push(char::from(class.ranges().first()?.start())),
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(u32::MAX);
            for _ in 0..repetition.min.saturating_add(more).min(most) {
                write(&repetition.sub, more, text)?;
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, more, text)?,
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| write(part, more, text))?,
        HirKind::Alternation(parts) => write(parts.first()?, more, text)?,
    }
    (text.len() <= MAX_LENGTH).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_match_the_pattern() {
        assert_eq!(example("^[A-Z]{2}-[0-9]+$", 0).as_deref(), Some("AA-0"));
        assert_eq!(example("^(b|c)x?\\.$", 1).as_deref(), Some("bx."));
        assert_eq!(example("[^x]", 0).as_deref(), Some("a"));
        assert_eq!(example("(", 0), None);
    }

    #[test]
    fn a_huge_repetition_has_no_example() {
        assert_eq!(example("((a{1000}){1000}){1000}", 0), None);
    }
}
