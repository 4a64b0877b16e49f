use dialogue::prelude::*;

#[derive(Clone, Copy, DialogueEvent)]
union Message {
    number: u32,
    letter: char,
}

fn main() {}
