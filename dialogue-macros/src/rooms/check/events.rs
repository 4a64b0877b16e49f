//! Checks a room's events and default subscriptions.

use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Ident, Path};

use super::super::model::{Event, Events, Subscription, Subscriptions};
use super::super::{fallback, syntax};
use crate::diagnostics::{Diagnostics, first_at};
use crate::keys::Slot;

/// Returns the events that the room allows.
pub(super) fn events(room: &Ident, settings: &syntax::Settings, diagnostics: &mut Diagnostics) -> Events {
    let from_clients = match &settings.events {
        Slot::Given(_, syntax::Events::Only(paths)) => paths.as_slice(),
        Slot::Given(_, syntax::Events::Any) => {
            refuse_server_events_of_open_room(settings, diagnostics);
            return Events::Any;
        }
        Slot::Broken(_) => return fallback::events(),
        Slot::Absent => {
            diagnostics.at(
                room,
                format!(
                    "`{room}` does not say which events it allows: write `events: [Message]` with the events that \
                     clients may trigger, `events: []` if only the server may trigger events, or `events: *` for any \
                     event"
                ),
            );
            return fallback::events();
        }
    };
    let from_server = match &settings.server_events {
        Slot::Given(_, paths) => paths.as_slice(),
        Slot::Broken(_) => return fallback::events(),
        Slot::Absent => &[],
    };
    let mut events = Vec::new();
    for (paths, from_clients) in [(from_clients, true), (from_server, false)] {
        for path in paths {
            add(room, path, from_clients, &mut events, diagnostics);
        }
    }
    if events.is_empty() {
        Events::ReadOnly
    } else {
        Events::Only(events)
    }
}

/// Adds an event to the list, or reports it if it is already there.
fn add(room: &Ident, path: &Path, from_clients: bool, events: &mut Vec<Event>, diagnostics: &mut Diagnostics) {
    let Some(variant) = path.segments.last().map(|segment| &segment.ident) else {
        return;
    };
    if let Some(first) = events.iter().find(|first| same_path(&first.path, path)) {
        let place = first_at(first.span);
        diagnostics.at(
            path,
            if first.from_clients && !from_clients {
                format!(
                    "`{variant}` is already in `events`{place}, so the server may trigger it too: remove it here, or \
                     from `events` if clients may not trigger it"
                )
            } else {
                format!("`{variant}` is listed twice{place}: remove one of the two")
            },
        );
        return;
    }
    if let Some(first) = events.iter().find(|first| first.variant == *variant) {
        let place = first_at(first.span);
        diagnostics.at(
            path,
            format!(
                "two events are named `{variant}`{place}, but each variant of `{room}Event` needs its own name: import \
                 this one under another name, as in `use … as Other{variant};`, or remove it if both are the same type"
            ),
        );
        return;
    }
    events.push(Event {
        variant: variant.clone(),
        span: path.span(),
        path: path.clone(),
        from_clients,
    });
}

fn refuse_server_events_of_open_room(settings: &syntax::Settings, diagnostics: &mut Diagnostics) {
    if let Some(key) = settings.server_events.key() {
        diagnostics.at(
            key,
            "`events: *` already lets the server trigger every event: remove `server_events`, or replace `*` with a \
             list of the events that clients may trigger",
        );
    }
}

/// Returns the events that a client is subscribed to if it joins without naming any.
pub(super) fn subscriptions(
    settings: &syntax::Settings,
    events: &Events,
    diagnostics: &mut Diagnostics,
) -> Subscriptions {
    let paths = match settings.default_subscriptions.value() {
        Some(syntax::Events::Any) => return Subscriptions::All,
        Some(syntax::Events::Only(paths)) => paths.as_slice(),
        None => &[],
    };
    let mut subscriptions: Vec<Subscription> = Vec::new();
    for path in paths {
        if subscriptions.iter().any(|first| same_path(&first.path, path)) {
            let message = format!("`{}` is listed twice: remove one of the two", text(path));
            diagnostics.at(path, message);
            continue;
        }
        // Use the same span for every mention of an event, so that rustc reports a problem with the event only once.
        let listed = match events {
            Events::Only(events) => events.iter().find(|event| same_path(&event.path, path)),
            _ => None,
        };
        subscriptions.push(Subscription {
            path: listed.map_or(path, |event| &event.path).clone(),
            span: listed.map_or(path.span(), |event| event.span),
            listed: listed.is_some(),
        });
    }
    Subscriptions::Only(subscriptions)
}

/// Returns whether two paths are spelt the same. If two different spellings mean the same type, the compiler finds out
/// later.
fn same_path(a: &Path, b: &Path) -> bool {
    text(a) == text(b)
}

fn text(path: &Path) -> String {
    path.to_token_stream().to_string().replace(' ', "")
}
