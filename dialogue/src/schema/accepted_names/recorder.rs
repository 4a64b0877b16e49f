//! A deserializer that records the names for which a type asks, and where the type refuses its data.

use std::cell::RefCell;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde_json::Value;

use super::names::{Names, Refusal};
use crate::schema::walk;

impl Names {
    /// Adds the names for which `E` asks when it reads `data`. If `E` refuses the data, returns the place that it
    /// refuses, and the names are those for which it asks before.
    pub(in crate::schema) fn add<E: DeserializeOwned>(&mut self, data: &Value) -> Result<(), Refusal> {
        let reading = RefCell::new(Reading {
            names: std::mem::take(self),
            path: String::new(),
            refused: None,
            value: Some(data),
            in_key: false,
        });
        let read = E::deserialize(NameRecorder {
            inner: data,
            reading: &reading,
        });
        let reading = reading.into_inner();
        *self = reading.names;
        read.map(drop).map_err(|_| {
            let refused = reading.refused.unwrap_or_default();
            let names = self.of_keys(&refused.path).into_iter().collect();
            Refusal { names, ..refused }
        })
    }
}

/// Where a type is in its data.
struct Reading<'de> {
    names: Names,
    path: String,
    /// The innermost place that the type refuses.
    refused: Option<Refusal>,
    value: Option<&'de Value>,
    in_key: bool,
}

impl Reading<'_> {
    /// Notes that the type refuses the current value, or a key in it. Only the innermost refusal counts.
    fn refuse(&mut self, in_key: bool) {
        let path = &self.path;
        self.refused.get_or_insert_with(|| Refusal {
            path: path.clone(),
            in_key,
            names: Vec::new(),
        });
    }
}

/// A wrapper around any of serde's traits for reading. It records the names for which it is asked.
struct NameRecorder<'n, 'de, T> {
    inner: T,
    reading: &'n RefCell<Reading<'de>>,
}

impl<'n, 'de, T> NameRecorder<'n, 'de, T> {
    fn wrap<U>(&self, inner: U) -> NameRecorder<'n, 'de, U> {
        NameRecorder {
            inner,
            reading: self.reading,
        }
    }

    fn record(&self, asked: &'static [&'static str]) {
        let mut reading = self.reading.borrow_mut();
        let Reading {
            names, path, in_key, ..
        } = &mut *reading;
        let places = if *in_key { &mut names.keys } else { &mut names.at };
        places.entry(path.clone()).or_default().extend(asked);
    }

    /// Reads a part of the current value.
    fn within<R, E>(&self, step: &str, part: Option<&'de Value>, read: impl FnOnce() -> Result<R, E>) -> Result<R, E> {
        let mut reading = self.reading.borrow_mut();
        let length = reading.path.len();
        reading.path.push('/');
        reading.path.push_str(&walk::escape(step));
        let outer = std::mem::replace(&mut reading.value, part);
        drop(reading);
        let read = read();
        let mut reading = self.reading.borrow_mut();
        if read.is_err() {
            reading.refuse(false);
        }
        reading.path.truncate(length);
        reading.value = outer;
        read
    }
}

/// The parts of an array or object while it is read.
struct Parts<'n, 'de, T> {
    recorder: NameRecorder<'n, 'de, T>,
    value: Option<&'de Value>,
    keys: Option<serde_json::map::Keys<'de>>,
    key: Option<&'de String>,
    index: usize,
}

impl<'n, 'de, T> Parts<'n, 'de, T> {
    fn new(recorder: NameRecorder<'n, 'de, T>) -> Self {
        let value = recorder.reading.borrow().value;
        Self {
            recorder,
            value,
            keys: value.and_then(Value::as_object).map(serde_json::Map::keys),
            key: None,
            index: 0,
        }
    }
}

