//! Numbers of rows, and how many idempotency keys have to be dropped. Pure: the caller passes the time.

use std::collections::VecDeque;

use super::clock::KEY_LIFETIME;

/// How many keys are kept, and what is noted of those that are not.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyBounds {
    /// The most keys. Each takes about 150 bytes of the file.
    pub(super) all: i64,
    /// The most keys that only count for a marked repetition of an earlier run.
    pub(super) old: i64,
    /// The most connections that are noted because they have lost keys.
    pub(super) forgotten: i64,
}

impl KeyBounds {
    /// Keeps at most this many keys.
    pub(super) const fn of(all: i64) -> Self {
        Self {
            all,
            old: all / 4,
            forgotten: all,
        }
    }
}

impl Default for KeyBounds {
    fn default() -> Self {
        Self::of(1_000_000)
    }
}

/// How many keys there are, and how many of them are young: stored within [`KEY_LIFETIME`].
#[derive(Debug, Default)]
pub(super) struct KeyCount {
    total: i64,
    young: i64,
    /// How many were stored in each second, the oldest first.
    seconds: VecDeque<(i64, i64)>,
}

impl KeyCount {
    /// There are this many. All of them are young: those of an earlier run count for a while.
    pub(super) fn set(&mut self, total: i64, now: i64) {
        *self = Self::default();
        self.change(total, now);
    }

    #[cfg(test)]
    fn total(&self) -> i64 {
        self.total
    }

    /// Notes that keys were stored or dropped.
    pub(super) fn change(&mut self, by: i64, now: i64) {
        self.total = (self.total + by).max(0);
        self.renew(by.max(0), now);
    }

    /// Notes that keys are young, because they were stored now or have replaced an old one.
    pub(super) fn renew(&mut self, keys: i64, now: i64) {
        if keys > 0 {
            self.young += keys;
            let second = now.div_euclid(1_000);
            match self.seconds.back_mut() {
                Some((newest, count)) if *newest == second => *count += keys,
                _ => self.seconds.push_back((second, keys)),
            }
        }
        self.forget_old(now);
    }

    /// How many have to be dropped.
    pub(super) fn excess(&mut self, now: i64, bounds: KeyBounds) -> i64 {
        self.forget_old(now);
        let old = self.total - self.young.min(self.total);
        (old - bounds.old).max(self.total - bounds.all).max(0)
    }

    fn forget_old(&mut self, now: i64) {
        let lifetime = signed(KEY_LIFETIME.as_secs());
        while let Some((second, count)) = self.seconds.front()
            && *second < now.div_euclid(1_000) - lifetime
        {
            self.young -= count;
            self.seconds.pop_front();
        }
    }
}

/// A number of rows as the database takes it.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_old_keys_or_keys_in_all_are_in_excess() {
        let (mut count, bounds) = (KeyCount::default(), KeyBounds::default());
        count.set(300_000, 0);
        assert_eq!(count.excess(100_000, bounds), 0, "they count for a while");
        assert_eq!(count.excess(200_000, bounds), 50_000);
        count.change(900_000, 200_000);
        assert_eq!(count.excess(200_000, bounds), 200_000, "more than a million in all");
        count.change(-200_000, 200_000);
        assert_eq!(count.excess(200_000, bounds), 0);
        assert_eq!(count.excess(400_000, bounds), 750_000);
        assert_eq!(count.total(), 1_000_000);
    }
}
