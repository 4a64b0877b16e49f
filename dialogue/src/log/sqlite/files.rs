//! What a database and the files next to it have in common: their names, modes, ids and failures.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::error::SqliteError;

/// A device and an inode, where there are such.
pub(super) type Inode = (Option<i64>, Option<i64>);

/// The path of a file next to a file, with the same name and a suffix.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

/// How files are created: only the user of the process may read them.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(unix)]
pub(super) fn device_and_inode(metadata: &fs::Metadata) -> Inode {
    use std::os::unix::fs::MetadataExt;
    (Some(metadata.dev().cast_signed()), Some(metadata.ino().cast_signed()))
}

#[cfg(not(unix))]
pub(super) fn device_and_inode(_metadata: &fs::Metadata) -> Inode {
    (None, None)
}

/// Translates a failure of the operating system.
pub(super) fn io_error(path: &Path, source: io::Error) -> SqliteError {
    let path = path.to_owned();
    match source.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => SqliteError::ReadOnly { path },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => SqliteError::Full { path },
        _ => SqliteError::Io { path, source },
    }
}
