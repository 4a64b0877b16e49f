//! The files of an open database, to notice when others take their place.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::files::{Inode, beside, device_and_inode};
use crate::log::durable::StoreFailure;

/// The database, its write-ahead log and the index of that.
#[derive(Debug)]
pub(super) struct Watched {
    files: Vec<(PathBuf, Inode)>,
}

impl Watched {
    /// The files that there are now. While the database at `path` is open, all of them exist.
    pub(super) fn new(path: &Path) -> Self {
        let files = ["", "-wal", "-shm"].into_iter().filter_map(|suffix| {
            let path = beside(path, suffix);
            let inode = device_and_inode(&fs::metadata(&path).ok()?);
            Some((path, inode))
        });
        Self { files: files.collect() }
    }

    /// Which file is gone or another one, if one of them is. Changes to it would then be lost.
    pub(super) fn replaced(&self) -> Option<StoreFailure> {
        let (path, _) = self.files.iter().find(|(path, inode)| match fs::metadata(path) {
            Ok(metadata) => device_and_inode(&metadata) != *inode,
            Err(error) => error.kind() == ErrorKind::NotFound,
        })?;
        Some(StoreFailure::Failed {
            reason: format!(
                "`{}` was moved, removed or replaced while the server runs: put it back, or restart the server",
                path.display()
            ),
        })
    }
}
