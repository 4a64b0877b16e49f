//! The cost of a definition grows with the number of types, and not with its square.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::cost::Cost;
use crate::schema::generate;

/// Structs that each contain the next one, in this type.
macro_rules! chain {
    ($next:ident: $first:ident $second:ident $($rest:ident)*) => {
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        struct $first {
            id: u64,
            name: String,
            next: $next<$second>,
        }

        chain! { $next: $second $($rest)* }
    };
    ($next:ident: $last:ident) => {
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        struct $last {
            id: u64,
        }
    };
}

/// Structs that each contain the next one twice.
macro_rules! diamond {
    ($first:ident $second:ident $($rest:ident)*) => {
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        struct $first {
            left: Option<Box<$second>>,
            right: Vec<$second>,
        }

        diamond! { $second $($rest)* }
    };
    ($last:ident) => {
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        struct $last {
            id: u64,
        }
    };
}

/// Structs, and structs with the first 10, the first 20 and all of them as fields.
macro_rules! flat {
    (
        $ten:ident: $($a:ident: $a_type:ident)*;
        $twenty:ident: $($b:ident: $b_type:ident)*;
        $forty:ident: $($c:ident: $c_type:ident)*;
    ) => {
        $(flat! { $a_type })*
        $(flat! { $b_type })*
        $(flat! { $c_type })*

        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        struct $ten { $($a: $a_type,)* }

        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        struct $twenty { $($a: $a_type,)* $($b: $b_type,)* }

        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        struct $forty { $($a: $a_type,)* $($b: $b_type,)* $($c: $c_type,)* }
    };
    ($type:ident) => {
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        struct $type {
            id: u64,
            name: Option<String>,
        }
    };
}

chain! { Box:
    R1 R2 R3 R4 R5 R6 R7 R8 R9 R10 R11 R12 R13 R14 R15 R16 R17 R18 R19 R20
    R21 R22 R23 R24 R25 R26 R27 R28 R29 R30 R31 R32 R33 R34 R35 R36 R37 R38 R39 R40
}

chain! { Option:
    O1 O2 O3 O4 O5 O6 O7 O8 O9 O10 O11 O12 O13 O14 O15 O16 O17 O18 O19 O20
    O21 O22 O23 O24 O25 O26 O27 O28 O29 O30 O31 O32 O33 O34 O35 O36 O37 O38 O39 O40
}

diamond! {
    D1 D2 D3 D4 D5 D6 D7 D8 D9 D10 D11 D12 D13 D14 D15 D16 D17 D18 D19 D20
    D21 D22 D23 D24 D25 D26 D27 D28 D29 D30 D31 D32 D33 D34 D35 D36 D37 D38 D39 D40
}

flat! {
    Ten: f1: F1 f2: F2 f3: F3 f4: F4 f5: F5 f6: F6 f7: F7 f8: F8 f9: F9 f10: F10;
    Twenty: f11: F11 f12: F12 f13: F13 f14: F14 f15: F15 f16: F16 f17: F17 f18: F18 f19: F19 f20: F20;
    Forty: f21: F21 f22: F22 f23: F23 f24: F24 f25: F25 f26: F26 f27: F27 f28: F28 f29: F29 f30: F30
        f31: F31 f32: F32 f33: F33 f34: F34 f35: F35 f36: F36 f37: F37 f38: F38 f39: F39 f40: F40;
}

/// The costs to define types of three sizes, each with twice as many parts as the one before.
macro_rules! costs {
    ($($type:ty),*) => { [$(Cost::of(|| drop(generate::inbound::<$type>().unwrap()))),*] };
}

/// Checks that twice as many types cost at most about twice as much.
#[track_caller]
fn is_linear(costs: [usize; 3]) {
    grows_by(2.3, costs);
}

#[track_caller]
fn grows_by(most: f64, costs: [usize; 3]) {
    for pair in costs.windows(2) {
        assert!(
            pair[1] as f64 <= pair[0] as f64 * most,
            "10, 20 and 40 types cost {costs:?}"
        );
    }
}

#[test]
fn structs_side_by_side_cost_linear_time() {
    let costs = costs![Ten, Twenty, Forty];
    is_linear(costs.map(|cost| cost.schemas));
    is_linear(costs.map(|cost| cost.values));
}

#[test]
fn structs_that_contain_the_next_one_cost_linear_time() {
    let costs = costs![R31, R21, R1];
    is_linear(costs.map(|cost| cost.schemas));
    is_linear(costs.map(|cost| cost.values));
}

/// Only the whole type can be read. So a sample that ends at one of the types has all types that lead to it.
#[test]
fn structs_that_may_contain_the_next_one_visit_each_schema_a_few_times() {
    for costs in [costs![O31, O21, O1], costs![D31, D21, D1]] {
        is_linear(costs.map(|cost| cost.schemas));
        grows_by(4.0, costs.map(|cost| cost.values));
    }
}
