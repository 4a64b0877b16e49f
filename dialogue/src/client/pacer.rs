//! When the client may send its next frame. Pure: the time is an argument.
//!
//! The server announces its rate in `connected`. The client keeps well below it, so that frames that the network holds
//! up and delivers at once do not exceed the rate either. Volatile triggers get a share of the rate, so that a program
//! that triggers them without end can still do everything else.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::id::{EventName, RoomId};
use crate::protocol::WelcomeRate;

/// The rate that a server has that does not announce one.
const USUAL_RATE: WelcomeRate = WelcomeRate {
    frames: 200,
    window: 4_000,
};

/// The rates that a server may announce. Beyond the highest one, the client would remember too many frames.
const FRAMES: std::ops::RangeInclusive<u64> = 1..=100_000;
const WINDOWS: std::ops::RangeInclusive<u64> = 1..=3_600_000;

/// How much of the rate the client uses, and how much of it volatile triggers may use, in percent.
const USED: u64 = 80;
const VOLATILE: u64 = 60;

/// How much of the rate all other frames may use while the program also uses volatile triggers, in percent. The rest is
/// for volatile triggers: they are of no use when all others are sent.
const OTHERS: u64 = 60;
const KEPT: u64 = USED - OTHERS;

/// How long the client pauses if the server refuses a frame as too early and does not say how long to wait.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest pause that a server may demand.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The source of volatile triggers that replace each other.
pub(super) type VolatileKey = (RoomId, EventName);

/// The frames that were sent on a connection within the last window, and when the next one may be sent.
#[derive(Debug, Clone)]
pub(super) struct Pacer {
    window: Duration,
    most: usize,
    most_volatile: usize,
    most_others: usize,
    most_unanswered: usize,
    /// The least time between two triggers of one volatile event in one room.
    spacing: Duration,
    /// The least time between two volatile triggers while other frames wait.
    kept_spacing: Duration,
    /// When frames were sent, oldest first.
    sent: VecDeque<Instant>,
    volatile_sent: VecDeque<Instant>,
    others_sent: VecDeque<Instant>,
    /// When each volatile event was last sent.
    last: HashMap<VolatileKey, Instant>,
    paused_until: Option<Instant>,
}

impl Pacer {
    /// The pace of a connection on which one frame, `connect`, was sent.
    pub(super) fn new(rate: Option<WelcomeRate>, now: Instant) -> Self {
        let rate = rate.unwrap_or(USUAL_RATE);
        let frames = rate.frames.clamp(*FRAMES.start(), *FRAMES.end());
        let window = Duration::from_millis(rate.window.clamp(*WINDOWS.start(), *WINDOWS.end()));
        let share = |percent: u64| usize::try_from(frames * percent / 100).unwrap_or(1).max(1);
        Self {
            window,
            most: share(USED),
            most_volatile: share(VOLATILE),
            most_others: share(OTHERS),
            most_unanswered: share(100),
            spacing: window.mul_f64(100.0 / (VOLATILE * frames) as f64),
            kept_spacing: window.mul_f64(100.0 / (KEPT * frames) as f64),
            sent: VecDeque::from([now]),
            volatile_sent: VecDeque::new(),
            others_sent: VecDeque::new(),
            last: HashMap::new(),
            paused_until: None,
        }
    }

    /// When the next frame may be sent, if not now.
    pub(super) fn blocked_until(&mut self, now: Instant) -> Option<Instant> {
        let full = full_until(&mut self.sent, self.most, self.window, now);
        self.paused_until.max(full).filter(|until| *until > now)
    }

    /// When the next request that is not volatile may be sent, if not now. `volatile_waits` says whether a volatile
    /// trigger waits, too.
    pub(super) fn request_blocked_until(&mut self, volatile_waits: bool, now: Instant) -> Option<Instant> {
        let full = full_until(&mut self.others_sent, self.most_others, self.window, now);
        let last = self.volatile_sent.back();
        let uses_volatile = volatile_waits || last.is_some_and(|last| *last + self.window > now);
        let full = full.filter(|_| uses_volatile);
        self.blocked_until(now).max(full).filter(|until| *until > now)
    }