macro_rules! forward_deserialize {
    ($($method:ident($($argument:ident: $type:ty),*))*) => {
        $(fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.wrap(visitor);
            self.inner.$method($($argument,)* visitor)
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for NameRecorder<'_, 'de, D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.record(fields);
        let visitor = self.wrap(visitor);
        self.inner.deserialize_struct(name, fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.record(variants);
        let visitor = self.wrap(visitor);
        self.inner.deserialize_enum(name, variants, visitor)
    }

    forward_deserialize! {
        deserialize_any() deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64()
        deserialize_i128() deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64() deserialize_char() deserialize_str() deserialize_string()
        deserialize_bytes() deserialize_byte_buf() deserialize_option() deserialize_unit() deserialize_seq()
        deserialize_map() deserialize_identifier() deserialize_ignored_any()
        deserialize_unit_struct(name: &'static str) deserialize_newtype_struct(name: &'static str)
        deserialize_tuple(length: usize) deserialize_tuple_struct(name: &'static str, length: usize)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! forward_visit {
    ($($method:ident: $type:ty)*) => {
        $(fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for NameRecorder<'_, 'de, V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.expecting(formatter)
    }

    forward_visit! {
        visit_bool: bool visit_i64: i64 visit_i128: i128 visit_u64: u64 visit_u128: u128 visit_f64: f64 visit_char: char
        visit_str: &str visit_borrowed_str: &'de str visit_string: String
        visit_bytes: &[u8] visit_borrowed_bytes: &'de [u8] visit_byte_buf: Vec<u8>
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        let value = self.wrap(value);
        self.inner.visit_some(value)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        let value = self.wrap(value);
        self.inner.visit_newtype_struct(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        let items = Parts::new(self.wrap(items));
        self.inner.visit_seq(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        let entries = Parts::new(self.wrap(entries));
        self.inner.visit_map(entries)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        let variant = self.wrap(variant);
        self.inner.visit_enum(variant)
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for NameRecorder<'_, 'de, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let deserializer = self.wrap(deserializer);
        self.inner.deserialize(deserializer)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Parts<'_, 'de, A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        let seed = self.recorder.wrap(seed);
        let recorder = self.recorder.wrap(());
        let item = self.value.and_then(|value| value.get(self.index));
        let step = self.index.to_string();
        self.index += 1;
        recorder.within(&step, item, || self.recorder.inner.next_element_seed(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.recorder.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Parts<'_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let seed = self.recorder.wrap(seed);
        self.key = self.keys.as_mut().and_then(Iterator::next);
        let reading = self.recorder.reading;
        let outer = std::mem::replace(&mut reading.borrow_mut().in_key, true);
        let key = self.recorder.inner.next_key_seed(seed);
        let mut reading = reading.borrow_mut();
        reading.in_key = outer;
        if key.is_err() {
            reading.refuse(true);
        }
        key
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        let seed = self.recorder.wrap(seed);
        let recorder = self.recorder.wrap(());
        let key = self.key.map_or("", String::as_str);
        let value = self.value.and_then(|value| value.get(key));
        recorder.within(key, value, || self.recorder.inner.next_value_seed(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.recorder.inner.size_hint()
    }
}

impl<'n, 'de, A: EnumAccess<'de>> EnumAccess<'de> for NameRecorder<'n, 'de, A> {
    type Error = A::Error;
    type Variant = NameRecorder<'n, 'de, A::Variant>;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self::Variant), A::Error> {
        let recorder = self.wrap(());
        let seed = self.wrap(seed);
        let (name, content) = self.inner.variant_seed(seed)?;
        Ok((name, recorder.wrap(content)))
    }
}

impl<'de, A> NameRecorder<'_, 'de, A> {
    /// Reads the content of a variant, which is the only property of an object.
    fn content<R, E>(self, read: impl FnOnce(A) -> Result<R, E>) -> Result<R, E> {
        let value = self.reading.borrow().value;
        let variant = value.and_then(Value::as_object).and_then(|object| object.iter().next());
        let (recorder, inner) = (self.wrap(()), self.inner);
        match variant {
            Some((name, content)) => recorder.within(name, Some(content), || read(inner)),
            None => read(inner),
        }
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for NameRecorder<'_, 'de, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        let seed = self.wrap(seed);
        self.content(|inner| inner.newtype_variant_seed(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.wrap(visitor);
        self.content(|inner| inner.tuple_variant(length, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let recorder = self.wrap(());
        let visitor = self.wrap(visitor);
        self.content(|inner| {
            recorder.record(fields);
            inner.struct_variant(fields, visitor)
        })
    }
}
