#![no_main]
//! Any bytes from a socket: the connection ends, and all that the server says is to the protocol.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| harness::run_frames(bytes));
