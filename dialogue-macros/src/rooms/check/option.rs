//! Checks the keys that take a number or a boolean.

use syn::{Ident, LitBool, LitInt};

use super::super::model::{FamilyOptions, Sync};
use super::super::syntax;
use crate::diagnostics::Diagnostics;
use crate::keys::Slot;

pub(super) fn max_size(settings: &syntax::Settings, diagnostics: &mut Diagnostics) -> Option<usize> {
    positive(
        settings.max_size.value()?,
        "nobody could enter a room of `max_size: 0`: leave `max_size` out for a room without a bound",
        diagnostics,
    )
}

pub(super) fn sync(settings: &syntax::Settings, diagnostics: &mut Diagnostics) -> Sync {
    match settings.sync_history_on_join.value() {
        None | Some(syntax::Sync::Switch(LitBool { value: false, .. })) => Sync::Off,
        Some(syntax::Sync::Switch(LitBool { value: true, .. })) => Sync::All,
        Some(syntax::Sync::PerType(number)) => {
            let help = "0 events of each type is no history: write `false`, or leave `sync_history_on_join` out";
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
                format!("`{key}` is for families, and `{room}` is a single room, which is always there: remove it"),
            );
        }
        return FamilyOptions::default();
    }
    FamilyOptions {
        on_demand: is_on(&settings.on_demand),
        client_created: settings.client_created.value().and_then(|number| {
            let help = "`client_created: 0` lets nobody create a room: leave it out";
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
