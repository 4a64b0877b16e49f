//! Tests with real files, each in a folder of its own.

mod folder;
mod generations;
mod migrations;
mod opening;
mod process;
mod readers;

use folder::Folder;
