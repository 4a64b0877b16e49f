use proptest::prelude::*;

use super::*;

fn text(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

fn array(texts: &[&str]) -> Value {
    Value::Array(texts.iter().copied().map(text).collect())
}

/// Whether each parser refuses this reply.
fn is_refused(reply: &Value) -> bool {
    append(reply).is_err()
        && read(reply).is_err()
        && position(reply).is_err()
        && outcome(reply).is_err()
        && create_room(reply).is_err()
        && delete_room(reply).is_err()
        && changes(reply).is_err()
        && erase(reply).is_err()
        && trimmed_take(reply).is_err()
        && trimmed_done(reply).is_err()
        && contact(reply).is_err()
}

#[test]
fn reads_the_replies_of_changes_to_a_room() {
    let stored = AppendReply::Stored {
        epoch: "o.g".into(),
        seq: 3,
        answers: vec![EventAnswer::Stored(3), EventAnswer::Published],
    };
    assert_eq!(append(&array(&["stored", "o.g 3 1s,1v"])).unwrap(), stored);
    assert_eq!(append(&array(&["unknown"])).unwrap(), AppendReply::Unknown);
    assert_eq!(
        create_room(&array(&["types", "a", "b"])).unwrap(),
        CreateReply::Types(vec!["a".into(), "b".into()])
    );
    assert_eq!(delete_room(&array(&["gone"])).unwrap(), DeleteReply::Gone);
    let erased = EraseReply::Erased(vec![EraseAnswer::Erased, EraseAnswer::Already, EraseAnswer::Missing]);
    assert_eq!(erase(&array(&["ok", "ean"])).unwrap(), erased);
}

#[test]
fn reads_what_a_room_has() {
    let kind = Value::Array(vec![
        text("m"),
        text("9"),
        text("7"),
        Value::Int(1),
        text("9 8 0\n{}"),
        text("8 7 0\n{}"),
    ]);
    let reply = Value::Array(vec![text("ok"), text("o.g"), text("10"), kind]);
    let ReadReply::Read { seq: 10, types, .. } = read(&reply).unwrap() else {
        panic!("events")
    };
    assert_eq!(
        (types[0].last, types[0].mark, types[0].has_older, types[0].entries.len()),
        (9, 7, true, 2)
    );
    let room = Value::Array(vec![
        text("ok"),
        text("o.g"),
        text("10"),
        text("3 7 8"),
        text("m"),
        text("9"),
    ]);
    let reply = Value::Array(vec![
        text("ok"),
        text("17-3"),
        room,
        array(&["gone"]),
        array(&["foreign"]),
    ]);
    let read = position(&reply).unwrap();
    let room = RoomPosition::Room {
        epoch: "o.g".into(),
        seq: 10,
        erasures: crate::cluster::Erasures {
            count: 3,
            latest: vec![7, 8],
        },
        types: vec![("m".into(), 9)],
    };
    assert_eq!(read.rooms, [room, RoomPosition::Gone, RoomPosition::Foreign]);
}

#[test]
fn reads_records_of_rooms() {
    let reply = Value::Array(vec![
        array(&["foreign"]),
        array(&["foreign", ""]),
        array(&["o1", "c o1 {\"x\": 1}"]),
        array(&["", "d o2"]),
    ]);
    let record = RoomRecordText::Created {
        own: "o1".into(),
        text: Bytes::from_static(b"{\"x\": 1}"),
    };
    let expected = [
        RoomReply::Foreign,
        RoomReply::Room {
            own: "foreign".into(),
            record: RoomRecordText::None,
        },
        RoomReply::Room {
            own: "o1".into(),
            record,
        },
        RoomReply::Room {
            own: "".into(),
            record: RoomRecordText::Deleted { own: "o2".into() },
        },
    ];
    assert_eq!(rooms(&reply).unwrap(), expected);
    for text in ["x", "c", "c ", "d ", "d o x", "x o1 {}"] {
        assert!(room_record(&Bytes::from_static(text.as_bytes())).is_err(), "{text}");
    }
}

#[test]
fn reads_the_contact_and_hides_the_secret() {
    let secret = "0123456789abcdef".repeat(4);
    let ContactReply::Agreed {
        partitions: 256,
        secret: read,
    } = contact(&array(&["ok", "1", "256", &secret])).unwrap()
    else {
        panic!("agreed")
    };
    assert_eq!(read[..8], [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]);
    let error = contact(&array(&["ok", "1", "256", "secrettext"])).err().unwrap();
    assert!(!error.to_string().contains("secrettext"));
}

#[test]
fn everything_else_is_an_error() {
    let all = [
        Value::Nil,
        Value::Okay,
        Value::Int(-1),
        text("stored"),
        Value::Array(Vec::new()),
        Value::Array(vec![Value::Nil]),
        Value::Array(vec![Value::BulkString(vec![0xff])]),
        array(&["stored"]),
        array(&["stored", "o.g 3"]),
        array(&["stored", "o.g 3 1s 4"]),
        array(&["stored", "o.g -3 1s"]),
        array(&["gone", "now"]),
        array(&["lost", "o.g"]),
        array(&["busy"]),
        array(&["busy", "soon"]),
        array(&["old", "soon"]),
        array(&["strange"]),
    ];
    for reply in all {
        assert!(is_refused(&reply), "{reply:?}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let words = "ok|stored|gone|types|lost|old|busy|foreign|format|1-2|[0-9]{1,20}|o\\.g 3 1s|[ -~]{0,5}";
    let leaf = prop_oneof![
        4 => words.prop_map(|text| Value::BulkString(text.into_bytes())),
        1 => any::<Vec<u8>>().prop_map(Value::BulkString),
        1 => any::<i64>().prop_map(Value::Int),
        1 => Just(Value::Nil),
    ];
    leaf.prop_recursive(3, 40, 8, |inner| {
        proptest::collection::vec(inner, 0..8).prop_map(Value::Array)
    })
}

proptest! {
    #[test]
    fn no_reply_makes_it_panic(reply in value()) {
        let _either = is_refused(&reply);
        let _either = rooms(&reply);
    }
}
