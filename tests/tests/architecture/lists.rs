//! Checks the lists that must grow with the code, where the compiler does not notice a missing entry.

use std::collections::BTreeSet;

use dialogue_tests::repository;
use syn::{Expr, Item, ItemEnum, ItemStruct, Lit};

/// The items of all files below a folder of the repository.
fn items(folder: &str) -> Vec<Item> {
    let files = repository::rust_files(&repository::root().join(folder));
    let parsed = files
        .iter()
        .map(|(name, text)| syn::parse_file(text).unwrap_or_else(|error| panic!("{folder}/{name}: {error}")));
    parsed.flat_map(|file| file.items).collect()
}

/// The names of an enum's variants.
fn variants(folder: &str, name: &str) -> Vec<String> {
    let is_it = |item: &Item| matches!(item, Item::Enum(ItemEnum { ident, .. }) if ident == name);
    let Some(Item::Enum(found)) = items(folder).into_iter().find(is_it) else {
        panic!("no enum {name} below {folder}");
    };
    found.variants.iter().map(|variant| variant.ident.to_string()).collect()
}

/// The names of a struct's fields, and the last word of each type.
fn fields(folder: &str, name: &str) -> Vec<(String, String)> {
    let is_it = |item: &Item| matches!(item, Item::Struct(ItemStruct { ident, .. }) if ident == name);
    let Some(Item::Struct(found)) = items(folder).into_iter().find(is_it) else {
        panic!("no struct {name} below {folder}");
    };
    let fields = found.fields.iter().filter_map(|field| {
        let kind = match &field.ty {
            syn::Type::Path(path) => path.path.segments.last()?.ident.to_string(),
            _ => String::new(),
        };
        Some((field.ident.as_ref()?.to_string(), kind))
    });
    fields.collect()
}

