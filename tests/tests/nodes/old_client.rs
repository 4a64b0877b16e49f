//! A person with the JavaScript client, today's or the old one (`tests/node/old-client`), in a process of Node.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

use super::eventually;
use super::ledger::Ledger;
use super::process::Process;

/// Which client it uses.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Version {
    Today,
    Old,
}

pub(crate) struct NodePerson {
    _process: Process,
    input: ChildStdin,
    signs: Arc<Mutex<Signs>>,
}

/// What it said of itself so far.
#[derive(Default)]
struct Signs {
    joined: bool,
    silent: bool,
    errors: Vec<String>,
}

/// A line of `tests/node/support/member.js`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    heard: Option<String>,
    accepted: Option<String>,
    seq: Option<u64>,
    unknown: Option<String>,
    code: Option<String>,
    recovered: Option<bool>,
    disconnected: Option<String>,
    left: Option<String>,
    error: Option<String>,
    joined: Option<bool>,
    silent: Option<bool>,
}

impl NodePerson {
    pub(crate) async fn enter(version: Version, url: &str, name: &str, room: &str, ledger: &Ledger) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("node");
        assert!(
            folder.join("node_modules").is_dir(),
            "the npm packages of this test are not installed: run `npm ci` in tests/node"
        );
        let client = match version {
            Version::Today => "today",
            Version::Old => "old",
        };
        let mut process = Process::start(
            Command::new("node")
                .args(["support/member.js", url, name, &format!("lobby-{room}")])
                .env("CLIENT", client)
                .current_dir(folder)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped()),
        );
        ledger.member(name);
        let input = process.child().stdin.take().expect("a pipe");
        let output = process.child().stdout.take().expect("a pipe");
        let signs = Arc::<Mutex<Signs>>::default();
        let (noted, own, ledger) = (Arc::clone(&signs), name.to_owned(), ledger.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                note(&line, &own, &ledger, &noted);
            }
        });
        let person = Self {
            _process: process,
            input,
            signs,
        };
        eventually(&format!("{name} is in the room"), || person.signs(|signs| signs.joined)).await;
        person
    }

    fn signs<T>(&self, read: impl FnOnce(&mut Signs) -> T) -> T {
        read(&mut self.signs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn talk(&mut self) {
        self.tell("talk");
    }

    /// Ends to talk, with a last word that is accepted. Goes on listening.
    pub(crate) async fn fall_silent(&mut self) {
        self.tell("silent");
        eventually("the last word of a person in Node is accepted", || {
            self.signs(|signs| signs.silent)
        })
        .await;
    }

    /// The errors that belong to no request.
    pub(crate) fn errors(&self) -> Vec<String> {
        self.signs(|signs| signs.errors.clone())
    }

    fn tell(&mut self, word: &str) {
        writeln!(self.input, "{word}").expect("Node runs");
    }
}

fn note(line: &str, name: &str, ledger: &Ledger, signs: &Mutex<Signs>) {
    let said: Line = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    let mut signs = signs.lock().unwrap_or_else(PoisonError::into_inner);
    let seq = || said.seq.expect("an event with history");
    match said {
        Line { heard: Some(text), .. } => ledger.heard(name, said.seq.expect("a number"), text),
        Line {
            accepted: Some(ref text),
            ..
        } => ledger.accepted(name, text.clone(), seq()),
        Line {
            unknown: Some(_), code, ..
        } => ledger.unknown(code.unwrap_or_default()),
        Line {
            recovered: Some(false), ..
        } => ledger.gap(name),
        Line {
            disconnected: Some(reason),
            ..
        } => ledger.disconnected(name, reason),
        Line { left: Some(reason), .. } => ledger.left(name, reason),
        Line { error: Some(error), .. } => signs.errors.push(error),
        Line { joined, silent, .. } => {
            signs.joined |= joined == Some(true);
            signs.silent |= silent == Some(true);
        }
    }
}
