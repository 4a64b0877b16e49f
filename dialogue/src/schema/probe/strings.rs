//! Strings and keys that are less than any text. The probe shows the type texts in the forms of `string_forms`.
//!
//! A type stops reading at the first value that it refuses. So the search settles one refused place after the other,
//! and leaves a text that the type reads at each settled place. Where serde reads through a buffer, the refused place is
//! not known: then each string within the buffered value is suspect, alone, all together, and in pairs.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::place::{self, Place};
use crate::schema::accepted_names::Refusal;
use crate::schema::graph::NodeId;
use crate::schema::sample::{Content, Sampler, Trial, rounds};
use crate::schema::string_forms::{Family, StringForm};
use crate::schema::walk::{self, Edge};

/// Reads a sample as the type does. An error is the place that the type refuses.
pub(super) type Read<'r> = &'r dyn Fn(&Value) -> Result<(), Refusal>;

/// How many samples the search for one refused place may take: enough for two places within one buffered value.
const MOST_ATTEMPTS: usize = 3_000;

/// Something that may be less than any text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Open {
    Key(NodeId),
    Text(NodeId),
}

/// Adds to a schema the form of each string, and of each key of a map, for which the type turns out to have one.
/// Returns the forms of decimal numbers and durations that it found, which the outbound schema needs too.
pub(super) fn describe_strings(schema: &mut Value, read: Read<'_>) -> BTreeSet<Family> {
    let sampler = Sampler::new(schema);
    let mut strings = Strings {
        sampler: &sampler,
        read,
        found: BTreeMap::new(),
        given_up: BTreeSet::new(),
        recent: Vec::new(),
        attempts: Cell::new(0),
    };
    strings.settle_refused();
    strings.choose_in_families();
    let mut wide = BTreeSet::new();
    let mut found = Vec::new();
    for (open, (family, form)) in strings.found {
        if form.is_widest {
            wide.insert(family);
        }
        let (Open::Key(node) | Open::Text(node)) = open;
        found.push((sampler.graph().at(node).to_owned(), open, family, form));
    }
    for (at, open, family, form) in found {
        if let Some(Value::Object(keywords)) = schema.pointer_mut(&at) {
            match open {
                Open::Key(_) => describe_keys(keywords, form.keywords),
                Open::Text(_) => describe(keywords, family, form.keywords),
            }
        }
    }
    wide
}

/// Adds keywords to those of a string.
pub(super) fn describe(keywords: &mut Map<String, Value>, family: Family, form: Map<String, Value>) {
    family.replaced().iter().for_each(|keyword| drop(keywords.remove(*keyword)));
    let is_free = |(keyword, value): (&String, &Value)| keywords.get(keyword).is_none_or(|known| known == value);
    if form.iter().all(is_free) {
        keywords.extend(form);
    } else if let Value::Array(all) = keywords.entry("allOf").or_insert_with(|| json!([])) {
        all.push(Value::Object(form));
    }
}

/// Adds a form of keys to a map. Its declared properties keep their names.
pub(super) fn describe_keys(map: &mut Map<String, Value>, form: Map<String, Value>) {
    let declared = map.get("properties").and_then(Value::as_object);
    let declared: Vec<&String> = declared.into_iter().flat_map(Map::keys).collect();
    let names = if declared.is_empty() {
        Value::Object(form)
    } else {
        json!({ "anyOf": [form, { "enum": declared }] })
    };
    map.insert("propertyNames".to_owned(), names);
}

struct Strings<'a, 's> {
    sampler: &'a Sampler<'s>,
    read: Read<'a>,
    found: BTreeMap<Open, (Family, StringForm)>,
    given_up: BTreeSet<Open>,
    /// The first texts of forms that were found, the last one first: other strings often have the same form.
    recent: Vec<String>,
    attempts: Cell<usize>,
}

impl Strings<'_, '_> {
    /// Finds the form of each string and key without which the type cannot read a sample.
    fn settle_refused(&mut self) {
        let places = self.sampler.places().map(|step| Trial {
            step,
            content: Content::Any,
        });
        for round in rounds(self.sampler, places.collect()) {
            let trials: Vec<&Trial> = round.iter().collect();
            while let Some(payload) = self.sampler.payload(&trials)
                && let Err(refusal) = (self.read)(&payload)
            {
                let suspects = self.suspects(&payload, &refusal);
                self.attempts.set(0);
                if suspects.is_empty() || !self.settle(&trials, &refusal, &suspects) {
                    self.given_up.extend(suspects);
                    break;
                }
            }
        }
    }

