//! Checks that the documents name tests that exist, show code that is tested, and describe the store's file as it is.

use dialogue_tests::repository;

#[test]
fn every_test_that_the_documents_name_exists() {
    let functions = repository::functions();
    for (document, at_least) in [("docs/promises.md", 100), ("docs/client-rust.md", 20)] {
        let text = repository::text(document);
        let named = tests_named(&text);
        assert!(named.len() >= at_least, "too few names in the tables: {named:?}");
        let missing: Vec<_> = named.iter().filter(|name| !functions.contains(**name)).collect();
        assert!(
            missing.is_empty(),
            "{document} names tests that do not exist: {missing:?}"
        );
    }
}

/// The names in the first column of each table whose header marks it as a table of tests.
fn tests_named(document: &str) -> Vec<&str> {
    let mut in_table = false;
    let rows = document.lines().filter(|line| {
        in_table = line.starts_with("| test |") || (in_table && line.starts_with('|'));
        in_table
    });
    rows.filter_map(|row| row.strip_prefix("| `")?.split(" | ").next())
        .flat_map(|cell| cell.split("`, `"))
        .map(|name| name.trim_end_matches('`'))
        .collect()
}

/// The recipes are in `tests/front-ends`, where `browser.rs` runs them.
#[test]
fn front_ends_md_shows_the_recipes_that_are_tested() {
    let document = repository::text("docs/front-ends.md");
    // A path in a line of its own, followed by the content of the file.
    let shown: Vec<(&str, &str)> = document
        .match_indices("`:\n\n```")
        .filter_map(|(at, marker)| {
            let path = document[..at].rsplit_once("\n`")?.1;
            let block = &document[at + marker.len()..];
            Some((path, block.split_once('\n')?.1.split_once("```\n")?.0))
        })
        .collect();
    assert!(shown.len() >= 20, "too few recipes: {shown:?}");
    for (path, code) in shown {
        let file = format!("tests/front-ends/{path}");
        assert!(
            code == repository::text(&file),
            "docs/front-ends.md shows another {path} than {file}"
        );
    }
}

/// Whoever copies the block gets versions that the program in the README compiles with.
#[test]
fn the_dependencies_in_the_readme_are_those_of_the_workspace() {
    let readme = repository::text("README.md");
    let block = readme
        .split_once("```toml\n[dependencies]\n")
        .expect("a block to copy")
        .1;
    let block = block.split_once("```").expect("the end of the block").0;
    let workspace = repository::text("Cargo.toml");
    let mut names = Vec::new();
    for line in block.lines() {
        let (name, _) = line.split_once(" = ").expect("a dependency in each line");
        let entry = workspace.lines().find(|entry| entry.starts_with(&format!("{name} = ")));
        let entry = entry.unwrap_or_else(|| panic!("{name} is a dependency of the workspace"));
        let version = |entry| quoted(entry).find(|text| text.starts_with(|first: char| first.is_ascii_digit()));
        let (copied, tested) = (version(line).expect("a version"), version(entry).expect("a version"));
        assert!(
            tested.starts_with(copied),
            "{name}: {copied} in the README, {tested} in the workspace"
        );
        names.push(name);
    }
    assert_eq!(names, ["dialogue", "schemars", "serde", "serde_json", "tokio"]);
}

/// The tables of the store, as the code creates them.
fn tables_of_the_store() -> rusqlite::Connection {
    let source = repository::text("dialogue/src/log/sqlite/schema.rs");
    let (_, statements) = source.split_once("CREATE: &str = \"").expect("the statements");
    let (statements, _) = statements.split_once("\";\n").expect("their end");
    let database = rusqlite::Connection::open_in_memory().expect("a database");
    database
        .execute_batch(&statements.replace("\\\"", "\""))
        .expect("the statements of the store");
    database
}

/// Users open the file with `sqlite3`, so the document must know all that is in it.
#[test]
fn durability_md_describes_every_table_and_column_of_the_store() {
    let document = repository::text("docs/durability.md");
    let database = tables_of_the_store();
    let mut tables = database
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().flatten().collect();
    assert!(tables.len() >= 7, "{tables:?}");
    for table in tables {
        let row = document
            .lines()
            .find(|line| line.starts_with(&format!("| `{table}` |")));
        let row = row.unwrap_or_else(|| panic!("docs/durability.md has no row for the table `{table}`"));
        let mut columns = database.prepare("SELECT name FROM pragma_table_info(?1)").unwrap();
        for column in columns
            .query_map([&table], |row| row.get::<_, String>(0))
            .unwrap()
            .flatten()
        {
            let is_described = column == "id" || row.contains(&format!("`{column}`"));
            assert!(is_described, "docs/durability.md does not describe `{table}.{column}`");
        }
    }
}

#[test]
fn the_queries_in_durability_md_run() {
    let document = repository::text("docs/durability.md");
    let (_, queries) = document.split_once("```sql\n").expect("queries");
    let (queries, _) = queries.split_once("```").expect("their end");
    let database = tables_of_the_store();
    let queries: Vec<_> = queries.split(";\n").filter(|query| !query.trim().is_empty()).collect();
    assert!(queries.len() >= 5, "{queries:?}");
    for query in queries {
        database
            .prepare(query)
            .unwrap_or_else(|error| panic!("{query}: {error}"));
    }
}

/// Each failure has a remedy in the document.
#[test]
fn durability_md_names_every_failure_of_the_store() {
    let document = repository::text("docs/durability.md");
    for (file, name) in [
        ("dialogue/src/log/sqlite/error.rs", "pub enum SqliteError {"),
        ("dialogue/src/store_failure.rs", "pub enum StoreFailure {"),
    ] {
        let source = repository::text(file);
        let (_, variants) = source.split_once(name).expect("the enum");
        let (variants, _) = variants.split_once("\n}\n").expect("its end");
        let variants = variants.lines().filter_map(|line| {
            let line = line.strip_prefix("    ")?;
            let starts_variant = line.starts_with(|first: char| first.is_ascii_uppercase());
            starts_variant.then(|| line.split([' ', ',', '(']).next()).flatten()
        });
        let variants: Vec<_> = variants.collect();
        assert!(variants.len() >= 6, "{variants:?}");
        for variant in variants {
            assert!(
                document.contains(&format!("`{variant}`")),
                "docs/durability.md does not name {variant}"
            );
        }
    }
}

/// The texts in quotes.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('"').skip(1).step_by(2)
}
