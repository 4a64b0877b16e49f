//! Records what people said and heard, and compares it at the end: no accepted event is lost, doubled or reordered, and each
//! gap is reported.
//!
//! Each text is said once. So an event is recognised by its text, whatever becomes of its number.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The ledger of one room. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Pages>>);

/// What somebody heard between two gaps: numbers and texts.
type Piece = Vec<(u64, String)>;

#[derive(Default)]
struct Pages {
    /// What each member heard, in the pieces between which a gap was reported.
    heard: BTreeMap<String, Vec<Piece>>,
    /// The accepted texts of each person, in the order in which they were said, with the number of the answer.
    accepted: BTreeMap<String, Vec<(String, u64)>>,
    /// Why outcomes are unknown, and how often.
    unknown: BTreeMap<String, u64>,
    /// Connections that ended, and rooms that a member was in no longer: who and why.
    disconnected: Vec<String>,
    left: Vec<String>,
}

/// Whether the log may have lost accepted events, as a Redis does that fails over or starts empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Log {
    /// It has everything that was accepted.
    Whole,
    /// It may lack what was accepted, if each member was told a gap.
    Lossy,
}

/// What the ledger found.
#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) accepted: u64,
    unknown: BTreeMap<String, u64>,
    pub(crate) received: u64,
    pub(crate) gaps: u64,
    /// Accepted events that the log has lost, all of them reported as a gap.
    pub(crate) told: u64,
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) reordered: u64,
    /// The first of what must not be.
    faults: Vec<String>,
}

impl Ledger {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody is in the room from now on.
    pub(crate) fn member(&self, name: &str) {
        self.pages().heard.insert(name.to_owned(), vec![Vec::new()]);
    }

    pub(crate) fn heard(&self, name: &str, seq: u64, text: String) {
        let mut pages = self.pages();
        let pieces = pages.heard.get_mut(name).expect("a member");
        pieces.last_mut().expect("a piece").push((seq, text));
    }

    pub(crate) fn gap(&self, name: &str) {
        self.pages().heard.get_mut(name).expect("a member").push(Vec::new());
    }

    pub(crate) fn accepted(&self, name: &str, text: String, seq: u64) {
        let mut pages = self.pages();
        pages.accepted.entry(name.to_owned()).or_default().push((text, seq));
    }

    /// Somebody does not know whether what it said was accepted, for this reason.
    pub(crate) fn unknown(&self, reason: impl fmt::Display) {
        *self.pages().unknown.entry(reason.to_string()).or_default() += 1;
    }

    pub(crate) fn disconnected(&self, name: &str, reason: impl fmt::Display) {
        self.pages().disconnected.push(format!("{name}: {reason}"));
    }

    pub(crate) fn left(&self, name: &str, reason: impl fmt::Debug) {
        self.pages().left.push(format!("{name}: {reason:?}"));
    }

    /// The connections that were lost so far.
    pub(crate) fn disconnects(&self) -> Vec<String> {
        self.pages().disconnected.clone()
    }

    /// How many events were accepted so far.
    pub(crate) fn accepted_so_far(&self) -> usize {
        self.pages().accepted.values().map(Vec::len).sum()
    }

    /// How many gaps each member was told so far.
    pub(crate) fn gaps(&self) -> BTreeMap<String, usize> {
        let pages = self.pages();
        let gaps = pages
            .heard
            .iter()
            .map(|(name, pieces)| (name.clone(), pieces.len() - 1));
        gaps.collect()
    }

    /// The members who have not heard this yet.
    pub(crate) fn deaf_to(&self, text: &str) -> Vec<String> {
        let pages = self.pages();
        let heard = |pieces: &[Piece]| pieces.iter().flatten().rev().any(|(_, heard)| heard == text);
        let deaf = pages.heard.iter().filter(|(_, pieces)| !heard(pieces));
        deaf.map(|(name, _)| name.clone()).collect()
    }

    /// Compares everything with the log: its numbers and texts, the oldest first.
    pub(crate) fn verdict(&self, log: &[(u64, String)], kind: Log) -> Verdict {
        let pages = self.pages();
        let mut verdict = Verdict {
            unknown: pages.unknown.clone(),
            ..Verdict::default()
        };
        for left in &pages.left {
            verdict.fault(format!("no longer in the room: {left}"));
        }
        verdict.check_log(log);
        for (name, pieces) in &pages.heard {
            verdict.check_pieces(name, pieces);
        }
        verdict.check_numbers(&pages, log);
        verdict.check_accepted(&pages, log, kind);
        verdict
    }
}

