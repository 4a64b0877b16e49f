//! Values of types as JSON, with the numbers that serde_json writes without its feature `arbitrary_precision`.
//!
//! A crate of the application may enable that feature. Then serde_json writes an `f32` with fewer digits than the same
//! number as an `f64`, so it could fall outside of limits that are exact. Here, each `f32` is written as an `f64`.

use std::sync::LazyLock;

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
    SerializeTupleVariant, Serializer,
};
use serde_json::Value;

/// The value as JSON.
pub(crate) fn to_value<T: Serialize>(value: T) -> serde_json::Result<Value> {
    if has_short_floats() {
        Plain(&value).serialize(serde_json::value::Serializer)
    } else {
        serde_json::to_value(value)
    }
}

/// Whether serde_json keeps the digits of an `f32`.
fn has_short_floats() -> bool {
    static ANSWER: LazyLock<bool> = LazyLock::new(|| {
        let [short, long] = [Value::from(0.1_f32), Value::from(f64::from(0.1_f32))];
        short != long
    });
    *ANSWER
}

/// A value, or a serializer, that writes each `f32` as an `f64`.
struct Plain<T>(T);

impl<T: Serialize + ?Sized> Serialize for Plain<&T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Plain(serializer))
    }
}

/// Methods that pass a value on as it is.
macro_rules! pass_on {
    ($($method:ident: $type:ty),* $(,)?) => {
        $(
            fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
                self.0.$method(value)
            }
        )*
    };
}

impl<S: Serializer> Serializer for Plain<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Plain<S::SerializeSeq>;
    type SerializeTuple = Plain<S::SerializeTuple>;
    type SerializeTupleStruct = Plain<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Plain<S::SerializeTupleVariant>;
    type SerializeMap = Plain<S::SerializeMap>;
    type SerializeStruct = Plain<S::SerializeStruct>;
    type SerializeStructVariant = Plain<S::SerializeStructVariant>;

    pass_on!(
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_i128: i128,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_u128: u128,
        serialize_f64: f64,
        serialize_char: char,
        serialize_str: &str,
        serialize_bytes: &[u8],
        serialize_unit_struct: &'static str,
    );

    fn serialize_f32(self, value: f32) -> Result<S::Ok, S::Error> {
        self.0.serialize_f64(value.into())
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.0.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.serialize_some(&Plain(value))
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.0.serialize_unit()
    }

    fn serialize_unit_variant(self, name: &'static str, index: u32, variant: &'static str) -> Result<S::Ok, S::Error> {
        self.0.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_struct(name, &Plain(value))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_variant(name, index, variant, &Plain(value))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        self.0.serialize_seq(length).map(Plain)
    }

    fn serialize_tuple(self, length: usize) -> Result<Self::SerializeTuple, S::Error> {
        self.0.serialize_tuple(length).map(Plain)
    }

    fn serialize_tuple_struct(self, name: &'static str, length: usize) -> Result<Self::SerializeTupleStruct, S::Error> {
        self.0.serialize_tuple_struct(name, length).map(Plain)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        self.0.serialize_tuple_variant(name, index, variant, length).map(Plain)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        self.0.serialize_map(length).map(Plain)
    }

    fn serialize_struct(self, name: &'static str, length: usize) -> Result<Self::SerializeStruct, S::Error> {
        self.0.serialize_struct(name, length).map(Plain)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        self.0.serialize_struct_variant(name, index, variant, length).map(Plain)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// A part of a compound value without names.
macro_rules! sequence {
    ($($compound:ident: $method:ident),* $(,)?) => {
        $(
            impl<S: $compound> $compound for Plain<S> {
                type Ok = S::Ok;
                type Error = S::Error;

                fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
                    self.0.$method(&Plain(value))
                }

                fn end(self) -> Result<S::Ok, S::Error> {
                    self.0.end()
                }
            }
        )*
    };
}

sequence!(
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field,
);

/// A part of a compound value with the names of fields.
macro_rules! fields {
    ($($compound:ident),*) => {
        $(
            impl<S: $compound> $compound for Plain<S> {
                type Ok = S::Ok;
                type Error = S::Error;

                fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), S::Error> {
                    self.0.serialize_field(key, &Plain(value))
                }

                fn skip_field(&mut self, key: &'static str) -> Result<(), S::Error> {
                    self.0.skip_field(key)
                }

                fn end(self) -> Result<S::Ok, S::Error> {
                    self.0.end()
                }
            }
        )*
    };
}

fields!(SerializeStruct, SerializeStructVariant);

impl<S: SerializeMap> SerializeMap for Plain<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        self.0.serialize_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        self.0.serialize_value(&Plain(value))
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[derive(Serialize)]
    struct Every {
        single: f32,
        list: Vec<Option<f32>>,
        tuple: (f32, u8),
        map: BTreeMap<u8, f32>,
        newtype: Newtype,
        variants: Vec<Variant>,
        value: Value,
    }

    #[derive(Serialize)]
    struct Newtype(f32);

    #[derive(Serialize)]
    enum Variant {
        Unit,
        Newtype(f32),
        Tuple(f32, f32),
        Struct { x: f32 },
    }

    /// `.ci/run` runs this with the feature, too.
    #[test]
    fn single_floats_are_written_with_all_their_digits() {
        let single = 0.1_f32;
        let every = Every {
            single,
            list: vec![Some(single), None],
            tuple: (single, 1),
            map: BTreeMap::from([(1, single)]),
            newtype: Newtype(single),
            variants: vec![
                Variant::Unit,
                Variant::Newtype(single),
                Variant::Tuple(single, single),
                Variant::Struct { x: single },
            ],
            value: json!({ "number": 1.5 }),
        };
        let all = f64::from(single);
        let expected = json!({
            "single": all, "list": [all, null], "tuple": [all, 1], "map": { "1": all }, "newtype": all,
            "variants": ["Unit", { "Newtype": all }, { "Tuple": [all, all] }, { "Struct": { "x": all } }],
            "value": { "number": 1.5 },
        });
        assert_eq!(to_value(&every).unwrap(), expected);
        assert_eq!(
            Plain(&every).serialize(serde_json::value::Serializer).unwrap(),
            expected
        );
    }
}
