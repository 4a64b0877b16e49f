//! Changes that nobody can see on the wire, and changes that look like them. The first leave the lock and the fingerprint
//! as they are.

use super::Lock;

/// Declares a module with the event `Message`, and a set `Rooms` that has it.
macro_rules! contract {
    ($name:ident: $($item:item)*) => {
        mod $name {
            #[allow(unused_imports, reason = "each contract uses others")]
            use std::collections::{BTreeMap, HashMap, BTreeSet};

            use crate::prelude::*;

            $($item)*

            rooms! { pub(super) Rooms; pub(super) Chat = "chat" { events: [Message] } }
        }
    };
}

macro_rules! same {
    ($($name:ident),+) => {{
        let locks = [$(Lock::of::<$name::Rooms>().unwrap()),+];
        for lock in &locks {
            assert_eq!(lock.text(), locks[0].text());
            assert_eq!(lock.fingerprint(), locks[0].fingerprint());
        }
    }};
}

macro_rules! different {
    ($one:ident, $other:ident) => {{
        let [one, other] = [Lock::of::<$one::Rooms>().unwrap(), Lock::of::<$other::Rooms>().unwrap()];
        assert_ne!(one.text(), other.text());
        assert_ne!(one.fingerprint(), other.fingerprint());
    }};
}

contract! { plain:
    #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    pub(super) struct Message { text: String, author: Author, also: Option<Author>, size: [u16; 3], kind: Kind, id: u64 }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Author { name: String, #[serde(default)] tags: Vec<String> }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) enum Kind { Loud, Silent, Both(u8, u8), At { x: u8, y: u8 } }
}

contract! { reordered:
    #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    pub(super) struct Message { id: u64, kind: Kind, size: [u16; 3], also: Option<Author>, author: Author, text: String }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Author { #[serde(default)] tags: Vec<String>, name: String }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) enum Kind { At { y: u8, x: u8 }, Silent, Both(u8, u8), Loud }
}

contract! { renamed:
    #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    #[event(name = "message")]
    pub(super) struct Message { text: String, author: Zebra, also: Option<Zebra>, size: [u16; 3], kind: Ant, id: u64 }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Zebra { name: String, #[serde(default)] tags: Vec<String> }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) enum Ant { Loud, Silent, Both(u8, u8), At { x: u8, y: u8 } }
}

contract! { described:
    /// A message.
    #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    pub(super) struct Message {
        /// The text.
        text: String,
        /// The author.
        author: Author,
        also: Option<Author>,
        size: [u16; 3],
        /// The kind.
        kind: Kind,
        #[deprecated]
        #[schemars(extend("x-shown" = true), example = 7)]
        id: u64,
    }

    /// An author.
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[schemars(title = "The author")]
    pub(super) struct Author { name: String, #[serde(default)] tags: Vec<String> }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) enum Kind {
        /// With sound.
        Loud,
        /// Without sound.
        Silent,
        Both(u8, u8),
        At { x: u8, y: u8 },
    }
}

contract! { extracted:
    #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    pub(super) struct Message {
        #[serde(flatten)]
        first: First,
        author: Box<Author>,
        also: Option<Author>,
        size: Size,
        kind: Kind,
        id: Id,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct First { text: Text }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Text(String);

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Id(u64);

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Size(u16, u16, u16);

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Author { name: Text, #[serde(default)] tags: Tags }

    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    pub(super) struct Tags(Vec<Text>);

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Place { x: u8, y: u8 }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) enum Kind { Loud, Silent, Both(u8, u8), At(Place) }
}

#[test]
fn the_order_and_the_names_of_types_do_not_change_the_lock() {
    same!(plain, reordered, renamed, described);
}

#[test]
fn types_within_types_do_not_change_the_lock() {
    same!(plain, extracted);
}

contract! { options:
    #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    pub(super) struct Message {
        text: Option<String>,
        many: Vec<Option<bool>>,
        size: Option<Size>,
        by_default: Author,
        map: HashMap<String, u8>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) enum Size { Small, Large }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Author { #[serde(default = "seven")] age: u8 }

    fn seven() -> u8 { 7 }
}

contract! { named_options:
    #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    pub(super) struct Message {
        text: Option<Text>,
        many: Vec<Option<Flag>>,
        size: Option<Size>,
        by_default: Author,
        map: BTreeMap<Text, u8>,
    }

    #[derive(PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
    pub(super) struct Text(String);

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Flag(bool);

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) enum Size {
        /// One.
        Small,
        /// Two.
        Large,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Age(u8);

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Author { #[serde(default = "seven")] age: Age }

    fn seven() -> Age { Age(7) }
}

#[test]
fn options_of_named_types_are_options_of_what_they_contain() {
    same!(options, named_options);
}

contract! { tree:
    #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    pub(super) struct Message { value: u8, next: Option<Box<Message>> }
}

contract! { unrolled_tree:
    #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    pub(super) struct Message { next: Option<Box<Node>>, value: u8 }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Node { value: u8, next: Option<Box<Other>> }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Other { next: Option<Box<Node>>, value: u8 }
}

#[test]
fn a_recursive_type_may_be_written_out_partly() {
    same!(tree, unrolled_tree);
}

mod rooms_in_order {
    use super::plain::Message;
    use crate::prelude::*;

    pub(super) mod other {
        use crate::prelude::*;

        #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
        pub(in super::super) struct Message {
            other: u8,
        }
    }

    rooms! {
        pub(super) Rooms;
        pub(super) One = "one" { events: [Message] }
        pub(super) Two = "two" { events: [other::Message] }
    }
}

mod rooms_in_another_order {
    use super::plain::Message;
    use super::rooms_in_order::other;
    use crate::prelude::*;

    rooms! {
        pub(super) Rooms;
        pub(super) Two = "two" { events: [other::Message] }
        pub(super) One = "one" { events: [Message] }
    }
}

#[test]
fn the_order_of_rooms_does_not_change_the_lock() {
    same!(rooms_in_order, rooms_in_another_order);
}

contract! { changed_default:
    #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    pub(super) struct Message {
        text: Option<String>,
        many: Vec<Option<bool>>,
        size: Option<Size>,
        by_default: Author,
        map: HashMap<String, u8>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) enum Size { Small, Large }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Author { #[serde(default = "eight")] age: u8 }

    fn eight() -> u8 { 8 }
}

contract! { deeper_tree:
    #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    pub(super) struct Message { next: Option<Box<Node>>, value: u8 }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Node { value: u8, next: Option<Box<Other>> }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Other { next: Option<Box<Node>>, value: u16 }
}

#[test]
fn a_visible_change_deep_inside_changes_the_lock() {
    different!(options, changed_default);
    different!(tree, deeper_tree);
}
