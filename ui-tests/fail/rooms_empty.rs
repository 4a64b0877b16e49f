use dialogue::prelude::*;

rooms! {

}

fn main() {}
