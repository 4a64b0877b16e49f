//! The contract as a TypeScript module: the payload types and the rooms, within the declarations of the browser's client.

mod alike;
mod document;
mod expression;

use std::collections::BTreeSet;
use std::fmt::Write;

use self::document::tsdoc;
use self::expression::{declaration, property_name, reference};
use super::direction::Direction;
use super::model::{Contract, ContractRoom, Repertoire};
use super::payload_types::PayloadTypes;
use crate::room::{IdPattern, Segment};

/// The client's own types, for rooms that are not known. It compiles as it stands.
const BASE: &str = include_str!("../../../npm/client.d.ts");

const BEGIN: &str = "// <rooms>\n";
const END: &str = "// </rooms>";

/// Spaces per level.
const INDENT: usize = 2;

/// A module that declares the payloads, the rooms and the client.
pub(crate) fn typescript(contract: &Contract) -> String {
    let (before, rest) = BASE.split_once(BEGIN).unwrap_or((BASE, ""));
    let (_, after) = rest.split_once(END).unwrap_or(("", ""));
    format!("{before}{BEGIN}{}{END}{after}", rooms(contract))
}

/// Every name that the client's own types use, and `Record`, which the translation does: an event called `error` must not
/// take `Error` from them. Their type parameters are their own business: an event may well be a `Message`.
pub(super) fn reserved() -> impl Iterator<Item = String> {
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

/// The words of a line, each between what is before and after it.
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

/// What stands between the marks.
fn rooms(contract: &Contract) -> String {
    let types = PayloadTypes::of(contract, reserved());
    let mut text = String::new();
    for (name, schema) in &types.schemas {
        text += &declaration(name, schema);
        text.push('\n');
    }
    text += "/** Every room, and what may be triggered and heard in it. */\n";
    let is_alike = |room: &&ContractRoom| contract.rooms.iter().any(|other| alike::is_alike(room, other));
    let (alike, apart): (Vec<_>, Vec<_>) = contract.rooms.iter().partition(is_alike);
    let body =
        |rooms: &[&ContractRoom]| -> String { rooms.iter().map(|room| member(contract, room, &types)).collect() };
    if alike.is_empty() {
        return text + "export interface Rooms {\n" + &body(&apart) + "}\n";
    }
    // Within one object, TypeScript would want the one's events to be the other's.
    let objects = std::iter::once(body(&apart)).chain(alike.iter().map(|room| body(&[room])));
    let objects: Vec<String> = objects
        .filter(|body| !body.is_empty())
        .map(|body| format!("{{\n{body}}}"))
        .collect();
    text + "export type Rooms = " + &objects.join(" & ") + ";\n"
}

/// A room by its key.
fn member(contract: &Contract, room: &ContractRoom, types: &PayloadTypes) -> String {
    let mut text = tsdoc(room.declaration.description, &[], INDENT);
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "  {}: {{", key(room));
    text += &events("triggers", &contract.triggers(room), types, Direction::Inbound);
    text += &events("events", &contract.heard(room), types, Direction::Outbound);
    text + "  };\n"
}

/// A room's key: its id, or a template for the ids of a family.
fn key(room: &ContractRoom) -> String {
    match room.declaration.id {
        IdPattern::Fixed(id) => property_name(id),
        IdPattern::Family { .. } => {
            let template: String = room
                .segments()
                .iter()
                .map(|segment| match segment {
                    Segment::Literal(text) => text,
                    Segment::Field(_) => "${string}",
                })
                .collect();
            format!("[id: `{template}`]")
        }
    }
}

fn events(kind: &str, repertoire: &Repertoire<'_>, types: &PayloadTypes, direction: Direction) -> String {
    if repertoire.known.is_empty() && !repertoire.open {
        return format!("    {kind}: {{}};\n");
    }
    let mut text = format!("    {kind}: {{\n");
    for event in &repertoire.known {
        text += &tsdoc(event.description(), &[], 3 * INDENT);
        let payload = reference(types.payload(event, direction));
        let _ = writeln!(text, "      {}: {payload};", property_name(event.name()));
    }
    if repertoire.open {
        text += "      [event: string]: unknown;\n";
    }
    text + "    };\n"
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

    mod odd {
        use crate::prelude::*;

        #[derive(Serialize, Deserialize, JsonSchema)]
        #[schemars(rename = "a/b%20 c")]
        struct Odd {
            again: Option<Box<Odd>>,
        }

        #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
        struct Holder {
            odd: Odd,
        }

        rooms! { pub(super) Rooms; pub(super) Chat = "chat" { events: [], server_events: [Holder] } }
    }

    #[test]
    fn a_type_refers_to_itself_whatever_it_is_called() {
        use crate::RoomSet;

        let module = odd::Rooms::typescript().unwrap();
        assert!(
            module.contains("export type AB20C = {\n  again: AB20C | null;\n};"),
            "{module}"
        );
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
