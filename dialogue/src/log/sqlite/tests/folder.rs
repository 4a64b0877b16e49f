//! A folder for one test.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::log::durable::DurableLog;
use crate::log::sqlite::store::SqliteLog;
use crate::log::sqlite::{Sqlite, SqliteError};
use crate::random::random_name;

/// A folder that is removed when the test has ended.
pub(crate) struct Folder(PathBuf);

/// What a killed process leaves: a file and its write-ahead log.
#[derive(Clone)]
pub(crate) struct Remains {
    pub(super) file: Vec<u8>,
    pub(super) log: Vec<u8>,
}

impl Folder {
    pub(crate) fn new() -> Self {
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

    pub(crate) fn settings(&self) -> Sqlite {
        Sqlite::open(self.file()).with_boot_id(Some("boot".to_owned()))
    }

    pub(super) fn open(&self) -> Result<SqliteLog, SqliteError> {
        self.settings().start(1024 * 1024)
    }

    /// Creates the file.
    pub(super) fn create(&self) {
        close(self.open().unwrap());
    }

    /// Another program's connection to the file.
    pub(crate) fn connection(&self) -> Connection {
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

    /// What a process would leave that is killed now.
    pub(crate) fn remains(&self) -> Remains {
        Remains {
            file: fs::read(self.file()).unwrap(),
            log: fs::read(self.log()).unwrap_or_default(),
        }
    }

    /// Puts back what a killed process left. The file stays the same one: its inode is as before.
    pub(crate) fn restore(&self, remains: &Remains) {
        let _absent = fs::remove_file(self.0.join("desk.db-shm"));
        let mut file = OpenOptions::new().write(true).truncate(true).open(self.file()).unwrap();
        file.write_all(&remains.file).unwrap();
        fs::write(self.log(), &remains.log).unwrap();
    }

    /// Ends a log as `kill -9` does: nothing is written any more.
    pub(super) fn kill(&self, log: SqliteLog) {
        let remains = self.remains();
        close(log);
        self.restore(&remains);
    }

    fn log(&self) -> PathBuf {
        self.0.join("desk.db-wal")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _removed = fs::remove_dir_all(&self.0);
    }
}

/// Closes a log, and waits until it is closed.
pub(super) fn close(log: SqliteLog) {
    block_on(log.close()).unwrap();
}

/// Waits for an answer on another thread, which may also be called from within a runtime.
pub(super) fn block_on<T: Send>(answer: impl Future<Output = T> + Send) -> T {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(answer)
    };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap())
}
