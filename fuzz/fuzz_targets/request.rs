#![no_main]
//! Arbitrary text as a client's frame: the parser accepts or rejects it, with the same result each time.

use dialogue::testing::parse_request;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let parsed = parse_request(text, 32);
    assert_eq!(parsed, parse_request(text, 32));
    if parsed.is_ok() {
        let lenient: serde_json::Value = serde_json::from_str(text).expect("only JSON is accepted");
        assert!(lenient.is_object());
        // A request accepted at one depth limit is accepted at any greater limit. No request is accepted at limit 0.
        assert_eq!(parsed, parse_request(text, 64));
        assert!(parse_request(text, 0).is_err());
    }
});
