//! Checks of `docs/types.md` beside its code blocks, which `src/lib.rs` compiles.

use std::collections::BTreeSet;

fn text(path: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    std::fs::read_to_string(format!("{root}/{path}")).expect("a file of the repository")
}

/// The features of schemars that these tests enable are those that the page's table names.
#[test]
fn the_page_names_each_feature_of_schemars_that_is_tested() {
    let manifest = text("tests/types/Cargo.toml");
    let (_, features) = manifest.split_once("schemars = {").unwrap();
    let (features, _) = features.split_once(']').unwrap();
    let tested: BTreeSet<&str> = features.split('"').skip(1).step_by(2).collect();
    let page = text("docs/types.md");
    let table = page.lines().filter(|line| line.starts_with("| "));
    let columns = table.filter_map(|line| line.split('|').nth(2));
    let named: BTreeSet<&str> = columns
        .flat_map(|column| column.split('`').skip(1).step_by(2))
        .filter(|name| name.ends_with(|last: char| last.is_ascii_digit()))
        .collect();
    assert_eq!(named, tested);
}

/// The dependencies that a reader copies have the features that these tests enable.
#[test]
fn the_dependencies_of_the_page_are_tested() {
    let page = text("docs/types.md");
    let (_, block) = page.split_once("```toml\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let manifest = text("tests/types/Cargo.toml");
    for line in block.lines().filter(|line| line.contains(" = {")) {
        let (name, _) = line.split_once(" = ").unwrap();
        let start = manifest
            .find(&format!("\n{name} = "))
            .unwrap_or_else(|| panic!("no {name}"));
        let tested = &manifest[start + 1..];
        let tested = &tested[..tested.find("}\n").unwrap()];
        let (_, features) = line.split_once("features = [").unwrap();
        for feature in features
            .split('"')
            .skip(1)
            .step_by(2)
            .filter(|feature| *feature != "v4")
        {
            assert!(tested.contains(&format!("\"{feature}\"")), "{name}: {feature}");
        }
    }
}
