//! Checks the keys that take a number or a boolean.

use syn::{Ident, LitBool, LitInt};

use super::super::model::{FamilyOptions, Sync};
use super::super::syntax;
use crate::diagnostics::Diagnostics;
use crate::keys::Slot;

pub(super) fn max_size(settings: &syntax::Settings, diagnostics: &mut Diagnostics) -> Option<usize> {
    positive(
        settings.max_size.value()?,
        "`max_size: 0` would let nobody join the room: write a larger number, or remove `max_size` for no limit",
        diagnostics,
    )
}

pub(super) fn sync(settings: &syntax::Settings, diagnostics: &mut Diagnostics) -> Sync {
    match settings.sync_history_on_join.value() {
        None | Some(syntax::Sync::Switch(LitBool { value: false, .. })) => Sync::Off,
        Some(syntax::Sync::Switch(LitBool { value: true, .. })) => Sync::All,
        Some(syntax::Sync::PerType(number)) => {
            let help =
                "`sync_history_on_join: 0` would send no events: write `false`, or remove `sync_history_on_join`";
            positive(number, help, diagnostics).map_or(Sync::Off, Sync::PerType)
        }
    }
}

/// Returns the options that only families have.
pub(super) fn family(
    room: &Ident,
    is_family: bool,
    settings: &syntax::Settings,
    diagnostics: &mut Diagnostics,
) -> FamilyOptions {
    if !is_family {
        let keys = [
            settings.on_demand.key(),
            settings.client_created.key(),
            settings.listed.key(),
        ];
        for key in keys.into_iter().flatten() {
            diagnostics.at(
                key,
                format!(
                    "`{key}` works only for families, but `{room}` is a single room, which always exists: remove it"
                ),
            );
        }
        return FamilyOptions::default();
    }
    FamilyOptions {
        on_demand: is_on(&settings.on_demand),
        client_created: settings.client_created.value().and_then(|number| {
            let help =
                "`client_created: 0` would let nobody create a room: write a larger number, or remove `client_created`";
            positive(number, help, diagnostics)
        }),
        listed: is_on(&settings.listed),
    }
}

fn is_on(slot: &Slot<LitBool>) -> bool {
    slot.value().is_some_and(LitBool::value)
}

/// Returns a number of at least 1. `zero` is the error message for 0.
fn positive(literal: &LitInt, zero: &str, diagnostics: &mut Diagnostics) -> Option<usize> {
    match literal.base10_parse() {
        Ok(0) => {
            diagnostics.at(literal, zero);
            None
        }
        Ok(number) => Some(number),
        Err(error) => {
            diagnostics.push(error);
            None
        }
    }
}
