//! The program has used `jsonwebtoken` before anybody could choose a provider.

use jwt_backends::{SECRET, build, jwt, token};

#[test]
fn the_server_does_not_build_and_says_what_to_do() {
    std::panic::catch_unwind(|| token(SECRET)).expect_err("there is no provider");
    let error = build(jwt()).err().expect("no token can be checked");
    let text = error.to_string();
    assert!(text.contains("install_default"), "{text}");
}
