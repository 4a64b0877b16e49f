//! What a failure of SQLite means.

use rusqlite::{Error, ErrorCode, ffi};

use crate::log::durable::StoreFailure;

/// Translates a failure of a read or a change.
pub(super) fn failure(error: &Error) -> StoreFailure {
    let reason = error.to_string();
    if is_damage(error) {
        return StoreFailure::Corrupt { reason };
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreFailure::Full,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreFailure::ReadOnly,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreFailure::Failed {
            reason: "another program has locked the store's file".to_owned(),
        },
        _ => StoreFailure::Failed { reason },
    }
}

/// Whether an error says that the file is damaged: its pages, its tables, or a value that is not of its column's kind.
pub(super) fn is_damage(error: &Error) -> bool {
    match error {
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => true,
        // All statements are valid in a whole file.
        Error::SqlInputError { msg, .. } => msg.starts_with("no such "),
        Error::SqliteFailure(_, Some(msg)) if msg.starts_with("no such ") => true,
        _ => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => true,
            Some(ErrorCode::SystemIoFailure) => is_extended(error, ffi::SQLITE_IOERR_CORRUPTFS),
            _ => false,
        },
    }
}

fn is_extended(error: &Error, code: i32) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == code)
}
