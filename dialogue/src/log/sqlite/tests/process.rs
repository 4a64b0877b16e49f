//! What only another process or another user shows. The tests run themselves again.

#![cfg(target_os = "linux")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::Folder;
use super::folder::close;
use crate::log::sqlite::{Sqlite, SqliteError};

/// Set in a process that a test has started.
const CHILD: &str = "DIALOGUE_TEST_CHILD";

/// The user and the group without any rights.
const NOBODY: u32 = 65534;

/// Runs a test of this file again in another process, in which `CHILD` has this value.
fn run_again(test: &str, value: &Path, as_nobody: bool) {
    // The link leads to the program even if the user may not read its folder.
    let mut command = Command::new("/proc/self/exe");
    command
        .args(["--exact", "--nocapture"])
        .arg(format!("{}::{test}", module_path!().split_once("::").unwrap().1));
    command.env(CHILD, value).current_dir("/");
    if as_nobody {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(text.contains("1 passed"), "{text}");
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_second_process_is_refused_at_once() {
    if let Some(path) = std::env::var_os(CHILD) {
        let error = Sqlite::open(path).start(1024).unwrap_err();
        assert!(matches!(error, SqliteError::InUse { .. }), "{error}");
        return;
    }
    let folder = Folder::new();
    let log = folder.open().unwrap();
    run_again("a_second_process_is_refused_at_once", &folder.file(), false);
    close(log);
}

#[test]
fn a_read_only_file_or_folder_is_reported() {
    // Root may write everywhere.
    if is_root() && std::env::var_os(CHILD).is_none() {
        return run_again("a_read_only_file_or_folder_is_reported", Path::new("/"), true);
    }
    let refused = |folder: &Folder, case: &str| {
        let error = folder.open().unwrap_err();
        assert!(matches!(error, SqliteError::ReadOnly { .. }), "{case}: {error}");
    };

    let folder = Folder::new();
    set_mode(folder.path(), 0o555);
    refused(&folder, "a new file in a read-only folder");
    set_mode(folder.path(), 0o000);
    refused(&folder, "a folder that may not be entered");
    set_mode(folder.path(), 0o700);

    folder.create();
    let before = fs::read(folder.file()).unwrap();
    set_mode(&folder.file(), 0o444);
    refused(&folder, "a read-only file");
    set_mode(&folder.file(), 0o000);
    refused(&folder, "a file that may not be read");
    set_mode(&folder.file(), 0o600);

    set_mode(folder.path(), 0o555);
    refused(&folder, "a file in a read-only folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    fs::remove_file(folder.path().join("desk.db-lock")).unwrap();
    set_mode(folder.path(), 0o555);
    refused(&folder, "a file without its lock in a read-only folder");
    set_mode(folder.path(), 0o700);
    assert_eq!(fs::read(folder.file()).unwrap(), before);
    folder.create();
}
