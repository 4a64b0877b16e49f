#![no_main]
//! Arbitrary bytes from a socket: the connection must end, and every frame from the server must follow the protocol.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| harness::run_frames(bytes));