    /// The strings and keys that may be the reason of a refusal.
    fn suspects(&self, payload: &Value, refusal: &Refusal) -> Vec<Open> {
        let graph = self.sampler.graph();
        let Some(Place { nodes, .. }) = place::place(graph, payload, &refusal.path) else {
            return Vec::new();
        };
        let mut suspects = BTreeSet::new();
        match payload.pointer(&refusal.path) {
            Some(Value::Object(_)) if refusal.in_key => {
                suspects.extend(nodes.into_iter().filter(|node| self.has_open_keys(*node)).map(Open::Key));
            }
            Some(value) => self.add_open(value, &nodes, &mut suspects),
            None => {}
        }
        let is_new = |open: &Open| !self.found.contains_key(open) && !self.given_up.contains(open);
        suspects.into_iter().filter(is_new).collect()
    }

    fn add_open(&self, value: &Value, nodes: &[NodeId], open: &mut BTreeSet<Open>) {
        let graph = self.sampler.graph();
        match value {
            Value::String(_) => open.extend(
                nodes
                    .iter()
                    .copied()
                    .filter(|node| self.family(*node).is_some())
                    .map(Open::Text),
            ),
            Value::Object(fields) => {
                for (name, field) in fields {
                    let (parts, _) = place::part(graph, nodes, value, name);
                    self.add_open(field, &place::closure(graph, parts, field), open);
                }
                let is_declared = |node: &NodeId, name: &String| {
                    let properties = graph.keywords(*node).and_then(|map| map.get("properties"));
                    properties.is_some_and(|properties| properties.get(name).is_some())
                };
                let has_entries = |node: &NodeId| fields.keys().any(|name| !is_declared(node, name));
                let maps = nodes.iter().copied().filter(|node| self.has_open_keys(*node));
                open.extend(maps.filter(has_entries).map(Open::Key));
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let (parts, _) = place::part(graph, nodes, value, &index.to_string());
                    self.add_open(item, &place::closure(graph, parts, item), open);
                }
            }
            _ => {}
        }
    }

    fn family(&self, node: NodeId) -> Option<Family> {
        let keywords = self.sampler.graph().keywords(node)?;
        walk::has_type(keywords, "string").then(|| Family::of(keywords))?
    }

    /// Whether a schema is of maps whose keys may be any text.
    fn has_open_keys(&self, node: NodeId) -> bool {
        let graph = self.sampler.graph();
        let is_restricted = graph.keywords(node).is_none_or(|map| {
            ["patternProperties", "propertyNames"]
                .iter()
                .any(|keyword| map.contains_key(*keyword))
        });
        !is_restricted
            && graph
                .steps_from(node)
                .any(|(_, step)| step.edge == Edge::Additional && graph.schema(step.to) != &Value::Bool(false))
    }

    /// Finds texts for suspects with which the type reads on, and the forms of these texts. Returns whether it does.
    fn settle(&mut self, trials: &[&Trial], refusal: &Refusal, suspects: &[Open]) -> bool {
        let attempt = |texts: &[(Open, &str)]| {
            if self.attempts.replace(self.attempts.get() + 1) >= MOST_ATTEMPTS {
                return false;
            }
            texts.iter().for_each(|(open, text)| self.put(*open, Some(text)));
            let read = self.sampler.payload(trials).map(|payload| (self.read)(&payload));
            texts.iter().for_each(|(open, _)| self.put(*open, None));
            match read {
                Some(Ok(())) => true,
                Some(Err(next)) => goes_further(&next, refusal),
                None => false,
            }
        };
        let forms: Vec<Vec<(Family, StringForm)>> = suspects
            .iter()
            .map(|open| {
                let reads = |name: &&&'static str| attempt(&[(*open, **name)]);
                let names: Vec<&str> = match open {
                    Open::Key(_) => refusal.names.iter().filter(reads).copied().collect(),
                    Open::Text(_) => Vec::new(),
                };
                self.forms(*open, &names)
            })
            .collect();
        let firsts = |index: usize| -> Vec<String> {
            let of_forms = forms.get(index).into_iter().flatten();
            let firsts = of_forms.filter_map(|(_, form)| form.inside.first().cloned());
            let mut seen = BTreeSet::new();
            let all = self.recent.iter().rev().cloned().chain(firsts);
            all.filter(|text| seen.insert(text.clone())).collect()
        };
        let Some(texts) = assignment(suspects, &firsts, &attempt) else {
            return false;
        };
        let with = |open: Open, text: &str| {
            let mut changed: Vec<(Open, &str)> = texts.iter().map(|(open, text)| (*open, text.as_str())).collect();
            if let Some((_, changed)) = changed.iter_mut().find(|(other, _)| *other == open) {
                *changed = text;
            }
            attempt(&changed)
        };
        self.attempts.set(0);
        let mut settled = Vec::new();
        for (open, text) in &texts {
            let of_open = suspects.iter().position(|other| other == open).and_then(|index| forms.get(index));
            let form = of_open.into_iter().flatten().find(|(_, form)| {
                form.inside.iter().all(|text| with(*open, text)) && !form.outside.iter().any(|text| with(*open, text))
            });
            settled.push((*open, text.clone(), form.cloned()));
        }
        for (open, text, form) in settled {
            self.put(open, Some(&text));
            match form {
                Some(form) => {
                    self.recent.push(text);
                    self.found.insert(open, form);
                }
                None => drop(self.given_up.insert(open)),
            }
        }
        true
    }

    fn forms(&self, open: Open, names: &[&str]) -> Vec<(Family, StringForm)> {
        let family = match open {
            Open::Key(_) => Some(Family::Open),
            Open::Text(node) => self.family(node),
        };
        let all = StringForm::one_of(names).into_iter().chain(family.into_iter().flat_map(Family::forms));
        all.map(|form| (family.unwrap_or(Family::Open), form)).collect()
    }

    /// Puts a text into all following samples, or takes it away.
    fn put(&self, open: Open, text: Option<&str>) {
        match open {
            Open::Key(node) => self.sampler.put_key(node, text),
            Open::Text(node) => self.sampler.put_text(node, text),
        }
    }

    /// Chooses among the forms of the formats and patterns that leave something open, even if the type reads the usual
    /// texts.
    fn choose_in_families(&mut self) {
        let graph = self.sampler.graph();
        for node in 0..graph.len() {
            let open = Open::Text(node);
            let Some(family) = self.family(node).filter(|family| *family != Family::Open) else {
                continue;
            };
            if self.found.contains_key(&open) {
                continue;
            }
            let path = self.sampler.path(graph.way(node));
            let reads = |text: &str| {
                let payload = self.sampler.carry(node, json!(text));
                payload.is_some_and(|payload| match (self.read)(&payload) {
                    Ok(()) => true,
                    Err(refusal) => !place::contains(&refusal.path, &path),
                })
            };
            let form = family.forms().into_iter().find(|form| {
                form.inside.iter().all(|text| reads(text)) && !form.outside.iter().any(|text| reads(text))
            });
            if let Some(form) = form {
                self.found.insert(open, (family, form));
            }
        }
    }
}

