//! Where a file is: its canonical path, its lock, and what tells it from a copy.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::error::SqliteError;
use super::files::{beside, device_and_inode, io_error, private};
use super::lock::Lock;

/// A file that exists, and that no other process may use until this is dropped.
#[derive(Debug)]
pub(super) struct Location {
    /// Without symbolic links.
    pub(super) path: PathBuf,
    /// Locked. The file itself stays: if it were removed, two processes could each lock one of that name.
    pub(super) lock: Lock,
}

/// What tells a file from its copies. `None` if the file system does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct FileId {
    pub(super) device: Option<i64>,
    pub(super) inode: Option<i64>,
    /// The time of its creation, in nanoseconds since 1970: an inode that is free again may be used for a copy.
    pub(super) born: Option<i64>,
}

impl Location {
    /// Locks the file at `given`. Creates an empty one if there is none and `creates` says so.
    pub(super) fn lock(given: &Path, creates: bool) -> Result<Self, SqliteError> {
        let path = canonical(given)?;
        let found = match fs::metadata(&path) {
            Ok(metadata) if !metadata.is_file() => return Err(SqliteError::NotAFile { path }),
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::NotFound && creates => false,
            Err(error) => return Err(io_error(&path, error)),
        };
        let mut lock = Lock::of(&path)?;
        refuse_lost_content(&path)?;
        if !found {
            create(&path)?;
        }
        if has_several_names(&path) {
            return Err(SqliteError::SeveralNames { path });
        }
        lock.add_content(&path)?;
        Ok(Self { path, lock })
    }

    /// What tells the file from its copies.
    pub(super) fn file_id(&self) -> Result<FileId, SqliteError> {
        let metadata = fs::metadata(&self.path).map_err(|error| io_error(&self.path, error))?;
        let born = metadata
            .created()
            .ok()
            .and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        let (device, inode) = device_and_inode(&metadata);
        Ok(FileId {
            device,
            inode,
            born: born.and_then(|born| i64::try_from(born.as_nanos()).ok()),
        })
    }
}

impl FileId {
    /// Whether it is another file than `stored`. Values that are unknown on either side are ignored.
    pub(super) fn differs(self, stored: Self) -> bool {
        let differ = |one: Option<i64>, other: Option<i64>| one.zip(other).is_some_and(|(one, other)| one != other);
        differ(self.device, stored.device) || differ(self.inode, stored.inode) || differ(self.born, stored.born)
    }
}

/// The path without symbolic links. The file need not exist, but its folder must.
fn canonical(given: &Path) -> Result<PathBuf, SqliteError> {
    match fs::canonicalize(given) {
        Ok(path) => return Ok(path),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(io_error(given, error)),
    }
    // A link whose file does not exist yet.
    if let Ok(target) = fs::read_link(given) {
        return canonical(&given.with_file_name(target));
    }
    let Some(name) = given.file_name() else {
        return Err(SqliteError::NotAFile { path: given.to_owned() });
    };
    let folder = match given.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder = fs::canonicalize(folder).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => SqliteError::NoFolder {
            folder: folder.to_owned(),
        },
        _ => io_error(given, error),
    })?;
    Ok(folder.join(name))
}

/// Refuses a file that is missing or empty, but has a write-ahead log with content: SQLite would delete the log.
fn refuse_lost_content(path: &Path) -> Result<(), SqliteError> {
    /// The log begins with a header.
    const HEADER: u64 = 32;
    let length = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    let log = beside(path, "-wal");
    if length(path) > 0 || length(&log) <= HEADER || fs::metadata(&log).is_ok_and(|log| log.is_dir()) {
        return Ok(());
    }
    Err(SqliteError::Corrupt {
        path: path.to_owned(),
        reason: format!(
            "it is missing or empty, but `{}` has a part of it; remove that too if you want a new file",
            log.display()
        ),
    })
}

fn create(path: &Path) -> Result<(), SqliteError> {
    match private().write(true).create_new(true).open(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(io_error(path, error)),
    }
}

#[cfg(unix)]
fn has_several_names(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| std::os::unix::fs::MetadataExt::nlink(&metadata) > 1)
}

/// Whether every user of the machine may read the file, as is usual for a copy.
#[cfg(unix)]
pub(super) fn is_readable_by_all(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| std::os::unix::fs::MetadataExt::mode(&metadata) & 0o004 != 0)
}

#[cfg(not(unix))]
pub(super) fn is_readable_by_all(_path: &Path) -> bool {
    false
}

#[cfg(not(unix))]
fn has_several_names(_path: &Path) -> bool {
    false
}
