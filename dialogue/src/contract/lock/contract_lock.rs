//! The contract in the form of a lock file: canonical text, and the snapshot that the text describes.
//!
//! Parses and formats text. Reading and writing files belongs to the module of the check.

use std::fmt;

use serde::Deserialize;

use super::compare::{Change, changes};
use crate::contract::model::{Contract, ContractError};
use crate::contract::room_set::RoomSet;
use crate::contract::snapshot::{AS_PUBLISHED, Snapshot, VERSION};

/// The contract of some rooms in the form of a lock file. Its canonical text is the same on every machine.
#[derive(Debug, Clone)]
pub struct Lock {
    text: String,
    snapshot: Snapshot,
}

impl Lock {
    /// The lock of these rooms as they are now.
    ///
    /// # Errors
    ///
    /// Returns a [`ContractError`] if an event cannot be defined.
    pub fn of<R: RoomSet>() -> Result<Self, ContractError> {
        Ok(Self::of_contract(&Contract::of(R::declarations(), &[])?))
    }

    fn of_contract(contract: &Contract) -> Self {
        Self::of_snapshot(Snapshot::of(contract))
    }

    fn of_snapshot(snapshot: Snapshot) -> Self {
        let text = snapshot.text();
        // Parsing the text again gives numbers the same form as in a lock that was read from a file.
        let snapshot = serde_json::from_str(&text).unwrap_or(snapshot);
        Self { text, snapshot }
    }

    /// Parses the text of a lock file. A file of version 1, which earlier versions of Dialogue wrote, becomes the same
    /// contract in the current version: its text and fingerprint are new.
    ///
    /// # Errors
    ///
    /// Returns [`LockError::Syntax`] if the text isn't a lock file, and [`LockError::Version`] if it has another
    /// version.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let Versioned { version } = serde_json::from_str(text)?;
        match version {
            VERSION => Ok(Self {
                text: text.to_owned(),
                snapshot: serde_json::from_str(text)?,
            }),
            AS_PUBLISHED => {
                let snapshot: Snapshot = serde_json::from_str(text)?;
                Ok(Self::of_snapshot(snapshot.upgraded()))
            }
            version => Err(LockError::Version { version }),
        }
    }

    /// The fingerprint of the contract. A server with exactly these rooms sends it to its clients in `connected`.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.snapshot.fingerprint
    }

    /// The text of the file.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The changes from this lock to a newer one, breaking changes first. The list is empty if clients cannot observe
    /// a difference.
    ///
    /// A change is additive only if Dialogue can prove that clients of the older contract keep working.
    #[must_use]
    pub fn changes_to(&self, newer: &Self) -> Vec<Change> {
        changes(&self.snapshot, &newer.snapshot)
    }
}

/// The text of the file.
impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The reason why a text isn't the lock of a contract.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Dialogue did not write this text.
    #[error("this is not a lock file of Dialogue")]
    Syntax(#[from] serde_json::Error),
    /// The file has a version that this version of Dialogue cannot read.
    #[error("the lock file has version {version}, but this version of Dialogue only reads versions up to {known}", known = VERSION)]
    Version {
        /// The file's version.
        version: u32,
    },
}
