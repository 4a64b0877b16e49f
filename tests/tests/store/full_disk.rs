//! A server whose file cannot grow: it refuses events with history, serves everything else, and continues by itself when
//! there is space again.
//!
//! Once with the limit on the size of files (`RLIMIT_FSIZE`), which needs no privileges, and once with a small disk.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use dialogue::client::ClientError;
use dialogue::protocol::ErrorCode;
use dialogue_tests::{Chat, Folder, Typing, message, within};

use super::{Server, connect, everything, free_port};

/// A server on a file that soon cannot grow.
struct Limited {
    server: Server,
    port: u16,
    /// Lets the file grow again.
    more_space: Box<dyn Fn(&Server)>,
    _folder: Folder,
}

impl Limited {
    /// The file may have 2 MiB.
    fn by_file_size() -> Self {
        let (folder, port) = (Folder::new("file-size"), free_port());
        // The signal of the limit would end the process. Only the soft limit, which the process may raise again.
        let mut limited = Command::new("sh");
        limited.args([
            "-c",
            "trap '' XFSZ; ulimit -S -f 4096; exec \"$0\"",
            env!("CARGO_BIN_EXE_served"),
        ]);
        Self {
            server: Server::start_as(limited, &folder.file(), port),
            port,
            more_space: Box::new(|server| {
                let raised = Command::new("prlimit")
                    .args(["--pid", &server.0.id().to_string(), "--fsize=unlimited"])
                    .status();
                assert!(raised.expect("prlimit starts").success());
            }),
            _folder: folder,
        }
    }

    /// The disk has 6 MiB, and a file of 4 MiB is on it. `None` if this process may not mount a disk.
    fn by_disk() -> Option<Self> {
        let (folder, port) = (Folder::new("full-disk"), free_port());
        if !may_mount(folder.path()) {
            return None;
        }
        // Only the server and its children see the disk, and it ends with them.
        let mut limited = own_mounts();
        limited.args([
            "sh",
            "-c",
            "mount -t tmpfs -o size=6m dialogue-test \"$1\" && head -c 4M /dev/zero > \"$1/other\" && exec \"$0\"",
        ]);
        limited.arg(env!("CARGO_BIN_EXE_served")).arg(folder.path());
        let other = folder.path().join("other");
        Some(Self {
            server: Server::start_as(limited, &folder.file(), port),
            port,
            more_space: Box::new(move |server| {
                let root = format!("/proc/{}/root{}", server.0.id(), other.display());
                std::fs::remove_file(root).expect("the other file is removed");
            }),
            _folder: folder,
        })
    }
}

/// A command that runs the rest of its arguments with mounts of its own. Root needs the right to mount for it, another user
/// that to create namespaces.
fn own_mounts() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount"]);
    command
}

fn may_mount(folder: &Path) -> bool {
    let mounted = own_mounts()
        .args(["mount", "-t", "tmpfs", "-o", "size=1m", "dialogue-test"])
        .arg(folder)
        .stderr(Stdio::null())
        .status();
    mounted.is_ok_and(|status| status.success())
}

/// Says something in the output of the tests, which does not show what a test prints.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A text of nearly the greatest length that the schema permits.
fn long(number: usize) -> String {
    format!("{number} {}", "x".repeat(900))
}

#[tokio::test]
async fn a_file_that_cannot_grow_refuses_events_until_it_can_again() {
    refuses_until_there_is_space(Limited::by_file_size()).await;
}

#[tokio::test]
async fn a_full_disk_refuses_events_until_it_has_space_again() {
    let limited = Limited::by_disk();
    say(match limited {
        Some(_) => "full disk: a small disk is mounted",
        None => "full disk: mounting is not permitted here, so the limit on the size of files stands for it",
    });
    refuses_until_there_is_space(limited.unwrap_or_else(Limited::by_file_size)).await;
}

async fn refuses_until_there_is_space(limited: Limited) {
    let Limited {
        server,
        port,
        more_space,
        _folder,
    } = limited;
    let client = connect(port, "ada").await;
    let chat = client.join(Chat).await.expect("the server admits everybody");

    let (mut accepted, mut refused) = (BTreeSet::new(), BTreeSet::new());
    let mut number = 0;
    // A few failures, so that more than one batch has failed. Without keys, because the client would repeat them.
    let mut failures = 0;
    while failures < 5 {
        number += 1;
        let text = long(number);
        let answer = within("an answer", chat.trigger(message(&text)).without_key().into_future()).await;
        match answer {
            Ok(_) => drop(accepted.insert(text)),
            Err(error) => {
                failures += 1;
                match error {
                    // The outcome is unknown: the event is there once or not at all.
                    ClientError::OutcomeUnknown => {}
                    error => {
                        assert_eq!(error.code(), Some(ErrorCode::Unavailable), "{error}");
                        refused.insert(text);
                    }
                }
            }
        }
        assert!(number < 20_000, "the file has grown beyond its limit");
    }
    // Of another client: those of the first one wait for its own events whose outcome is unknown.
    let bob = connect(port, "bob").await;
    let at_bob = bob.join(Chat).await.expect("joining goes on");
    let volatile = at_bob.trigger(Typing { is_typing: true });
    within("an answer", volatile.into_future())
        .await
        .expect("events without history need no store");
    assert!(!everything(&at_bob).await.is_empty(), "reading goes on");

    more_space(&server);
    // This one has a key: the client repeats it until the store works.
    let last = long(number + 1);
    within("an answer", chat.trigger(message(&last)).into_future())
        .await
        .expect("the store works again by itself");
    accepted.insert(last);

    let stored = everything(&chat).await;
    let unique: BTreeSet<_> = stored.iter().cloned().collect();
    assert_eq!(unique.len(), stored.len(), "nothing is there twice");
    assert!(accepted.is_subset(&unique), "no accepted event is lost");
    assert!(unique.is_disjoint(&refused), "no refused event is there");
}
