//! What an error of SQLite means for the changes of a transaction: refused, unknown, or worth a try one by one.

use rusqlite::ErrorCode;

use crate::hook::HookFailure;
use crate::log::durable::StoreFailure;
use crate::log::sqlite::failure::failure as failure_of;

/// Why a transaction has stored nothing, or may have.
#[derive(Debug)]
pub(super) enum Broken {
    /// Nothing is stored, and the next transaction may succeed.
    Refused(StoreFailure),
    /// Nothing is stored. The fault may be one change's, so the changes are tried one by one.
    OneByOne(StoreFailure),
    /// Everything is stored, or nothing.
    Unknown(StoreFailure),
}

impl Broken {
    /// A statement before the commit failed.
    pub(super) fn before_commit(error: &rusqlite::Error) -> Self {
        let failure = failure_of(error);
        match (error.sqlite_error_code(), &failure) {
            // The disk, the file or another program is at fault, not a change.
            (
                Some(
                    ErrorCode::DiskFull
                    | ErrorCode::ReadOnly
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::CannotOpen
                    | ErrorCode::PermissionDenied
                    | ErrorCode::OutOfMemory
                    | ErrorCode::NotADatabase,
                ),
                _,
            ) => Self::Refused(failure),
            // Only the changes that touch a damaged page fail.
            _ => Self::OneByOne(failure),
        }
    }

    /// The commit itself failed. SQLite has then rolled back, but after an error of the disk, the whole transaction may
    /// be in the write-ahead log already, where a start after a crash would find it.
    pub(super) fn at_commit(error: &rusqlite::Error) -> Self {
        let failure = failure_of(error);
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::ReadOnly) => {
                Self::Refused(failure)
            }
            Some(ErrorCode::ConstraintViolation) => Self::OneByOne(failure),
            _ => Self::Unknown(failure),
        }
    }

    pub(super) fn panicked(panic: &HookFailure) -> Self {
        Self::Unknown(StoreFailure::Failed {
            reason: format!("the store's thread {panic}"),
        })
    }

    pub(super) fn failure(&self) -> &StoreFailure {
        match self {
            Self::Refused(failure) | Self::OneByOne(failure) | Self::Unknown(failure) => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn error(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn a_commit_that_may_have_reached_the_disk_is_unknown() {
        for code in [
            ffi::SQLITE_FULL,
            ffi::SQLITE_BUSY,
            ffi::SQLITE_READONLY,
            ffi::SQLITE_LOCKED,
        ] {
            assert!(matches!(Broken::at_commit(&error(code)), Broken::Refused(_)), "{code}");
        }
        for code in [
            ffi::SQLITE_IOERR_FSYNC,
            ffi::SQLITE_IOERR_WRITE,
            ffi::SQLITE_IOERR_SHMSIZE,
            ffi::SQLITE_NOMEM,
        ] {
            assert!(matches!(Broken::at_commit(&error(code)), Broken::Unknown(_)), "{code}");
        }
    }

    #[test]
    fn an_error_before_the_commit_has_stored_nothing() {
        for code in [
            ffi::SQLITE_FULL,
            ffi::SQLITE_IOERR_WRITE,
            ffi::SQLITE_BUSY,
            ffi::SQLITE_READONLY,
        ] {
            assert!(
                matches!(Broken::before_commit(&error(code)), Broken::Refused(_)),
                "{code}"
            );
        }
        for code in [
            ffi::SQLITE_CONSTRAINT_UNIQUE,
            ffi::SQLITE_TOOBIG,
            ffi::SQLITE_CORRUPT,
            ffi::SQLITE_MISMATCH,
        ] {
            assert!(
                matches!(Broken::before_commit(&error(code)), Broken::OneByOne(_)),
                "{code}"
            );
        }
    }
}
