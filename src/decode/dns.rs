//! Reads a DNS message in place: the question, and what its answers hold that can be matched.
//! The question counts even when the answers are cut short or wrong.
//!
//! The work is linear in the message whatever it holds: compression pointers go strictly
//! backwards, at most [`HOPS_MAX`] a name, a name has at most 255 bytes, and all names of
//! answers together cost at most [`NAME_WORK_MAX`] steps.

use std::net::IpAddr;

use crate::decode::wire::address;
use crate::model::{DomainName, NAME_LEN_MAX};

/// Not a DNS message, or one cut short before the end of its question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a DNS message")]
pub(super) struct NotDns;

/// Something in a message that can be matched. Names are text as `KeySink::name` wants it:
/// labels with dots, no trailing dot (the root is one dot), bytes that are not plain printable
/// ASCII as `\DDD`, so that a dot inside a label never reads as a separator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'t> {
    /// The name of the first question.
    Question(&'t [u8]),
    /// A CNAME target, or an SVCB or HTTPS target other than the root.
    Name(&'t [u8]),
    /// An A or AAAA address, or an address hint of SVCB or HTTPS; unmapped.
    Address(IpAddr),
}

/// The rest of what an event needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// The type of the first question; none if the message has no question.
    pub(super) qtype: Option<u16>,
    /// The response code of the header, without the extension that EDNS may add.
    pub(super) rcode: u16,
}

/// Most bytes of a message; what follows is not read.
const MESSAGE_LEN_MAX: usize = 65_535;

/// Most bytes of a name on the wire, with its length bytes and the root.
const WIRE_NAME_MAX: usize = 255;

/// Most compression pointers in one name: one between any two labels.
const HOPS_MAX: usize = 127;

/// Most bytes and pointers that the names of all answers of a message may cost together.
/// Names beyond it are passed over; addresses are still read.
const NAME_WORK_MAX: usize = 65_536;

/// Room for a name in text form without escapes.
const TEXT_LEN_MAX: usize = 256;

/// Room for a name in text form with every byte escaped.
const ESCAPED_LEN_MAX: usize = 4 * WIRE_NAME_MAX;

