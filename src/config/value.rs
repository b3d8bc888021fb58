//! One value of the document, and what it can be read as. Every conversion says in one line
//! what it wants.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use toml::de::DeValue;
use tracing_subscriber::EnvFilter;

use crate::model::{Named, OutputFormat, Scope, parse_address, parse_prefix};

use super::expand::expand;
use super::reader::{Context, Wrong, nearest};
use super::units::{parse_duration, parse_size, write_duration, write_size};

/// Longest name of a source or feed, in characters.
const NAME_LEN_MAX: usize = 64;
/// Longest name of a topic (Kafka's own limit), and of a group, in characters.
const TOPIC_LEN_MAX: usize = 249;

/// One value, not yet read as anything.
pub(super) struct Item<'t> {
    /// The value.
    pub(super) value: &'t DeValue<'t>,
    context: &'t Context<'t>,
}

impl<'t> Item<'t> {
    /// A value of the document of `context`.
    pub(super) fn new(context: &'t Context<'t>, value: &'t DeValue<'t>) -> Self {
        Self { value, context }
    }

    /// What it is, with its article.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            DeValue::String(_) => "text",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }

    /// Its text with variables filled in, if it is text.
    fn expanded(&self) -> Option<Result<String, Wrong>> {
        let text = self.value.as_str()?;
        Some(expand(text, self.context.env).map_err(|error| Wrong::from(error.to_string())))
    }

    /// The digits of a whole number that is not negative, written as an integer or as text.
    fn number(&self) -> Result<Option<u64>, Wrong> {
        if let DeValue::Integer(integer) = self.value {
            return Ok(u64::from_str_radix(integer.as_str(), integer.radix()).ok());
        }
        match self.expanded() {
            Some(text) => Ok(text?.parse().ok()),
            None => Ok(None),
        }
    }
}

/// Any text.
pub(super) fn text(item: &Item<'_>) -> Result<String, Wrong> {
    item.expanded()
        .unwrap_or_else(|| Err(format!("must be text in quotes, not {}", item.kind()).into()))
}

/// Text that is not blank.
pub(super) fn word(item: &Item<'_>) -> Result<String, Wrong> {
    let text = text(item)?;
    if text.trim().is_empty() {
        return Err("must not be empty".into());
    }
    Ok(text)
}

/// The name of a source or feed: a metric label.
pub(super) fn name(item: &Item<'_>) -> Result<String, Wrong> {
    plain_name(text(item)?, NAME_LEN_MAX)
}

/// The name of a topic, or of an instance (for which brokers have the same rules).
pub(super) fn topic(item: &Item<'_>) -> Result<String, Wrong> {
    plain_name(text(item)?, TOPIC_LEN_MAX)
}

/// `name` if it has 1 to `len_max` letters, digits, `.`, `_` and `-`, and leads to no other directory
/// where one has its name.
fn plain_name(name: String, len_max: usize) -> Result<String, Wrong> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > len_max || !name.chars().all(plain) {
        return Err(format!(
            "`{}` must be 1 to {len_max} letters, digits, `.`, `_` or `-`",
            name.escape_debug()
        )
        .into());
    }
    if name == "." || name == ".." {
        return Err(format!("`{name}` is not a name").into());
    }
    Ok(name)
}

/// The name of a consumer group.
pub(super) fn group(item: &Item<'_>) -> Result<String, Wrong> {
    let name = word(item)?;
    if name.len() > TOPIC_LEN_MAX || name.chars().any(char::is_control) {
        return Err(format!("must have at most {TOPIC_LEN_MAX} bytes, none of control").into());
    }
    Ok(name)
}

/// `host:port` pairs with commas.
pub(super) fn brokers(item: &Item<'_>) -> Result<String, Wrong> {
    let brokers = text(item)?;
    for broker in brokers.split(',').map(str::trim) {
        let (host, port) = broker.rsplit_once(':').unwrap_or((broker, ""));
        let numbered = port.parse::<u16>().is_ok_and(|port| port > 0);
        if host.is_empty() || !numbered || broker.contains(char::is_whitespace) {
            let broker = broker.escape_debug();
            return Err(
                format!("`{broker}` is not `host:port`; put commas between several").into(),
            );
        }
    }
    Ok(brokers)
}

/// A path, relative to the directory of the file.
pub(super) fn path(item: &Item<'_>) -> Result<PathBuf, Wrong> {
    Ok(item.context.directory.join(word(item)?))
}

/// `true` or `false`.
pub(super) fn flag(item: &Item<'_>) -> Result<bool, Wrong> {
    if let Some(flag) = item.value.as_bool() {
        return Ok(flag);
    }
    match item.expanded().transpose()?.as_deref() {
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) | None => Err(format!("must be true or false, not {}", item.kind()).into()),
    }
}

/// A whole number in `range`.
pub(super) fn count(range: RangeInclusive<usize>) -> impl Fn(&Item<'_>) -> Result<usize, Wrong> {
    move |item| {
        item.number()?
            .and_then(|number| usize::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                format!(
                    "must be a whole number from {} to {}",
                    range.start(),
                    range.end()
                )
                .into()
            })
    }
}

/// `auto` or a whole number in `range`.
pub(super) fn auto_or_count(
    auto: usize,
    range: RangeInclusive<usize>,
) -> impl Fn(&Item<'_>) -> Result<usize, Wrong> {
    move |item| {
        if item.expanded().transpose()?.as_deref() == Some("auto") {
            return Ok(auto);
        }
        count(range.clone())(item).map_err(|wrong| {
            let message = wrong.message.replacen("must be", "must be \"auto\" or", 1);
            Wrong::from(message)
        })
    }
}

