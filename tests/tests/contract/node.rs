//! The documents as other tools read them: `tsc`, json-schema-to-typescript and the AsyncAPI parser. The expectations
//! are in `contract-node/*.test.js`. This file writes the documents and starts Node, so that `cargo test -- --ignored`
//! runs those tests, too.
//!
//! Needs Node and `npm ci` once in `tests/contract-node`.

use std::fs;
use std::path::Path;
use std::process::Command;

use dialogue::RoomSet;

use super::rooms::{AlikeRooms, OpenRooms, Rooms};

#[test]
#[ignore = "needs Node"]
fn compilers_and_parsers_accept_the_documents_and_reject_wrong_programs() {
    let node = Path::new(env!("CARGO_MANIFEST_DIR")).join("contract-node");
    assert!(
        node.join("node_modules").is_dir(),
        "the npm packages of the contract test are not installed: run `npm ci` in tests/contract-node"
    );
    let documents = Path::new(env!("CARGO_TARGET_TMPDIR")).join("contract");
    write::<Rooms>(&documents.join("rooms"));
    write::<OpenRooms>(&documents.join("open"));
    write::<AlikeRooms>(&documents.join("alike"));
    let status = Command::new("node")
        .args(["--test", "--test-reporter=spec"])
        .current_dir(node)
        .env("CONTRACT_DOCUMENTS", &documents)
        .status()
        .expect("Node starts");
    assert!(
        status.success(),
        "the contract test failed; see the output of Node above"
    );
}

fn write<R: RoomSet>(folder: &Path) {
    fs::create_dir_all(folder).expect("a folder");
    let write = |name: &str, text: String| fs::write(folder.join(name), text).expect("a file can be written");
    write("client.d.ts", R::typescript().expect("the types"));
    write("asyncapi.json", R::asyncapi().expect("the document").to_string());
    write("schema.json", R::json_schema().expect("the schema").to_string());
}
