//! The patterns of strings in a form. They match what their names say, exactly: the 29 February of leap years only, and
//! ports up to 65535 only.

use super::IntegerKeys;

/// A date of the years 0 to 9999, without anchors.
fn date() -> String {
    let days = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)\
                |02-(?:0[1-9]|1[0-9]|2[0-8])";
    let leap_years = "[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00";
    format!("(?:[0-9]{{4}}-(?:{days})|(?:{leap_years})-02-29)")
}

/// A time of day with up to nine digits of a second's fraction, without anchors.
const TIME: &str = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?";

/// A time of day without an offset.
pub(super) fn civil_time() -> String {
    format!("^{TIME}$")
}

/// A date and time without an offset.
pub(super) fn civil_date_time() -> String {
    format!("^{}T{TIME}$", date())
}

/// A date and time with its offset and its time zone (RFC 9557). Which zones there are, and whether the offset is the
/// zone's, is not checked.
pub(super) fn zoned_date_time() -> String {
    let offset = "[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]";
    let zone = r"\[(?:[A-Za-z_][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])\]";
    format!("^{}T{TIME}(?:Z|{offset}){zone}$", date())
}

/// A text of the format `date-time` whose fraction has at most nine digits.
pub(super) const AT_MOST_NANOSECONDS: &str = r"^[^.]*(?:\.[0-9]{1,9}[^0-9.][^.]*)?$";

/// A duration of ISO 8601 with an optional sign, and up to nine digits of a second's fraction. With `calendar`, it may
/// have years, months, weeks and days. The number of digits of each unit is limited, so that no type overflows.
pub(super) fn duration(calendar: bool) -> String {
    let fraction = r"(?:\.[0-9]{1,9})?";
    if !calendar {
        // A type writes the sum of the units, in which the hours may have one more digit.
        let hours = "(?:1?[0-9]{1,15})H";
        let seconds = format!("[0-9]{{1,15}}{fraction}S");
        return format!("^-?PT(?:{hours}(?:[0-9]{{1,13}}M)?(?:{seconds})?|[0-9]{{1,13}}M(?:{seconds})?|{seconds})$");
    }
    let seconds = format!("[0-9]{{1,11}}{fraction}S");
    let time = format!("T(?:[0-9]{{1,8}}H(?:[0-9]{{1,10}}M)?(?:{seconds})?|[0-9]{{1,10}}M(?:{seconds})?|{seconds})");
    // Each alternative begins with another unit, so that at least one unit is there.
    let [years, months, weeks, days] = ["[0-9]{1,4}Y", "[0-9]{1,5}M", "[0-9]{1,6}W", "[0-9]{1,6}D"];
    format!(
        "^-?P(?:{years}(?:{months})?(?:{weeks})?(?:{days})?(?:{time})?|{months}(?:{weeks})?(?:{days})?(?:{time})?\
         |{weeks}(?:{days})?(?:{time})?|{days}(?:{time})?|{time})$"
    )
}

/// A duration of whole hours, minutes and seconds, without a sign.
pub(super) const WHOLE_TIME_DURATION: &str =
    "^PT(?:[0-9]{1,15}H(?:[0-9]{1,13}M)?(?:[0-9]{1,15}S)?|[0-9]{1,13}M(?:[0-9]{1,15}S)?|[0-9]{1,15}S)$";

/// A decimal number of any size, with an exponent up to 9999. Larger exponents only cost memory.
pub(super) const SCIENTIFIC: &str = r"^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,4})?$";

/// A decimal number of any size.
pub(super) const DECIMAL: &str = r"^-?[0-9]+(?:\.[0-9]+)?$";

/// A decimal number with at most 28 digits before and after the point.
pub(super) const DECIMAL_28: &str = r"^-?[0-9]{1,28}(?:\.[0-9]{1,28})?$";

/// A semantic version. Its numbers fit into 64 bits.
pub(super) const VERSION: &str = concat!(
    r"^(?:0|[1-9][0-9]{0,17})\.(?:0|[1-9][0-9]{0,17})\.(?:0|[1-9][0-9]{0,17})",
    r"(?:-(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?",
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$"
);

/// A ULID: 128 bits in Crockford's base 32.
pub(super) const ULID: &str = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$";

/// Bytes as pairs of hexadecimal digits.
pub(super) const HEX: &str = "^(?:[0-9A-Fa-f]{2})*$";

/// Bytes in base 64 with padding, whose unused bits are zero.
pub(super) const BASE64: &str = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$";

/// The same with the alphabet for URLs, and without padding.
pub(super) const BASE64_URL: &str =
    "^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?$";

