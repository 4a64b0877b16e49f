//! Types of the standard library and of common crates, in each position in which an event can contain them.
//!
//! Each test defines an event that contains one type in every position. The published schema, compiled by a validator
//! that shares nothing with Dialogue's settings, accepts the good values and refuses the bad ones, and so does the
//! event. The positions are together in one event, so each type must also be found next to others of its kind.

use std::collections::{BTreeMap, HashMap};

use dialogue::event::validate_event_data;
use dialogue::prelude::*;
use serde_json::{Value, json};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Everywhere<T> {
    field: T,
    optional: Option<T>,
    doubly: Option<Option<T>>,
    listed: Vec<T>,
    paired: (T, T),
    three: [T; 3],
    mapped: BTreeMap<String, T>,
    numbered: BTreeMap<u16, T>,
    boxed: Box<T>,
    nested: Vec<Inner<T>>,
    external: External<T>,
    internal: Internal<T>,
    adjacent: Adjacent<T>,
    untagged: Untagged<T>,
    flattened: Flattened<T>,
    strict: Strict<T>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Inner<T> {
    inner: T,
    other: T,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Strict<T> {
    from: T,
    to: Option<T>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
enum External<T> {
    Unit,
    Newtype(T),
    Tuple(u8, T),
    Struct { value: T },
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
enum Internal<T> {
    Unit,
    Struct { value: T },
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", content = "of")]
enum Adjacent<T> {
    Newtype(T),
    Struct { value: T },
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Untagged<T> {
    Struct { value: T },
    Flag(bool),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Flattened<T> {
    own: u8,
    #[serde(flatten)]
    inner: Inner<T>,
}

/// Payloads with `value` in one position each, and good values elsewhere.
fn everywhere(good: &Value, value: &Value) -> Vec<Value> {
    let payload = json!({
        "field": good, "optional": null, "doubly": null, "listed": [], "paired": [good, good], "three": [good, good, good], "mapped": {},
        "numbered": {}, "boxed": good, "nested": [], "external": "Unit", "internal": { "kind": "Unit" },
        "adjacent": { "kind": "Newtype", "of": good }, "untagged": true,
        "flattened": { "own": 1, "inner": good, "other": good }, "strict": { "from": good },
    });
    [
        ("field", value.clone()),
        ("optional", value.clone()),
        ("doubly", value.clone()),
        ("listed", json!([good, value])),
        ("paired", json!([good, value])),
        ("three", json!([value, good, value])),
        ("mapped", json!({ "a": value })),
        ("numbered", json!({ "7": value })),
        ("boxed", value.clone()),
        ("nested", json!([{ "inner": good, "other": value }])),
        ("external", json!({ "Newtype": value })),
        ("external", json!({ "Tuple": [1, value] })),
        ("external", json!({ "Struct": { "value": value } })),
        ("internal", json!({ "kind": "Struct", "value": value })),
        ("adjacent", json!({ "kind": "Newtype", "of": value })),
        ("adjacent", json!({ "kind": "Struct", "of": { "value": value } })),
        ("untagged", json!({ "value": value })),
        ("flattened", json!({ "own": 1, "inner": value, "other": good })),
        ("strict", json!({ "from": good, "to": value })),
    ]
    .into_iter()
    .map(|(position, value)| {
        let mut payload = payload.clone();
        payload[position] = value;
        payload
    })
    .collect()
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Keyed<K: std::hash::Hash + Eq + JsonSchema> {
    map: HashMap<K, u8>,
    of_maps: HashMap<K, HashMap<K, u8>>,
    maybe: Option<HashMap<K, bool>>,
    listed: Vec<HashMap<K, String>>,
    #[serde(flatten)]
    flattened: HashMap<K, Vec<u8>>,
}

fn keyed(good: &str, key: &str) -> Vec<Value> {
    let payload = json!({ "map": {}, "of_maps": {}, "maybe": null, "listed": [] });
    [
        ("map", json!({ key: 1 })),
        ("of_maps", json!({ key: { good: 1 } })),
        ("of_maps", json!({ good: { key: 1 } })),
        ("maybe", json!({ key: true })),
        ("listed", json!([{ key: "text" }])),
        (key, json!([1])),
    ]
    .into_iter()
    .map(|(position, value)| {
        let mut payload = payload.clone();
        payload[position] = value;
        payload
    })
    .collect()
}

/// Checks that the event and its published schema accept `payload` exactly if it is `good`.
#[track_caller]
fn agree<E: DialogueEvent>(good: bool, payload: &Value) {
    let definition = E::definition();
    let validator = |schema: &Value| {
        jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(schema)
            .expect("it compiles")
    };
    let published = definition.inbound_schema().expect("it has a schema");
    let accepted = validate_event_data(definition, payload);
    assert_eq!(accepted.is_ok(), good, "{payload}: {accepted:?} by {published:#}");
    assert_eq!(
        validator(published).is_valid(payload),
        good,
        "{payload} by {published:#}"
    );
    if let Ok(written) = accepted {
        let outbound = definition.outbound_schema().expect("it has a schema");
        assert!(
            validator(outbound).is_valid(&written),
            "{payload} is written as {written} by {outbound:#}"
        );
    }
}

macro_rules! values {
    ($($(#[$attribute:meta])* $name:ident: $type:ty, [$($good:tt),+ $(,)?], [$($bad:tt),* $(,)?];)+) => {
        $(
            $(#[$attribute])*
            #[test]
            fn $name() {
                #[derive(Debug, Serialize, Deserialize, JsonSchema, DialogueEvent)]
                #[serde(transparent)]
                struct Event(Everywhere<$type>);

                if let Err(error) = Event::try_definition() {
                    panic!("{error}: {:#?}", std::error::Error::source(error));
                }
                let good = [$(json!($good)),+];
                for value in &good {
                    everywhere(&good[0], value).iter().for_each(|payload| agree::<Event>(true, payload));
                }
                let bad: &[Value] = &[$(json!($bad)),*];
                for value in bad {
                    everywhere(&good[0], value).iter().for_each(|payload| agree::<Event>(false, payload));
                }
            }
        )+
    };
}

macro_rules! keys {
    ($($(#[$attribute:meta])* $name:ident: $type:ty, [$($good:literal),+ $(,)?], [$($bad:literal),* $(,)?];)+) => {
        $(
            $(#[$attribute])*
            #[test]
            fn $name() {
                #[derive(Debug, Serialize, Deserialize, JsonSchema, DialogueEvent)]
                #[serde(transparent)]
                struct Event(Keyed<$type>);

                if let Err(error) = Event::try_definition() {
                    panic!("{error}: {:#?}", std::error::Error::source(error));
                }
                let good = [$($good),+];
                for key in good {
                    keyed(good[0], key).iter().for_each(|payload| agree::<Event>(true, payload));
                }
                let bad: &[&str] = &[$($bad),*];
                for key in bad {
                    keyed(good[0], key).iter().for_each(|payload| agree::<Event>(false, payload));
                }
            }
        )+
    };
}

mod of_std {
    use std::borrow::Cow;
    use std::collections::{BTreeMap, BTreeSet};
    use std::ffi::CString;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
    use std::num::{NonZeroI64, NonZeroU8, Wrapping};
    use std::ops::{Bound, RangeInclusive};
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::time::{Duration, SystemTime};

    use super::*;

    values! {
        texts: String, ["a", ""], [1];
        borrowed_texts: Cow<'static, str>, ["a", ""], [1];
        shared_texts: Arc<str>, ["a", ""], [1];
        boxed_texts: Box<str>, ["a", ""], [1];
        paths: PathBuf, ["/a/b", ""], [1];
        characters: char, ["a", "é", "\0"], ["", "ab"];
        texts_of_c: CString, ["a", "é", [97, 98]], ["a\0b", [0]];
        addresses: IpAddr, ["127.0.0.1", "::1"], ["a", "127.0.0.256"];
        addresses_of_4_bytes: Ipv4Addr, ["127.0.0.1"], ["::1", ""];
        addresses_of_16_bytes: Ipv6Addr, ["::1"], ["127.0.0.1", ""];
        socket_addresses: SocketAddr,
            ["127.0.0.1:80", "[::1]:65535", "[fe80::1%2]:0"],
            ["a", "127.0.0.1", "127.0.0.1:65536", "localhost:80", "[::g]:1"];
        socket_addresses_of_4_bytes: SocketAddrV4, ["127.0.0.1:80"], ["[::1]:80", "127.0.0.1"];
        socket_addresses_of_16_bytes: SocketAddrV6, ["[::1]:80"], ["127.0.0.1:80", "::1"];
        durations: Duration, [{ "secs": 1, "nanos": 2 }], [{ "secs": 1 }, "1s", 1];
        times: SystemTime, [{ "secs_since_epoch": 1, "nanos_since_epoch": 2 }], [{ "secs_since_epoch": -1, "nanos_since_epoch": 2 }];
        numbers_without_zero: NonZeroU8, [1, 255], [0, 256];
        signed_numbers_without_zero: NonZeroI64, [1, (-1)], [0, "1"];
        wrapped_numbers: Wrapping<u8>, [0, 255], [256];
        tuples: (u8, String), [[1, "a"]], [[1], [1, "a", 2]];
        arrays: [u8; 4], [[1, 2, 3, 4]], [[1, 2, 3]];
        sets: BTreeSet<u8>, [[1, 2], []], [[256]];
        options: Option<u8>, [1], ["a", 256];
        ranges: RangeInclusive<u8>, [{ "start": 1, "end": 2 }], [{ "start": 1 }];
        bounds: Bound<u8>, [{ "Included": 1 }, "Unbounded"], ["bounded"];
        maps: BTreeMap<char, SocketAddr>, [{ "é": "127.0.0.1:80" }, {}], [{ "ab": "127.0.0.1:80" }, { "a": "a" }];
        maps_from_addresses_to_addresses: BTreeMap<SocketAddr, SocketAddr>,
            [{ "127.0.0.1:80": "[::1]:80" }, {}],
            [{ "a": "127.0.0.1:80" }, { "127.0.0.1:80": "a" }];
    }

    #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
    struct Identity(u32);

    #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
    struct Host(SocketAddr);

    #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    enum Colour {
        DarkRed,
        /// A described variant.
        Green,
    }

    values! {
        newtypes_of_addresses: Host, ["127.0.0.1:80"], ["a"];
    }

    keys! {
        keys_of_text: String, ["a", "two words"], [];
        keys_of_shared_text: Arc<str>, ["a", "two words"], [];
        keys_of_characters: char, ["a", "é"], ["ab"];
        keys_of_addresses: IpAddr, ["127.0.0.1", "::1"], ["key"];
        keys_of_socket_addresses: SocketAddr, ["127.0.0.1:80", "[::1]:80"], ["key", "127.0.0.1:65536"];
        keys_of_enums: Colour, ["dark-red", "green"], ["DarkRed"];
    }

    #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
    struct IntegerKeys {
        narrow: BTreeMap<u8, SocketAddr>,
        signed: BTreeMap<i32, SocketAddr>,
        wrapped: BTreeMap<Identity, SocketAddr>,
        nonzero: BTreeMap<NonZeroU8, Vec<SocketAddr>>,
        hosts: BTreeMap<Host, BTreeMap<u64, Host>>,
    }

    #[test]
    fn keys_are_found_if_the_values_are_addresses() {
        let with = |name: &str, map: Value| {
            let mut payload = json!({ "narrow": {}, "signed": {}, "wrapped": {}, "nonzero": {}, "hosts": {} });
            payload[name] = map;
            payload
        };
        let host = "127.0.0.1:80";
        for (name, good, bad) in [
            ("narrow", json!({ "255": host }), json!({ "256": host })),
            ("signed", json!({ "-1": host }), json!({ "2147483648": host })),
            ("wrapped", json!({ "4294967295": host }), json!({ "-1": host })),
            ("nonzero", json!({ "1": [host] }), json!({ "0": [host] })),
            ("nonzero", json!({ "1": [] }), json!({ "1": ["a"] })),
            ("hosts", json!({ host: { "1": host } }), json!({ "a": { "1": host } })),
            ("hosts", json!({ host: {} }), json!({ host: { "1": "a" } })),
        ] {
            agree::<IntegerKeys>(true, &with(name, good));
            agree::<IntegerKeys>(false, &with(name, bad));
        }
    }
}

mod of_chrono {
    use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc, Weekday};

    use super::*;

    values! {
        dates: NaiveDate, ["2024-02-29"], ["2023-02-29", "a", ""];
        dates_with_times: NaiveDateTime,
            ["2024-02-29T12:00:00", "2024-02-29T12:00:00.123456789"],
            ["2024-02-29T12:00:00Z", "2023-02-29T12:00:00", "2024-02-29", "a"];
        times: NaiveTime, ["12:00:00", "23:59:59.5"], ["24:00:00", "12:00:00Z", "a"];
        instants: DateTime<Utc>, ["2024-02-29T12:00:00Z", "2024-02-29T12:00:00.5+01:00"], ["2024-02-29T12:00:00", "a"];
        instants_with_offsets: DateTime<FixedOffset>, ["2024-02-29T12:00:00+01:00"], ["2024-02-29T12:00:00", "a"];
        weekdays: Weekday, ["Mon"], ["Moon"];
        lengths: TimeDelta, [[1, 0], [-9223372036854775_i64, 999999999]], [[1, 1000000000], [9223372036854775807_i64, 0], "1s"];
    }

    keys! {
        keys_of_dates: NaiveDate, ["2024-02-29"], ["key", "2023-02-29"];
        keys_of_dates_with_times: NaiveDateTime, ["2024-02-29T12:00:00"], ["key", "2024-02-29T12:00:00Z"];
        keys_of_times: NaiveTime, ["12:00:00"], ["key", "24:00:00"];
        keys_of_instants: DateTime<Utc>, ["2024-02-29T12:00:00Z"], ["key", "2024-02-29T12:00:00"];
        keys_of_weekdays: Weekday, ["Mon"], ["Moon"];
    }
}

mod of_jiff {
    use jiff::civil::{Date, DateTime, Time};
    use jiff::{SignedDuration, Span, Timestamp, Zoned};

    use super::*;

    values! {
        dates: Date, ["2024-02-29"], ["2023-02-29", "a"];
        dates_with_times: DateTime, ["2024-02-29T12:00:00", "2024-02-29T12:00:00.5"], ["2023-02-29T12:00:00", "a"];
        times: Time, ["12:00:00", "23:59:59.5"], ["24:00:00", "a"];
        instants: Timestamp,
            ["2024-02-29T12:00:00Z", "2024-02-29T12:00:00.123456789+01:00"],
            ["2024-02-29T12:00:00", "2024-02-29T12:00:00.1234567891Z", "a"];
        instants_with_zones: Zoned,
            ["2024-02-29T12:00:00+00:00[UTC]", "2024-02-29T12:00:00-05:00[America/New_York]"],
            ["2024-02-29T12:00:00Z", "2024-02-29T12:00:00+00:00[a b]", "a"];
        lengths: SignedDuration, ["PT36H", "-PT1.5S", "PT1H2M3S"], ["P1D", "PT", "a"];
        spans: Span, ["P1D", "PT36H", "-P1Y2M", "P1Y2M3W4DT5H6M7.5S"], ["P", "a"];
    }

    keys! {
        keys_of_dates: Date, ["2024-02-29"], ["key", "2023-02-29"];
        keys_of_dates_with_times: DateTime, ["2024-02-29T12:00:00"], ["key", "2024-02-29"];
        keys_of_times: Time, ["12:00:00"], ["key", "24:00:00"];
        keys_of_instants: Timestamp, ["2024-02-29T12:00:00Z"], ["key", "2024-02-29T12:00:00"];
        keys_of_zoned_instants: Zoned, ["2024-02-29T12:00:00+00:00[UTC]"], ["key", "2024-02-29T12:00:00Z"];
        keys_of_lengths: SignedDuration, ["PT36H"], ["key", "P1D"];
    }
}

mod of_numbers {
    use bigdecimal::BigDecimal;
    use rust_decimal::Decimal;

    use super::*;

    values! {
        decimals: Decimal,
            ["1.5", "-9999999999999999999999999999", "0.0000000000000000000000000001", 1.5, (-7)],
            ["a", "1,5", "99999999999999999999999999999", 1e29, ""];
        big_decimals: BigDecimal, ["1.5", "1e300", "99999999999999999999999999999999", 1.5, (-7)], ["a", "1,5", ""];
    }

    keys! {
        keys_of_decimals: Decimal, ["1.5", "-7"], ["key", "1,5"];
        keys_of_big_decimals: BigDecimal, ["1.5", "-7"], ["key", "1,5"];
    }
}

mod of_other_crates {
    use arrayvec::{ArrayString, ArrayVec};
    use bytes::Bytes;
    use either::Either;
    use indexmap::{IndexMap, IndexSet};
    use semver::Version;
    use smallvec::SmallVec;
    use smol_str::SmolStr;
    use url::Url;
    use uuid::Uuid;

    use super::*;

    values! {
        uuids: Uuid, ["67e55044-10b1-426f-9247-bb680e5fe0c8"], ["a", "67e5504410b1426f9247bb680e5fe0c8"];
        urls: Url, ["https://example.org/a?b#c"], ["a", ""];
        versions: Version, ["1.2.3", "1.2.3-rc.1+5"], ["1.2", "a"];
        bytes_as_numbers: Bytes, [[1, 2], "a"], [[256], 1];
        texts_of_limited_size: ArrayString<16>, ["a", "1234567890123456", ""], ["12345678901234567", 1];
        lists_of_limited_size: ArrayVec<u8, 2>, [[1, 2], []], [[1, 2, 3]];
        small_lists: SmallVec<[u8; 2]>, [[1, 2, 3], []], [["a"]];
        small_texts: SmolStr, ["a", ""], [1];
        one_or_the_other: Either<u8, String>, [{ "Left": 1 }, { "Right": "a" }], [{ "Left": "a" }, 1];
        ordered_maps: IndexMap<Uuid, Uuid>,
            [{ "67e55044-10b1-426f-9247-bb680e5fe0c8": "67e55044-10b1-426f-9247-bb680e5fe0c8" }],
            [{ "a": "67e55044-10b1-426f-9247-bb680e5fe0c8" }];
        ordered_sets: IndexSet<u8>, [[2, 1]], [[256]];
    }

    keys! {
        keys_of_uuids: Uuid, ["67e55044-10b1-426f-9247-bb680e5fe0c8"], ["key", "67e55044"];
        keys_of_urls: Url, ["https://example.org/"], ["key"];
        keys_of_versions: Version, ["1.2.3"], ["key", "1.2"];
        keys_of_small_text: SmolStr, ["a", "two words"], [];
        keys_of_limited_text: ArrayString<16>, ["a", "1234567890123456"], ["12345678901234567"];
    }
}
