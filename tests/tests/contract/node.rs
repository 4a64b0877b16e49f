//! The documents as other tools read them: compilers, parsers and code generators. The expectations are in
//! `contract-node/*.test.js`. This file writes the documents and starts Node, so that `cargo test -- --ignored` runs
//! those tests, too.
//!
//! Needs Node, `npm ci` once in `tests/contract-node`, the Python packages that `.ci/contract-python` installs, a Java
//! compiler and Jackson for Java.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dialogue::RoomSet;
use dialogue_tests::example_executable;

use super::every_shape::{EveryShape, converse};
use super::rooms::{AlikeRooms, OpenRooms, Rooms};

/// The tests of generated code.
const GENERATED: [&str; 3] = ["quicktype.test.js", "modelina.test.js", "datamodel.test.js"];

/// The tests of a generated client.
const CLIENT: [&str; 1] = ["client.test.js"];

#[test]
#[ignore = "needs Node"]
fn compilers_and_parsers_accept_the_documents_and_reject_wrong_programs() {
    let documents = documents("contract");
    // All other files, so that none is forgotten.
    let files = fs::read_dir(node_folder()).expect("the folder of the tests");
    let files: Vec<String> = files
        .map(|file| file.expect("a file").file_name().into_string().expect("a name"))
        .filter(|name| name.ends_with(".test.js") && !GENERATED.iter().chain(&CLIENT).any(|other| other == name))
        .collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    run_node_tests(&files, &documents, &[]);
}

#[tokio::test]
#[ignore = "needs Node, Python and Java"]
async fn generated_code_compiles_and_reads_the_frames_of_a_server() {
    let documents = documents("generated");
    let frames = serde_json::to_string(&converse().await).expect("JSON");
    fs::write(documents.join("every/frames.json"), frames).expect("a file can be written");
    run_node_tests(&GENERATED, &documents, &[("CONTRACT_PYTHON", python().as_path())]);
}

#[test]
#[ignore = "needs Node and Python"]
fn a_client_that_asyncapi_generates_chats() {
    let documents = documents("client");
    run_node_tests(
        &CLIENT,
        &documents,
        &[
            ("CONTRACT_PYTHON", python().as_path()),
            ("CHAT_EXECUTABLE", example_executable("chat").as_path()),
        ],
    );
}

/// The Python with the packages that read and write generated code.
fn python() -> PathBuf {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../contract-python/bin/python");
    assert!(
        python.exists(),
        "the Python packages of the contract tests are not installed: run .ci/contract-python"
    );
    python
}

/// Writes the documents of all sets of rooms to a folder.
fn documents(name: &str) -> PathBuf {
    let documents = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    write::<Rooms>(&documents.join("rooms"));
    write::<OpenRooms>(&documents.join("open"));
    write::<AlikeRooms>(&documents.join("alike"));
    write::<EveryShape>(&documents.join("every"));
    documents
}

fn write<R: RoomSet>(folder: &Path) {
    fs::create_dir_all(folder).expect("a folder");
    let write = |name: &str, text: String| fs::write(folder.join(name), text).expect("a file can be written");
    write("client.d.ts", R::typescript().expect("the types"));
    write("asyncapi.json", R::asyncapi().expect("the document").to_string());
    write("schema.json", R::json_schema().expect("the schema").to_string());
}

fn run_node_tests(files: &[&str], documents: &Path, environment: &[(&str, &Path)]) {
    let node = node_folder();
    assert!(
        node.join("node_modules").is_dir(),
        "the npm packages of the contract tests are not installed: run `npm ci` in tests/contract-node"
    );
    let status = Command::new("node")
        .args(["--test", "--test-reporter=spec"])
        .args(files)
        .current_dir(node)
        .env("CONTRACT_DOCUMENTS", documents)
        .envs(environment.iter().copied())
        .status()
        .expect("Node starts");
    assert!(
        status.success(),
        "the contract tests failed; see the output of Node above"
    );
}

fn node_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contract-node")
}
