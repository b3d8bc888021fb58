//! Reads a DNS message in place: the question, and what its answers hold that can be matched.
//! The question counts even when the answers are cut short or wrong.
//!
//! The work is linear in the message whatever it holds: compression pointers go strictly
//! backwards, at most [`HOPS_MAX`] a name, a name has at most 255 bytes, and all names of
//! answers together cost at most [`NAME_WORK_MAX`] steps.

use std::net::IpAddr;

use crate::decode::wire::address;
use crate::model::{DomainName, NAME_LEN_MAX};

use name::{HOPS_MAX, TEXT_ROOM, WIRE_NAME_MAX, read_name};

pub(super) use errors::{ERROR_OPTION, is_blocking, says_blocked};

mod errors;
mod name;

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

/// Most bytes and pointers that the names of all answers of a message may cost together.
/// Names beyond it are passed over; addresses are still read.
const NAME_WORK_MAX: usize = 65_536;

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
    let mut text = [0; TEXT_ROOM];
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
    #[inline]
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
        text: &mut [u8; TEXT_ROOM],
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
        text: &mut [u8; TEXT_ROOM],
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

/// Where what follows the name at `at` begins, without following pointers.
#[inline]
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
#[inline]
fn chunk_at<const N: usize>(message: &[u8], at: usize) -> Option<&[u8; N]> {
    message.get(at..)?.first_chunk()
}

#[cfg(test)]
mod tests;
