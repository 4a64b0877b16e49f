//! The program has both backends, and has chosen none.

use jwt_backends::{assert_signs_in, build, jwt};

#[test]
fn tokens_are_checked_although_nobody_has_chosen_a_provider() {
    let jwt = jwt();
    build(jwt.clone()).expect("the server builds");
    assert_signs_in(&jwt);
}
