//! Finds out what one written value is: a name, a pattern, an address, a prefix, an address with
//! a port, a range, or something that names and addresses cannot say.

use std::net::IpAddr;

use ipnet::{IpSubnets, Ipv4Subnets, Ipv6Subnets};

use super::reason::{self, Reason};
use crate::model::{
    DomainName, IndicatorValue, NAME_LEN_MAX, NameBuf, NameError, Scope, parse_address,
    parse_prefix,
};

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detected<'a> {
    /// What it lists.
    pub found: Found<'a>,
    /// What is to be remarked about it.
    pub remark: Option<Reason>,
}

/// What a value lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// One indicator.
    One(IndicatorValue<'a>),
    /// A range of addresses as at most [`RANGE_PREFIXES_MAX`] prefixes.
    Range(IpSubnets),
}

/// Most prefixes that a range may need.
pub const RANGE_PREFIXES_MAX: usize = 64;

/// `text` without white space, quotes and separators around it.
pub fn strip(text: &str) -> &str {
    let around = |character: char| {
        character.is_whitespace()
            || matches!(
                character,
                '"' | '\'' | '`' | '<' | '>' | ',' | ';' | '\u{feff}'
            )
            || matches!(character, '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}')
    };
    let text = text.trim_start_matches(around);
    text.trim_end_matches(|character| around(character) || character == '/')
}

/// Finds out what `text` is. It must be stripped and no longer defanged. A bare name and the
/// host of a URL without a path have the scope `bare`; `*.name` and `.name` are subtrees that
/// include the name itself, as lists mean them. Allocates only for names that are not ASCII;
/// O(`text.len()`).
///
/// # Errors
/// The [`Reason`] when it is nothing that can be listed.
pub fn detect<'a>(
    text: &'a str,
    bare: Scope,
    scratch: &'a mut NameBuf,
) -> Result<Detected<'a>, Reason> {
    let shape = Shape::of(text);
    if text.is_empty() {
        return Err(reason::EMPTY_VALUE);
    }
    if shape.colon
        && shape.slash
        && let Some((_, rest)) = text.split_once("://")
    {
        return url(rest, bare, scratch);
    }
    if text.starts_with('/') {
        return Err(reason::PATH);
    }
    if shape.hyphen
        && (shape.digit || shape.colon)
        && let Some((first, last)) = ends_of_range(text)
    {
        return range(first, last);
    }
    if shape.gap {
        return Err(reason::EXTRA_TEXT);
    }
    if shape.at {
        return Err(if shape.slash {
            reason::URL
        } else {
            reason::EMAIL
        });
    }
    if shape.slash {
        return prefix(text);
    }
    if shape.star {
        return wildcard(text, scratch);
    }
    if shape.query {
        return Err(reason::URL);
    }
    if shape.backslash {
        return Err(reason::ODD_CHARACTER);
    }
    if shape.colon {
        return socket(text, bare, scratch);
    }
    if shape.digit && !shape.dot && is_hash(text) {
        return Err(reason::HASH);
    }
    host(text, bare, scratch)
}

/// What [`strip`], `refang` and [`detect`] make of nearly every row of a list of names: plain
/// letters, digits and marks with a dot among them, which no address could be. `None` for all
/// else, which may still be a name.
pub(super) fn usual_name<'a>(
    text: &'a str,
    bare: Scope,
    scratch: &'a mut NameBuf,
) -> Option<IndicatorValue<'a>> {
    let bytes = text.as_bytes();
    let usual = bytes
        .iter()
        .fold(true, |usual, &byte| usual & is_usual(byte));
    let ends = bytes.last()?.is_ascii_alphabetic() && *bytes.first()? != b'.';
    let (_, top) = text.rsplit_once('.')?;
    if !usual || !ends || top.starts_with("0x") || top.starts_with("0X") {
        return None;
    }
    let name = DomainName::parse(bytes, scratch).ok()?;
    Some(IndicatorValue::Name { name, scope: bare })
}

