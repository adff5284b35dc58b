//! What values settings take: one constructor per kind, each with what it takes in words, how it is read and how it
//! is shown.

use std::{
    net::{IpAddr, Ipv4Addr},
    ops::RangeInclusive,
    time::Duration,
};

use http::Uri;
use ipnet::IpNet;

use super::value::Secret;

/// What goes into a header as it is.
const SENDABLE: &str = "letters, digits and punctuation of ASCII, without spaces";

/// Reads a value; `None` where it is none of its kind.
type Parse<T> = Box<dyn Fn(&str) -> Option<T>>;

/// What values a setting takes.
pub(super) struct Kind<T> {
    /// In words, to follow "it takes".
    pub takes: String,
    /// How it is read.
    pub parse: Parse<T>,
    /// How a value, such as the default, is written.
    pub show: fn(&T) -> String,
}

impl<T> Kind<T> {
    fn new(
        takes: impl Into<String>,
        parse: impl Fn(&str) -> Option<T> + 'static,
        show: fn(&T) -> String,
    ) -> Self {
        Self {
            takes: takes.into(),
            parse: Box::new(parse),
            show,
        }
    }
}

impl Kind<bool> {
    pub fn switch() -> Self {
        let parse = |text: &str| match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        };
        Self::new("true or false", parse, bool::to_string)
    }
}

impl<T: TryFrom<u64> + ToString + 'static> Kind<T> {
    /// A whole number.
    pub fn number(range: RangeInclusive<u64>) -> Self {
        let takes = format!("a number from {} to {}", range.start(), range.end());
        let parse = move |text: &str| within(text, &range)?.try_into().ok();
        Self::new(takes, parse, T::to_string)
    }
}

impl Kind<Duration> {
    /// A time in milliseconds.
    pub fn millis(range: RangeInclusive<u64>) -> Self {
        let takes = format!("milliseconds from {} to {}", range.start(), range.end());
        let parse = move |text: &str| within(text, &range).map(Duration::from_millis);
        Self::new(takes, parse, |time| time.as_millis().to_string())
    }
}

impl<T: TryFrom<u64> + TryInto<u64> + Copy + 'static> Kind<T> {
    /// A number of bytes, with or without a unit.
    pub fn bytes(range: RangeInclusive<u64>) -> Self {
        let takes = format!(
            "bytes from {} to {}, as a number or with a unit such as 512KB or 64MiB",
            show_bytes(*range.start()),
            show_bytes(*range.end())
        );
        let parse = move |text: &str| {
            let bytes = parse_bytes(text).filter(|bytes| range.contains(bytes))?;
            bytes.try_into().ok()
        };
        Self::new(takes, parse, |bytes| {
            (*bytes).try_into().map(show_bytes).unwrap_or_default()
        })
    }
}

impl Kind<String> {
    /// Any text of one line.
    pub fn text() -> Self {
        Self::line("a text of one line")
    }

    /// What can be sent in a header.
    pub fn word() -> Self {
        let parse = |text: &str| is_word(text).then(|| text.to_owned());
        Self::new(SENDABLE, parse, String::clone)
    }

    /// Where a file is. Whether it is there is for the host to say.
    pub fn path() -> Self {
        Self::line("the path of a file")
    }

    /// Where a folder is, or will be.
    pub fn folder() -> Self {
        Self::line("the path of a folder")
    }

    fn line(takes: &str) -> Self {
        let parse = |text: &str| (!text.contains(char::is_control)).then(|| text.to_owned());
        Self::new(takes, parse, String::clone)
    }

    /// The address of an HTTP API, without a slash at the end.
    pub fn web_address() -> Self {
        let parse = |text: &str| {
            let uri: Uri = text.parse().ok()?;
            let authority = uri.authority()?.as_str();
            let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
            let is_bare = uri.query().is_none() && !text.contains('#') && !authority.contains('@');
            (is_web && is_bare).then(|| text.trim_end_matches('/').to_owned())
        };
        let takes = "an http:// or https:// address without user, query or fragment";
        Self::new(takes, parse, String::clone)
    }
}

impl Kind<Secret> {
    /// What can be sent in a header.
    pub fn secret() -> Self {
        let parse = |text: &str| is_word(text).then(|| Secret::new(text));
        Self::new(SENDABLE, parse, Secret::to_string)
    }

