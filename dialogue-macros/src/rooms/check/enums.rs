//! Checks the names of the event enums. The macro generates them in the same module as the rooms and names them after
//! the rooms.

use quote::ToTokens;
use syn::{Ident, Path};

use super::super::fallback;
use super::super::model::{Event, Events, RoomSet};
use crate::diagnostics::Diagnostics;

/// Reports any other item that has the name of an event enum. The macro then generates no such enum for that room.
pub(super) fn refuse_taken(set: &mut RoomSet, diagnostics: &mut Diagnostics) {
    for at in 0..set.rooms.len() {
        let room = &set.rooms[at];
        let Some(name) = room.enum_name() else {
            continue;
        };
        let Some((taken, advice)) = taken_by(set, &name) else {
            continue;
        };
        let message = format!(
            "`{name}` is also the name of the enum that `rooms!` generates for the events of `{}`: {advice}",
            room.ident
        );
        diagnostics.at(taken, message);
        set.rooms[at].events = fallback::events();
    }
}

/// Returns the item that already has the name, and advice on how to fix it.
fn taken_by(set: &RoomSet, name: &Ident) -> Option<(Box<dyn ToTokens>, &'static str)> {
    if set.ident == *name {
        return Some((Box::new(set.ident.clone()), "rename the set"));
    }
    if let Some(room) = set.rooms.iter().find(|room| room.ident == *name) {
        return Some((Box::new(room.ident.clone()), "rename this room"));
    }
    let listed = set.rooms.iter().flat_map(|room| match &room.events {
        Events::Only(events) => events.as_slice(),
        _ => &[],
    });
    let event = listed.map(|Event { path, .. }| path).find(|path| is_here(path, name))?;
    Some((
        Box::new(event.clone()),
        "rename the event's type, or include its module in the path",
    ))
}

/// Returns whether a path points to this name in the module of `rooms!`.
fn is_here(path: &Path, name: &Ident) -> bool {
    let mut names = path.segments.iter().map(|segment| &segment.ident).collect::<Vec<_>>();
    if names.len() == 2 && names[0] == "self" {
        names.remove(0);
    }
    path.leading_colon.is_none() && names == [name]
}
