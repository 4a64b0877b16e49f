//! Comments that editors show.

/// The number of spaces per level of indentation.
pub(super) const INDENT: usize = 2;

/// A TSDoc comment with a text and tags, followed by a line break. Empty if there is no text and no tag.
pub(super) fn tsdoc(description: Option<&str>, tags: &[String], indent: usize) -> String {
    let space = " ".repeat(indent);
    let lines: Vec<String> = description
        .into_iter()
        .flat_map(str::lines)
        .map(str::to_owned)
        .chain(tags.iter().cloned())
        // The text must not contain the end of the comment.
        .map(|line| line.replace("*/", "*\\/").trim_end().to_owned())
        .collect();
    match lines.as_slice() {
        [] => String::new(),
        [line] => format!("{space}/** {line} */\n"),
        lines => {
            let mut text = format!("{space}/**\n");
            for line in lines {
                text += format!("{space} * {line}").trim_end();
                text.push('\n');
            }
            text + &space + " */\n"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_cannot_be_ended_from_within() {
        assert_eq!(tsdoc(Some("a */ b"), &[], 2), "  /** a *\\/ b */\n");
    }

    #[test]
    fn keeps_line_breaks() {
        assert_eq!(
            tsdoc(Some("One.\n\nTwo."), &["@deprecated".to_owned()], 0),
            "/**\n * One.\n *\n * Two.\n * @deprecated\n */\n"
        );
        assert_eq!(tsdoc(None, &[], 0), "");
    }
}
