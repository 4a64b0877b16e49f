//! Names for the types of a contract. They are valid as identifiers of TypeScript and as keys of JSON and AsyncAPI
//! documents.

use std::collections::{HashMap, HashSet};

/// Assigns each name once.
#[derive(Debug)]
pub(super) struct Names {
    reserved: HashSet<String>,
    /// The assigned names in lower case: tools write each type to a file, and some file systems ignore the case.
    taken: HashSet<String>,
    given: HashMap<(String, String), String>,
}

impl Names {
    /// Assigns any names except `reserved`.
    pub(super) fn besides(reserved: impl IntoIterator<Item = String>) -> Self {
        Self {
            reserved: reserved.into_iter().collect(),
            taken: HashSet::new(),
            given: HashMap::new(),
        }
    }

    /// Assigns none of these names either. Their case does not matter.
    pub(super) fn and<'n>(mut self, taken: impl IntoIterator<Item = &'n String>) -> Self {
        self.taken
            .extend(taken.into_iter().map(|name| name.to_ascii_lowercase()));
        self
    }

    /// The name of the item with this `identity`. Other items may want the same name. If the wanted name is taken,
    /// `suffix` is appended. If that is taken too, a number is appended.
    pub(super) fn name(&mut self, wanted: &str, suffix: &str, identity: &str) -> GivenName {
        let key = (wanted.to_owned(), identity.to_owned());
        if let Some(name) = self.given.get(&key) {
            return GivenName {
                name: name.clone(),
                is_new: false,
            };
        }
        let name = self.fresh(wanted, suffix);
        self.given.insert(key, name.clone());
        GivenName { name, is_new: true }
    }

    /// A name for an item that has no name yet.
    pub(super) fn fresh(&mut self, wanted: &str, suffix: &str) -> String {
        let plain = pascal_case(wanted);
        let suffixed = format!("{plain}{suffix}");
        let is_free = |name: &str| !self.reserved.contains(name) && !self.taken.contains(&name.to_ascii_lowercase());
        let mut name = if is_free(&plain) { plain } else { suffixed.clone() };
        let mut number = 2;
        while !is_free(&name) {
            name = format!("{suffixed}{number}");
            number += 1;
        }
        self.taken.insert(name.to_ascii_lowercase());
        name
    }
}

/// An assigned name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GivenName {
    pub(super) name: String,
    /// Whether the name was assigned just now.
    pub(super) is_new: bool,
}

/// Turns `order:placed` into `OrderPlaced`. Letters outside of ASCII are dropped, because keys of AsyncAPI cannot
/// contain them.
fn pascal_case(name: &str) -> String {
    let mut pascal = String::new();
    for word in name.split(|character: char| !character.is_ascii_alphanumeric()) {
        let mut characters = word.chars();
        pascal.extend(characters.next().map(|first| first.to_ascii_uppercase()));
        pascal.extend(characters);
    }
    if pascal.starts_with(|first: char| first.is_ascii_alphabetic()) {
        pascal
    } else {
        format!("Type{pascal}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_names_become_identifiers() {
        for (name, identifier) in [
            ("message", "Message"),
            ("order:placed", "OrderPlaced"),
            ("user.joined_v2", "UserJoinedV2"),
            ("2fa", "Type2fa"),
            ("--", "Type"),
            ("Page_of_Item", "PageOfItem"),
        ] {
            assert_eq!(pascal_case(name), identifier);
        }
    }

    #[test]
    fn each_identity_gets_one_name_of_its_own() {
        let mut names = Names::besides(["Room".to_owned()]);
        let mut name = |identity: &str| names.name("author", "Input", identity).name;
        assert_eq!(
            [name("a"), name("b"), name("c")],
            ["Author", "AuthorInput", "AuthorInput2"]
        );
        assert_eq!(name("b"), "AuthorInput");
        assert_eq!(names.name("room", "Data", "").name, "RoomData");
        assert_eq!(names.name("AUTHOR", "Data", "").name, "AUTHORData");
    }
}