/// An address of IPv4, of IPv6 or of either, with a port.
pub(super) fn socket_address(four: bool, six: bool) -> String {
    let port = IntegerKeys::up_to(u16::MAX.into()).alternatives();
    let mut forms = Vec::new();
    if four {
        forms.push(ipv4());
    }
    if six {
        let scope = IntegerKeys::up_to(u32::MAX.into()).alternatives();
        forms.push(format!(r"\[(?:{})(?:%(?:{scope}))?\]", ipv6()));
    }
    format!("^(?:{}):(?:{port})$", forms.join("|"))
}

fn ipv4() -> String {
    let byte = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    format!(r"(?:{byte}\.){{3}}{byte}")
}

fn ipv6() -> String {
    let group = "[0-9A-Fa-f]{1,4}";
    let last = format!("(?:{group}:{group}|{})", ipv4());
    let mut forms = vec![format!("(?:{group}:){{6}}{last}"), format!("::(?:{group}:){{5}}{last}")];
    // `::` stands for at least one group. At most `before` groups come before it, the other alternatives after it.
    for before in 0..=4_usize {
        let left = if before == 0 {
            format!("(?:{group})?")
        } else {
            format!("(?:(?:{group}:){{0,{before}}}{group})?")
        };
        match 4 - before {
            0 => forms.push(format!("{left}::{last}")),
            after => forms.push(format!("{left}::(?:{group}:){{{after}}}{last}")),
        }
    }
    forms.push(format!("(?:(?:{group}:){{0,5}}{group})?::{group}"));
    forms.push(format!("(?:(?:{group}:){{0,6}}{group})?::"));
    forms.join("|")
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, SocketAddrV4};

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::schema::compile::compile;

    fn matches(pattern: &str, texts: &[String]) -> Vec<bool> {
        let (validator, _) = compile(&json!({ "pattern": pattern })).unwrap();
        texts.iter().map(|text| validator.is_valid(&json!(text))).collect()
    }

    /// Texts that look like addresses with a port: groups, `::` and a port near the limits.
    fn address() -> impl Strategy<Value = String> {
        let group = prop::sample::select(vec!["0", "1", "ffff", "ABC", "12345", "g", ""]);
        let groups = |most| prop::collection::vec(group.clone(), 0..most).prop_map(|groups| groups.join(":"));
        let port = prop::sample::select(vec!["0", "80", "65535", "65536", "", "99999"]);
        let scope = prop::sample::select(vec!["", "", "%0", "%4294967295", "%4294967296", "%a", "%"]);
        let four = prop::sample::select(vec!["", "", ":1.2.3.4", "1.2.3.4", ":255.255.255.256"]);
        let middle = prop::sample::select(vec!["::", "::", ":", ""]);
        (groups(9), middle, groups(9), four, scope, port)
            .prop_map(|(left, middle, right, four, scope, port)| format!("[{left}{middle}{right}{four}{scope}]:{port}"))
    }

    proptest! {
        #[test]
        fn a_socket_address_matches_exactly_if_rust_reads_it(texts in prop::collection::vec(address(), 1..40)) {
            for (text, matched) in texts.iter().zip(matches(&socket_address(true, true), &texts)) {
                prop_assert_eq!(matched, text.parse::<SocketAddr>().is_ok(), "{}", text);
            }
        }
    }

    #[test]
    fn an_ipv4_address_matches_exactly_if_rust_reads_it() {
        let texts: Vec<String> = [
            "1.2.3.4:5",
            "01.2.3.4:5",
            "1.2.3:5",
            "255.255.255.255:65535",
            "1.2.3.256:1",
            "0.0.0.0:0",
        ]
        .map(str::to_owned)
        .to_vec();
        for (text, matched) in texts.iter().zip(matches(&socket_address(true, false), &texts)) {
            assert_eq!(matched, text.parse::<SocketAddrV4>().is_ok(), "{text}");
        }
    }

    #[test]
    fn only_days_of_the_calendar_match() {
        let dates: Vec<String> = [1900, 2000, 2023, 2024]
            .into_iter()
            .flat_map(|year| {
                (0..=13).flat_map(move |month| (0..=32).map(move |day| format!("{year}-{month:02}-{day:02}T00:00:00")))
            })
            .collect();
        let count = matches(&civil_date_time(), &dates)
            .into_iter()
            .filter(|matched| *matched)
            .count();
        assert_eq!(count, 365 + 366 + 365 + 366);
        let (validator, _) = compile(&json!({ "format": "date" })).unwrap();
        for (date, matched) in dates.iter().zip(matches(&civil_date_time(), &dates)) {
            assert_eq!(matched, validator.is_valid(&json!(&date[..10])), "{date}");
        }
    }
}
