//! A server whose file cannot grow: it refuses events with history, serves everything else, and continues by itself when
//! there is space again.
//!
//! The limit on the size of files (`RLIMIT_FSIZE`) stands for a full disk, because it needs no privileges.

use std::collections::BTreeSet;
use std::process::Command;

use dialogue::client::ClientError;
use dialogue::protocol::ErrorCode;
use dialogue_tests::{Chat, Folder, Typing, message, within};

use super::{Server, connect, everything, free_port};

/// A text of nearly the greatest length that the schema permits.
fn long(number: usize) -> String {
    format!("{number} {}", "x".repeat(900))
}

#[tokio::test]
async fn a_file_that_cannot_grow_refuses_events_until_it_can_again() {
    let (folder, port) = (Folder::new("full-disk"), free_port());
    // The signal of the limit would end the process. Only the soft limit, which the process may raise again.
    let mut limited = Command::new("sh");
    limited.args([
        "-c",
        "trap '' XFSZ; ulimit -S -f 4096; exec \"$0\"",
        env!("CARGO_BIN_EXE_served"),
    ]);
    let server = Server::start_as(limited, &folder.file(), port);
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
                    ClientError::Disconnected => {}
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

    let raised = Command::new("prlimit")
        .args(["--pid", &server.0.id().to_string(), "--fsize=unlimited"])
        .status();
    assert!(raised.expect("prlimit starts").success());
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