impl Verdict {
    fn fault(&mut self, fault: String) {
        self.faults.push(fault);
    }

    fn check_log(&mut self, log: &[(u64, String)]) {
        let mut texts = BTreeSet::new();
        for (seq, text) in log {
            if !texts.insert(text) {
                self.duplicated += 1;
                self.fault(format!("the log has `{text}` twice, the second time as {seq}"));
            }
        }
        if let Some(pair) = log.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
            self.reordered += 1;
            self.fault(format!("the log is not in order: {pair:?}"));
        }
    }

    /// In a piece, numbers are contiguous: everybody is subscribed to everything. When a room gets another epoch, events of it
    /// may arrive up to 3 s before the gap is told. So a hole is fine if a gap follows.
    fn check_pieces(&mut self, name: &str, pieces: &[Piece]) {
        self.gaps += pieces.len() as u64 - 1;
        for (at, piece) in pieces.iter().enumerate() {
            let is_told = at + 1 < pieces.len();
            self.received += piece.len() as u64;
            let mut last: Option<u64> = None;
            let mut seen = BTreeSet::new();
            for (seq, text) in piece {
                match last {
                    Some(last) if *seq > last + 1 && !is_told => {
                        self.lost += seq - last - 1;
                        self.fault(format!("{name} heard nothing between {last} and {seq} (`{text}`)"));
                    }
                    Some(_) if seen.contains(&(seq, text)) => {
                        self.duplicated += 1;
                        self.fault(format!("{name} heard {seq} (`{text}`) twice"));
                    }
                    Some(last) if *seq <= last => {
                        self.reordered += 1;
                        self.fault(format!("{name} heard {seq} (`{text}`) after {last}"));
                    }
                    _ => {}
                }
                seen.insert((seq, text));
                last = Some(last.map_or(*seq, |last| last.max(*seq)));
            }
        }
    }

    /// A text has one number, whoever says so. Without gaps, a number has one text too.
    fn check_numbers(&mut self, pages: &Pages, log: &[(u64, String)]) {
        let mut numbers: HashMap<&str, u64> = HashMap::new();
        let mut texts: HashMap<u64, &str> = HashMap::new();
        let heard = pages.heard.values().flatten().flatten();
        let accepted = pages.accepted.values().flatten().map(|(text, seq)| (*seq, text));
        let all = heard.chain(log).map(|(seq, text)| (*seq, text)).chain(accepted);
        let mut faults = Vec::new();
        for (seq, text) in all {
            let number = *numbers.entry(text).or_insert(seq);
            if number != seq {
                self.duplicated += 1;
                faults.push(format!("`{text}` is both {number} and {seq}"));
            }
            let other = *texts.entry(seq).or_insert(text);
            if self.gaps == 0 && other != text {
                self.duplicated += 1;
                faults.push(format!("{seq} is both `{other}` and `{text}`"));
            }
        }
        self.faults.extend(faults);
    }

    fn check_accepted(&mut self, pages: &Pages, log: &[(u64, String)], kind: Log) {
        let kept: HashMap<&str, u64> = log.iter().map(|(seq, text)| (text.as_str(), *seq)).collect();
        let heard: Vec<(&String, HashMap<&str, u64>)> = pages
            .heard
            .iter()
            .map(|(name, pieces)| {
                let events = pieces.iter().flatten();
                (name, events.map(|(seq, text)| (text.as_str(), *seq)).collect())
            })
            .collect();
        for (speaker, said) in &pages.accepted {
            self.accepted += said.len() as u64;
            let mut last = 0;
            for (text, _) in said {
                let Some(seq) = kept.get(text.as_str()).copied() else {
                    self.check_lost(pages, text, kind);
                    continue;
                };
                if seq <= last {
                    self.reordered += 1;
                    self.fault(format!("`{text}` of {speaker} is {seq}, after {last}"));
                }
                last = seq;
                for (name, texts) in &heard {
                    if !texts.contains_key(text.as_str()) && !was_told(&pages.heard[*name], seq) {
                        self.lost += 1;
                        self.fault(format!(
                            "{name} did not hear {seq} (`{text}`), and was told no gap there"
                        ));
                    }
                }
            }
        }
    }

    /// Of an accepted text that the log does not have.
    fn check_lost(&mut self, pages: &Pages, text: &str, kind: Log) {
        let untold: Vec<_> = pages
            .heard
            .iter()
            .filter(|(_, pieces)| kind == Log::Whole || pieces.len() == 1)
            .map(|(name, _)| name.clone())
            .collect();
        if untold.is_empty() {
            self.told += 1;
        } else {
            self.lost += 1;
            self.fault(format!(
                "`{text}` was accepted and is lost, which {untold:?} were not told"
            ));
        }
    }

    /// Panics with the faults if there are any.
    #[track_caller]
    pub(crate) fn must_be_clean(&self) {
        let shown: Vec<_> = self.faults.iter().take(20).map(String::as_str).collect();
        assert!(
            self.faults.is_empty(),
            "{self}\n{} faults:\n{}",
            self.faults.len(),
            shown.join("\n")
        );
    }
}

