//! Shows on small crates that each check finds what it is for.

use super::circles::{circles, report};
use super::document::{false_imports, files, imports_upwards, to_add};
use super::imports::{Graph, between_files, between_modules};
use super::source::{Crate, Sources};

fn read(files: &[(&str, &str)]) -> Crate {
    let sources: Sources = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    Crate::of(&sources)
}

fn imports(graph: &Graph, from: &str) -> Vec<String> {
    graph[from].keys().cloned().collect()
}

/// The report of the circles between the files of a crate.
fn file_circles(files: &[(&str, &str)]) -> String {
    report(&circles(&between_files(&read(files))))
}

#[test]
fn finds_a_circle_through_a_re_export() {
    let found = file_circles(&[
        ("lib.rs", "mod room; mod event;"),
        ("room/mod.rs", "mod registry; mod state; pub use registry::Registry;"),
        (
            "room/registry.rs",
            "use crate::event::Event; pub struct Registry(Event);",
        ),
        ("room/state.rs", ""),
        ("event.rs", "use crate::room::Registry; pub struct Event(Registry);"),
    ]);
    assert_eq!(
        found,
        "a circle of 2: event.rs -> room/registry.rs -> event.rs\n  \
           event.rs imports from room/registry.rs: Registry\n  \
           room/registry.rs imports from event.rs: Event\n"
    );
}

#[test]
fn finds_a_circle_through_super() {
    let found = file_circles(&[
        ("lib.rs", "mod room;"),
        ("room/mod.rs", "mod a; mod b;"),
        ("room/a.rs", "pub struct A; impl A { fn b() { super::b::make(); } }"),
        ("room/b.rs", "pub fn make() { let _ = super::super::room::a::A; }"),
    ]);
    assert!(
        found.starts_with("a circle of 2: room/a.rs -> room/b.rs -> room/a.rs\n"),
        "{found}"
    );
}

#[test]
fn finds_a_circle_through_a_nested_use_tree() {
    let found = file_circles(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::{b::{self, B}, c::deep::{C as D, Other}};"),
        ("b.rs", "pub struct B; pub fn f() {}"),
        ("c/mod.rs", "pub mod deep;"),
        (
            "c/deep.rs",
            "pub struct C; pub struct Other; fn f() { use crate::{a}; a::g(); }",
        ),
    ]);
    assert_eq!(
        found,
        "a circle of 2: a.rs -> c/deep.rs -> a.rs\n  \
           a.rs imports from c/deep.rs: C, Other\n  \
           c/deep.rs imports from a.rs: g\n"
    );
}

#[test]
fn finds_a_circle_between_a_module_and_what_it_re_exports() {
    let parent = "mod child; pub use child::Child; pub trait Parent { fn child(&self) -> Child; }";
    let found = file_circles(&[
        ("lib.rs", "mod parent;"),
        ("parent/mod.rs", parent),
        (
            "parent/child.rs",
            "use super::Parent; pub struct Child; impl Parent for Child {}",
        ),
    ]);
    assert!(
        found.starts_with("a circle of 2: parent/child.rs -> parent/mod.rs -> parent/child.rs\n"),
        "{found}"
    );
}

#[test]
fn finds_a_circle_of_three() {
    let found = file_circles(&[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "use crate::c::C; pub struct B;"),
        ("c.rs", "use crate::{a::A, d::D}; pub struct C;"),
        ("d.rs", "pub struct D;"),
    ]);
    assert_eq!(
        found,
        "a circle of 3: a.rs -> b.rs -> c.rs -> a.rs\n  \
           a.rs imports from b.rs: B\n  \
           b.rs imports from c.rs: C\n  \
           c.rs imports from a.rs: A\n"
    );
}

#[test]
fn finds_paths_in_macros_attributes_and_signatures() {
    let files = between_files(&read(&[
        (
            "lib.rs",
            "extern crate self as it; mod a; mod b; mod c; mod d; mod e; mod f;",
        ),
        (
            "a.rs",
            r#"
            macro_rules! make { () => { $crate::e::E } }
            pub struct A { #[serde(with = "crate::b::text")] text: String }
            impl crate::c::C for A {}
            fn f() { println!("{}", other.crate_::b(crate::d::d())); let _ = it::f::F; }
            "#,
        ),
        ("b.rs", "pub mod text {}"),
        ("c.rs", "pub trait C {}"),
        ("d.rs", "pub fn d() {}"),
        ("e.rs", "pub struct E;"),
        ("f.rs", "pub struct F;"),
    ]));
    assert_eq!(imports(&files, "a.rs"), ["c.rs", "d.rs", "e.rs", "f.rs"]);
}

#[test]
fn counts_a_glob_by_the_names_that_are_used() {
    let files = between_files(&read(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::*; fn f(_: One) {}"),
        ("b/mod.rs", "mod one; mod two; pub use one::One; pub use two::Two;"),
        ("b/one.rs", "pub struct One;"),
        ("b/two.rs", "pub struct Two;"),
    ]));
    assert_eq!(imports(&files, "a.rs"), ["b/one.rs"]);
}

#[test]
fn counts_a_generated_name_for_the_module_in_which_it_is_sought() {
    let files = between_files(&read(&[
        ("lib.rs", "mod a; mod id; pub use id::RoomId;"),
        ("a.rs", "use crate::RoomId;"),
        ("id.rs", "macro_rules! id { () => {} } id!();"),
    ]));
    assert_eq!(imports(&files, "a.rs"), ["id.rs"]);
}

