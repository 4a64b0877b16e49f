//! The law of the comparison, checked with random schemas and changes. After an additive change, the server still
//! accepts data that it accepted before, and it sends no data that was impossible before.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::compatible;
use crate::contract::canonical::canonical;
use crate::contract::direction::Direction;
use crate::contract::random_schemas::{Dice, Maker, document, mutated};
use crate::schema::EventSchema;

#[test]
fn an_additive_change_breaks_neither_senders_nor_receivers() {
    let (additive, breaking, tried) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let config = Config {
        failure_persistence: None,
        ..Config::with_cases(500)
    };
    let law = |seed: u64| {
        let dice = &mut Dice(seed | 1);
        let old = document(dice);
        let mut new = old.clone();
        for _ in 0..1 + dice.roll(2) {
            new = mutated(dice, &new);
        }
        let (Ok(old_validator), Ok(new_validator)) =
            (EventSchema::compile(old.clone()), EventSchema::compile(new.clone()))
        else {
            return Ok(());
        };
        let [old_form, new_form] = [&old, &new].map(canonical);
        for direction in [Direction::Inbound, Direction::Outbound] {
            if compatible(direction, &old_form, &new_form).is_err() {
                breaking.set(breaking.get() + 1);
                continue;
            }
            let (said, of, by) = match direction {
                Direction::Inbound => (&old, &old_validator, &new_validator),
                Direction::Outbound => (&new, &new_validator, &old_validator),
            };
            additive.set(additive.get() + usize::from(old != new));
            let maker = Maker::of(said);
            for _ in 0..40 {
                let Some(data) = maker.make(dice).filter(|data| of.check(data).is_ok()) else {
                    continue;
                };
                tried.set(tried.get() + 1);
                prop_assert!(by.check(&data).is_ok(), "{direction:?}: {data} from {old} to {new}");
            }
        }
        Ok(())
    };
    TestRunner::new(config).run(&any::<u64>(), law).unwrap();
    assert!(
        additive.get() > 50 && breaking.get() > 50 && tried.get() > 1000,
        "the law was put to the test: {additive:?} {breaking:?} {tried:?}"
    );
}
