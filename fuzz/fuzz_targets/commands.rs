#![no_main]
//! Sequences of commands of three clients against a live server, checked against a model after each.

libfuzzer_sys::fuzz_target!(|steps: Vec<harness::Step>| harness::run_commands(&steps));
