//! The test that compares the lock file with the rooms. It updates the file if that is allowed.

use std::io;
use std::path::{Path, PathBuf};

use super::compare::{Change, Impact};
use super::contract_lock::{Lock, LockError};
use super::diff;
use crate::chain::Chain;
use crate::contract::model::ContractError;
use crate::contract::room_set::RoomSet;

/// The environment variable that allows [`check_lock`] to write the file.
const VARIABLE: &str = "DIALOGUE_LOCK";

/// Fails unless the lock file at `path` is the lock of the rooms `R`. Call it in a test that protects deployed
/// clients. A relative path starts at the package's folder, where `cargo test` runs.
///
/// ```no_run
/// # use dialogue::prelude::*;
/// # #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
/// # pub struct Message { text: String }
/// # rooms! { pub Rooms; pub Chat = "chat" { events: [Message] } }
/// #[test]
/// fn deployed_clients_stay_compatible_with_this_server() {
///     dialogue::contract::check_lock::<Rooms>("dialogue.lock.json");
/// }
/// # fn main() {}
/// ```
///
/// Keep the file in version control. The environment variable `DIALOGUE_LOCK` decides what the test does:
///
/// | `DIALOGUE_LOCK` | no file | additive changes | breaking changes |
/// |---|---|---|---|
/// | not set | fails | fails and asks for an update | fails |
/// | `update` | writes it | writes them | fails |
/// | `break` | writes it | writes them | writes them |
///
/// Additive changes fail too, because the test only protects what the file contains. `update` refuses breaking
/// changes, so that nobody writes one by accident.
///
/// # Panics
///
/// Panics if the check fails, with the changes and the difference between the files. Also panics if an event cannot be
/// defined, if the file cannot be read or written, or if `DIALOGUE_LOCK` has another value.
#[track_caller]
pub fn check_lock<R: RoomSet>(path: impl AsRef<Path>) {
    let allowed = match std::env::var(VARIABLE) {
        Err(_) => None,
        Ok(allowed) if allowed == "update" => Some(Impact::Additive),
        Ok(allowed) if allowed == "break" => Some(Impact::Breaking),
        Ok(other) => panic!("{VARIABLE} is `{other}`: use `update`, `break`, or leave it unset"),
    };
    if let Err(error) = check::<R>(path.as_ref(), allowed) {
        panic!("{}", Chain(&error));
    }
}

/// Why the lock file is not the lock of the rooms.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckError {
    #[error(transparent)]
    Contract(#[from] ContractError),
    #[error(
        "{} does not exist. To lock the current contract, run the test once with {VARIABLE}=update, and add the file to \
         version control.",
        .path.display()
    )]
    Missing { path: PathBuf },
    #[error("cannot read {}", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot use {}", .path.display())]
    NotALock { path: PathBuf, source: LockError },
    #[error("{}", report(.path, *.impact, .changes, .diff))]
    Differs {
        path: PathBuf,
        /// The greatest impact of the changes.
        impact: Impact,
        changes: Vec<Change>,
        /// The lines that differ.
        diff: String,
    },
}

/// `check_lock`. `allowed` is the greatest impact of changes that may be written.
pub(super) fn check<R: RoomSet>(path: &Path, allowed: Option<Impact>) -> Result<(), CheckError> {
    let now = Lock::of::<R>()?;
    let write = || {
        std::fs::write(path, now.text()).map_err(|source| CheckError::Write {
            path: path.to_owned(),
            source,
        })
    };
    let text = match std::fs::read_to_string(path) {
        // Version control may have checked it out with these line ends.
        Ok(text) => text.replace("\r\n", "\n"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match allowed {
                Some(_) => write(),
                None => Err(CheckError::Missing { path: path.to_owned() }),
            };
        }
        Err(source) => {
            return Err(CheckError::Read {
                path: path.to_owned(),
                source,
            });
        }
    };
    if text == now.text() {
        return Ok(());
    }
    let locked = Lock::parse(&text).map_err(|source| CheckError::NotALock {
        path: path.to_owned(),
        source,
    })?;
    // An earlier version of Dialogue has written the same contract in another form.
    if locked.text() == now.text() {
        return match allowed {
            Some(_) => write(),
            None => Ok(()),
        };
    }
    let changes = locked.changes_to(&now);
    let impact = changes
        .iter()
        .map(|change| change.impact)
        .max()
        .unwrap_or(Impact::Additive);
    if allowed.is_some_and(|allowed| impact <= allowed) {
        return write();
    }
    Err(CheckError::Differs {
        path: path.to_owned(),
        impact,
        changes,
        diff: diff::lines(locked.text(), now.text()),
    })
}

fn report(path: &Path, impact: Impact, changes: &[Change], diff: &str) -> String {
    let path = path.display();
    let mut report = match impact {
        Impact::Breaking => format!("the contract breaks clients that use the contract in {path}"),
        Impact::Additive => {
            format!("the contract differs from the one in {path}, and clients that use that contract keep working")
        }
    };
    report.push_str(":\n\n");
    for change in changes {
        report += &format!("  {change}\n");
    }
    report += &format!("\n{path}, old (-) and new (+):\n\n{diff}\n");
    report += &match impact {
        Impact::Breaking => format!(
            "Undo the change to the rooms or events. If no such client is left, accept the change: run the test with \
             {VARIABLE}=break."
        ),
        Impact::Additive => format!("To accept the change, run the test with {VARIABLE}=update."),
    };
    report
}
