//! The tables of `ARCHITECTURE.md`: reading them, and comparing them with the code.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::imports::Graph;

/// The header of the table of imports.
const IMPORTS: [&str; 3] = ["module", "purpose", "imports"];
/// The header of the table that says what to edit.
const TO_ADD: [&str; 3] = ["to add", "edit", "these fail until you do"];

/// A row of the table that says what to edit.
pub(crate) struct ToAdd {
    pub(crate) what: String,
    /// The files to edit.
    pub(crate) files: Vec<String>,
    /// The tests and files that fail until then.
    pub(crate) fails: Vec<String>,
}

/// The rows of the table with this header, cell by cell.
pub(crate) fn table<'document>(document: &'document str, header: &[&str]) -> Vec<Vec<&'document str>> {
    let cells = |line: &'document str| -> Option<Vec<&'document str>> {
        let inner = line.strip_prefix('|')?.strip_suffix('|')?;
        Some(inner.split('|').map(str::trim).collect())
    };
    document
        .lines()
        .skip_while(|line| cells(line).as_deref() != Some(header))
        .skip(2)
        .map_while(cells)
        .collect()
}

/// The texts between backticks in a cell.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The mistakes in the table of imports, each with the right row. `None` if there are none.
pub(crate) fn false_imports(document: &str, modules: &Graph) -> Option<String> {
    let rows = table(document, &IMPORTS);
    let name_of = |row: &[&str]| quoted(row.first().unwrap_or(&"")).concat();
    let purposes: BTreeMap<String, &str> = rows
        .iter()
        .map(|row| (name_of(row), row.get(1).copied().unwrap_or_default()))
        .collect();
    let right = |module: &str| {
        let imports: Vec<_> = modules[module].keys().map(|import| format!("`{import}`")).collect();
        let imports = if imports.is_empty() {
            "nothing".to_owned()
        } else {
            imports.join(", ")
        };
        let purpose = purposes.get(module).copied().unwrap_or("?");
        format!("| `{module}` | {purpose} | {imports} |")
    };
    let mut wrong = String::new();
    for row in &rows {
        let name = name_of(row);
        if !modules.contains_key(&name) {
            let _ = writeln!(wrong, "there is no module `{name}`");
        } else if format!("| {} |", row.join(" | ")) != right(&name) {
            let _ = writeln!(wrong, "the row of `{name}` should be:\n{}", right(&name));
        }
    }
    for module in modules.keys() {
        match rows.iter().filter(|row| name_of(row) == *module).count() {
            0 => {
                let _ = writeln!(wrong, "this row is missing:\n{}", right(module));
            }
            1 => {}
            _ => {
                let _ = writeln!(wrong, "`{module}` has more than one row");
            }
        }
    }
    (!wrong.is_empty()).then_some(wrong)
}

/// The imports in the table that point to a row above: `from` and `to`.
pub(crate) fn imports_upwards(document: &str) -> Vec<(String, String)> {
    let rows: Vec<_> = table(document, &IMPORTS)
        .iter()
        .map(|row| (quoted(row[0]).concat(), quoted(row.last().unwrap_or(&""))))
        .collect();
    let place = |module: &str| rows.iter().position(|(name, _)| name == module);
    let mut upwards = Vec::new();
    for (name, imports) in &rows {
        for import in imports {
            if place(import) < place(name) {
                upwards.push((name.clone(), import.clone()));
            }
        }
    }
    upwards
}

/// The table that says what to edit.
pub(crate) fn to_add(document: &str) -> Vec<ToAdd> {
    let is_file = |name: &String| name.contains('/') || name.contains('.');
    let rows = table(document, &TO_ADD).into_iter().map(|row| ToAdd {
        what: row[0].to_owned(),
        files: quoted(row[1]).into_iter().filter(is_file).collect(),
        fails: quoted(row[2]),
    });
    rows.collect()
}

/// The files and folders of the repository that a document names between backticks.
pub(crate) fn files(document: &str) -> Vec<String> {
    let is_path_character = |character: char| character.is_ascii_alphanumeric() || "._-/".contains(character);
    let names = document.lines().flat_map(quoted);
    let files = names.filter(|name| name.contains('/') || name.ends_with(".rs"));
    files
        .filter(|name| !name.starts_with('/') && !name.starts_with("target/") && name.chars().all(is_path_character))
        .collect()
}
