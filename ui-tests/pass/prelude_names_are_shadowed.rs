//! The code that the macros generate does not depend on the meaning of names in the caller's scope.
#![allow(dead_code, non_camel_case_types, non_upper_case_globals)]

/// The derives of serde and schemars depend on such names, so two of the events are declared in another crate.
mod payload {
    pub use dialogue_ui_tests::{Message, UserJoined};
}

mod taken {
    use ::dialogue::{DialogueEvent, rooms};

    struct Option;
    struct Result;
    struct String;
    struct Vec;
    struct Box;
    struct Some;
    struct None;
    struct Ok;
    struct Err;
    struct str;
    struct bool;
    struct usize;
    trait Clone {}
    trait Copy {}
    trait Debug {}
    trait Default {}
    trait PartialEq {}
    trait Eq {}
    trait From {}
    trait Into {}
    trait Send {}
    trait Sync {}
    trait Fn {}
    mod std {}
    mod core {}
    mod alloc {}
    mod dialogue {}
    mod serde {}
    mod __private {}
    macro_rules! assert { () => {}; }
    macro_rules! panic { () => {}; }
    const id: () = ();
    const event: () = ();
    const data: () = ();
    const texts: () = ();
    const formatter: () = ();

    #[derive(DialogueEvent)]
    #[event(name = "typing", description = "Or not.", history = 1)]
    pub struct Typing;

    impl ::serde::Serialize for Typing {
        fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error> {
            serializer.serialize_unit()
        }
    }

    impl<'de> ::serde::Deserialize<'de> for Typing {
        fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::core::result::Result<Self, D::Error> {
            <() as ::serde::Deserialize>::deserialize(deserializer).map(|()| Self)
        }
    }

    impl ::schemars::JsonSchema for Typing {
        fn schema_name() -> ::std::borrow::Cow<'static, ::core::primitive::str> {
            "Typing".into()
        }

        fn json_schema(generator: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
            generator.subschema_for::<()>()
        }
    }

    rooms! {
        pub Rooms;
        pub Chat = "chat" {
            description: "Everything there is.",
            events: [super::payload::Message, Typing],
            server_events: [super::payload::UserJoined],
            default_subscriptions: [Typing],
            max_size: 5,
        }
        pub Project { id: u64, event: ::std::string::String } = "project-{id}-{event}" { events: [Typing] }
        pub Lobby = "lobby" { events: * }
        pub News = "news" { events: [] }
        pub M = "m" { events: * }
        pub E = "e" { events: [] }
    }
}

fn main() {
    use dialogue::{DialogueEvent, RoomRef, RoomSet};

    assert_eq!(taken::Rooms::declarations().len(), 6);
    assert_eq!(taken::Typing::definition().description(), Some("Or not."));
    assert_eq!(taken::Project { id: 1, event: "x".to_owned() }.room_id(), "project-1-x");
}
