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
use crate::schema::compile::compile;
use crate::schema::decode::Reshape;
use crate::schema::graph::{NodeId, ROOT};
use crate::schema::sample::{Content, Sampler, Trial, rounds};
use crate::schema::string_forms::{DECIMAL_WRITTEN, Family, StringForm, scientific};
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

/// Finds the form of each string, and of each key of a map, for which the type turns out to have one. Returns the schema
/// with the forms, if there are any, and the forms.
pub(super) fn describe_strings(
    sampler: &Sampler<'_>,
    read: Read<'_>,
    reshape: Reshape<'_>,
) -> (Option<Value>, Vec<StringForm>) {
    let mut strings = Strings {
        sampler,
        read,
        reshape,
        settled: BTreeMap::new(),
        given_up: BTreeSet::new(),
        recent: Vec::new(),
        attempts: Cell::new(0),
    };
    strings.settle_refused();
    let found = strings.forms();
    if found.is_empty() {
        return (None, Vec::new());
    }
    let mut schema = sampler.graph().schema(ROOT).clone();
    let mut forms = Vec::new();
    for (open, family, form) in found {
        let (Open::Key(node) | Open::Text(node)) = open;
        if let Some(Value::Object(keywords)) = schema.pointer_mut(sampler.graph().at(node)) {
            match open {
                Open::Key(_) => describe_keys(keywords, form.keywords.clone()),
                Open::Text(_) => describe(keywords, family, form.keywords.clone()),
            }
        }
        forms.push(form);
    }
    (Some(schema), forms)
}

/// Changes the outbound schema where a type writes more than schemars says: signs and fractions of durations, and
/// exponents of decimal numbers. `forms` are those that the type reads.
pub(super) fn widen_written(mut schema: Value, forms: &[StringForm]) -> Value {
    let of_family = |family: Family| {
        let mut all = family.forms().into_iter();
        all.find(|form| forms.iter().any(|found| found.keywords == form.keywords))
    };
    let duration = of_family(Family::Duration);
    // Only the widest form has more than schemars' pattern.
    let scientific = of_family(Family::Decimal).filter(|form| form.keywords == scientific().keywords);
    for at in walk::pointers(&schema) {
        let Some(Value::Object(keywords)) = schema.pointer_mut(&at) else {
            continue;
        };
        let form = match Family::of(keywords).filter(|_| walk::has_type(keywords, "string")) {
            Some(Family::Duration) => duration.as_ref().map(|form| (Family::Duration, form)),
            Some(Family::Decimal) => scientific.as_ref().map(|form| (Family::Decimal, form)),
            _ => None,
        };
        if let Some((family, form)) = form {
            describe(keywords, family, form.keywords.clone());
        }
        let pattern = scientific
            .as_ref()
            .and_then(|form| form.keywords.get("pattern")?.as_str());
        if let Some(Value::Object(patterns)) = keywords.get_mut("patternProperties")
            && let Some(pattern) = pattern
            && let Some(values) = patterns.remove(DECIMAL_WRITTEN)
        {
            patterns.insert(pattern.to_owned(), values);
        }
    }
    schema
}

