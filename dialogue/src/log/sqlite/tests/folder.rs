//! A folder for one test.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::log::sqlite::store::SqliteLog;
use crate::log::sqlite::{Sqlite, SqliteError};
use crate::random::random_name;

/// A folder that is removed when the test has ended.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("dialogue-sqlite-{}", random_name(8)));
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The file of the tests, which need not exist.
    pub(super) fn file(&self) -> PathBuf {
        self.0.join("desk.db")
    }

    pub(super) fn settings(&self) -> Sqlite {
        Sqlite::open(self.file()).with_boot_id(Some("boot".to_owned()))
    }

    pub(super) fn open(&self) -> Result<SqliteLog, SqliteError> {
        self.settings().start(1024 * 1024)
    }

    /// Another program's connection to the file.
    pub(super) fn connection(&self) -> Connection {
        Connection::open(self.file()).unwrap()
    }

    /// The names of all files in it.
    pub(super) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _removed = fs::remove_dir_all(&self.0);
    }
}
