//! A JSON value with its members in the order in which they are written, repeats included; and
//! the many ways in which it can be written.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    /// A number, boolean or null, as it is written.
    Bare(String),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// An object.
    Object(Vec<(String, Self)>),
}

impl Tree {
    /// Whether an object in it has a key twice.
    pub(crate) fn repeats(&self) -> bool {
        match self {
            Self::Bare(_) | Self::Text(_) => false,
            Self::List(elements) => elements.iter().any(Self::repeats),
            Self::Object(members) => {
                let mut keys: Vec<&str> = members.iter().map(|(key, _)| key.as_str()).collect();
                keys.sort_unstable();
                keys.windows(2).any(|pair| pair[0] == pair[1])
                    || members.iter().any(|(_, value)| value.repeats())
            }
        }
    }

    /// The objects in it, itself first.
    pub(crate) fn objects(&self) -> usize {
        match self {
            Self::Bare(_) | Self::Text(_) => 0,
            Self::List(elements) => elements.iter().map(Self::objects).sum(),
            Self::Object(members) => {
                1 + members
                    .iter()
                    .map(|(_, value)| value.objects())
                    .sum::<usize>()
            }
        }
    }

    /// The object `number` in it; `number` is lowered by those that were passed.
    pub(crate) fn object_mut(&mut self, number: &mut usize) -> Option<&mut Vec<(String, Self)>> {
        match self {
            Self::Bare(_) | Self::Text(_) => None,
            Self::List(elements) => elements
                .iter_mut()
                .find_map(|element| element.object_mut(number)),
            Self::Object(members) => {
                if *number == 0 {
                    return Some(members);
                }
                *number -= 1;
                members
                    .iter_mut()
                    .find_map(|(_, value)| value.object_mut(number))
            }
        }
    }

    /// Writes it, asking `noise` for white space and for escapes that need not be.
    pub(crate) fn write(&self, noise: &mut dyn Iterator<Item = u8>, out: &mut Vec<u8>) {
        write_space(noise, out);
        match self {
            Self::Bare(text) => out.extend_from_slice(text.as_bytes()),
            Self::Text(text) => write_text(text, noise, out),
            Self::List(elements) => {
                out.push(b'[');
                for (index, element) in elements.iter().enumerate() {
                    out.extend_from_slice(if index == 0 { b"" } else { b"," });
                    element.write(noise, out);
                }
                write_space(noise, out);
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                for (index, (key, value)) in members.iter().enumerate() {
                    out.extend_from_slice(if index == 0 { b"" } else { b"," });
                    write_space(noise, out);
                    write_text(key, noise, out);
                    write_space(noise, out);
                    out.push(b':');
                    value.write(noise, out);
                }
                write_space(noise, out);
                out.push(b'}');
            }
        }
        write_space(noise, out);
    }
}

/// Writes white space now and then; never a line feed, which ends a row.
fn write_space(noise: &mut dyn Iterator<Item = u8>, out: &mut Vec<u8>) {
    match noise.next() {
        Some(0..6) => out.push(b' '),
        Some(6..9) => out.extend_from_slice(b" \t\r"),
        Some(9) => out.extend_from_slice(&[b' '; 70]),
        _ => {}
    }
}

/// Writes a string, escaping what must be and now and then what need not be.
fn write_text(text: &str, noise: &mut dyn Iterator<Item = u8>, out: &mut Vec<u8>) {
    out.push(b'"');
    let escaping = noise.next().is_some_and(|byte| byte < 32);
    for character in text.chars() {
        let choice = if escaping {
            noise.next().unwrap_or(255)
        } else {
            255
        };
        let short = match character {
            '"' => Some(b'"'),
            '\\' => Some(b'\\'),
            '/' => Some(b'/'),
            '\n' => Some(b'n'),
            '\t' => Some(b't'),
            '\r' => Some(b'r'),
            '\u{8}' => Some(b'b'),
            '\u{c}' => Some(b'f'),
            _ => None,
        };
        let must = character < ' ' || matches!(character, '"' | '\\');
        match short {
            Some(short) if must || choice < 64 => out.extend_from_slice(&[b'\\', short]),
            _ if must || choice < 64 => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let escape = if choice % 2 == 0 {
                        format!("\\u{unit:04x}")
                    } else {
                        format!("\\u{unit:04X}")
                    };
                    out.extend_from_slice(escape.as_bytes());
                }
            }
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

/// Takes a value as it comes.
struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bare(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Bare(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Bare(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Bare(format!("{value:?}")))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Bare("null".to_owned()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Tree::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Tree::Object(members))
    }
}