/// Whether a host name or service label may hold a byte.
fn is_usual(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// A name in the form that feeds may list: [`DomainName`], and no character that a host name
/// or service label cannot hold, and not something that would rather be an address.
///
/// # Errors
/// The [`Reason`] when it is no such name.
pub(super) fn name<'a>(
    text: &'a str,
    scope: Scope,
    scratch: &'a mut NameBuf,
) -> Result<IndicatorValue<'a>, Reason> {
    let name = DomainName::parse(text.as_bytes(), scratch).map_err(NameError::reason)?;
    if !name.as_str().bytes().all(is_usual) {
        return Err(reason::ODD_CHARACTER);
    }
    if ends_in_number(name.as_str()) {
        return Err(reason::BAD_ADDRESS);
    }
    Ok(IndicatorValue::Name { name, scope })
}

/// A pattern, in lower case.
///
/// # Errors
/// The [`Reason`] when it holds what no name holds, or nothing but wildcards and separators.
pub(super) fn pattern<'a>(
    text: &str,
    scratch: &'a mut NameBuf,
) -> Result<IndicatorValue<'a>, Reason> {
    let usual = |byte: u8| is_usual(byte) || matches!(byte, b'*' | b'?');
    if !text.bytes().all(usual) || !text.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
        return Err(reason::BAD_PATTERN);
    }
    let lower = scratch
        .get_mut(..text.len())
        .ok_or(reason::PATTERN_TOO_LONG)?;
    lower.copy_from_slice(text.as_bytes());
    lower.make_ascii_lowercase();
    std::str::from_utf8(lower)
        .map(IndicatorValue::Pattern)
        .map_err(|_| reason::BAD_PATTERN)
}

/// Which characters a value holds, from one pass over it.
#[derive(Clone, Copy, Default)]
struct Shape {
    /// `:`
    colon: bool,
    /// `/`
    slash: bool,
    /// `@`
    at: bool,
    /// `*`
    star: bool,
    /// `?`
    query: bool,
    /// `-`
    hyphen: bool,
    /// `\`
    backslash: bool,
    /// `.`
    dot: bool,
    /// An ASCII digit.
    digit: bool,
    /// White space or a separator: more than one value.
    gap: bool,
}

impl Shape {
    /// Looks at every byte of `text`.
    fn of(text: &str) -> Self {
        let mut shape = Self::default();
        for byte in text.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' => {}
                b'.' => shape.dot = true,
                b'0'..=b'9' => shape.digit = true,
                b'-' => shape.hyphen = true,
                b':' => shape.colon = true,
                b'/' => shape.slash = true,
                b'@' => shape.at = true,
                b'*' => shape.star = true,
                b'?' => shape.query = true,
                b'\\' => shape.backslash = true,
                b' ' | b'\t' | b',' | b';' | b'|' => shape.gap = true,
                _ => {}
            }
        }
        shape
    }
}

/// What is found without a remark.
fn plain(value: IndicatorValue<'_>) -> Detected<'_> {
    Detected {
        found: Found::One(value),
        remark: None,
    }
}

/// A single address.
fn single(ip: IpAddr) -> IndicatorValue<'static> {
    IndicatorValue::Prefix(ip.into())
}

/// The rest of a URL, after `://`: its host if nothing else is in it.
fn url<'a>(rest: &'a str, bare: Scope, scratch: &'a mut NameBuf) -> Result<Detected<'a>, Reason> {
    if rest.contains(char::is_whitespace) {
        return Err(reason::EXTRA_TEXT);
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.is_empty() || rest.contains(['/', '?', '#', '@']) {
        return Err(reason::URL);
    }
    if rest.contains(['\\', '*']) {
        return Err(reason::ODD_CHARACTER);
    }
    if rest.contains(':') {
        return socket(rest, bare, scratch);
    }
    host(rest, bare, scratch)
}

/// An address or a name, without a port.
fn host<'a>(text: &'a str, bare: Scope, scratch: &'a mut NameBuf) -> Result<Detected<'a>, Reason> {
    if text.ends_with(|last: char| last.is_ascii_digit())
        && let Ok(ip) = parse_address(text)
    {
        return Ok(plain(single(ip)));
    }
    match text.strip_prefix('.') {
        Some(below) => name(below, Scope::Subtree, scratch),
        None => name(text, bare, scratch),
    }
    .map(plain)
}

/// Something with a colon: an IPv6 address, or a host with a port.
fn socket<'a>(
    text: &'a str,
    bare: Scope,
    scratch: &'a mut NameBuf,
) -> Result<Detected<'a>, Reason> {
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, after) = rest.split_once(']').ok_or(reason::BAD_ADDRESS)?;
        if !inside.contains(':') {
            return Err(reason::BAD_ADDRESS);
        }
        let ip = parse_address(inside).map_err(|_| reason::BAD_ADDRESS)?;
        return match after.strip_prefix(':') {
            Some(port) => Ok(plain(IndicatorValue::Endpoint {
                ip,
                port: parse_port(port)?,
            })),
            None if after.is_empty() => Ok(plain(single(ip))),
            None => Err(reason::BAD_PORT),
        };
    }
    if let Ok(ip) = parse_address(text) {
        return Ok(plain(single(ip)));
    }
    let (before, port) = text.split_once(':').ok_or(reason::BAD_ADDRESS)?;
    if let Ok(ip) = parse_address(before) {
        let port = parse_port(port)?;
        return Ok(plain(IndicatorValue::Endpoint { ip, port }));
    }
    if port.contains(':') {
        return Err(reason::BAD_ADDRESS);
    }
    parse_port(port)?;
    let detected = host(before, bare, scratch)?;
    Ok(Detected {
        remark: Some(reason::PORT_DROPPED),
        ..detected
    })
}