/// Walks `message` and hands its parts to `visit`: the question, then the answers in order.
/// Takes what can be read of the answers and stops at the first that cannot. Allocates nothing.
///
/// # Errors
/// [`NotDns`] when the message ends before its first question does, or that question's name
/// breaks the rules; then nothing was visited.
pub(super) fn walk(message: &[u8], visit: impl FnMut(Part<'_>)) -> Result<Facts, NotDns> {
    walk_within(message, &mut { NAME_WORK_MAX }, visit)
}

/// [`walk`], taking the cost of the answers' names from `budget`.
fn walk_within(
    message: &[u8],
    budget: &mut usize,
    mut visit: impl FnMut(Part<'_>),
) -> Result<Facts, NotDns> {
    let message = message.get(..MESSAGE_LEN_MAX).unwrap_or(message);
    let Some([_, _, _, flags, qd_high, qd_low, an_high, an_low, ..]) = message.first_chunk::<12>()
    else {
        return Err(NotDns);
    };
    let questions = u16::from_be_bytes([*qd_high, *qd_low]);
    let answers = u16::from_be_bytes([*an_high, *an_low]);
    let mut facts = Facts {
        qtype: None,
        rcode: u16::from(*flags & 0x0f),
    };
    let mut text = [0; TEXT_LEN_MAX];
    let mut at = 12;
    if questions > 0 {
        let name = read_name(message, at, &mut text)?;
        let [high, low, _, _] = *chunk_at(message, name.end).ok_or(NotDns)?;
        facts.qtype = Some(u16::from_be_bytes([high, low]));
        name.show(message, &text, |text| visit(Part::Question(text)));
        at = name.end + 4;
    }
    for _ in 1..questions {
        let Some(end) = skip_name(message, at) else {
            return Ok(facts);
        };
        at = end + 4;
    }
    for _ in 0..answers {
        let Some(record) = Record::read(message, at) else {
            break;
        };
        at = record.end;
        record.visit(message, &mut text, budget, &mut visit);
    }
    Ok(facts)
}

/// `raw` in its normal form if it has one, else as it is.
pub(super) fn normalized(raw: &[u8]) -> String {
    let mut scratch = [0; NAME_LEN_MAX];
    match DomainName::parse(raw, &mut scratch) {
        Ok(name) => name.as_str().to_owned(),
        Err(_) => String::from_utf8_lossy(raw).into_owned(),
    }
}

/// A resource record in a message.
#[derive(Clone, Copy, Debug)]
struct Record<'m> {
    /// Its type.
    rtype: u16,
    /// Its class.
    class: u16,
    /// Its data.
    data: &'m [u8],
    /// Where its data begins.
    data_at: usize,
    /// Where the next record begins.
    end: usize,
}

impl<'m> Record<'m> {
    /// The record at `at`; none if it is not wholly there.
    fn read(message: &'m [u8], at: usize) -> Option<Self> {
        let fixed_at = skip_name(message, at)?;
        let [
            type_high,
            type_low,
            class_high,
            class_low,
            _,
            _,
            _,
            _,
            len_high,
            len_low,
        ] = *chunk_at(message, fixed_at)?;
        let data_at = fixed_at + 10;
        let end = data_at + usize::from(u16::from_be_bytes([len_high, len_low]));
        Some(Self {
            rtype: u16::from_be_bytes([type_high, type_low]),
            class: u16::from_be_bytes([class_high, class_low]),
            data: message.get(data_at..end)?,
            data_at,
            end,
        })
    }

    /// Hands out what can be matched in it; nothing when its data is not of its type.
    fn visit(
        self,
        message: &[u8],
        text: &mut [u8; TEXT_LEN_MAX],
        budget: &mut usize,
        visit: &mut impl FnMut(Part<'_>),
    ) {
        const INTERNET: u16 = 1;
        if self.class != INTERNET {
            return;
        }
        match self.rtype {
            1 if self.data.len() == 4 => visit_addresses(self.data, 4, visit),
            28 if self.data.len() == 16 => visit_addresses(self.data, 16, visit),
            5 => {
                self.visit_name(message, self.data_at, text, budget, visit);
            }
            64 | 65 => {
                let target_at = self.data_at + 2;
                if let Some(end) = self.visit_name(message, target_at, text, budget, visit) {
                    visit_hints(message.get(end..self.end).unwrap_or_default(), visit);
                }
            }
            _ => {}
        }
    }

    /// Hands out the name at `at` and gives its end; none when it is no name within the data.
    fn visit_name(
        self,
        message: &[u8],
        at: usize,
        text: &mut [u8; TEXT_LEN_MAX],
        budget: &mut usize,
        visit: &mut impl FnMut(Part<'_>),
    ) -> Option<usize> {
        let message = message.get(..self.end)?;
        if *budget == 0 {
            return skip_name(message, at);
        }
        let name = read_name(message, at, text);
        let work = name.map_or(WIRE_NAME_MAX + HOPS_MAX, |name| name.work);
        *budget = budget.saturating_sub(work);
        let name = name.ok()?;
        if name.len > 0 {
            name.show(message, text, |text| visit(Part::Name(text)));
        }
        Some(name.end)
    }
}

/// Hands out the address hints among the service parameters `params`.
fn visit_hints(mut params: &[u8], visit: &mut impl FnMut(Part<'_>)) {
    while let [key_high, key_low, len_high, len_low, rest @ ..] = params {
        let len = usize::from(u16::from_be_bytes([*len_high, *len_low]));
        let Some((value, tail)) = rest.split_at_checked(len) else {
            return;
        };
        match u16::from_be_bytes([*key_high, *key_low]) {
            4 => visit_addresses(value, 4, visit),
            6 => visit_addresses(value, 16, visit),
            _ => {}
        }
        params = tail;
    }
}

/// Hands out the addresses of `len` bytes each in `bytes`.
fn visit_addresses(bytes: &[u8], len: usize, visit: &mut impl FnMut(Part<'_>)) {
    for address in bytes.chunks_exact(len).filter_map(address) {
        visit(Part::Address(address));
    }
}

/// A name that was read: its text lies in the caller's buffer unless it needs escapes.
#[derive(Clone, Copy, Debug)]
struct Name {
    /// Where it begins in the message.
    start: usize,
    /// Where what follows it begins.
    end: usize,
    /// Bytes of its text without escapes and trailing dot; 0 for the root.
    len: usize,
    /// Whether it holds a byte that must be escaped.
    special: bool,
    /// Bytes and pointers that it took to read.
    work: usize,
}

impl Name {
    /// Gives its text form, which begins in `text` if it needs no escapes, to `then`.
    fn show(self, message: &[u8], text: &[u8; TEXT_LEN_MAX], then: impl FnOnce(&[u8])) {
        if self.len == 0 {
            then(b".");
        } else if self.special {
            show_escaped(message, self.start, then);
        } else {
            then(text.get(..self.len).unwrap_or_default());
        }
    }
}

/// Reads the name at `start`, leaving its text in `text`; an error when it breaks a rule.
fn read_name(message: &[u8], start: usize, text: &mut [u8; TEXT_LEN_MAX]) -> Result<Name, NotDns> {
    let mut labels = Labels::new(message, start);
    let mut len = 0;
    let mut special = false;
    while let Some(label) = labels.next()? {
        let room = text.get_mut(len..=len + label.len()).ok_or(NotDns)?;
        let (dot, body) = room.split_last_mut().ok_or(NotDns)?;
        for (to, from) in body.iter_mut().zip(label) {
            *to = *from;
            special |= !is_plain(*from);
        }
        *dot = b'.';
        len += label.len() + 1;
    }
    Ok(Name {
        start,
        end: labels.end.ok_or(NotDns)?,
        len: len.saturating_sub(1),
        special,
        work: len + labels.hops,
    })
}

/// Gives the text of the name at `start`, with escapes, to `then`. Rare, and needs room.
#[cold]
#[inline(never)]
fn show_escaped(message: &[u8], start: usize, then: impl FnOnce(&[u8])) {
    let mut text = [0; ESCAPED_LEN_MAX];
    let mut len = 0;
    let mut push = |byte| {
        if let Some(slot) = text.get_mut(len) {
            *slot = byte;
            len += 1;
        }
    };
    let mut labels = Labels::new(message, start);
    let mut first = true;
    while let Ok(Some(label)) = labels.next() {
        if !first {
            push(b'.');
        }
        first = false;
        for &byte in label {
            if is_plain(byte) {
                push(byte);
            } else {
                push(b'\\');
                push(b'0' + byte / 100);
                push(b'0' + byte / 10 % 10);
                push(b'0' + byte % 10);
            }
        }
    }
    then(text.get(..len).unwrap_or_default());
}

/// Whether a byte of a label stands for itself in text.
fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e) && byte != b'.' && byte != b'\\'
}

/// The labels of a name, through its compression pointers.
#[derive(Clone, Copy, Debug)]
struct Labels<'m> {
    /// The message.
    message: &'m [u8],
    /// Where the next label or pointer is.
    at: usize,
    /// Where the run of labels began that `at` is in: a pointer must go before it.
    run_at: usize,
    /// Where what follows the name begins; known after the first pointer or the root.
    end: Option<usize>,
    /// Bytes that the name may still have.
    left: usize,
    /// Pointers followed.
    hops: usize,
}

impl<'m> Labels<'m> {
    /// The labels of the name at `start`.
    fn new(message: &'m [u8], start: usize) -> Self {
        Self {
            message,
            at: start,
            run_at: start,
            end: None,
            left: WIRE_NAME_MAX,
            hops: 0,
        }
    }

    /// The next label; none after the root.
    #[inline]
    fn next(&mut self) -> Result<Option<&'m [u8]>, NotDns> {
        loop {
            let Some([len, tail @ ..]) = self.message.get(self.at..) else {
                return Err(NotDns);
            };
            match *len {
                0 => {
                    self.end.get_or_insert(self.at + 1);
                    return if self.left == 0 {
                        Err(NotDns)
                    } else {
                        Ok(None)
                    };
                }
                1..=63 => {
                    let size = usize::from(*len);
                    let label = tail.get(..size).ok_or(NotDns)?;
                    self.left = self.left.checked_sub(size + 1).ok_or(NotDns)?;
                    self.at += size + 1;
                    return Ok(Some(label));
                }
                64..=191 => return Err(NotDns),
                192..=255 => {
                    let low = tail.first().ok_or(NotDns)?;
                    let target = usize::from(*len & 0x3f) << 8 | usize::from(*low);
                    if target >= self.run_at || self.hops == HOPS_MAX {
                        return Err(NotDns);
                    }
                    self.end.get_or_insert(self.at + 2);
                    self.at = target;
                    self.run_at = target;
                    self.hops += 1;
                }
            }
        }
    }
}

/// Where what follows the name at `at` begins, without following pointers.
fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            len @ 1..=63 => at += usize::from(len) + 1,
            64..=191 => return None,
            192..=255 => return Some(at + 2),
        }
    }
}

/// The `N` bytes at `at`.
fn chunk_at<const N: usize>(message: &[u8], at: usize) -> Option<&[u8; N]> {
    message.get(at..)?.first_chunk()
}

#[cfg(test)]
mod tests;
