//! The contract as a lock file holds it: canonical text, and the snapshot that the text describes.
//!
//! Reads and writes text. Files belong to the module of the check.

use std::fmt;

use serde::Deserialize;

use super::compare::{Change, changes};
use crate::contract::model::{Contract, ContractError};
use crate::contract::room_set::RoomSet;
use crate::contract::snapshot::{Snapshot, VERSION};

/// The contract of rooms as it is kept in a lock file: canonical text, the same on every machine.
#[derive(Debug, Clone)]
pub struct Lock {
    text: String,
    snapshot: Snapshot,
}

impl Lock {
    /// What the lock file of these rooms should be.
    ///
    /// # Errors
    ///
    /// [`ContractError`] when an event cannot be defined.
    pub fn of<R: RoomSet>() -> Result<Self, ContractError> {
        Ok(Self::of_contract(&Contract::of(R::declarations(), &[])?))
    }

    fn of_contract(contract: &Contract) -> Self {
        let snapshot = Snapshot::of(contract);
        let text = snapshot.text();
        // Read back, so that numbers are what they are in a lock that was read from a file.
        let snapshot = serde_json::from_str(&text).unwrap_or(snapshot);
        Self { text, snapshot }
    }

    /// Reads the text of a lock file.
    ///
    /// # Errors
    ///
    /// [`LockError::Syntax`] when it is none, [`LockError::Version`] when it is one of a later version of Dialogue.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let Versioned { version } = serde_json::from_str(text)?;
        if version != VERSION {
            return Err(LockError::Version { version });
        }
        Ok(Self {
            text: text.to_owned(),
            snapshot: serde_json::from_str(text)?,
        })
    }

    /// The fingerprint of the contract, which a server of these rooms alone tells its clients in `connected`.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.snapshot.fingerprint
    }

    /// The text of the file.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What has changed from this lock to a newer one, breaking changes first; nothing if clients cannot tell them apart.
    ///
    /// A change is additive only if it is proven that clients of the older contract get along with the newer one.
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

/// Why a text is not the lock of a contract.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// It is not what Dialogue writes.
    #[error("this is no lock file of Dialogue")]
    Syntax(#[from] serde_json::Error),
    /// It is of a version that is not known here.
    #[error("the lock file is of version {version}; this version of Dialogue reads up to {known}", known = VERSION)]
    Version {
        /// The file's version.
        version: u32,
    },
}
