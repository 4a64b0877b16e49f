//! The difference between two texts, line by line, in the format that version control uses.

/// How many unchanged lines are shown around changed ones.
const CONTEXT: usize = 3;

/// The removed (`-`) and added (`+`) lines, with a few unchanged lines around them.
pub(super) fn lines(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let edits = edits(&old, &new);
    let is_near = |at: usize| {
        let (from, to) = (at.saturating_sub(CONTEXT), (at + CONTEXT + 1).min(edits.len()));
        edits[from..to].iter().any(|(mark, _)| *mark != ' ')
    };
    let mut text = String::new();
    let mut skipped = false;
    for (at, (mark, line)) in edits.iter().enumerate() {
        if is_near(at) {
            if skipped {
                text += "  …\n";
            }
            skipped = false;
            text += format!("{mark} {line}").trim_end();
            text.push('\n');
        } else {
            skipped = true;
        }
    }
    text
}

/// Both texts as one list of lines, by a longest common subsequence of the lines between their equal ends.
fn edits<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<(char, &'t str)> {
    let same = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
    let head = same(&mut old.iter().zip(new));
    let (rest_old, rest_new) = (&old[head..], &new[head..]);
    let tail = same(&mut rest_old.iter().rev().zip(rest_new.iter().rev()));
    let (a, b) = (&rest_old[..rest_old.len() - tail], &rest_new[..rest_new.len() - tail]);
    // `common[i][j]` is the length of the longest common subsequence of `a[i..]` and `b[j..]`.
    let mut common = vec![vec![0_u32; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i][j] = if a[i] == b[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let mut edits: Vec<_> = old[..head].iter().map(|line| (' ', *line)).collect();
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            edits.push((' ', a[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == b.len() || (i < a.len() && common[i + 1][j] >= common[i][j + 1]) {
            edits.push(('-', a[i]));
            i += 1;
        } else {
            edits.push(('+', b[j]));
            j += 1;
        }
    }
    edits.extend(old[old.len() - tail..].iter().map(|line| (' ', *line)));
    edits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_changed_lines_among_a_few_unchanged_ones() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12";
        let new = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n10\n11\n12\n13";
        assert_eq!(
            lines(old, new),
            "  …\n  2\n  3\n  4\n- 5\n+ five\n  6\n  7\n  8\n  …\n  10\n  11\n  12\n+ 13\n"
        );
    }

    #[test]
    fn moved_lines_are_not_all_replaced() {
        assert_eq!(lines("a\nb\nc", "b\nc\na"), "- a\n  b\n  c\n+ a\n");
        assert_eq!(lines("a", "a"), "");
    }
}
