use proptest::prelude::*;

use super::*;

fn room(text: &[u8]) -> Result<RoomMessage, BadReply> {
    RoomMessage::parse(&Bytes::copy_from_slice(text))
}

fn partition(text: &str) -> Result<PartitionMessage, BadReply> {
    PartitionMessage::parse(&Bytes::copy_from_slice(text.as_bytes()))
}

const AT: ChangePosition = ChangePosition {
    milliseconds: 17,
    index: 3,
};

#[test]
fn a_batch_has_its_new_events() {
    let text = b"1 e n1 7 17-3 own.gen 9 1s,1r4,1v\n5 message\n9 8 3{2 typing\n{}";
    let batch = Batch {
        node: "n1".into(),
        counter: 7,
        position: Some(AT),
        epoch: "own.gen".into(),
        seq: 9,
        answers: vec![EventAnswer::Stored(9), EventAnswer::Repeated(4), EventAnswer::Published],
        events: vec![
            BatchEvent {
                event: "message".into(),
                seq: Some(9),
                body: Bytes::from_static(b"9 8 3"),
            },
            BatchEvent {
                event: "typing".into(),
                seq: None,
                body: Bytes::from_static(b"{}"),
            },
        ],
    };
    // The entry above has 5 bytes, so the brace begins the next line.
    assert!(room(text).is_err());
    let text = b"1 e n1 7 17-3 own.gen 9 1s,1r4,1v\n5 message\n9 8 32 typing\n{}";
    assert_eq!(room(text).unwrap(), RoomMessage::Batch(batch));
}

#[test]
fn reads_the_other_messages() {
    let own: Arc<str> = "own".into();
    assert_eq!(
        room(b"1 g own.x 12 17-3\n").unwrap(),
        RoomMessage::Epoch {
            epoch: "own.x".into(),
            seq: 12,
            position: AT
        }
    );
    let erased = RoomMessage::Erased {
        epoch: "own.x".into(),
        position: AT,
        count: 7,
        numbers: vec![5, 20],
    };
    assert_eq!(room(b"1 x own.x 17-3 7 5 20\n").unwrap(), erased);
    assert_eq!(
        room(b"1 d own 17-3\n").unwrap(),
        RoomMessage::Deleted {
            own: own.clone(),
            position: AT
        }
    );
    let created = PartitionMessage::Created {
        room: "a:b".into(),
        own: own.clone(),
        position: AT,
    };
    assert_eq!(partition("1 c a:b own 17-3\n").unwrap(), created);
    assert_eq!(
        partition("1 d a own 17-3\n").unwrap(),
        PartitionMessage::Deleted {
            room: "a".into(),
            own,
            position: AT
        }
    );
}

#[test]
fn everything_else_is_an_error() {
    let all: [&[u8]; 20] = [
        b"",
        b"\n",
        b"1\n",
        b"2 g own.x 12 17-3\n",
        b"1 q own.x 12 17-3\n",
        b"1 g own.x 12 17-3",
        b"1 g own.x 12 17-3\nx",
        b"1 g own.x 12 17-3 4\n",
        b"1 g own.x 12 17\n",
        b"1 g own.x -1 17-3\n",
        b"1 g  12 17-3\n",
        b"1 d own 17-3 x\n",
        b"1 x own.x 17-3 \n",
        b"1 x own.x 17-3 a\n",
        b"1 g own.\xff 12 17-3\n",
        b"1 e n1 7 0 own.gen 9 1v\n",
        b"1 e n1 7 0 own.gen 9 1v\n3 typing\n{}",
        b"1 e n1 7 0 own.gen 9 1v\n2 typing\n{}x",
        b"1 e n1 7 0 own.gen 9 1v x\n2 typing\n{}",
        b"1 e n1 7 0 own.gen 9 1v\n18446744073709551615 typing\n{}",
    ];
    for text in all {
        assert!(room(text).is_err(), "{}", String::from_utf8_lossy(text));
    }
    for text in [
        "1 c a own 17-3",
        "1 c a own 17-3\nx",
        "1 c a own\n",
        "1 e a own 17-3\n",
        "2 c a own 17-3\n",
        "1 c  own 17-3\n",
    ] {
        assert!(partition(text).is_err(), "{text}");
    }
}

#[test]
fn positions_have_an_order() {
    let all = ["0-0", "9-1", "10-0", "10-2", "10-10"].map(|text| ChangePosition::parse(text).unwrap());
    assert!(all.is_sorted());
    assert_eq!(all[0], ChangePosition::BEGIN);
    assert_eq!(all[4].to_string(), "10-10");
}

prop_compose! {
    fn event()(event in "[a-z:.é]{1,9}", body: Vec<u8>, is_volatile: bool) -> (String, Vec<u8>, bool) {
        (event, body, is_volatile)
    }
}

proptest! {
    #[test]
    fn any_batch_reads_back(events in proptest::collection::vec(event(), 1..20), before in 0..1_000_000_u64, counter: u64) {
        let answers: Vec<_> = events.iter().map(|(_, _, is_volatile)| if *is_volatile { "1v" } else { "1s" }).collect();
        let seq = before + answers.iter().filter(|answer| **answer == "1s").count() as u64;
        let mut text = format!("1 e n {counter} 0 o.g {seq} {}\n", answers.join(",")).into_bytes();
        for (event, body, _) in &events {
            text.extend_from_slice(format!("{} {event}\n", body.len()).as_bytes());
            text.extend_from_slice(body);
        }
        let RoomMessage::Batch(batch) = room(&text).unwrap() else { panic!("a batch") };
        prop_assert_eq!((batch.counter, batch.seq, batch.events.len()), (counter, seq, events.len()));
        let mut next = before;
        for (read, (event, body, is_volatile)) in batch.events.iter().zip(&events) {
            prop_assert_eq!((&*read.event, &read.body), (event.as_str(), &Bytes::copy_from_slice(body)));
            next += u64::from(!is_volatile);
            prop_assert_eq!(read.seq, (!is_volatile).then_some(next));
        }
        for end in 0..text.len() {
            prop_assert!(room(&text[..end]).is_err(), "a part of a message is no message");
        }
    }

    #[test]
    fn no_bytes_make_it_panic(text: Vec<u8>, head in "1 [egxdc] [a-z0-9. ,sv\n-]{0,40}") {
        let _either = room(&text);
        let payload = Bytes::from([head.as_bytes(), &text].concat());
        let _either = (RoomMessage::parse(&payload), PartitionMessage::parse(&payload));
    }
}