    /// When the next volatile trigger of this event may be sent, if not now. `is_behind` says whether other requests wait
    /// before it.
    pub(super) fn volatile_blocked_until(
        &mut self,
        key: &VolatileKey,
        is_behind: bool,
        now: Instant,
    ) -> Option<Instant> {
        let full = full_until(&mut self.volatile_sent, self.most_volatile, self.window, now);
        let early = self.last.get(key).map(|last| *last + self.spacing);
        let last = self.volatile_sent.back().filter(|_| is_behind);
        let shared = last.map(|last| *last + self.kept_spacing);
        self.blocked_until(now)
            .max(full)
            .max(early)
            .max(shared)
            .filter(|until| *until > now)
    }

    /// How many requests may be without an answer: a network that has stalled delivers all of them at once.
    pub(super) fn most_unanswered(&self) -> usize {
        self.most_unanswered
    }

    /// A frame that is no volatile trigger was sent.
    pub(super) fn sent(&mut self, now: Instant) {
        self.sent.push_back(now);
        forget(&mut self.others_sent, self.window, now);
        self.others_sent.push_back(now);
    }

    /// A volatile trigger was sent.
    pub(super) fn sent_volatile(&mut self, key: VolatileKey, now: Instant) {
        self.sent.push_back(now);
        self.volatile_sent.push_back(now);
        let spacing = self.spacing;
        self.last.retain(|_, last| *last + spacing > now);
        self.last.insert(key, now);
    }

    /// The server refused a frame because it came too early. The client sends nothing for as long as it says.
    pub(super) fn pause(&mut self, demanded: Option<Duration>, now: Instant) {
        let until = now + demanded.unwrap_or(PAUSE).min(LONGEST_PAUSE);
        self.paused_until = self.paused_until.max(Some(until));
    }
}

/// When a window that is full has space again, if it is full.
fn full_until(sent: &mut VecDeque<Instant>, most: usize, window: Duration, now: Instant) -> Option<Instant> {
    forget(sent, window, now);
    let oldest = sent.len().checked_sub(most)?;
    sent.get(oldest).map(|oldest| *oldest + window)
}

