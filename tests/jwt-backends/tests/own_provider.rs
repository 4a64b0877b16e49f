//! The program has chosen a provider.

use jsonwebtoken::crypto::aws_lc;
use jwt_backends::{assert_signs_in, build, jwt};

#[test]
fn the_programs_own_provider_is_used() {
    aws_lc::DEFAULT_PROVIDER.install_default().expect("it is the first");
    let jwt = jwt();
    build(jwt.clone()).expect("the server builds");
    assert_signs_in(&jwt);
}
