//! Reads the scripts. A field or a step that is not known here is an error.

use std::collections::BTreeMap;
use std::fs;

use dialogue_tests::repository;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::matching::Bound;

const VERSION: u32 = 1;
const FOLDER: &str = "docs/conformance";
const SETUPS: &str = "setups.json";

/// One script, with the steps of its setups in their places.
pub(crate) struct Script {
    pub(crate) name: String,
    /// The section of the protocol page that the script pins.
    pub(crate) rule: String,
    pub(crate) settings: Settings,
    pub(crate) steps: Vec<Step>,
    /// The values that the script can use from its start.
    pub(crate) bound: Bound,
    /// Why this client does not run the script yet.
    pub(crate) skipped: Option<String>,
}

/// The settings of the client.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) credentials: Vec<Value>,
    pub(crate) timeout: Option<u64>,
    pub(crate) max_pending: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Setups {
    version: u32,
    values: Map<String, Value>,
    setups: BTreeMap<String, Vec<Step>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Topic {
    version: u32,
    topic: String,
    #[serde(default)]
    values: Map<String, Value>,
    scripts: Vec<Written>,
}

/// A script as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Written {
    name: String,
    #[serde(rename = "about")]
    _about: String,
    rule: String,
    credentials: Option<Vec<Value>>,
    timeout: Option<u64>,
    max_pending: Option<usize>,
    #[serde(default)]
    for_each: BTreeMap<String, Vec<Value>>,
    skip: Option<Skip>,
    steps: Vec<Step>,
}

/// The clients that do not pass a script yet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Skip {
    clients: Vec<SkippingClient>,
    because: String,
}

#[derive(PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum SkippingClient {
    Rust,
    Javascript,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum Step {
    Setup(String),
    Call(Value),
    Opens(Opens),
    Sends(Vec<Value>),
    SendsInAnyOrder(Vec<Value>),
    Receives(Vec<Value>),
    ReceivesText(Value),
    Closes(Closing),
    Loses(Lost),
    HangsUp(Always),
    Passes(u64),
    Sees(Vec<Value>),
    Held(String),
    Differ(Vec<String>),
}

/// Within how many milliseconds the client opens a connection; `false` if it opens none.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Opens {
    Within(u64),
    Nothing(Never),
}

/// The value `true`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "bool")]
pub(crate) struct Always;

/// The value `false`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "bool")]
pub(crate) struct Never;

impl TryFrom<bool> for Always {
    type Error = &'static str;

    fn try_from(value: bool) -> Result<Self, Self::Error> {
        value.then_some(Self).ok_or("only `true` has a meaning here")
    }
}

impl TryFrom<bool> for Never {
    type Error = &'static str;

    fn try_from(value: bool) -> Result<Self, Self::Error> {
        (!value).then_some(Self).ok_or("only `false` has a meaning here")
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Closing {
    pub(crate) code: Value,
    #[serde(default)]
    pub(crate) reason: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Lost {
    Connection,
}

/// The files with scripts.
pub(crate) fn topics() -> Vec<String> {
    let folder = fs::read_dir(repository::root().join(FOLDER)).expect("the folder of the scripts");
    let names = folder.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let mut topics: Vec<_> = names
        .filter(|name| name.ends_with(".json") && ![SETUPS, "schema.json"].contains(&name.as_str()))
        .collect();
    topics.sort();
    topics
}

/// The text of a file of the suite.
pub(crate) fn text(file: &str) -> String {
    repository::text(&format!("{FOLDER}/{file}"))
}

fn read<T: DeserializeOwned>(file: &str) -> T {
    serde_json::from_str(&text(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The scripts of a file: one for each value of a script's `forEach`.
pub(crate) fn scripts_of(file: &str) -> Vec<Script> {
    let (setups, topic): (Setups, Topic) = (read(SETUPS), read(file));
    assert_eq!((setups.version, topic.version), (VERSION, VERSION), "{file}");
    let values = setups.values.iter().chain(&topic.values);
    let bound: Bound = values
        .map(|(name, value)| (format!("${name}"), value.clone()))
        .collect();
    let scripts = topic.scripts.into_iter().flat_map(|written| {
        let steps = in_order(&written.steps, &setups.setups);
        let settings = Settings {
            credentials: written.credentials.unwrap_or_else(|| vec![json!({ "token": "t1" })]),
            timeout: written.timeout,
            max_pending: written.max_pending,
        };
        let skip = written.skip.filter(|skip| skip.clients.contains(&SkippingClient::Rust));
        let skipped = skip.map(|skip| skip.because);
        let variants = variants(&written.for_each).into_iter();
        let name = format!("{}: {}", topic.topic, written.name);
        let (rule, bound) = (written.rule, bound.clone());
        variants.map(move |variant| {
            let (mut name, mut bound) = (name.clone(), bound.clone());
            if let Some((variable, value)) = variant {
                let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                name.push_str(&format!(" ({shown})"));
                bound.insert(format!("${variable}"), value);
            }
            Script {
                name,
                rule: rule.clone(),
                settings: settings.clone(),
                steps: steps.clone(),
                bound,
                skipped: skipped.clone(),
            }
        })
    });
    scripts.collect()
}

fn variants(for_each: &BTreeMap<String, Vec<Value>>) -> Vec<Option<(String, Value)>> {
    assert!(for_each.len() <= 1, "`forEach` has one variable");
    match for_each.first_key_value() {
        Some((variable, values)) => values
            .iter()
            .map(|value| Some((variable.clone(), value.clone())))
            .collect(),
        None => vec![None],
    }
}

/// The steps, with those of each setup in its place.
fn in_order(steps: &[Step], setups: &BTreeMap<String, Vec<Step>>) -> Vec<Step> {
    let expanded = steps.iter().flat_map(|step| match step {
        Step::Setup(name) => {
            let steps = setups.get(name).unwrap_or_else(|| panic!("there is no setup {name}"));
            in_order(steps, setups)
        }
        step => vec![step.clone()],
    });
    expanded.collect()
}