#[test]
fn ignores_code_for_tests() {
    let found = file_circles(&[
        ("lib.rs", "mod a; mod b; #[cfg(test)] mod only_tests;"),
        (
            "a.rs",
            "use crate::b::B; pub struct A; #[cfg(test)] mod tests; #[cfg(feature = \"b\")] pub struct C;",
        ),
        ("a/tests.rs", "use super::A;"),
        (
            "b.rs",
            "pub struct B;
            #[cfg(test)] use crate::a::A;
            #[cfg(all(test, unix))] fn f(_: crate::a::A) {}
            impl B { #[cfg(test)] fn f(_: crate::a::A) {} }
            #[cfg(test)] mod tests { use crate::a::A; #[test] fn f() { let _ = A; } }",
        ),
        ("only_tests.rs", "use crate::a::A;"),
    ]);
    assert_eq!(found, "");
}

#[test]
fn sees_code_that_tests_share_with_a_feature() {
    let files = between_files(&read(&[
        ("lib.rs", "mod a; mod b;"),
        (
            "a.rs",
            "#[cfg(any(test, feature = \"testing\"))] use crate::b::B; #[cfg(not(test))] use crate::b::C;",
        ),
        ("b.rs", "pub struct B; pub struct C;"),
    ]));
    assert_eq!(files["a.rs"]["b.rs"].len(), 2);
}

#[test]
fn ignores_declarations_re_exports_from_below_and_other_crates() {
    let found = file_circles(&[
        (
            "lib.rs",
            "mod a; pub use a::b::B; pub mod prelude { pub use crate::B; }",
        ),
        (
            "a/mod.rs",
            "pub(crate) mod b; pub(crate) use b::B; use serde::Serialize; pub const INDENT: usize = 4;",
        ),
        (
            "a/b.rs",
            "use super::INDENT; use ::other::b::B as C; fn f() { quote!(crate::a::INDENT, self::x) } pub struct B;",
        ),
    ]);
    assert_eq!(found, "");
}

#[test]
fn finds_a_circle_between_modules_whose_files_have_none() {
    let read = read(&[
        ("lib.rs", "mod a; mod b;"),
        ("a/mod.rs", "mod one; pub(crate) mod two; pub use one::One;"),
        ("a/one.rs", "use crate::b::one::One as Other; pub struct One;"),
        ("a/two.rs", "pub struct Two;"),
        ("b/mod.rs", "pub(crate) mod one; mod two;"),
        ("b/one.rs", "pub struct One;"),
        ("b/two.rs", "use crate::a::two::Two;"),
    ]);
    assert_eq!(circles(&between_files(&read)), []);
    let found = report(&circles(&between_modules(&read)));
    assert_eq!(
        found,
        "a circle of 2: a -> b -> a\n  a imports from b: One\n  b imports from a: Two\n"
    );
}

const DOCUMENT: &str = "
| module | purpose | imports |
|---|---|---|
| `a` | What is on top | `b`, `c` |
| `b` | In the middle | `c` |
| `c` | Below | nothing |

| to add | edit | these fail until you do |
|---|---|---|
| a limit | `limits.rs`, then `docs/security.md` and `Limits` | `every_limit_is_documented`; `limits.rs` does not compile |
";

fn modules(b: &str) -> Graph {
    let read = read(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::{b::B, c::C};"),
        ("b.rs", b),
        ("c.rs", "pub struct C; pub struct D;"),
    ]);
    between_modules(&read)
}

#[test]
fn accepts_a_true_import_table() {
    assert_eq!(
        false_imports(DOCUMENT, &modules("use crate::c::D; pub struct B;")),
        None
    );
    assert_eq!(imports_upwards(DOCUMENT), []);
}

#[test]
fn finds_a_false_row_of_the_import_table_and_gives_the_right_one() {
    let found = false_imports(DOCUMENT, &modules("pub struct B;"));
    assert_eq!(
        found.as_deref(),
        Some("the row of `b` should be:\n| `b` | In the middle | nothing |\n")
    );
}

#[test]
fn finds_a_missing_and_a_needless_row_of_the_import_table() {
    let document = DOCUMENT.replace("| `b` | In", "| `d` | In");
    let found = false_imports(&document, &modules("use crate::c::D; pub struct B;"));
    assert_eq!(
        found.as_deref(),
        Some("there is no module `d`\nthis row is missing:\n| `b` | ? | `c` |\n")
    );
}

#[test]
fn finds_an_import_that_points_up_the_table() {
    let document = DOCUMENT.replace("| Below | nothing |", "| Below | `a` |");
    assert_eq!(imports_upwards(&document), [("c".to_owned(), "a".to_owned())]);
}

#[test]
fn reads_what_to_edit_and_what_fails() {
    let rows = to_add(DOCUMENT);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].what, "a limit");
    assert_eq!(rows[0].files, ["limits.rs", "docs/security.md"]);
    assert_eq!(rows[0].fails, ["every_limit_is_documented", "limits.rs"]);
}

#[test]
fn reads_the_files_that_a_document_names() {
    let document = "`room/cell.rs`, `Room`, `a::b`, `npm/` and\n`wire.rs` on `/dialogue/ws` of `axum/0.8 (http1)` in `target/slow`";
    assert_eq!(files(document), ["room/cell.rs", "npm/", "wire.rs"]);
}
