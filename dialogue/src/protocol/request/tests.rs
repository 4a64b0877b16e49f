//! Example-based tests of requests: defaults, and a table of invalid requests with their errors.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::command::FirstAttempt;
use super::decode::MAX_SUBSCRIPTIONS;
use super::*;
use crate::protocol::ErrorCode;
use crate::protocol::subscriptions::SubscriptionList;

const DEPTH: usize = 32;

fn parse(text: &str) -> Command {
    Request::parse(text, DEPTH).unwrap().command
}

fn refused(text: &str) -> RejectedRequest {
    Request::parse(text, DEPTH).expect_err(text)
}

#[test]
fn absent_fields_have_their_defaults() {
    assert_eq!(
        parse(r#"{"type":"connect","protocol":1}"#),
        Command::Connect(ConnectCommand {
            protocol: 1,
            auth: Value::Null,
            resume: None,
        })
    );
    assert_eq!(
        parse(r#"{"type":"join","roomId":"chat"}"#),
        Command::Join(JoinCommand {
            room_id: "chat".into(),
            subscriptions: None,
            except: BTreeSet::new(),
            since: None,
            erasures: None,
        })
    );
    assert_eq!(
        parse(r#"{"type":"trigger","roomId":"chat","event":"wave"}"#),
        Command::Trigger(TriggerCommand {
            room_id: "chat".into(),
            event: "wave".into(),
            data: Value::Null,
            meta: None,
            key: None,
            repeats: None,
        })
    );
    let cursor = |fields| match parse(&format!(r#"{{"type":"history","roomId":"chat","event":"m"{fields}}}"#)) {
        Command::History(history) => history.cursor,
        other => panic!("{other:?}"),
    };
    assert_eq!(cursor(""), HistoryCursor::Index { start: 0, end: 50 });
    assert_eq!(cursor(r#","start":50"#), HistoryCursor::Index { start: 50, end: 50 });
    assert_eq!(cursor(r#","before":7"#), HistoryCursor::Before { seq: 7, limit: 50 });
}

#[test]
fn null_is_valid_data() {
    let text = r#"{"type":"trigger","roomId":"chat","event":"wave","data":null}"#;
    assert!(matches!(
        parse(text),
        Command::Trigger(TriggerCommand { data: Value::Null, .. })
    ));
    assert!(Request::parse(r#"{"type":"connect","protocol":1,"auth":null}"#, DEPTH).is_ok());
}

#[test]
fn recognises_another_protocol_version_whatever_its_fields_are() {
    let text = r#"{"type":"connect","protocol":2,"resume":7,"auth":{"token":"x"}}"#;
    assert_eq!(
        parse(text),
        Command::Connect(ConnectCommand {
            protocol: 2,
            auth: Value::Null,
            resume: None,
        })
    );
}

#[test]
fn the_wildcard_among_subscriptions_is_not_an_event_name() {
    let text = r#"{"type":"join","roomId":"chat","subscriptions":["b","*","a","b"]}"#;
    let Command::Join(join) = parse(text) else {
        panic!("no join");
    };
    let expected = SubscriptionList {
        wildcard: true,
        events: ["a".into(), "b".into()].into(),
    };
    assert_eq!(join.subscriptions, Some(expected));
    let none = parse(r#"{"type":"join","roomId":"chat","subscriptions":[]}"#);
    assert!(
        matches!(none, Command::Join(JoinCommand { subscriptions: Some(list), .. }) if list == SubscriptionList::default())
    );
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

#[test]
fn exceptions_belong_to_a_wildcard_and_names_that_no_event_has_are_left_out() {
    let join = |rest: &str| format!(r#"{{"type":"join","id":1,"roomId":"chat"{rest}}}"#);
    let except = |rest: &str| match parse(&join(rest)) {
        Command::Join(join) => join.except,
        other => panic!("{other:?}"),
    };
    let wildcard = r#","subscriptions":["a","*"],"except":["b","a b","*","","c","b"]"#;
    assert_eq!(except(wildcard), ["b".into(), "c".into()].into());
    assert_eq!(except(r#","except":[],"subscriptions":["*"]"#), BTreeSet::new());
    for rest in [
        r#","except":["b"]"#,
        r#","except":[]"#,
        r#","except":["b"],"subscriptions":["b"]"#,
    ] {
        let refused = refused(&join(rest));
        assert_eq!(
            (refused.id, refused.code),
            (Some(1), ErrorCode::InvalidRequest),
            "{rest}"
        );
    }
    let many = |count| {
        join(&format!(
            r#","subscriptions":["*"],"except":{}"#,
            json!(vec!["m"; count])
        ))
    };
    assert!(Request::parse(&many(MAX_SUBSCRIPTIONS), DEPTH).is_ok());
    let refused = refused(&many(MAX_SUBSCRIPTIONS + 1));
    assert_eq!((refused.id, refused.code), (Some(1), ErrorCode::LimitExceeded));
}

#[test]
fn a_repetition_names_its_first_attempt_and_has_a_key() {
    let trigger = |rest: &str| format!(r#"{{"type":"trigger","id":1,"roomId":"chat","event":"m"{rest}}}"#);
    let repeats = r#","repeats":{"epoch":"e5","clientId":"c7","later":1}"#;
    let Command::Trigger(repetition) = parse(&trigger(&format!(r#"{repeats},"key":"k""#))) else {
        panic!("no trigger");
    };
    let first = FirstAttempt {
        client_id: "c7".into(),
        epoch: "e5".to_owned(),
    };
    assert_eq!(repetition.repeats, Some(first));
    let refused = refused(&trigger(repeats));
    assert_eq!((refused.id, refused.code), (Some(1), ErrorCode::InvalidRequest));
}

/// For each type of field, values of other types.
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
        (
            r#""type":"join","roomId":"chat","subscriptions":["*"]"#,
            "except",
            NOT_LISTS,
        ),
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
        (
            r#""type":"trigger","roomId":"chat","event":"m","key":"k""#,
            "repeats",
            NOT_OBJECTS,
        ),
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
    let repeats = |fields: &str| {
        format!(r#"{{"type":"trigger","id":1,"roomId":"chat","event":"m","key":"k","repeats":{{{fields}}}}}"#)
    };
    let mut cases = vec![
        (repeats(r#""epoch":"e""#), "repeats.clientId"),
        (repeats(r#""clientId":"c""#), "repeats.epoch"),
        (repeats(r#""clientId":7,"epoch":"e""#), "repeats.clientId"),
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
fn a_page_of_history_is_requested_by_index_or_by_seq_but_not_both() {
    for fields in [
        r#""start":0,"before":9"#,
        r#""end":9,"before":9"#,
        r#""limit":9"#,
        r#""limit":9,"start":0,"end":5"#,
        r#""before":9,"limit":0"#,
        r#""start":5,"end":4"#,
        r#""start":51"#,
        r#""skip":1"#,
        r#""skip":1,"start":0"#,
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
fn reports_a_malformed_field_before_an_impossible_name() {
    let text = r#"{"type":"trigger","roomId":"a b","event":"c d","meta":7}"#;
    assert_eq!(refused(text).code, ErrorCode::InvalidRequest);
    let text = r#"{"type":"trigger","roomId":"a b","event":"c d"}"#;
    assert_eq!(refused(text).code, ErrorCode::RoomNotFound, "the room is checked first");
}

#[test]
fn rejects_a_frame_that_is_not_an_object() {
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
fn the_error_for_an_unknown_type_names_it_briefly() {
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
fn depth_counts_from_the_frame_in_data_meta_and_unknown_fields() {
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
        "a duplicate id counts as none"
    );
}