/// The texts of a constant list of texts.
fn texts(folder: &str, name: &str) -> Vec<String> {
    let list = items(folder).into_iter().find_map(|item| match item {
        Item::Const(item) if item.ident == name => Some(*item.expr),
        _ => None,
    });
    let Some(Expr::Reference(list)) = list else {
        panic!("no list {name} below {folder}");
    };
    let Expr::Array(list) = *list.expr else {
        panic!("{name} is not a list");
    };
    let texts = list.elems.iter().filter_map(|element| match element {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    texts.collect()
}

/// Fails with the entries that a list lacks.
#[track_caller]
fn assert_complete(entries: Vec<String>, at_least: usize, is_listed: impl Fn(&str) -> bool, what: &str) {
    assert!(entries.len() >= at_least, "too few entries: {entries:?}");
    let missing: Vec<_> = entries.iter().filter(|entry| !is_listed(entry)).collect();
    assert!(missing.is_empty(), "{what}: {missing:?}");
}

/// `RoomFull` as `roomFull`.
fn camel(name: &str) -> String {
    name[..1].to_lowercase() + &name[1..]
}

/// `RoomFull` as `ROOM_FULL`.
fn screaming(name: &str) -> String {
    let mut screaming = String::new();
    for character in name.chars() {
        if character.is_uppercase() && !screaming.is_empty() {
            screaming.push('_');
        }
        screaming.extend(character.to_uppercase());
    }
    screaming
}

/// The names of the wire commands, as variants of the enum.
fn commands() -> Vec<String> {
    variants("dialogue/src/protocol", "Command")
}

#[test]
fn every_command_has_an_example_in_protocol_md() {
    let document = repository::text("docs/protocol.md");
    let has_example = |name: &str| document.contains(&format!("\n→ {{\"type\":\"{}\"", camel(name)));
    assert_complete(
        commands(),
        12,
        has_example,
        "commands without an example in docs/protocol.md",
    );
}

#[test]
fn every_command_is_generated_in_the_property_tests_of_the_parser() {
    let laws = repository::text("dialogue/src/protocol/request/laws.rs");
    let is_generated = |name: &str| laws.contains(&format!("Command::{name}"));
    assert_complete(
        commands(),
        12,
        is_generated,
        "commands that protocol/request/laws.rs does not generate",
    );
}

#[test]
fn every_command_is_sent_in_the_protocol_tests() {
    let files = repository::rust_files(&repository::root().join("tests/tests/protocol"));
    let is_sent = |name: &str| {
        files
            .iter()
            .any(|(_, text)| text.contains(&format!("\"{}\"", camel(name))))
    };
    assert_complete(
        commands(),
        12,
        is_sent,
        "commands that no test in tests/tests/protocol sends",
    );
}

#[test]
fn every_error_code_is_in_protocol_md_under_its_name() {
    let document = repository::text("docs/protocol.md");
    let has_row = |name: &str| document.contains(&format!("\n| `{}` |", screaming(name)));
    let codes = variants("dialogue/src/protocol", "ErrorCode");
    assert_complete(codes, 16, has_row, "error codes without a row in docs/protocol.md");
}

#[test]
fn every_error_code_is_in_the_list_of_all_codes() {
    assert_lists_every_variant("ErrorCode", 16);
}

#[test]
fn every_close_code_is_in_the_list_of_all_codes() {
    assert_lists_every_variant("CloseCode", 15);
}

/// The list `ALL` of an enum of codes, which has at least this many variants, is complete.
fn assert_lists_every_variant(name: &str, at_least: usize) {
    let listed = listed_codes(name);
    let codes = variants("dialogue/src/protocol", name);
    let is_listed = |code: &str| listed.contains(code);
    assert_complete(codes, at_least, is_listed, &format!("codes that `{name}::ALL` lacks"));
}

/// The variants in the list `ALL` of an enum.
fn listed_codes(name: &str) -> BTreeSet<String> {
    let all = items("dialogue/src/protocol").into_iter().find_map(|item| {
        let Item::Impl(block) = item else { return None };
        let syn::Type::Path(subject) = &*block.self_ty else {
            return None;
        };
        if block.trait_.is_some() || !subject.path.is_ident(name) {
            return None;
        }
        block.items.into_iter().find_map(|item| match item {
            syn::ImplItem::Const(item) if item.ident == "ALL" => Some(item.expr),
            _ => None,
        })
    });
    let Some(Expr::Array(list)) = all else {
        panic!("no list {name}::ALL");
    };
    let codes = list.elems.iter().filter_map(|element| match element {
        Expr::Path(path) => Some(path.path.segments.last()?.ident.to_string()),
        _ => None,
    });
    codes.collect()
}

/// The names and types of the limits.
fn limits() -> Vec<(String, String)> {
    fields("dialogue/src", "Limits")
}

#[test]
fn every_limit_has_its_row_in_security_md() {
    let document = repository::text("docs/security.md");
    let rows: Vec<_> = document.lines().filter(|line| line.starts_with("| `")).collect();
    let has_row = |name: &str| {
        let quoted = format!("`{name}`");
        rows.iter()
            .any(|row| row.split(" | ").next().is_some_and(|cell| cell.contains(&quoted)))
    };
    let names = limits().into_iter().map(|(name, _)| name).collect();
    assert_complete(names, 24, has_row, "limits without a row in docs/security.md");
}

#[test]
fn every_limit_that_is_a_duration_is_bounded() {
    let code = repository::text("dialogue/src/limits.rs");
    let is_bounded = |name: &str| code.contains(&format!("&mut self.{name},"));
    let durations = limits().into_iter().filter(|(_, kind)| kind == "Duration");
    let durations = durations.map(|(name, _)| name).collect();
    assert_complete(
        durations,
        8,
        is_bounded,
        "durations that `Limits::with_durations_bounded` leaves out",
    );
}

/// The names of all hooks. Other fields of the struct are not hooks.
fn hooks() -> Vec<String> {
    let fields = fields("dialogue/src/runtime/hooks", "Hooks").into_iter();
    let hooks = fields.filter(|(_, kind)| ["AsyncHooks", "HookChain"].contains(&kind.as_str()));
    let of_rooms = repository::text("dialogue/src/runtime/build/room_hooks.rs");
    let of_rooms = of_rooms.lines().filter_map(|line| {
        let (name, _) = line.trim().strip_prefix("pub fn ")?.split_once('<')?;
        Some(name.to_owned())
    });
    hooks.map(|(name, _)| name).chain(of_rooms).collect()
}

#[test]
fn every_hook_is_in_the_documentation_of_the_crate() {
    let text = repository::text("dialogue/src/lib.rs");
    let is_documented = |name: &str| {
        [format!("(Builder::{name})"), format!("[`Builder::{name}`]")]
            .iter()
            .any(|link| text.contains(link))
    };
    assert_complete(
        hooks(),
        24,
        is_documented,
        "hooks that the documentation in lib.rs does not link to",
    );
}

#[test]
fn every_hook_is_set_in_an_integration_test() {
    let mut text = String::new();
    for folder in ["tests/src", "tests/tests"] {
        for (_, file) in repository::rust_files(&repository::root().join(folder)) {
            text.push_str(&file);
        }
    }
    let is_set = |name: &str| text.contains(&format!(".{name}("));
    assert_complete(hooks(), 24, is_set, "hooks that no integration test sets");
}

#[test]
fn every_key_of_both_macros_is_documented() {
    let text = repository::text("dialogue-macros/src/lib.rs");
    let (derive, rooms) = text.split_once("#[proc_macro_derive").expect("the derive comes first");
    for (folder, at_least, documentation) in [
        ("dialogue-macros/src/event", 4, derive),
        ("dialogue-macros/src/rooms", 10, rooms),
    ] {
        let is_documented = |key: &str| {
            let starts = [
                format!("/// - `{key}`"),
                format!("/// - `{key} = "),
                format!("/// `{key} = "),
            ];
            starts.iter().any(|start| documentation.contains(start))
        };
        assert_complete(
            texts(folder, "KEYS"),
            at_least,
            is_documented,
            &format!("undocumented keys of {folder}"),
        );
    }
}

#[test]
fn every_key_of_the_derive_has_a_case_in_the_ui_tests() {
    let files = repository::rust_files(&repository::root().join("ui-tests"));
    let has_case = |key: &str| {
        files.iter().any(|(_, text)| {
            text.split("#[event(").skip(1).any(|rest| {
                let keys = rest.split(")]").next().unwrap_or_default();
                keys.split(|character: char| !character.is_alphanumeric())
                    .any(|word| word == key)
            })
        })
    };
    assert_complete(
        texts("dialogue-macros/src/event", "KEYS"),
        4,
        has_case,
        "keys that no case in ui-tests uses",
    );
}