/// Whether the next refusal is of another place, further on.
fn goes_further(next: &Refusal, last: &Refusal) -> bool {
    match last.in_key {
        true => next.path != last.path || !next.in_key,
        false => !place::contains(&next.path, &last.path),
    }
}

/// Texts for some of the suspects with which `attempt` succeeds: for one of them, one text for all, or texts for two.
fn assignment(
    suspects: &[Open],
    firsts: &dyn Fn(usize) -> Vec<String>,
    attempt: &dyn Fn(&[(Open, &str)]) -> bool,
) -> Option<Vec<(Open, String)>> {
    let texts: Vec<Vec<String>> = (0..suspects.len()).map(firsts).collect();
    let own = |texts: &[(Open, &str)]| texts.iter().map(|(open, text)| (*open, (*text).to_owned())).collect();
    for (open, texts) in suspects.iter().zip(&texts) {
        if let Some(text) = texts.iter().find(|text| attempt(&[(*open, text.as_str())])) {
            return Some(own(&[(*open, text.as_str())]));
        }
    }
    for text in texts.iter().max_by_key(|texts| texts.len())? {
        let all: Vec<_> = suspects.iter().map(|open| (*open, text.as_str())).collect();
        if suspects.len() > 1 && attempt(&all) {
            return Some(own(&all));
        }
    }
    for (index, (first, first_texts)) in suspects.iter().zip(&texts).enumerate() {
        for (second, second_texts) in suspects.iter().zip(&texts).skip(index + 1) {
            for one in first_texts {
                for other in second_texts {
                    let both = [(*first, one.as_str()), (*second, other.as_str())];
                    if attempt(&both) {
                        return Some(own(&both));
                    }
                }
            }
        }
    }
    None
}