    /// `name=value` pairs that hold secrets.
    pub fn pairs() -> Self {
        let parse = |text: &str| {
            let is_pairs =
                items(text).all(|item| item.split_once('=').is_some_and(|(name, _)| is_word(name)));
            (is_pairs && !text.contains(char::is_control)).then(|| Secret::new(text))
        };
        Self::new(
            "name=value pairs, comma-separated",
            parse,
            Secret::to_string,
        )
    }
}

impl Kind<Vec<String>> {
    /// Origins of web pages.
    pub fn origins() -> Self {
        let is_origin = |item: &str| {
            let Some((scheme, host)) = item.split_once("://") else {
                return false;
            };
            !scheme.is_empty() && is_word(host) && !host.contains(['/', '?', '#', '@', '*'])
        };
        let parse = move |text: &str| {
            let origins: Vec<_> = items(text).map(str::to_owned).collect();
            let is_any = origins.len() == 1 && origins[0] == "*";
            (is_any || origins.iter().all(|item| is_origin(item))).then_some(origins)
        };
        let takes = "* alone, or origins such as https://example.com, comma-separated";
        Self::new(takes, parse, |origins| origins.join(","))
    }
}

impl Kind<Vec<IpNet>> {
    /// Networks; an address alone is a network of one.
    pub fn networks() -> Self {
        let network = |item: &str| {
            let alone = || item.parse::<IpAddr>().map(IpNet::from);
            item.parse().or_else(|_| alone()).ok()
        };
        let parse = move |text: &str| items(text).map(network).collect();
        let takes = "addresses or networks such as 10.0.0.0/8, comma-separated";
        Self::new(takes, parse, |networks| joined(networks))
    }
}

impl Kind<Vec<(String, String)>> {
    /// Other names of models.
    pub fn aliases() -> Self {
        let alias = |item: &str| {
            let (name, model) = item.split_once('=')?;
            let (name, model) = (name.trim(), model.trim());
            let stem = name.strip_suffix('*').unwrap_or(name);
            let is_alias =
                is_word(name) && is_word(model) && !stem.contains('*') && !model.contains('*');
            is_alias.then(|| (name.to_owned(), model.to_owned()))
        };
        let parse = move |text: &str| items(text).map(alias).collect();
        let takes = "name=model pairs, comma-separated; a name may end in *";
        Self::new(takes, parse, |aliases| {
            let pairs: Vec<_> = aliases
                .iter()
                .map(|(name, model)| format!("{name}={model}"))
                .collect();
            joined(&pairs)
        })
    }
}

impl Kind<IpAddr> {
    /// An address of this machine.
    pub fn address() -> Self {
        let parse = |text: &str| match text {
            "localhost" => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            _ => text
                .trim_start_matches('[')
                .trim_end_matches(']')
                .parse()
                .ok(),
        };
        Self::new("an IP address or localhost", parse, IpAddr::to_string)
    }
}

impl<T: Copy + ToString + 'static> Kind<T> {
    /// One of a few words.
    pub fn one_of(all: &'static [T]) -> Self {
        let names: Vec<_> = all.iter().map(T::to_string).collect();
        let takes = names.join(", ");
        let parse = move |text: &str| {
            let text = text.to_ascii_lowercase();
            let place = names.iter().position(|name| *name == text)?;
            all.get(place).copied()
        };
        Self::new(takes, parse, T::to_string)
    }
}

/// The items of a comma-separated list, without the empty ones.
fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

fn joined<T: ToString>(items: &[T]) -> String {
    let items: Vec<_> = items.iter().map(T::to_string).collect();
    items.join(",")
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn within(text: &str, range: &RangeInclusive<u64>) -> Option<u64> {
    text.parse().ok().filter(|number| range.contains(number))
}

/// `65536`, `64KiB`, `64 kb`: powers of 1024 with an `i`, of 1000 without.
fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// In the largest unit that divides it.
fn show_bytes(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    units
        .iter()
        .find(|(power, _)| bytes != 0 && bytes.trailing_zeros() >= *power)
        .map_or_else(
            || bytes.to_string(),
            |(power, unit)| format!("{}{unit}", bytes >> power),
        )
}
