//! Tests of the writer on real files.

mod desk;
mod faults;
mod laws;
mod removal;
