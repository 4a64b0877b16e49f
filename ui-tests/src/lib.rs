//! Nothing but the cases in `pass/` and `fail/`, each named after the mistake it is about. They are compiled by
//! `tests/ui.rs`; after a wording has changed, `TRYBUILD=overwrite cargo test -p dialogue-ui-tests` writes the `.stderr`
//! files anew, to be read before they are committed.
