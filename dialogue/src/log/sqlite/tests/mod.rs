//! Tests with real files, each in a folder of its own.

mod folder;
mod opening;

use folder::Folder;
