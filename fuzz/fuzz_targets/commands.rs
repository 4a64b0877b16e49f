#![no_main]
//! Sequences of commands from three clients against a live server. A model checks the server after each command.

libfuzzer_sys::fuzz_target!(|steps: Vec<harness::Step>| harness::run_commands(&steps));
