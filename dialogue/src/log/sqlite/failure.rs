//! What a failure of SQLite means to the runtime.

use rusqlite::ErrorCode;

use crate::log::durable::StoreFailure;

/// Translates a failure of a read or a change.
pub(super) fn failure(error: &rusqlite::Error) -> StoreFailure {
    let reason = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreFailure::Full,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreFailure::ReadOnly,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreFailure::Corrupt { reason },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreFailure::Failed {
            reason: "another program has locked the store's file".to_owned(),
        },
        _ => StoreFailure::Failed { reason },
    }
}
