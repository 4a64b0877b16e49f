//! What errors print: each message once, and every cause through `source`.

use std::collections::BTreeSet;
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dialogue::calls::CreateRoomError;
use dialogue::client::{ClientError, RoomStreamError};
use dialogue::contract::{ContractError, Lock};
use dialogue::event::{DecodeError, DefinitionError};
use dialogue::handlers::StreamError;
use dialogue::history::HistoryError;
use dialogue::hooks::HookFailure;
use dialogue::prelude::*;
use dialogue::redis::{Redis, RedisError};
use dialogue::sqlite::SqliteError;
use dialogue::{BuildError, JoinError, RoomConfig, TriggerError, silent_logger};
use syn::{Attribute, Fields, Item, Visibility};

/// An event whose definition fails.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Broken {
    #[schemars(regex(pattern = "(?=lookahead)"))]
    text: String,
}

rooms! {
    /// Rooms that no server can have.
    pub BrokenRooms;
    /// The room of the event.
    pub Ruin = "ruin" { events: [Broken] }
}

/// Refuses a value that its schema allows.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Unreadable {
    #[serde(deserialize_with = "refuse")]
    number: u8,
}

fn refuse<'de, D: serde::Deserializer<'de>>(_: D) -> Result<u8, D::Error> {
    Err(serde::de::Error::custom("no number is good enough"))
}

/// The texts of an error and its causes.
fn chain(error: &dyn Error) -> Vec<String> {
    std::iter::successors(Some(error), |&error| error.source())
        .map(ToString::to_string)
        .collect()
}

async fn create_room_error() -> CreateRoomError {
    let dialogue = Dialogue::builder()
        .define_events([])
        .logger(silent_logger())
        .build()
        .expect("a server");
    let created = dialogue.create_room(RoomConfig::new("ruin").event::<Broken>()).await;
    created.expect_err("the event cannot be defined")
}

fn build_error() -> BuildError {
    let built = Dialogue::builder()
        .logger(silent_logger())
        .rooms::<BrokenRooms>()
        .build();
    built.expect_err("the event cannot be defined")
}

fn definition_error() -> &'static DefinitionError {
    Broken::try_definition().expect_err("lookahead is not supported")
}

/// An example of each public error type that has a cause.
async fn examples() -> Vec<(&'static str, Box<dyn Error>)> {
    let cause = || Arc::from(Box::<dyn Error + Send + Sync>::from("the dog ate it"));
    let failure = || HookFailure::Returned(cause());
    let decode = || DecodeError::new("message", "the text is missing");
    let DefinitionError::Schema { source: refused, .. } =
        Unreadable::try_definition().expect_err("the type refuses everything")
    else {
        panic!("the schema cannot be enforced");
    };
    let create_room = create_room_error().await;
    let CreateRoomError::InvalidConfig { source: config, .. } = create_room.clone() else {
        panic!("the configuration is invalid: {create_room}");
    };
    vec![
        ("DefinitionError", definition_error().into()),
        ("SchemaError", refused.into()),
        ("DecodeError", decode().into()),
        (
            "Unreadable",
            dialogue::event::Unreadable::Decode {
                message: Box::new(EventMessage::new("message", "chat", serde_json::Value::Null)),
                source: Arc::new(decode()),
            }
            .into(),
        ),
        ("StreamError", StreamError::from(decode()).into()),
        ("RoomStreamError", RoomStreamError::from(decode()).into()),
        (
            "ClientError",
            ClientError::Connect {
                url: "ws://localhost/dialogue/ws".to_owned(),
                source: cause(),
            }
            .into(),
        ),
        ("ClientError", ClientError::Credentials { source: cause() }.into()),
        ("ClientError", ClientError::Protocol { source: cause() }.into()),
        ("HookFailure", failure().into()),
        ("TriggerError", TriggerError::HookFailed(failure()).into()),
        ("JoinError", JoinError::HookFailed(failure()).into()),
        ("HistoryError", HistoryError::HookFailed(failure()).into()),
        ("BuildError", build_error().into()),
        (
            "SqliteError",
            SqliteError::Io {
                path: PathBuf::from("desk.db"),
                source: io::Error::other("no more handles"),
            }
            .into(),
        ),
        ("RedisError", redis_error().into()),
        ("ContractError", contract_error().into()),
        ("LockError", Lock::parse("{}").expect_err("not a lock").into()),
        ("RoomConfigError", config.into()),
        ("CreateRoomError", create_room.into()),
        ("Error", dialogue::Error::from(build_error()).into()),
    ]
}

fn redis_error() -> RedisError {
    let redis = Redis::connect("rediss://localhost").trust("no certificate");
    let built = Dialogue::builder().define_events([]).cluster(redis).build();
    match built.expect_err("the certificate cannot be read") {
        BuildError::Cluster(error) => error,
        other => panic!("another error: {other}"),
    }
}

