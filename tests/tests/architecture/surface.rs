//! Checks what the crate exports: few names at its root, documented modules, and each name at one path.

use std::collections::{BTreeMap, BTreeSet};

use dialogue_tests::repository;
use syn::{Attribute, Item, Meta, Visibility};

use super::document::table;
use super::source::{Crate, Found, Import, Sources, imports, item_attributes, item_name};

/// How many names the root may have. A larger root hides the names that a program needs.
const ROOT_NAMES: usize = 34;

/// The header of the table of public modules, in the documentation of the crate.
const MODULES: [&str; 3] = ["module", "names for", "feature"];

/// The only public module that repeats names, because it is for glob imports.
const PRELUDE: &str = "prelude";

/// A name that a program can use, by the module that exports it.
struct Exported {
    /// The path from the root of the crate.
    path: String,
    /// The definitions that it leads to: the module and the name there. A name from another crate has none.
    definitions: Vec<(usize, String)>,
}

/// Whether an item is for everybody, and not hidden from the documentation.
fn is_public(attributes: &[Attribute], visibility: &Visibility) -> bool {
    let is_hidden = attributes.iter().any(|attribute| {
        attribute.path().is_ident("doc")
            && matches!(&attribute.meta, Meta::List(list) if list.tokens.to_string() == "hidden")
    });
    matches!(visibility, Visibility::Public(_)) && !is_hidden
}

/// The modules that a program can name: the root, and the public modules below it.
fn public_modules(this: &Crate) -> Vec<usize> {
    let is_reachable = |index: &usize| {
        let path = &this.modules[*index].path;
        (1..=path.len()).all(|depth| {
            let above = this.modules.iter().find(|module| module.path == path[..depth]);
            above
                .and_then(|module| module.declaration.as_ref())
                .is_some_and(|(attributes, visibility)| is_public(attributes, visibility))
        })
    };
    (0..this.modules.len()).filter(is_reachable).collect()
}

/// The names that a public module exports. A trait and its derive are one name.
fn exports(this: &Crate, module: usize) -> Vec<Exported> {
    let prefix = this.modules[module].path.iter().map(|name| format!("{name}::"));
    let prefix = prefix.collect::<String>();
    let mut exported: BTreeMap<String, Vec<(usize, String)>> = BTreeMap::new();
    for item in &this.modules[module].items {
        if !is_public(item_attributes(item), item_visibility(item)) {
            continue;
        }
        if let Item::Use(item) = item {
            for Import { name, path } in imports(&item.tree) {
                let name = name.expect("no public module exports a glob");
                let definitions = this.resolve(module, &path).into_iter().filter_map(|found| match found {
                    Found::Item(module, name) => Some((module, name)),
                    Found::Module(_) => None,
                });
                exported.entry(name).or_default().extend(definitions);
            }
        } else if let Some(name) = item_name(item) {
            exported.entry(name.clone()).or_default().push((module, name));
        }
    }
    let exported = exported.into_iter().map(|(name, definitions)| Exported {
        path: format!("{prefix}{name}"),
        definitions,
    });
    exported.collect()
}

fn item_visibility(item: &Item) -> &Visibility {
    match item {
        Item::Const(item) => &item.vis,
        Item::Enum(item) => &item.vis,
        Item::Fn(item) => &item.vis,
        Item::Static(item) => &item.vis,
        Item::Struct(item) => &item.vis,
        Item::Trait(item) => &item.vis,
        Item::Type(item) => &item.vis,
        Item::Union(item) => &item.vis,
        Item::Use(item) => &item.vis,
        _ => &Visibility::Inherited,
    }
}

/// The features in the attributes of a module: `none`, or names joined by `or`.
fn features(attributes: &[Attribute]) -> String {
    let conditions = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    let names: Vec<String> = conditions
        .flat_map(|attribute| {
            let text = attribute.meta.require_list().expect("a condition").tokens.to_string();
            assert!(!text.starts_with("all"), "a module needs one feature of a list: {text}");
            text.split('"')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .map(|name| format!("`{name}`"))
        .collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(" or ")
    }
}

/// Each definition that more than one public path leads to, with these paths.
fn exported_twice(this: &Crate) -> Vec<BTreeSet<String>> {
    let mut paths: BTreeMap<(usize, String), BTreeSet<String>> = BTreeMap::new();
    for module in public_modules(this) {
        if this.modules[module].path == [PRELUDE] {
            continue;
        }
        for exported in exports(this, module) {
            for definition in exported.definitions {
                paths.entry(definition).or_default().insert(exported.path.clone());
            }
        }
    }
    paths.into_values().filter(|paths| paths.len() > 1).collect()
}

fn dialogue() -> Crate {
    let files = repository::rust_files(&repository::root().join("dialogue/src"));
    Crate::of(&files.into_iter().collect())
}

#[test]
fn the_root_of_the_crate_has_few_names() {
    let names: Vec<_> = exports(&dialogue(), 0).into_iter().map(|name| name.path).collect();
    assert!(names.len() >= 25, "too few names: {names:?}");
    assert!(
        names.len() <= ROOT_NAMES,
        "the root has {} names; put the rest into a module: {names:?}",
        names.len()
    );
}

#[test]
fn no_name_is_exported_at_two_paths() {
    let twice = exported_twice(&dialogue());
    assert!(twice.is_empty(), "export each of these at one path: {twice:?}");
}

#[test]
fn every_public_module_is_in_the_documentation_with_its_feature() {
    let this = dialogue();
    let mut right: Vec<Vec<String>> = Vec::new();
    for module in public_modules(&this) {
        if let ([name], Some((attributes, _))) = (&*this.modules[module].path, &this.modules[module].declaration)
            && name != PRELUDE
        {
            right.push(vec![format!("[`{name}`]"), features(attributes)]);
        }
    }
    right.sort();
    assert!(right.len() >= 10, "too few modules: {right:?}");
    let text = repository::text("dialogue/src/lib.rs");
    let documentation: String = text
        .lines()
        .filter_map(|line| line.strip_prefix("//! "))
        .map(|line| format!("{line}\n"))
        .collect();
    let listed: Vec<Vec<String>> = table(&documentation, &MODULES)
        .iter()
        .map(|row| vec![row[0].to_owned(), row[2].to_owned()])
        .collect();
    assert_eq!(listed, right, "the table of modules in lib.rs is not true");
}

#[test]
fn finds_a_name_that_two_public_modules_export() {
    let sources: Sources = [
        (
            "lib.rs",
            "mod a; pub mod b; pub mod c { pub use crate::a::{A as C, Other}; } pub use a::A; mod hidden { pub use crate::a::A; } \
             pub mod prelude { pub use crate::A; } #[doc(hidden)] pub mod __private { pub use crate::A; }",
        ),
        ("a.rs", "pub struct A; pub struct Other;"),
        ("b.rs", "pub struct B; pub(crate) use crate::a::Other;"),
    ]
    .into_iter()
    .map(|(name, text)| (name.to_owned(), text.to_owned()))
    .collect();
    let twice = exported_twice(&Crate::of(&sources));
    assert_eq!(twice, [BTreeSet::from(["A".to_owned(), "c::C".to_owned()])]);
}