/// Forgets what has left the window.
fn forget(sent: &mut VecDeque<Instant>, window: Duration, now: Instant) {
    while sent.front().is_some_and(|oldest| *oldest + window <= now) {
        sent.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn pacer(frames: u64, window: u64, now: Instant) -> Pacer {
        Pacer::new(Some(WelcomeRate { frames, window }), now)
    }

    fn key(event: &str) -> VolatileKey {
        ("board".into(), event.into())
    }

    #[tokio::test(start_paused = true)]
    async fn sends_four_fifths_of_the_rate_and_counts_the_connect() {
        let now = Instant::now();
        let mut pacer = Pacer::new(None, now);
        for _ in 1..160 {
            assert_eq!(pacer.blocked_until(now), None);
            pacer.sent(now);
        }
        let free = now + Duration::from_secs(4);
        assert_eq!(pacer.blocked_until(now), Some(free));
        assert_eq!(pacer.blocked_until(free - MS), Some(free));
        assert_eq!(pacer.blocked_until(free), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_cannot_stop_the_client_or_make_it_remember_too_much() {
        let now = Instant::now();
        let mut silent = pacer(0, 0, now);
        assert!(silent.blocked_until(now).is_some() && silent.blocked_until(now + MS).is_none());
        let mut hasty = pacer(u64::MAX, u64::MAX, now);
        for _ in 0..100_000 {
            if hasty.blocked_until(now).is_none() {
                hasty.sent(now);
            }
        }
        assert_eq!(hasty.sent.len(), 80_000);
        hasty.pause(Some(Duration::MAX), now);
        assert!(hasty.paused_until <= Some(now + LONGEST_PAUSE));
    }

    #[tokio::test(start_paused = true)]
    async fn sends_nothing_during_a_pause() {
        let now = Instant::now();
        let mut pacer = pacer(10, 1, now);
        let later = now + MS;
        pacer.pause(Some(MS * 1_500), later);
        pacer.pause(None, later);
        assert_eq!(pacer.blocked_until(later), Some(later + MS * 1_500));
        assert_eq!(
            pacer.volatile_blocked_until(&key("a"), false, later),
            Some(later + MS * 1_500)
        );
        assert_eq!(pacer.blocked_until(later + MS * 1_500), None);
    }

    #[tokio::test(start_paused = true)]
    async fn volatile_triggers_have_a_fifth_of_the_rate_evenly_while_requests_wait() {
        let mut now = Instant::now();
        let mut pacer = pacer(200, 4_000, now);
        let (mut requests, mut volatile) = (0, Vec::new());
        for _ in 0..20_000 {
            while pacer.request_blocked_until(true, now).is_none() {
                pacer.sent(now);
                requests += 1;
            }
            if pacer.volatile_blocked_until(&key("pointer"), true, now).is_none() {
                pacer.sent_volatile(key("pointer"), now);
                volatile.push(now);
            }
            now += MS;
        }
        assert_eq!(requests, 5 * 120);
        assert!((195..=201).contains(&volatile.len()), "{}", volatile.len());
        // `connect` takes one place of the first window.
        assert!(volatile.windows(2).all(|pair| pair[1] - pair[0] <= MS * 202));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Passes(u64),
        Sends,
        SendsVolatile(u8),
        Pauses(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => (0..300_u64).prop_map(Step::Passes),
            6 => Just(Step::Sends),
            6 => (0..3_u8).prop_map(Step::SendsVolatile),
            1 => (0..500_u64).prop_map(Step::Pauses),
        ];
        prop::collection::vec(step, 0..200)
    }

    proptest! {
        /// However a program sends: in no window are there more frames than permitted, each volatile event keeps its
        /// distance, and a frame that is told when to come may be sent then.
        #[test]
        fn never_exceeds_the_rate_in_any_window(frames in 1..40_u64, window in 1..2_000_u64, steps in steps()) {
            let began = Instant::now();
            let mut pacer = pacer(frames, window, began);
            let (mut now, mut sent, mut volatile) = (began, vec![began], Vec::new());
            let mut paused = began;
            for step in steps {
                match step {
                    Step::Passes(ms) => now += MS * u32::try_from(ms).unwrap(),
                    Step::Pauses(ms) => {
                        pacer.pause(Some(Duration::from_millis(ms)), now);
                        paused = paused.max(now + Duration::from_millis(ms));
                    }
                    Step::Sends => match pacer.blocked_until(now) {
                        None => {
                            prop_assert!(now >= paused);
                            pacer.sent(now);
                            sent.push(now);
                        }
                        Some(until) => prop_assert_eq!(pacer.clone().blocked_until(until), None),
                    },
                    Step::SendsVolatile(event) => {
                        let key = key(&event.to_string());
                        match pacer.volatile_blocked_until(&key, false, now) {
                            None => {
                                prop_assert!(now >= paused);
                                pacer.sent_volatile(key, now);
                                sent.push(now);
                                volatile.push((event, now));
                            }
                            Some(until) => prop_assert_eq!(pacer.clone().volatile_blocked_until(&key, false, until), None),
                        }
                    }
                }
                let in_window = |times: &[Instant]| {
                    times.iter().filter(|time| **time + Duration::from_millis(window) > now).count() as u64
                };
                prop_assert!(in_window(&sent) <= (frames * 8 / 10).max(1));
                let times: Vec<_> = volatile.iter().map(|(_, time)| *time).collect();
                prop_assert!(in_window(&times) <= (frames * 6 / 10).max(1));
            }
            for event in 0..3 {
                let times: Vec<_> = volatile.iter().filter(|(of, _)| *of == event).map(|(_, time)| *time).collect();
                for pair in times.windows(2) {
                    prop_assert!((pair[1] - pair[0]).as_secs_f64() >= window as f64 / 1_000.0 / (0.6 * frames as f64) - 1e-6);
                }
            }
        }
    }
}