/// 0 to 100.
pub(super) fn percent(item: &Item<'_>) -> Result<u8, Wrong> {
    let number = count(0..=100)(item)?;
    u8::try_from(number).map_err(|error| error.to_string().into())
}

/// A duration from the first to the second of `range`.
pub(super) fn duration(
    range: RangeInclusive<Duration>,
) -> impl Fn(&Item<'_>) -> Result<Duration, Wrong> {
    move |item| {
        let Some(text) = item.expanded().transpose()? else {
            return Err(
                "must be a duration in quotes, such as \"30s\", \"500ms\" or \"1h30m\"".into(),
            );
        };
        let Some(duration) = parse_duration(&text) else {
            return Err(format!(
                "`{}` is not a duration such as `30s`, `500ms` or `1h30m`",
                text.escape_debug()
            )
            .into());
        };
        if range.contains(&duration) {
            return Ok(duration);
        }
        let (shortest, longest) = (write_duration(*range.start()), write_duration(*range.end()));
        Err(format!("must be {shortest} to {longest}").into())
    }
}

/// A size in bytes in `range`.
pub(super) fn size(range: RangeInclusive<u64>) -> impl Fn(&Item<'_>) -> Result<usize, Wrong> {
    move |item| {
        let bytes = match item.expanded().transpose()? {
            Some(text) => parse_size(&text).ok_or_else(|| {
                let text = text.escape_debug();
                Wrong::from(format!(
                    "`{text}` is not a size such as `64 MiB`, `1 MB` or `512`"
                ))
            })?,
            None => item
                .number()?
                .ok_or_else(|| Wrong::from("must be a size, such as \"64 MiB\" or 512 (bytes)"))?,
        };
        let fits = usize::try_from(bytes).ok();
        fits.filter(|_| range.contains(&bytes)).ok_or_else(|| {
            let (least, most) = (write_size(*range.start()), write_size(*range.end()));
            format!("must be {least} to {most}").into()
        })
    }
}

/// One of a closed set, or a word that a later version will know.
pub(super) fn named_or_later<T: Named>(
    later: &'static [&'static str],
) -> impl Fn(&Item<'_>) -> Result<T, Wrong> {
    move |item| {
        let text = text(item)?;
        T::from_name(&text).map_err(|error| {
            if later.contains(&text.as_str()) {
                return format!("`{text}` is not in this version; known are {}", error.known)
                    .into();
            }
            let known: Vec<&str> = T::ALL.iter().map(|value| value.as_str()).collect();
            unknown_word(&text, &known)
        })
    }
}

/// One of a closed set.
pub(super) fn named<T: Named>(item: &Item<'_>) -> Result<T, Wrong> {
    named_or_later(&[])(item)
}

/// One of `words`, as what it stands for.
pub(super) fn choice<T: Copy>(
    words: &'static [(&'static str, T)],
) -> impl Fn(&Item<'_>) -> Result<T, Wrong> {
    move |item| {
        let text = text(item)?;
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            unknown_word(&text, &known)
        })
    }
}

/// A word that is not among `known`.
fn unknown_word(text: &str, known: &[&str]) -> Wrong {
    Wrong {
        message: format!(
            "`{}` is not one of {}",
            text.escape_debug(),
            known.join(", ")
        ),
        suggestion: nearest(text, known),
    }
}

/// A format that topics can have.
pub(super) fn topic_format(item: &Item<'_>) -> Result<OutputFormat, Wrong> {
    choice(&[
        (JSON, OutputFormat::Json),
        (PROTOBUF, OutputFormat::Protobuf),
    ])(item)
}

/// The written form of [`OutputFormat::Json`].
const JSON: &str = "json";
/// The written form of [`OutputFormat::Protobuf`].
const PROTOBUF: &str = "protobuf";

/// What a bare name of a feed can mean.
pub(super) fn scope(item: &Item<'_>) -> Result<Scope, Wrong> {
    choice(&[("exact", Scope::Exact), ("subtree", Scope::Subtree)])(item)
}

/// A prefix; an address is its /32 or /128.
pub(super) fn network(item: &Item<'_>) -> Result<IpNet, Wrong> {
    let text = text(item)?;
    let net = parse_prefix(&text).or_else(|_| parse_address(&text).map(IpNet::from));
    net.map_err(|error| {
        let text = text.escape_debug();
        format!("`{text}` is {error}, such as `198.51.100.0/24` or `2001:db8::/32`").into()
    })
}

/// An address to listen on.
pub(super) fn listen(item: &Item<'_>) -> Result<SocketAddr, Wrong> {
    let text = text(item)?;
    text.parse().map_err(|_| {
        let text = text.escape_debug();
        format!("`{text}` is not an address with a port, such as `127.0.0.1:9464`").into()
    })
}

/// A log filter.
pub(super) fn log_filter(item: &Item<'_>) -> Result<String, Wrong> {
    let text = word(item)?;
    match EnvFilter::try_new(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(format!(
            "`{}` is not a filter such as `info` or `info,gannet=debug`: {error}",
            text.escape_debug()
        )
        .into()),
    }
}

/// The separator of columns.
pub(super) fn delimiter(item: &Item<'_>) -> Result<u8, Wrong> {
    let text = text(item)?;
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(*byte),
        _ => Err("must be one ASCII character, such as \";\" or \"\\t\", not a quote".into()),
    }
}
