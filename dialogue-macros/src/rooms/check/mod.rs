//! Turns the tree into the model and checks every rule that concerns the text alone. Reports each wrong part and
//! replaces it with a part that causes no further errors (see `fallback`).

mod derives;
mod enums;
mod events;
mod id;
mod option;

use syn::ext::IdentExt;
use syn::{Attribute, parse_quote};

use super::model::{Room, RoomSet};
use super::overlap::shared_id;
use super::pattern::{self, Segment};
use super::syntax;
use crate::diagnostics::{Diagnostics, first_at};
use crate::keys::{Slot, is_cfg};
use crate::{casing, docs};

pub(super) fn check(rooms: syntax::Rooms, diagnostics: &mut Diagnostics) -> RoomSet {
    refuse_overlaps(&rooms.rooms, diagnostics);
    let mut set = RoomSet {
        krate: rooms.krate.unwrap_or_else(|| parse_quote!(::dialogue)),
        attrs: derives::without(derives::OF_SET, without_cfg(rooms.attrs, diagnostics), diagnostics),
        visibility: rooms.visibility,
        ident: rooms.ident,
        rooms: Vec::new(),
    };
    for room in rooms.rooms {
        // Leave out a second type with the same name: rustc would report an error for each of its impls.
        if is_new_type(&room, &set, diagnostics) {
            let room = check_room(room, diagnostics);
            set.rooms.push(room);
        }
    }
    enums::refuse_taken(&mut set, diagnostics);
    set
}

fn is_new_type(room: &syntax::Room, set: &RoomSet, diagnostics: &mut Diagnostics) -> bool {
    let mut idents = std::iter::once(&set.ident).chain(set.rooms.iter().map(|room| &room.ident));
    let Some(first) = idents.find(|&ident| *ident == room.ident) else {
        return true;
    };
    let message = format!(
        "the type `{}` is declared twice{}: rename this room",
        room.ident,
        first_at(first.span())
    );
    diagnostics.at(&room.ident, message);
    false
}

fn check_room(room: syntax::Room, diagnostics: &mut Diagnostics) -> Room {
    let given = match room.fields {
        Some(_) => derives::OF_FAMILY,
        None => derives::OF_ROOM,
    };
    let attrs = derives::without(given, without_cfg(room.attrs, diagnostics), diagnostics);
    let settings = room.settings;
    let options = option::family(&room.ident, room.fields.is_some(), &settings, diagnostics);
    let id = id::check(&room.ident, &room.id, room.fields, options, diagnostics);
    let events = events::events(&room.ident, &settings, diagnostics);
    let default_subscriptions = events::subscriptions(&settings, &events, diagnostics);
    Room {
        name: match &settings.name {
            Slot::Given(_, name) => name.value(),
            _ => casing::sentence(&room.ident.unraw().to_string()),
        },
        description: match &settings.description {
            Slot::Given(_, text) => Some(text.value()),
            _ => docs::text(&attrs),
        },
        max_size: option::max_size(&settings, diagnostics),
        sync: option::sync(&settings, diagnostics),
        attrs,
        visibility: room.visibility,
        ident: room.ident,
        id,
        events,
        default_subscriptions,
    }
}

/// Rejects `#[cfg]`: the macro generates several items for a room, and the attribute would apply only to the first.
fn without_cfg(attrs: Vec<Attribute>, diagnostics: &mut Diagnostics) -> Vec<Attribute> {
    let (refused, kept) = attrs.into_iter().partition(is_cfg);
    let refused: Vec<Attribute> = refused;
    for attr in refused {
        diagnostics.at(
            attr,
            "`cfg` does not work inside `rooms!`: put it on a separate `rooms!` block",
        );
    }
    kept
}

/// Checks that each id belongs to only one room.
fn refuse_overlaps(rooms: &[syntax::Room], diagnostics: &mut Diagnostics) {
    let mut seen: Vec<(&syntax::Room, Vec<Segment>)> = Vec::new();
    for room in rooms {
        let Ok(segments) = pattern::parse(&room.id.value()) else {
            continue;
        };
        if let Some((first, _)) = seen
            .iter()
            .find(|(_, others)| shared_id(&pattern::parts(others), &pattern::parts(&segments)).is_some())
        {
            let message = if first.id.value() == room.id.value() {
                format!(
                    "{} is already the id of `{}`: give `{}` another id",
                    room.id.token(),
                    first.ident,
                    room.ident
                )
            } else {
                format!(
                    "`{}` and `{}` (id {}) can have the same id: start one of the two ids differently",
                    room.ident,
                    first.ident,
                    first.id.token()
                )
            };
            diagnostics.at(&room.id, message);
        }
        seen.push((room, segments));
    }
}
