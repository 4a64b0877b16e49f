//! The lock of a file: one server uses it at a time.
//!
//! Opens a database file only before SQLite does, and closes it after: closing it in between would release the locks that
//! SQLite holds on it in this process.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;

use parking_lot::Mutex;

use super::error::SqliteError;
use super::files::{Inode, beside, device_and_inode, io_error, private};

/// The lock of a file. Ends when it is dropped, or with the process. Drop it after the last connection.
#[derive(Debug)]
pub(super) struct Lock {
    name: File,
    /// The database file itself. The same file can have two paths, each with a lock of its own: if it is mounted alone in two
    /// folders, or if somebody has removed the lock.
    content: Option<Content>,
}

/// A locked database file, and its device and inode.
#[derive(Debug)]
struct Content(File, Inode);

/// The database files that this process has open. Even to open and close one of them again would release SQLite's locks.
static OPEN: Mutex<BTreeSet<Inode>> = Mutex::new(BTreeSet::new());

/// Unlocks, because closing is not enough: a child process that this process starts just now still has the file open.
impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(Content(file, inode)) = self.content.take() {
            let _closing_unlocks_too = file.unlock();
            drop(file);
            OPEN.lock().remove(&inode);
        }
        let _closing_unlocks_too = self.name.unlock();
    }
}

impl Lock {
    pub(super) fn of(path: &Path) -> Result<Self, SqliteError> {
        let name = beside(path, "-lock");
        let file = private()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&name)
            .map_err(|error| io_error(&name, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self {
                name: file,
                content: None,
            }),
            Err(TryLockError::WouldBlock) => Err(SqliteError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => Err(io_error(&name, error)),
        }
    }

    /// Also locks the database file itself. Only on Linux: elsewhere, this lock would be one with SQLite's own.
    pub(super) fn add_content(&mut self, path: &Path) -> Result<(), SqliteError> {
        let in_use = || Err(SqliteError::InUse { path: path.to_owned() });
        let Ok(metadata) = fs::metadata(path) else {
            return Ok(());
        };
        let inode = device_and_inode(&metadata);
        let mut open = OPEN.lock();
        if open.contains(&inode) {
            return in_use();
        }
        // SQLite would not say why it cannot read the file.
        File::open(path).map_err(|error| io_error(path, error))?;
        if !cfg!(target_os = "linux") {
            return Ok(());
        }
        // A read-only file is refused later.
        let Ok(file) = OpenOptions::new().read(true).write(true).open(path) else {
            return Ok(());
        };
        match file.try_lock() {
            Ok(()) => {
                open.insert(inode);
                self.content = Some(Content(file, inode));
                Ok(())
            }
            Err(TryLockError::WouldBlock) => in_use(),
            // Some file systems have no such locks.
            Err(TryLockError::Error(_)) => Ok(()),
        }
    }
}
