//! The contract as a TypeScript module: the payload types and the rooms, inserted into the declarations of the
//! browser's client.

use std::fmt::Write;

use super::alike;
use super::comment::{INDENT, tsdoc};
use super::expression::{property_name, reference};
use super::reserved::{BASE, BEGIN, END, reserved};
use super::translate::declaration;
use crate::contract::direction::Direction;
use crate::contract::model::{Contract, ContractRoom, RoomEvents};
use crate::contract::payload_types::PayloadTypes;
use crate::room::{IdPattern, Segment};

/// A module that declares the payloads, the rooms and the client.
pub(crate) fn typescript(contract: &Contract) -> String {
    let (before, rest) = BASE.split_once(BEGIN).unwrap_or((BASE, ""));
    let (_, after) = rest.split_once(END).unwrap_or(("", ""));
    format!("{before}{BEGIN}{}{END}{after}", rooms(contract))
}

/// The text between the marks.
fn rooms(contract: &Contract) -> String {
    let types = PayloadTypes::of(contract, reserved());
    let mut text = String::new();
    for (name, schema) in &types.schemas {
        text += &declaration(name, schema);
        text.push('\n');
    }
    text += "/** All rooms, with the events that clients may trigger and receive in each. */\n";
    let is_alike = |room: &&ContractRoom| contract.rooms.iter().any(|other| alike::is_alike(room, other));
    let (alike, apart): (Vec<_>, Vec<_>) = contract.rooms.iter().partition(is_alike);
    let body =
        |rooms: &[&ContractRoom]| -> String { rooms.iter().map(|room| member(contract, room, &types)).collect() };
    if alike.is_empty() {
        return text + "export interface Rooms {\n" + &body(&apart) + "}\n";
    }
    // Within one object type, TypeScript would require these rooms to have the same events.
    let objects = std::iter::once(body(&apart)).chain(alike.iter().map(|room| body(&[room])));
    let objects: Vec<String> = objects
        .filter(|body| !body.is_empty())
        .map(|body| format!("{{\n{body}}}"))
        .collect();
    text + "export type Rooms = " + &objects.join(" & ") + ";\n"
}

/// A room as a member of `Rooms`.
fn member(contract: &Contract, room: &ContractRoom, types: &PayloadTypes) -> String {
    let mut text = tsdoc(room.declaration.description, &[], INDENT);
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "  {}: {{", key(room));
    text += &events("triggers", &contract.triggers(room), types, Direction::Inbound);
    text += &events("events", &contract.received(room), types, Direction::Outbound);
    text + "  };\n"
}

/// The key of a room: its id, or a template for the ids of a family.
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

fn events(kind: &str, room_events: &RoomEvents<'_>, types: &PayloadTypes, direction: Direction) -> String {
    if room_events.known.is_empty() && !room_events.open {
        return format!("    {kind}: {{}};\n");
    }
    let mut text = format!("    {kind}: {{\n");
    for event in &room_events.known {
        text += &tsdoc(event.description(), &[], 3 * INDENT);
        let payload = reference(types.payload(event, direction));
        let _ = writeln!(text, "      {}: {payload};", property_name(event.name()));
    }
    if room_events.open {
        text += "      [event: string]: unknown;\n";
    }
    text + "    };\n"
}

#[cfg(test)]
mod tests {
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
    fn a_type_refers_to_itself_whatever_its_name() {
        use crate::RoomSet;

        let module = odd::Rooms::typescript().unwrap();
        assert!(
            module.contains("export type AB20C = {\n  again: AB20C | null;\n};"),
            "{module}"
        );
    }
}
