use std::fmt::Write;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::protocol::arbitrary;

const DEPTH: usize = 32;

fn parse(text: &str) -> Command {
    Request::parse(text, DEPTH).unwrap().command
}

fn refused(text: &str) -> Refused {
    Request::parse(text, DEPTH).expect_err(text)
}

/// An object with these fields in this order.
fn object_text(fields: &[(String, Value)]) -> String {
    let mut text = String::from("{");
    for (index, (name, value)) in fields.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        write!(text, "{comma}{}:{value}", Value::from(name.as_str())).unwrap();
    }
    text + "}"
}

#[test]
fn fields_that_are_absent_take_their_defaults() {
    assert_eq!(
        parse(r#"{"type":"connect","protocol":1}"#),
        Command::Connect(Connect {
            protocol: 1,
            auth: Value::Null,
            resume: None,
        })
    );
    assert_eq!(
        parse(r#"{"type":"join","roomId":"chat"}"#),
        Command::Join(Join {
            room_id: "chat".into(),
            subscriptions: None,
            since: None,
        })
    );
    assert_eq!(
        parse(r#"{"type":"trigger","roomId":"chat","event":"wave"}"#),
        Command::Trigger(Trigger {
            room_id: "chat".into(),
            event: "wave".into(),
            data: Value::Null,
            meta: None,
            key: None,
        })
    );
    let cursor = |fields| match parse(&format!(r#"{{"type":"history","roomId":"chat","event":"m"{fields}}}"#)) {
        Command::History(history) => history.cursor,
        other => panic!("{other:?}"),
    };
    assert_eq!(cursor(""), Cursor::Index { start: 0, end: 50 });
    assert_eq!(cursor(r#","start":50"#), Cursor::Index { start: 50, end: 50 });
    assert_eq!(cursor(r#","before":7"#), Cursor::Before { seq: 7, limit: 50 });
}

#[test]
fn null_is_data_as_good_as_any() {
    let text = r#"{"type":"trigger","roomId":"chat","event":"wave","data":null}"#;
    assert!(matches!(
        parse(text),
        Command::Trigger(Trigger { data: Value::Null, .. })
    ));
    assert!(Request::parse(r#"{"type":"connect","protocol":1,"auth":null}"#, DEPTH).is_ok());
}

#[test]
fn another_protocol_is_told_apart_whatever_its_fields_are() {
    let text = r#"{"type":"connect","protocol":2,"resume":7,"auth":{"token":"x"}}"#;
    assert_eq!(
        parse(text),
        Command::Connect(Connect {
            protocol: 2,
            auth: Value::Null,
            resume: None,
        })
    );
}

#[test]
fn the_wildcard_among_subscriptions_is_no_event_name() {
    let text = r#"{"type":"join","roomId":"chat","subscriptions":["b","*","a","b"]}"#;
    let Command::Join(join) = parse(text) else {
        panic!("no join");
    };
    let expected = Subscriptions {
        wildcard: true,
        events: ["a".into(), "b".into()].into(),
    };
    assert_eq!(join.subscriptions, Some(expected));
    let none = parse(r#"{"type":"join","roomId":"chat","subscriptions":[]}"#);
    assert!(matches!(none, Command::Join(Join { subscriptions: Some(list), .. }) if list == Subscriptions::default()));
}

#[test]
fn a_list_of_subscriptions_is_bounded() {
    let join = |count| {
        format!(
            r#"{{"type":"join","id":1,"roomId":"chat","subscriptions":{}}}"#,
            json!(vec!["m"; count])
        )
    };
    assert!(Request::parse(&join(MAX_SUBSCRIPTIONS), DEPTH).is_ok());
    let refused = refused(&join(MAX_SUBSCRIPTIONS + 1));
    assert_eq!((refused.id, refused.code), (Some(1), ErrorCode::LimitExceeded));
}

/// For each kind of field, what it is not.
const NOT_STRINGS: &[&str] = &["null", "7", "true", "{}", "[]", r#"["chat"]"#];
const NOT_COUNTS: &[&str] = &[
    "null",
    "-1",
    "-0",
    "1e308",
    "\"0\"",
    "{}",
    "[]",
    "18446744073709551616",
    "3.0",
    "1e2",
    "true",
];
const NOT_IDS: &[&str] = &[
    "null",
    "1e308",
    "\"0\"",
    "{}",
    "[1]",
    "9223372036854775808",
    "-9223372036854775809",
    "3.0",
    "true",
];
const NOT_OBJECTS: &[&str] = &["null", "7", "\"{}\"", "[]", "true"];
const NOT_LISTS: &[&str] = &["null", "\"*\"", "{}", "7", "[1]", "[null]", r#"["a",["b"]]"#];

#[test]
fn a_malformed_field_is_an_invalid_request_that_keeps_its_id() {
    let history = r#""type":"history","roomId":"chat","event":"m""#;
    let trigger = r#""type":"trigger","event":"m""#;
    let room = r#""type":"createRoom""#;
    for (rest, field, malformed) in [
        (r#""x":0"#, "type", NOT_STRINGS),
        (r#""type":"connect""#, "protocol", NOT_COUNTS),
        (r#""type":"connect","protocol":1"#, "resume", NOT_STRINGS),
        (r#""type":"join""#, "roomId", NOT_STRINGS),
        (r#""type":"join","roomId":"chat""#, "subscriptions", NOT_LISTS),
        (r#""type":"join","roomId":"chat""#, "since", NOT_OBJECTS),
        (r#""type":"leave""#, "roomId", NOT_STRINGS),
        (r#""type":"subscribe","event":"m""#, "roomId", NOT_STRINGS),
        (r#""type":"subscribe","roomId":"chat""#, "event", NOT_STRINGS),
        (r#""type":"unsubscribe","event":"m""#, "roomId", NOT_STRINGS),
        (r#""type":"unsubscribe","roomId":"chat""#, "event", NOT_STRINGS),
        (r#""type":"subscribeAll""#, "roomId", NOT_STRINGS),
        (trigger, "roomId", NOT_STRINGS),
        (r#""type":"trigger","roomId":"chat""#, "event", NOT_STRINGS),
        (r#""type":"trigger","roomId":"chat","event":"m""#, "meta", NOT_OBJECTS),
        (r#""type":"trigger","roomId":"chat","event":"m""#, "key", NOT_STRINGS),
        (r#""type":"history","event":"m""#, "roomId", NOT_STRINGS),
        (r#""type":"history","roomId":"chat""#, "event", NOT_STRINGS),
        (history, "start", NOT_COUNTS),
        (history, "end", NOT_COUNTS),
        (history, "before", NOT_COUNTS),
        (
            r#""type":"history","roomId":"chat","event":"m","before":9"#,
            "limit",
            NOT_COUNTS,
        ),
        (r#""type":"listRooms""#, "after", NOT_STRINGS),
        (room, "room", NOT_OBJECTS),
        (r#""type":"deleteRoom""#, "roomId", NOT_STRINGS),
    ] {
        for value in malformed {
            let refused = refused(&format!(r#"{{"id":-9,{rest},"{field}":{value}}}"#));
            assert_eq!(
                (refused.id, refused.code),
                (Some(-9), ErrorCode::InvalidRequest),
                "{field}: {value}"
            );
            assert!(
                refused.message.contains(&format!("`{field}`")),
                "{field}: {value}: {}",
                refused.message
            );
        }
    }
}

#[test]
fn a_malformed_field_of_an_inner_object_is_named_with_its_path() {
    let since = |fields: &str| format!(r#"{{"type":"join","id":1,"roomId":"chat","since":{{{fields}}}}}"#);
    let room = |fields: &str| format!(r#"{{"type":"createRoom","id":1,"room":{{{fields}}}}}"#);
    let name = |bytes: usize| format!(r#""id":"r","name":"{}""#, "n".repeat(bytes));
    let description = |bytes: usize| format!(r#""id":"r","description":"{}""#, "d".repeat(bytes));
    let mut cases = vec![
        (since(r#""seq":1"#), "since.epoch"),
        (since(r#""epoch":"e""#), "since.seq"),
        (room(r#""name":"R""#), "room.id"),
        (room(r#""id":"a b""#), "room.id"),
        (room(r#""id":"""#), "room.id"),
        (room(&format!(r#""id":"{}""#, "x".repeat(129))), "room.id"),
        (room(&name(0)), "room.name"),
        (room(&name(257)), "room.name"),
        (room(&description(0)), "room.description"),
        (room(&description(2_049)), "room.description"),
        (room(r#""id":"r","maxSize":0"#), "room.maxSize"),
    ];
    for value in NOT_STRINGS {
        cases.push((since(&format!(r#""seq":1,"epoch":{value}"#)), "since.epoch"));
        cases.push((room(&format!(r#""id":{value}"#)), "room.id"));
        cases.push((room(&format!(r#""id":"r","name":{value}"#)), "room.name"));
        cases.push((room(&format!(r#""id":"r","description":{value}"#)), "room.description"));
    }
    for value in NOT_COUNTS {
        cases.push((since(&format!(r#""epoch":"e","seq":{value}"#)), "since.seq"));
        cases.push((room(&format!(r#""id":"r","maxSize":{value}"#)), "room.maxSize"));
    }
    for (text, path) in cases {
        let refused = refused(&text);
        assert_eq!(
            (refused.id, refused.code),
            (Some(1), ErrorCode::InvalidRequest),
            "{text}"
        );
        assert!(
            refused.message.contains(&format!("`{path}`")),
            "{text}: {}",
            refused.message
        );
    }
    for text in [
        room(&name(256)),
        room(&description(2_048)),
        room(r#""id":"r","maxSize":1"#),
    ] {
        assert!(Request::parse(&text, DEPTH).is_ok(), "{text}");
    }
}

#[test]
fn a_malformed_id_is_an_invalid_request_without_one() {
    for value in NOT_IDS {
        let refused = refused(&format!(r#"{{"type":"ping","id":{value}}}"#));
        assert_eq!((refused.id, refused.code), (None, ErrorCode::InvalidRequest), "{value}");
    }
    for id in [i64::MIN, -1, 0, i64::MAX] {
        let request = Request::parse(&format!(r#"{{"type":"ping","id":{id}}}"#), DEPTH).unwrap();
        assert_eq!(request.id, Some(id));
    }
}

#[test]
fn a_missing_field_is_an_invalid_request_that_names_it() {
    for (text, field) in [
        ("{}", "type"),
        (r#"{"type":"connect"}"#, "protocol"),
        (r#"{"type":"join"}"#, "roomId"),
        (r#"{"type":"leave"}"#, "roomId"),
        (r#"{"type":"subscribe","roomId":"chat"}"#, "event"),
        (r#"{"type":"trigger","roomId":"chat","data":{}}"#, "event"),
        (r#"{"type":"createRoom"}"#, "room"),
    ] {
        let refused = refused(text);
        assert_eq!(refused.code, ErrorCode::InvalidRequest, "{text}");
        assert_eq!(refused.message, format!("`{field}` is missing"));
    }
}

#[test]
fn a_page_of_history_is_asked_for_in_one_way() {
    for fields in [
        r#""start":0,"before":9"#,
        r#""end":9,"before":9"#,
        r#""limit":9"#,
        r#""limit":9,"start":0,"end":5"#,
        r#""before":9,"limit":0"#,
        r#""start":5,"end":4"#,
        r#""start":51"#,
    ] {
        let refused = refused(&format!(
            r#"{{"type":"history","id":2,"roomId":"chat","event":"m",{fields}}}"#
        ));
        assert_eq!(
            (refused.id, refused.code),
            (Some(2), ErrorCode::InvalidRequest),
            "{fields}"
        );
    }
}

#[test]
fn a_key_has_1_to_128_bytes() {
    let trigger = |key: &str| format!(r#"{{"type":"trigger","roomId":"chat","event":"m","key":"{key}"}}"#);
    assert!(Request::parse(&trigger("k"), DEPTH).is_ok());
    assert!(Request::parse(&trigger(&"k".repeat(128)), DEPTH).is_ok());
    for key in ["", &"k".repeat(129), &"é".repeat(65)] {
        assert_eq!(refused(&trigger(key)).code, ErrorCode::InvalidRequest);
    }
}

const IMPOSSIBLE_ROOMS: &[&str] = &["", "*", "a\\r\\nb", "\\u202echat", "a b", "é", "a/b"];
const IMPOSSIBLE_EVENTS: &[&str] = &["", "*", "a\\r\\nb", "dialogue:joined", "a b", "é", "a=b"];

#[test]
fn a_room_that_cannot_exist_does_not_exist() {
    let long = "x".repeat(129);
    for room in IMPOSSIBLE_ROOMS.iter().copied().chain([long.as_str()]) {
        for rest in [
            r#""type":"join""#,
            r#""type":"leave""#,
            r#""type":"subscribe","event":"m""#,
            r#""type":"unsubscribe","event":"m""#,
            r#""type":"subscribeAll""#,
            r#""type":"trigger","event":"m""#,
            r#""type":"history","event":"m""#,
            r#""type":"deleteRoom""#,
        ] {
            let refused = refused(&format!(r#"{{"id":3,{rest},"roomId":"{room}"}}"#));
            assert_eq!(
                (refused.id, refused.code),
                (Some(3), ErrorCode::RoomNotFound),
                "{rest} {room}"
            );
            assert!(refused.message.len() < 200);
        }
        let after = format!(r#"{{"type":"listRooms","after":"{room}"}}"#);
        assert_eq!(refused(&after).code, ErrorCode::InvalidRequest, "{room}");
    }
}

#[test]
fn an_event_that_cannot_exist_is_not_allowed() {
    let long = "x".repeat(65);
    for event in IMPOSSIBLE_EVENTS.iter().copied().chain([long.as_str()]) {
        for kind in ["subscribe", "unsubscribe", "trigger", "history"] {
            let refused = refused(&format!(
                r#"{{"id":3,"type":"{kind}","roomId":"chat","event":"{event}"}}"#
            ));
            assert_eq!(
                (refused.id, refused.code),
                (Some(3), ErrorCode::EventNotAllowed),
                "{kind} {event}"
            );
        }
    }
    let join = r#"{"type":"join","roomId":"chat","subscriptions":["m","a b"]}"#;
    assert_eq!(refused(join).code, ErrorCode::EventNotAllowed);
}

#[test]
fn what_is_malformed_is_told_before_what_cannot_exist() {
    let text = r#"{"type":"trigger","roomId":"a b","event":"c d","meta":7}"#;
    assert_eq!(refused(text).code, ErrorCode::InvalidRequest);
    let text = r#"{"type":"trigger","roomId":"a b","event":"c d"}"#;
    assert_eq!(
        refused(text).code,
        ErrorCode::RoomNotFound,
        "the room is looked for first"
    );
}

#[test]
fn a_frame_that_is_no_object_is_refused() {
    for text in [
        "null",
        "[]",
        "7",
        "\"ping\"",
        "",
        "{",
        r#"{"type":"ping"}{"type":"ping"}"#,
        r#"[{"id":1}]"#,
        "[1]",
    ] {
        let refused = refused(text);
        assert_eq!((refused.id, refused.code), (None, ErrorCode::InvalidRequest), "{text}");
    }
}

#[test]
fn an_unknown_type_is_named_in_brief() {
    let refused_type = refused(r#"{"type":"shout","id":1}"#);
    assert_eq!(
        (refused_type.id, refused_type.code),
        (Some(1), ErrorCode::InvalidRequest)
    );
    assert_eq!(refused_type.message, "unknown type `shout`");
    assert!(
        refused(&format!(r#"{{"type":"{}"}}"#, "x".repeat(10_000)))
            .message
            .len()
            < 200
    );
}

#[test]
fn depth_counts_in_the_envelope_in_data_in_meta_and_in_an_unknown_field() {
    let nested = |levels: usize| format!("{}{}", r#"{"a":["#.repeat(levels / 2), "]}".repeat(levels / 2));
    for field in ["data", "meta", "whatever"] {
        let frame = |inner: &str| {
            format!(r#"{{"type":"trigger","id":4,"roomId":"chat","event":"m","{field}":{{"x":{inner}}}}}"#)
        };
        assert!(Request::parse(&frame(&nested(30)), DEPTH).is_ok(), "{field}: 32 deep");
        for levels in [32, 100_000] {
            let refused = refused(&frame(&nested(levels)));
            assert_eq!(
                (refused.id, refused.code),
                (Some(4), ErrorCode::InvalidRequest),
                "{field}"
            );
        }
    }
}

#[test]
fn a_duplicate_key_anywhere_is_an_invalid_request_that_keeps_its_id() {
    for fields in [
        r#""type":"ping","type":"ping""#,
        r#""type":"ping","x":{"a":1,"a":2}"#,
        r#""type":"trigger","roomId":"chat","event":"m","data":[{"a":1,"a":2}]"#,
    ] {
        let refused = refused(&format!(r#"{{{fields},"id":6}}"#));
        assert_eq!(
            (refused.id, refused.code),
            (Some(6), ErrorCode::InvalidRequest),
            "{fields}"
        );
    }
    assert_eq!(
        refused(r#"{"type":"ping","id":1,"id":2}"#).id,
        None,
        "neither of two ids is the id"
    );
}

fn command() -> impl Strategy<Value = (Command, Value)> {
    let room = arbitrary::room_id;
    let event = arbitrary::event_name;
    let connect = (arbitrary::value(), any::<Option<String>>()).prop_map(|(auth, resume)| {
        let mut fields = json!({ "type": "connect", "protocol": 1, "auth": auth });
        if let Some(resume) = &resume {
            fields["resume"] = json!(resume);
        }
        let protocol = 1;
        (Command::Connect(Connect { protocol, auth, resume }), fields)
    });
    let subscriptions = (any::<bool>(), prop::collection::btree_set(event(), 0..4))
        .prop_map(|(wildcard, events)| Subscriptions { wildcard, events });
    let since = any::<(String, u64)>().prop_map(|(epoch, seq)| Since { epoch, seq });
    let join = (room(), prop::option::of(subscriptions), prop::option::of(since)).prop_map(
        |(room_id, subscriptions, since)| {
            let mut fields = json!({ "type": "join", "roomId": room_id });
            if let Some(subscriptions) = &subscriptions {
                fields["subscriptions"] = json!(subscriptions);
            }
            if let Some(since) = &since {
                fields["since"] = json!({ "epoch": since.epoch, "seq": since.seq });
            }
            let join = Join {
                room_id,
                subscriptions,
                since,
            };
            (Command::Join(join), fields)
        },
    );
    let trigger = (
        room(),
        event(),
        arbitrary::value(),
        prop::option::of(arbitrary::object()),
        prop::option::of("[a-z😀]{1,32}"),
    )
        .prop_map(|(room_id, event, data, meta, key)| {
            let mut fields = json!({ "type": "trigger", "roomId": room_id, "event": event, "data": data });
            if let Some(meta) = &meta {
                fields["meta"] = json!(meta);
            }
            if let Some(key) = &key {
                fields["key"] = json!(key);
            }
            let trigger = Trigger {
                room_id,
                event,
                data,
                meta,
                key,
            };
            (Command::Trigger(trigger), fields)
        });
    let history = (room(), event(), any::<(u64, u64, bool)>()).prop_map(|(room_id, event, (a, b, by_index))| {
        let mut fields = json!({ "type": "history", "roomId": room_id, "event": event });
        let cursor = if by_index {
            let (start, end) = (a.min(b), a.max(b));
            fields["start"] = json!(start);
            fields["end"] = json!(end);
            Cursor::Index { start, end }
        } else {
            let (seq, limit) = (a, b.max(1));
            fields["before"] = json!(seq);
            fields["limit"] = json!(limit);
            Cursor::Before { seq, limit }
        };
        (Command::History(History { room_id, event, cursor }), fields)
    });
    let create = (
        room(),
        prop::option::of("[a-z]{1,99}"),
        prop::option::of("[a-z]{1,99}"),
        0..9_usize,
    )
        .prop_map(|(id, name, description, size)| {
            let max_size = (size > 0).then_some(size);
            let mut room = json!({ "id": id });
            for (field, value) in [
                ("name", json!(name)),
                ("description", json!(description)),
                ("maxSize", json!(max_size)),
            ] {
                if !value.is_null() {
                    room[field] = value;
                }
            }
            let fields = json!({ "type": "createRoom", "room": room });
            let room = NewRoom {
                id,
                name,
                description,
                max_size,
            };
            (Command::CreateRoom { room }, fields)
        });
    let plain = (room(), event(), 0..6).prop_map(|(room_id, event, which)| {
        let (id, name) = (json!(room_id), json!(event));
        match which {
            0 => (Command::Leave { room_id }, json!({ "type": "leave", "roomId": id })),
            1 => {
                let fields = json!({ "type": "subscribe", "roomId": id, "event": name });
                (Command::Subscribe { room_id, event }, fields)
            }
            2 => {
                let fields = json!({ "type": "unsubscribe", "roomId": id, "event": name });
                (Command::Unsubscribe { room_id, event }, fields)
            }
            3 => (
                Command::SubscribeAll { room_id },
                json!({ "type": "subscribeAll", "roomId": id }),
            ),
            4 => (
                Command::DeleteRoom { room_id },
                json!({ "type": "deleteRoom", "roomId": id }),
            ),
            _ => (
                Command::ListRooms { after: Some(room_id) },
                json!({ "type": "listRooms", "after": id }),
            ),
        }
    });
    let bare = prop_oneof![
        Just((Command::Ping, json!({ "type": "ping" }))),
        Just((Command::ListRooms { after: None }, json!({ "type": "listRooms" }))),
    ];
    prop_oneof![connect, join, trigger, history, create, plain, bare]
}

/// A request and its fields in any order, among them some that no command knows.
fn request() -> impl Strategy<Value = (Request, Vec<(String, Value)>)> {
    let unknown = prop::collection::btree_map("x[a-z]{0,4}", arbitrary::value(), 0..3);
    (any::<Option<i64>>(), command(), unknown).prop_flat_map(|(id, (command, fields), unknown)| {
        let mut fields: Vec<_> = fields.as_object().unwrap().clone().into_iter().chain(unknown).collect();
        fields.extend(id.map(|id| ("id".to_owned(), json!(id))));

        Just(fields).prop_shuffle().prop_map(move |fields| {
            (
                Request {
                    id,
                    command: command.clone(),
                },
                fields,
            )
        })
    })
}

proptest! {
    #[test]
    fn never_panics_and_answers_briefly(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Err(refused) = Request::parse(&String::from_utf8_lossy(&bytes), DEPTH) {
            prop_assert!(refused.message.len() < 400);
        }
    }

    #[test]
    fn reads_any_request_in_any_order_among_unknown_fields((request, fields) in request()) {
        prop_assert_eq!(Request::parse(&object_text(&fields), DEPTH), Ok(request));
    }

    #[test]
    fn never_panics_and_keeps_the_id_whatever_a_field_holds(
        (request, mut fields) in request(),
        which: prop::sample::Index,
        value in arbitrary::value(),
    ) {
        let which = which.index(fields.len());
        let of_id = fields[which].0 == "id";
        fields[which].1 = value;
        match Request::parse(&object_text(&fields), DEPTH) {
            Ok(read) if !of_id => prop_assert_eq!(read.id, request.id),
            Err(refused) if !of_id => prop_assert_eq!(refused.id, request.id),
            _ => {}
        }
    }

    #[test]
    fn a_repeated_field_is_refused((_, mut fields) in request(), which: prop::sample::Index) {
        fields.push(fields[which.index(fields.len())].clone());
        prop_assert_eq!(Request::parse(&object_text(&fields), DEPTH).unwrap_err().code, ErrorCode::InvalidRequest);
    }
}