/// Whether a gap was told after the place where this number is missing.
fn was_told(pieces: &[Piece], seq: u64) -> bool {
    let since_the_last = pieces.last().and_then(|piece| piece.first());
    pieces.len() > 1 && since_the_last.is_none_or(|(first, _)| seq < *first)
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} accepted, unknown {:?}, {} received, {} gaps told, {} accepted events in gaps of the log; {} lost, \
             {} duplicated, {} reordered",
            self.accepted,
            self.unknown,
            self.received,
            self.gaps,
            self.told,
            self.lost,
            self.duplicated,
            self.reordered
        )
    }
}

mod tests {
    use super::*;

    /// Ada says 1 to 3, and Bob hears these.
    fn heard(pieces: &[&[u64]], log: &[u64], kind: Log) -> Verdict {
        let ledger = Ledger::default();
        let text = |seq: u64| format!("ada {seq}");
        (1..=3).for_each(|seq| ledger.accepted("ada", text(seq), seq));
        ledger.member("bob");
        for (at, piece) in pieces.iter().enumerate() {
            if at > 0 {
                ledger.gap("bob");
            }
            piece.iter().for_each(|seq| ledger.heard("bob", *seq, text(*seq)));
        }
        let log: Vec<_> = log.iter().map(|seq| (*seq, text(*seq))).collect();
        ledger.verdict(&log, kind)
    }

    #[test]
    fn the_ledger_finds_each_fault() {
        let whole = |pieces: &[&[u64]]| {
            let found = heard(pieces, &[1, 2, 3], Log::Whole);
            (found.lost > 0, found.duplicated > 0, found.reordered > 0)
        };
        assert_eq!(whole(&[&[1, 2, 3]]), (false, false, false));
        assert_eq!(whole(&[&[1, 3]]), (true, false, false), "a hole");
        assert_eq!(whole(&[&[1, 2]]), (true, false, false), "the end is missing");
        assert_eq!(whole(&[&[1, 2, 2, 3]]), (false, true, false));
        assert!(whole(&[&[2, 1, 3]]).2);
        assert_eq!(whole(&[&[1], &[3]]), (false, false, false), "a gap was told there");
        assert_eq!(whole(&[&[1, 3], &[]]), (false, false, false), "a gap was told later");
        assert!(whole(&[&[1], &[2]]).0, "no gap was told there");
        heard(&[&[1, 2, 3]], &[1, 2, 3], Log::Whole).must_be_clean();
    }

    #[test]
    fn the_ledger_accepts_a_loss_only_if_every_member_was_told() {
        let lost = |pieces: &[&[u64]], kind| {
            let found = heard(pieces, &[1, 3], kind);
            (found.lost > 0, found.told)
        };
        assert_eq!(lost(&[&[1, 2], &[3]], Log::Lossy), (false, 1));
        assert_eq!(lost(&[&[1, 2], &[3]], Log::Whole), (true, 0));
        assert_eq!(lost(&[&[1, 2, 3]], Log::Lossy), (true, 0));
    }

    #[test]
    fn the_ledger_finds_a_text_with_two_numbers_and_a_number_with_two_texts() {
        let ledger = Ledger::default();
        ledger.accepted("ada", "a".to_owned(), 1);
        let log = [(1, "a".to_owned()), (2, "a".to_owned())];
        assert!(ledger.verdict(&log, Log::Whole).duplicated > 0);
        ledger.member("bob");
        ledger.heard("bob", 1, "b".to_owned());
        assert!(ledger.verdict(&log[..1], Log::Whole).duplicated > 0);
    }
}
