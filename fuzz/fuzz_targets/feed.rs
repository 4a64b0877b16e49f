#![no_main]
//! Arbitrary bytes under our keys and channels in Redis: they are read or refused, with the same result each time.

use dialogue::testing::read_foreign;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| assert_eq!(read_foreign(bytes), read_foreign(bytes)));
