//! Tests with real files, each in a folder of its own.

mod damage;
mod folder;
mod generations;
mod log_file;
mod migrations;
mod model;
mod opening;
mod process;
mod readers;
mod retention;
mod startup;

pub(crate) use folder::Folder;
