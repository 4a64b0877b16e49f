//! Drops values of the application, whose `Drop` may panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Drops a value of the application. A panic in its `Drop` affects nothing else.
pub(crate) fn drop_contained<T>(value: T) {
    let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) else {
        return;
    };
    // What a panic carries may panic in turn.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bomb(u32);

    impl Drop for Bomb {
        fn drop(&mut self) {
            if self.0 > 0 {
                std::panic::panic_any(Self(self.0 - 1));
            }
        }
    }

    #[test]
    fn contains_a_panic_in_a_drop_and_in_the_drops_that_follow() {
        for panics in 0..4 {
            drop_contained(Bomb(panics));
        }
    }
}
