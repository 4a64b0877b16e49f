//! The answers to a batch, as the reply of `append.lua` and its message have them: `3s,1r17,2v,1f`. Pure.

use super::foreign::{BadReply, number};

/// The most events of one batch. What Redis answers cannot make a node reserve more.
pub(super) const MOST_EVENTS: usize = 1_000;

/// What happened to one event of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventAnswer {
    /// It was stored under this number.
    Stored(u64),
    /// It has no history and was published.
    Published,
    /// An event with its key was stored before, under this number.
    Repeated(u64),
    /// It may have been stored before.
    Forgotten,
}

impl EventAnswer {
    /// Whether the message of the batch has the event.
    pub(super) fn is_new(self) -> bool {
        matches!(self, Self::Stored(_) | Self::Published)
    }
}

/// Reads the answers of a batch after which `seq` is the room's last number, in the order of the events.
pub(super) fn parse(text: &str, seq: u64) -> Result<Vec<EventAnswer>, BadReply> {
    let bad = || BadReply::new("answers of a batch", text.as_bytes());
    let mut answers = Vec::new();
    let mut stored = 0;
    for run in text.split(',') {
        let letter = run.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let (count, rest) = run.split_at(letter);
        let count = number(count)
            .and_then(|count| usize::try_from(count).ok())
            .ok_or_else(bad)?;
        if count == 0 || count > MOST_EVENTS - answers.len() {
            return Err(bad());
        }
        let answer = match rest.split_at_checked(1).ok_or_else(bad)? {
            ("s", "") => {
                stored += count as u64;
                EventAnswer::Stored(0)
            }
            ("v", "") => EventAnswer::Published,
            ("f", "") => EventAnswer::Forgotten,
            ("r", event) => EventAnswer::Repeated(number(event).ok_or_else(bad)?),
            _ => return Err(bad()),
        };
        answers.extend(std::iter::repeat_n(answer, count));
    }
    // The last one that was stored has the number `seq`.
    let mut next = seq.checked_sub(stored).ok_or_else(bad)?;
    for answer in &mut answers {
        if let EventAnswer::Stored(number) = answer {
            next += 1;
            *number = next;
        }
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Writes answers as `append.lua` does.
    pub(in crate::cluster::redis) fn write(answers: &[EventAnswer]) -> String {
        let text = |answer: &EventAnswer| match answer {
            EventAnswer::Stored(_) => "s".to_owned(),
            EventAnswer::Published => "v".to_owned(),
            EventAnswer::Repeated(number) => format!("r{number}"),
            EventAnswer::Forgotten => "f".to_owned(),
        };
        let runs = answers.chunk_by(|a, b| text(a) == text(b));
        let runs: Vec<_> = runs.map(|run| format!("{}{}", run.len(), text(&run[0]))).collect();
        runs.join(",")
    }

    #[test]
    fn runs_become_answers() {
        use EventAnswer::{Forgotten, Published, Repeated, Stored};
        let all = [
            Stored(8),
            Stored(9),
            Stored(10),
            Repeated(7),
            Published,
            Published,
            Forgotten,
            Stored(11),
        ];
        assert_eq!(parse("3s,1r7,2v,1f,1s", 11).unwrap(), all);
    }

    #[test]
    fn everything_else_is_an_error() {
        for text in [
            "",
            ",",
            "s",
            "0s",
            "1",
            "1x",
            "1s1",
            "1r",
            "1r-1",
            "1rx",
            "2s,",
            "1001s",
            "500v,501v",
            "+1s",
            "99999999999999999999v",
            "1é",
        ] {
            assert!(parse(text, 5_000).is_err(), "{text}");
        }
        assert!(parse("3s", 2).is_err(), "there are not so many numbers");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(letters in proptest::collection::vec(0..4_u8, 1..100), before in 0..1_000_000_u64) {
            let mut seq = before;
            let answers: Vec<_> = letters
                .iter()
                .map(|letter| match letter {
                    0 => { seq += 1; EventAnswer::Stored(seq) }
                    1 => EventAnswer::Published,
                    2 => EventAnswer::Repeated(before / 2),
                    _ => EventAnswer::Forgotten,
                })
                .collect();
            prop_assert_eq!(parse(&write(&answers), seq).unwrap(), answers);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9svrfx,-]{0,40}", seq: u64) {
            if let Ok(answers) = parse(&text, seq) {
                prop_assert!(answers.len() <= MOST_EVENTS);
            }
        }
    }
}
