//! Why a file does not open.

use std::io;
use std::path::PathBuf;

/// Why a file of [`Sqlite`](super::Sqlite) did not open. Each text says what to do. The file is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqliteError {
    /// A process uses the file already: another one, or this one.
    #[error("`{}` is in use: stop the other server that has it open, or give this one another file", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A newer version of Dialogue has written the file.
    #[error(
        "`{}` has format {found}, and this version of Dialogue reads formats up to {supported}: update Dialogue, or \
         restore a backup from before the update",
        path.display()
    )]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format that this version of Dialogue reads.
        supported: i64,
    },
    /// The file is damaged.
    #[error(
        "`{}` is damaged ({reason}): restore a backup, or save what is left as docs/durability.md explains",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the database reports.
        reason: String,
    },
    /// The file has other content: it isn't a database, or it is another program's, or its beginning is damaged.
    #[error(
        "`{}` is not a database of Dialogue, and was left as it is: give another path, or restore a backup if it was one",
        path.display()
    )]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The path leads to something that is not a file, such as a folder.
    #[error("`{}` is not a file: give the path of a file, such as `desk.db`", path.display())]
    NotAFile {
        /// The path that was given.
        path: PathBuf,
    },
    /// The folder does not exist.
    #[error("the folder `{}` does not exist: create it, or give another path", folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// The file or its folder is read-only. The store writes the file and creates other files next to it.
    #[error("`{}` is read-only: make the file and its folder writable for the user of this process", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The file has several names (hard links), such as a backup that shares its content. Changes would reach all of them,
    /// and two servers could open the file under different names.
    #[error("`{}` has several names (hard links): make a copy with `cp`, and give its path", path.display())]
    SeveralNames {
        /// The file.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("the disk of `{}` is full: free some space", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The operating system reports another failure.
    #[error("cannot open `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The failure.
        source: io::Error,
    },
    /// The database reports another failure.
    #[error("cannot open `{}`: {reason}", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// What the database reports.
        reason: String,
    },
}
