#![no_main]
//! Any text as a client's frame: it is understood or refused, the same way each time.

use dialogue::testing::parse_request;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let read = parse_request(text, 32);
    assert_eq!(read, parse_request(text, 32));
    if read.is_ok() {
        let lenient: serde_json::Value = serde_json::from_str(text).expect("only JSON is understood");
        assert!(lenient.is_object());
        // What is accepted at a depth is accepted at any greater one, and nothing is at none.
        assert_eq!(read, parse_request(text, 64));
        assert!(parse_request(text, 0).is_err());
    }
});
