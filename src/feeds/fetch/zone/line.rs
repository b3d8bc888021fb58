//! Records as lines of a zone file: owner, time to live, class, type and data with tabs between them,
//! names absolute. Every byte of a name that could mean something else in a zone file is escaped, so
//! that no name of a server's choice turns into a comment, a directive or a second record.

use std::fmt::{self, Write};

use domain::base::iana::{Class, Rtype};
use domain::base::name::ToName;
use domain::base::rdata::{ParseRecordData, UnknownRecordData};
use domain::base::record::ParsedRecord;
use domain::base::{Message, ParsedName};
use domain::rdata::{A, Aaaa, Cname, Dname, Mx, Ns, Ptr, Soa, Txt};

use super::error::Failure;

/// A record of a message.
pub(super) type WireRecord<'m> = ParsedRecord<'m, Vec<u8>>;

/// A name of a message.
type WireName<'m> = ParsedName<&'m [u8]>;

/// A record as a line; memory that serves record after record.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// The line, with its line feed.
    text: String,
    /// Its serial if it is an SOA record.
    authority: Option<u32>,
}

impl Line {
    /// Writes a record in place of what the line was.
    ///
    /// # Errors
    /// [`Failure::Malformed`] when its data are not what its type says, or its class is none of zones.
    pub(super) fn set(&mut self, record: &WireRecord<'_>) -> Result<(), Failure> {
        self.text.clear();
        self.authority = None;
        if record.class() != Class::IN {
            return Err(Failure::Malformed {
                what: "holds a record that is not of the internet",
            });
        }
        // Whatever writes to a text does not fail: it is the data that cannot be read.
        self.write(record).map_err(|_| Failure::Malformed {
            what: "holds a record whose data cannot be read",
        })
    }

    /// The line, with its line feed.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Its serial if it is an SOA record.
    pub(super) fn authority(&self) -> Option<u32> {
        self.authority
    }

    /// Writes a record.
    ///
    /// # Errors
    /// When its data are not what its type says.
    fn write(&mut self, record: &WireRecord<'_>) -> fmt::Result {
        let text = &mut self.text;
        write_name(text, &record.owner())?;
        let (ttl, rtype) = (record.ttl().as_secs(), record.rtype());
        write!(text, "\t{ttl}\tIN\t{rtype}\t")?;
        match rtype {
            Rtype::SOA => {
                let soa: Soa<WireName<'_>> = data(record)?;
                self.authority = Some(soa.serial().into_int());
                write_authority(text, &soa)?;
            }
            Rtype::CNAME => write_name(text, data::<Cname<WireName<'_>>>(record)?.cname())?,
            Rtype::DNAME => write_name(text, data::<Dname<WireName<'_>>>(record)?.dname())?,
            Rtype::NS => write_name(text, data::<Ns<WireName<'_>>>(record)?.nsdname())?,
            Rtype::PTR => write_name(text, data::<Ptr<WireName<'_>>>(record)?.ptrdname())?,
            Rtype::MX => {
                let mx: Mx<WireName<'_>> = data(record)?;
                write!(text, "{} ", mx.preference())?;
                write_name(text, mx.exchange())?;
            }
            Rtype::A => write!(text, "{}", data::<A>(record)?.addr())?,
            Rtype::AAAA => write!(text, "{}", data::<Aaaa>(record)?.addr())?,
            Rtype::TXT => write!(text, "{}", data::<Txt<&[u8]>>(record)?)?,
            _ => write_unknown(text, data::<UnknownRecordData<&[u8]>>(record)?.data())?,
        }
        text.push('\n');
        Ok(())
    }
}

/// What a line without its time to live is: a record is taken out by its owner, type and data. None
/// if it is no line of ours.
pub(super) fn identity<'i>(text: &[u8], identity: &'i mut Vec<u8>) -> Option<&'i [u8]> {
    let mut parts = text.splitn(3, |&byte| byte == b'\t');
    let (owner, _, rest) = (parts.next()?, parts.next()?, parts.next()?);
    identity.clear();
    identity.extend_from_slice(owner);
    identity.push(b'\t');
    identity.extend_from_slice(rest);
    Some(identity)
}

/// The line that an SOA record of this owner starts with, up to its time to live.
pub(super) fn owner_of(zone: &impl ToName) -> String {
    let mut text = String::new();
    // Writing to a text does not fail.
    let _ = write_name(&mut text, zone);
    text
}

/// The serial of a line that is the SOA record of `owner`.
pub(super) fn serial_of(text: &[u8], owner: &str) -> Option<u32> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('\n')?;
    let mut parts = text.split('\t');
    let (name, _ttl, _class) = (parts.next()?, parts.next()?, parts.next()?);
    let (rtype, data) = (parts.next()?, parts.next()?);
    if name != owner || rtype != "SOA" {
        return None;
    }
    data.split(' ').nth(2)?.parse().ok()
}

/// The data of a record, as its type says.
///
/// # Errors
/// When they are something else.
fn data<'m, Data: ParseRecordData<'m, Vec<u8>>>(
    record: &WireRecord<'m>,
) -> Result<Data, fmt::Error> {
    match record.to_record::<Data>() {
        Ok(Some(record)) => Ok(record.into_data()),
        Ok(None) | Err(_) => Err(fmt::Error),
    }
}

/// Writes a name, in lower case and with its last dot.
///
/// # Errors
/// None of its own.
fn write_name(text: &mut String, name: &impl ToName) -> fmt::Result {
    let start = text.len();
    for label in name.iter_labels().filter(|label| !label.is_root()) {
        for byte in label.iter() {
            match byte.to_ascii_lowercase() {
                byte @ (b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'*' | b'/') => {
                    text.push(char::from(byte));
                }
                byte => write!(text, "\\{byte:03}")?,
            }
        }
        text.push('.');
    }
    if text.len() == start {
        text.push('.');
    }
    Ok(())
}

/// Writes the data of an SOA record.
///
/// # Errors
/// None of its own.
fn write_authority(text: &mut String, soa: &Soa<WireName<'_>>) -> fmt::Result {
    write_name(text, soa.mname())?;
    text.push(' ');
    write_name(text, soa.rname())?;
    let serial = soa.serial().into_int();
    let times = [soa.refresh(), soa.retry(), soa.expire(), soa.minimum()];
    let [refresh, retry, expire, minimum] = times.map(|time| time.as_secs());
    write!(text, " {serial} {refresh} {retry} {expire} {minimum}")
}

/// Writes data as RFC 3597 has it: nobody who reads policies asks what they say.
///
/// # Errors
/// None of its own.
fn write_unknown(text: &mut String, data: &[u8]) -> fmt::Result {
    write!(text, "\\# {}", data.len())?;
    if !data.is_empty() {
        text.push(' ');
    }
    data.iter().try_for_each(|byte| write!(text, "{byte:02x}"))
}

/// The records of a message's answer.
///
/// # Errors
/// [`Failure::Malformed`].
pub(super) fn records(
    message: &Message<Vec<u8>>,
) -> Result<impl Iterator<Item = Result<WireRecord<'_>, Failure>>, Failure> {
    let malformed = |_| Failure::Malformed {
        what: "holds a record that cannot be read",
    };
    let section = message.answer().map_err(malformed)?;
    Ok(section.map(move |record| record.map_err(malformed)))
}