/// Adds keywords to those of a string.
pub(super) fn describe(keywords: &mut Map<String, Value>, family: Family, form: Map<String, Value>) {
    family
        .replaced()
        .iter()
        .for_each(|keyword| drop(keywords.remove(*keyword)));
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

/// Whether the type reads on with these texts.
type Attempt<'a> = dyn Fn(&[(Open, &str)]) -> bool + 'a;

struct Strings<'a, 's> {
    sampler: &'a Sampler<'s>,
    read: Read<'a>,
    reshape: Reshape<'a>,
    /// What has a text that the type reads, with the names for which the type asks in keys.
    settled: BTreeMap<Open, Vec<&'static str>>,
    given_up: BTreeSet<Open>,
    /// Texts that settled something, the last one last: other strings often have the same form.
    recent: Vec<String>,
    attempts: Cell<usize>,
}

impl Strings<'_, '_> {
    /// Finds a text for each string and key without which the type cannot read a sample.
    fn settle_refused(&mut self) {
        let places = self.sampler.places().map(|step| Trial {
            step,
            content: Content::Any,
        });
        for round in rounds(self.sampler, places.collect()) {
            self.settle_in(&round.iter().collect::<Vec<_>>());
        }
    }

    fn settle_in(&mut self, trials: &[&Trial]) {
        while let Some(payload) = self.sampler.payload(trials)
            && let Err(refusal) = (self.read)(&payload)
        {
            let suspects = self.suspects(&payload, &refusal);
            self.attempts.set(0);
            if !suspects.is_empty() && self.settle(trials, &refusal, &suspects) {
                continue;
            }
            self.given_up.extend(suspects);
            // The type reads nothing behind this place, so the parts of the sample are tried separately.
            if let (first, second @ [_, ..]) = trials.split_at(trials.len() / 2)
                && !first.is_empty()
            {
                self.settle_in(first);
                self.settle_in(second);
            }
            break;
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
                suspects.extend(
                    nodes
                        .into_iter()
                        .filter(|node| self.has_open_keys(*node))
                        .map(Open::Key),
                );
            }
            Some(value) => self.add_open(value, &nodes, &mut suspects),
            None => {}
        }
        let is_new = |open: &Open| !self.settled.contains_key(open) && !self.given_up.contains(open);
        suspects.into_iter().filter(is_new).collect()
    }

    fn add_open(&self, value: &Value, nodes: &[NodeId], open: &mut BTreeSet<Open>) {
        let graph = self.sampler.graph();
        match value {
            Value::String(_) => open.extend(
                nodes
                    .iter()
                    .copied()
                    .map(Open::Text)
                    .filter(|open| self.family(*open).is_some()),
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

    /// Finds texts for suspects with which the type reads on. Returns whether there are any.
    fn settle(&mut self, trials: &[&Trial], refusal: &Refusal, suspects: &[Open]) -> bool {
        // A sample with little more than the refused place shows the same, and costs less.
        let small = suspects.first().map(|open| self.any(*open));
        let small: Vec<&Trial> = small.iter().collect();
        let is_same = |other: Refusal| other.path == refusal.path && other.in_key == refusal.in_key;
        let refused = self
            .sampler
            .payload(&small)
            .and_then(|payload| (self.read)(&payload).err());
        let trials = if refused.is_some_and(is_same) {
            &small[..]
        } else {
            trials
        };
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
        let texts: Vec<Vec<String>> = suspects
            .iter()
            .map(|open| {
                let names: &[&str] = match open {
                    Open::Key(_) => &refusal.names,
                    Open::Text(_) => &[],
                };
                let forms = self.family(*open).into_iter().flat_map(Family::forms);
                let firsts = forms.filter_map(|form| form.inside.into_iter().next());
                let all = self.recent.iter().rev().cloned().chain(firsts);
                let all = all.chain(names.iter().map(|name| (*name).to_owned()));
                let mut seen = BTreeSet::new();
                all.filter(|text| seen.insert(text.clone())).collect()
            })
            .collect();
        let Some(texts) = assignment(suspects, &texts, &attempt) else {
            return false;
        };
        for (open, text) in texts {
            self.put(open, Some(&text));
            self.recent.push(text);
            self.settled.insert(open, refusal.names.clone());
        }
        true
    }

    /// A sample that contains a string, or an entry of a map.
    fn any(&self, open: Open) -> Trial {
        let graph = self.sampler.graph();
        let step = match open {
            Open::Text(node) => graph.way(node),
            Open::Key(node) => {
                let mut steps = graph.steps_from(node);
                let entry = steps.find(|(_, step)| step.edge == Edge::Additional);
                entry.map(|(id, _)| id)
            }
        };
        Trial {
            step,
            content: Content::Any,
        }
    }

    fn family(&self, open: Open) -> Option<Family> {
        match open {
            Open::Key(_) => Some(Family::Open),
            Open::Text(node) => {
                let keywords = self.sampler.graph().keywords(node)?;
                walk::has_type(keywords, "string").then(|| Family::of(keywords))?
            }
        }
    }

    /// Puts a text into all following samples, or takes it away.
    fn put(&self, open: Open, text: Option<&str>) {
        match open {
            Open::Key(node) => self.sampler.put_key(node, text),
            Open::Text(node) => self.sampler.put_text(node, text),
        }
    }

    /// The forms of all strings and keys that have one. A format or pattern that leaves something open has one even if
    /// the type reads the usual texts.
    fn forms(&self) -> Vec<(Open, Family, StringForm)> {
        let is_given = |open: &Open| self.family(*open).is_some_and(|family| family != Family::Open);
        let given = (0..self.sampler.graph().len()).map(Open::Text).filter(is_given);
        let all: BTreeSet<Open> = self.settled.keys().copied().chain(given).collect();
        let mut found: Vec<(Open, Family, StringForm)> = Vec::new();
        for open in all {
            let Some(family) = self.family(open) else {
                continue;
            };
            let reads = |text: &str| self.writes(open, text).is_some();
            let names: Vec<&str> = match open {
                Open::Key(_) => self
                    .settled
                    .get(&open)
                    .into_iter()
                    .flatten()
                    .copied()
                    .filter(|name| reads(name))
                    .collect(),
                Open::Text(_) => Vec::new(),
            };
            let known = found.iter().rev().filter(|(_, other, _)| *other == family);
            let known: Vec<StringForm> = known.map(|(.., form)| form.clone()).take(3).collect();
            let mut forms = known
                .into_iter()
                .chain(StringForm::one_of(&names))
                .chain(family.forms());
            if let Some(form) = forms.find(|form| self.has_form(open, form)) {
                found.push((open, family, form));
            }
        }
        found
    }

    /// Whether the type reads all texts inside of a form, writes them in this form too, and refuses texts outside.
    fn has_form(&self, open: Open, form: &StringForm) -> bool {
        let mut written = Vec::new();
        for text in &form.inside {
            match self.writes(open, text) {
                Some(text) => written.extend(text),
                None => return false,
            }
        }
        let is_outside = form.outside.iter().all(|text| self.writes(open, text).is_none());
        is_outside
            && compile(&Value::Object(form.keywords.clone()))
                .is_ok_and(|(validator, _)| written.iter().all(|text| validator.is_valid(&json!(text))))
    }

    /// What the type writes where it reads a text. `None` if it refuses the text, and `Some(None)` if it writes no text
    /// in the same place.
    fn writes(&self, open: Open, text: &str) -> Option<Option<String>> {
        let payload = match open {
            Open::Text(node) => self.sampler.carry(node, json!(text))?,
            Open::Key(node) => {
                let before = self.sampler.map_key(node);
                self.put(open, Some(text));
                let payload = self.sampler.payload(&[&self.any(open)]);
                self.put(open, before.as_deref());
                payload?
            }
        };
        let written = (self.reshape)(&payload).ok()?;
        let graph = self.sampler.graph();
        Some(match open {
            Open::Text(node) => {
                let place = written.pointer(&self.sampler.path(graph.way(node)));
                place.and_then(Value::as_str).map(str::to_owned)
            }
            Open::Key(node) => {
                let map = written.pointer(&self.sampler.path(graph.way(node)));
                let is_declared = |key: &String| {
                    let declared = graph.keywords(node).and_then(|map| map.get("properties"));
                    declared.is_some_and(|declared| declared.get(key).is_some())
                };
                let mut keys = map.and_then(Value::as_object).into_iter().flat_map(Map::keys);
                keys.find(|key| !is_declared(key)).cloned()
            }
        })
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
/// `texts` are those to try for each.
fn assignment(suspects: &[Open], texts: &[Vec<String>], attempt: &Attempt<'_>) -> Option<Vec<(Open, String)>> {
    let own = |texts: &[(Open, &str)]| texts.iter().map(|(open, text)| (*open, (*text).to_owned())).collect();
    for (open, texts) in suspects.iter().zip(texts) {
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
    for (index, (first, first_texts)) in suspects.iter().zip(texts).enumerate() {
        for (second, second_texts) in suspects.iter().zip(texts).skip(index + 1) {
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