/// A port from 1 to 65535, digits only.
///
/// # Errors
/// [`reason::BAD_PORT`] for everything else.
pub(super) fn parse_port(text: &str) -> Result<u16, Reason> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(reason::BAD_PORT);
    }
    match text.parse() {
        Ok(0) | Err(_) => Err(reason::BAD_PORT),
        Ok(port) => Ok(port),
    }
}

/// Something with a slash: a prefix, or a URL without its scheme.
fn prefix(text: &str) -> Result<Detected<'static>, Reason> {
    let (address, len) = text.split_once('/').ok_or(reason::BAD_PREFIX)?;
    let numeric = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b':'))
    };
    let ip = parse_address(address);
    if (ip.is_err() && !numeric(address)) || !numeric(len) {
        return Err(reason::URL);
    }
    let ip = ip.map_err(|_| reason::BAD_PREFIX)?;
    let net = parse_prefix(text).map_err(|_| reason::BAD_PREFIX)?;
    Ok(Detected {
        found: Found::One(IndicatorValue::Prefix(net)),
        remark: (net.addr() != ip).then_some(reason::HOST_BITS),
    })
}

/// Something with `*`: a subtree when that is all it says, else a pattern.
fn wildcard<'a>(text: &'a str, scratch: &'a mut NameBuf) -> Result<Detected<'a>, Reason> {
    match text.strip_prefix("*.") {
        Some(rest) if !rest.contains(['*', '?']) => name(rest, Scope::Subtree, scratch),
        Some(_) | None => pattern(text, scratch),
    }
    .map(plain)
}

/// The two addresses of `first-last`, if that is what `text` is.
fn ends_of_range(text: &str) -> Option<(IpAddr, IpAddr)> {
    let (first, last) = text.split_once('-')?;
    let first = parse_address(first.trim_end()).ok()?;
    let last = parse_address(last.trim_start()).ok()?;
    Some((first, last))
}

/// The prefixes from `first` to `last`, both included.
fn range(first: IpAddr, last: IpAddr) -> Result<Detected<'static>, Reason> {
    let nets = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => {
            IpSubnets::V4(Ipv4Subnets::new(first, last, 0))
        }
        (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => {
            IpSubnets::V6(Ipv6Subnets::new(first, last, 0))
        }
        (IpAddr::V4(_) | IpAddr::V6(_), _) => return Err(reason::BAD_RANGE),
    };
    if nets.take(RANGE_PREFIXES_MAX + 1).count() > RANGE_PREFIXES_MAX {
        return Err(reason::RANGE_TOO_WIDE);
    }
    Ok(Detected {
        found: Found::Range(nets),
        remark: None,
    })
}

/// Whether `text` has the length and digits of MD5, SHA-1, SHA-256 or SHA-512.
fn is_hash(text: &str) -> bool {
    matches!(text.len(), 32 | 40 | 64 | 128) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether the last label is a number (decimal, with hyphens, or hexadecimal as browsers read
/// it): no top-level domain is, but a mistyped address would be.
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let hexadecimal = last
        .strip_prefix("0x")
        .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hexadecimal
        || last
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// Scratch space for one value.
pub(super) const fn scratch() -> NameBuf {
    [0; NAME_LEN_MAX]
}

#[cfg(test)]
mod tests;
