//! Tests of the writer on real files.

mod desk;
mod faults;
mod keys;
mod laws;
mod removal;
mod replaced;
mod upkeep;
