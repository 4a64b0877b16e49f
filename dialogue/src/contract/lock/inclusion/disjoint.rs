//! Whether two schemas have no instance in common. If so, these two alternatives of a `oneOf` can never match
//! together.

use serde_json::Value;

use super::array::{items, longest};
use super::comparison::SchemaComparison;
use super::forms::{Form, JsonType, forms};
use super::object::{occurrences, properties, required, schemas};

/// How many places of two tuples are compared.
const PLACES: u64 = 16;

impl<'s> SchemaComparison<'s> {
    /// Whether no instance of this form and type satisfies `rival`, a part of the wider document.
    pub(super) fn is_apart(&self, form: &Form<'s>, kind: JsonType, rival: &'s Value) -> bool {
        forms(self.wide, &[rival])
            .is_some_and(|rivals| rivals.iter().all(|rival| self.are_apart(form, kind, rival, PLACES)))
    }

    fn are_apart(&self, form: &Form<'s>, kind: JsonType, rival: &Form<'s>, depth: u64) -> bool {
        if !rival.types().iter().any(|other| kind.meets(*other)) {
            return true;
        }
        if let Some(values) = rival.values() {
            return !values.iter().any(|value| kind.meets(JsonType::of(value)));
        }
        match kind {
            JsonType::Object => self.objects_are_apart(form, rival, depth),
            JsonType::Array => self.arrays_are_apart(form, rival, depth),
            _ => false,
        }
    }

    fn objects_are_apart(&self, form: &Form<'s>, rival: &Form<'s>, depth: u64) -> bool {
        let own = required(form);
        let of_rival = required(rival);
        let cannot_have = |name: &&str| occurrences(form, name).is_empty();
        let is_refused = |name: &&str| {
            rival.parts.iter().any(|part| {
                part.get("additionalProperties") == Some(&Value::Bool(false))
                    && !part.contains_key("patternProperties")
                    && schemas(part, "properties").all(|(own, _)| own != *name)
            })
        };
        of_rival.iter().any(cannot_have)
            || own.iter().any(is_refused)
            || own.intersection(&of_rival).any(|name| {
                let theirs = properties(rival, name);
                occurrences(form, name)
                    .iter()
                    .all(|ours| self.schemas_are_apart(ours, &theirs, depth))
            })
    }

    fn arrays_are_apart(&self, form: &Form<'s>, rival: &Form<'s>, depth: u64) -> bool {
        let (least, of_rival) = (form.at_least("minItems"), rival.at_least("minItems"));
        least > longest(rival)
            || longest(form) < of_rival
            || (0..least.min(of_rival).min(PLACES)).any(|place| {
                let place = place as usize;
                self.schemas_are_apart(&items(form, place), &items(rival, place), depth)
            })
    }

    fn schemas_are_apart(&self, ours: &[&'s Value], theirs: &[&'s Value], depth: u64) -> bool {
        let Some(depth) = depth.checked_sub(1) else {
            return false;
        };
        let (Some(ours), Some(their_forms)) = (forms(self.narrow, ours), forms(self.wide, theirs)) else {
            return false;
        };
        ours.iter().all(|form| {
            if let Some(values) = form.values() {
                return self
                    .validator(theirs)
                    .is_some_and(|validator| values.iter().all(|value| validator.check(value).is_err()));
            }
            form.types()
                .into_iter()
                .all(|kind| their_forms.iter().all(|rival| self.are_apart(form, kind, rival, depth)))
        })
    }
}
