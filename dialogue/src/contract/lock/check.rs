//! The test that compares the lock file with the rooms, and updates the file when it is allowed to.

use std::path::Path;

use super::compare::{Change, Impact};
use super::contract_lock::Lock;
use super::diff;
use crate::contract::room_set::RoomSet;

/// The environment variable that lets [`check_lock`] write.
const VARIABLE: &str = "DIALOGUE_LOCK";

/// Fails unless the lock file at `path` is that of the rooms `R`: the one line of a test that keeps an eye on clients in
/// the field. A relative path starts at the package's folder, where `cargo test` runs.
///
/// ```no_run
/// # use dialogue::prelude::*;
/// # #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
/// # pub struct Message { text: String }
/// # rooms! { pub Rooms; pub Chat = "chat" { events: [Message] } }
/// #[test]
/// fn clients_in_the_field_get_along_with_this_server() {
///     dialogue::contract::check_lock::<Rooms>("dialogue.lock.json");
/// }
/// # fn main() {}
/// ```
///
/// Keep the file in version control. What the test does depends on the environment variable `DIALOGUE_LOCK`:
///
/// | `DIALOGUE_LOCK` | no file | additive changes | breaking changes |
/// |---|---|---|---|
/// | not set | fails | fails and asks for an update | fails |
/// | `update` | writes it | writes them | fails |
/// | `break` | writes it | writes them | writes them |
///
/// Additive changes fail, too, since what is not in the file is not protected by it. That nobody writes a breaking change
/// in passing is why `update` does not.
///
/// # Panics
///
/// When it fails, with the changes and how the file would change; and when an event cannot be defined, the file cannot be
/// read or written, or `DIALOGUE_LOCK` is something else.
#[track_caller]
pub fn check_lock<R: RoomSet>(path: impl AsRef<Path>) {
    let allowed = match std::env::var(VARIABLE) {
        Err(_) => None,
        Ok(allowed) if allowed == "update" => Some(Impact::Additive),
        Ok(allowed) if allowed == "break" => Some(Impact::Breaking),
        Ok(other) => panic!("{VARIABLE} is `{other}`: use `update`, `break`, or leave it unset"),
    };
    if let Err(failure) = check::<R>(path.as_ref(), allowed) {
        panic!("{failure}");
    }
}

/// `check_lock`, with what may be written.
pub(super) fn check<R: RoomSet>(path: &Path, allowed: Option<Impact>) -> Result<(), String> {
    let shown = path.display();
    let now = Lock::of::<R>().map_err(|error| error.to_string())?;
    let write = || std::fs::write(path, now.text()).map_err(|error| format!("{shown} cannot be written: {error}"));
    let text = match std::fs::read_to_string(path) {
        // As it may have been checked out.
        Ok(text) => text.replace("\r\n", "\n"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return match allowed {
                Some(_) => write(),
                None => Err(format!(
                    "{shown} is not there. To lock the contract as it is now, run the test once with {VARIABLE}=update, and \
                     keep the file in version control."
                )),
            };
        }
        Err(error) => return Err(format!("{shown} cannot be read: {error}")),
    };
    if text == now.text() {
        return Ok(());
    }
    let locked = Lock::parse(&text).map_err(|error| match std::error::Error::source(&error) {
        Some(source) => format!("{shown}: {error}: {source}"),
        None => format!("{shown}: {error}"),
    })?;
    let changes = locked.changes_to(&now);
    let impact = changes
        .iter()
        .map(|change| change.impact)
        .max()
        .unwrap_or(Impact::Additive);
    if allowed.is_some_and(|allowed| impact <= allowed) {
        return write();
    }
    Err(report(
        &shown.to_string(),
        impact,
        &changes,
        &diff::lines(&text, now.text()),
    ))
}

fn report(path: &str, impact: Impact, changes: &[Change], diff: &str) -> String {
    let mut report = match impact {
        Impact::Breaking => format!("the contract breaks clients that know the one in {path}"),
        Impact::Additive => {
            format!("the contract has changed from the one in {path}; clients that know that get along")
        }
    };
    report.push_str(":\n\n");
    for change in changes {
        report += &format!("  {change}\n");
    }
    report += &format!("\n{path}, as it is and as it would be:\n\n{diff}\n");
    report += &match impact {
        Impact::Breaking => format!(
            "Mend the rooms or events; or, if no such client is left, accept this with {VARIABLE}=break in the test's \
             environment."
        ),
        Impact::Additive => format!("Accept this with {VARIABLE}=update in the test's environment."),
    };
    report
}