fn contract_error() -> ContractError {
    BrokenRooms::typescript().expect_err("the event cannot be defined")
}

#[tokio::test]
async fn every_error_prints_its_cause_through_source_and_once() {
    for (name, error) in examples().await {
        let chain = chain(&*error);
        assert!(chain.len() > 1, "{name} has a cause: {chain:?}");
        for (at, text) in chain.iter().enumerate() {
            let elsewhere = chain.iter().enumerate().filter(|(other, _)| *other != at);
            assert!(
                elsewhere.clone().all(|(_, other)| !other.contains(text.as_str())),
                "{name} prints `{text}` twice: {chain:#?}"
            );
            assert!(!text.ends_with('.'), "{name}: {text}");
        }
    }
}

#[test]
fn the_error_of_an_event_names_the_room_the_event_and_the_place() {
    let chain = chain(&build_error());
    assert_eq!(
        chain,
        [
            "an event of room `Ruin` cannot be defined",
            "the schema of event `broken` cannot be enforced",
            "the pattern at `#/properties/text/pattern` cannot be used because of `(?=`",
            "patterns are matched in linear time, which excludes lookaround: describe the allowed text without it",
        ]
    );
}

/// Rust prints the error that `main` returns with `Debug`.
#[test]
fn the_error_of_a_program_prints_its_causes_on_lines_of_their_own() {
    let bind = dialogue::Error::Bind {
        address: ([127, 0, 0, 1], 80).into(),
        source: io::Error::new(io::ErrorKind::PermissionDenied, "permission denied"),
    };
    assert_eq!(
        format!("{bind:?}"),
        "cannot listen on 127.0.0.1:80\n\nCaused by:\n    permission denied"
    );
    assert_eq!(format!("{:?}", dialogue::Error::Stopped), "the server has stopped");
    assert_eq!(bind.to_string(), "cannot listen on 127.0.0.1:80");
    let taken = dialogue::Error::Bind {
        address: ([127, 0, 0, 1], 80).into(),
        source: io::ErrorKind::AddrInUse.into(),
    };
    assert_eq!(
        taken.to_string(),
        "cannot listen on 127.0.0.1:80: another program uses the port; stop that program, or choose another port"
    );
}

#[test]
fn a_definition_that_fails_panics_with_every_cause() {
    let panic = std::panic::catch_unwind(Broken::definition).expect_err("it cannot be defined");
    let text = panic.downcast_ref::<String>().expect("a text");
    let expected = "the schema of event `broken` cannot be enforced: the pattern at `#/properties/text/pattern`";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.ends_with("without it"), "{text}");
}

#[test]
fn errors_compare_by_their_data() {
    assert_eq!(ClientError::Disconnected, ClientError::Disconnected);
    let room = |id: &str| ClientError::NotJoined { room: id.into() };
    assert_eq!(room("a"), room("a"));
    assert_ne!(room("a"), room("b"));
    let protocol = ClientError::Protocol {
        source: Arc::from(Box::<dyn Error + Send + Sync>::from("a")),
    };
    let same_text = ClientError::Protocol {
        source: Arc::from(Box::<dyn Error + Send + Sync>::from("a")),
    };
    assert_eq!(protocol, protocol.clone());
    assert_ne!(protocol, same_text);
}

/// The public error types whose definition has a cause.
fn with_a_cause(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path: PathBuf = entry.expect("an entry").path();
        if path.is_dir() {
            with_a_cause(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source file");
            let file = syn::parse_file(&text).expect("Rust");
            for item in file.items {
                let (name, vis, attrs, fields) = match item {
                    Item::Enum(item) => {
                        let fields = item.variants.into_iter().map(|variant| variant.fields).collect();
                        (item.ident, item.vis, item.attrs, fields)
                    }
                    Item::Struct(item) => (item.ident, item.vis, item.attrs, vec![item.fields]),
                    _ => continue,
                };
                let public = matches!(vis, Visibility::Public(_));
                if public && derives_error(&attrs) && fields.iter().any(has_cause) {
                    found.insert(name.to_string());
                }
            }
        }
    }
}

fn derives_error(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| match &attr.meta {
        syn::Meta::List(list) if list.path.is_ident("derive") => list.tokens.to_string().contains("Error"),
        _ => false,
    })
}

fn has_cause(fields: &Fields) -> bool {
    fields.iter().any(|field| {
        let named = field.ident.as_ref().is_some_and(|ident| ident == "source");
        let marked = |attr: &Attribute| attr.path().is_ident("source");
        named || field.attrs.iter().any(marked)
    })
}

#[tokio::test]
async fn every_public_error_with_a_cause_has_an_example() {
    let mut missing = BTreeSet::new();
    with_a_cause(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../dialogue/src"),
        &mut missing,
    );
    assert!(missing.len() > 5, "{missing:?}");
    for (name, _) in examples().await {
        missing.remove(name);
    }
    assert!(missing.is_empty(), "add an example for {missing:?}");
}
