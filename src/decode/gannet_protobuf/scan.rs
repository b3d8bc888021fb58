//! The key face of `gannet-protobuf`: reads one `gannet.v1.Event` in place.

use super::{byte, has_no_ports};
use crate::decode::wire::{
    Broken, Fields, Known, address, bytes_tag, fixed64_tag, port, varint_tag,
};
use crate::decode::{KeySink, Reject};
use crate::model::Endpoint;

/// Checks one event and hands out its keys.
///
/// # Errors
/// The [`Reject`] with which the full face would refuse the event, except for want of a time.
#[inline]
pub(super) fn scan<'r, S: KeySink<'r>>(event: &'r [u8], sink: &mut S) -> Result<(), Reject> {
    match read(event, sink).map_err(|_| Reject::NotProtobuf)? {
        Kind::None => Err(Reject::Schema),
        Kind::Dns(dns) => dns.finish(sink),
        Kind::Flow(flow) => flow.finish(sink),
    }
}

/// The kind of an event, as far as the key scan reads it. A message that is there twice is
/// merged, as protobuf wants it.
#[derive(Clone, Copy, Debug, Default)]
enum Kind<'r> {
    /// Neither.
    #[default]
    None,
    /// `dns`.
    Dns(Dns<'r>),
    /// `flow`.
    Flow(Flow<'r>),
}

/// The fields of `gannet.v1.Dns` that are keys or may be wrong; its answers are handed out as
/// they are read.
#[derive(Clone, Copy, Debug, Default)]
struct Dns<'r> {
    /// `client`.
    client: End<'r>,
    /// `resolver`.
    resolver: End<'r>,
    /// `qname`.
    qname: &'r [u8],
    /// `qtype`.
    qtype: u32,
    /// `rcode`.
    rcode: u32,
    /// Whether the address of an answer is none.
    bad_answer: bool,
}

/// The fields of `gannet.v1.Flow` that are keys or may be wrong.
#[derive(Clone, Copy, Debug, Default)]
struct Flow<'r> {
    /// `source`.
    source: End<'r>,
    /// `destination`.
    destination: End<'r>,
    /// `protocol`.
    protocol: Option<u32>,
    /// `tcp_flags`.
    tcp_flags: u32,
}

/// The fields of `gannet.v1.Endpoint`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct End<'r> {
    /// `ip`.
    pub(super) ip: &'r [u8],
    /// `port`.
    pub(super) port: u32,
}

impl<'r> End<'r> {
    /// The end that it stands for; none without an address.
    #[inline]
    pub(super) fn checked(self) -> Result<Option<Endpoint>, Reject> {
        if self.ip.is_empty() {
            return Ok(None);
        }
        let ip = address(self.ip).ok_or(Reject::BadAddress)?;
        if self.port > u32::from(u16::MAX) {
            return Err(Reject::Schema);
        }
        let port = port(u64::from(self.port));
        Ok(Some(Endpoint { ip, port }))
    }

    /// Reads the fields of `message` over those that are there.
    #[inline]
    fn merge(&mut self, message: &'r [u8]) -> Result<(), Broken> {
        const IP: u32 = bytes_tag(1);
        const PORT: u32 = varint_tag(2);
        const KNOWN: Known = Known::of(&[IP, PORT]);
        let mut fields = Fields::new(message);
        if fields.next_is(IP) {
            self.ip = fields.bytes()?;
        }
        if fields.next_is(PORT) {
            self.port = truncated(fields.varint()?);
        }
        while let Some(tag) = fields.tag()? {
            match tag {
                IP => self.ip = fields.bytes()?,
                PORT => self.port = truncated(fields.varint()?),
                other => fields.skip_unknown(other, KNOWN)?,
            }
        }
        Ok(())
    }
}

/// The low 32 bits of an integer: how protobuf reads a larger one into a smaller field.
fn truncated(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

/// Reads one event, handing out the keys of its answers.
#[inline]
fn read<'r, S: KeySink<'r>>(event: &'r [u8], sink: &mut S) -> Result<Kind<'r>, Broken> {
    const TIME: u32 = fixed64_tag(1);
    const OBSERVER: u32 = bytes_tag(2);
    const HINT: u32 = bytes_tag(3);
    const SAMPLING_RATE: u32 = varint_tag(4);
    const DNS: u32 = bytes_tag(5);
    const FLOW: u32 = bytes_tag(6);
    const KNOWN: Known = Known::of(&[TIME, OBSERVER, HINT, SAMPLING_RATE, DNS, FLOW]);
    let mut fields = Fields::new(event);
    if fields.next_is(TIME) {
        fields.fixed64()?;
    }
    for tag in [OBSERVER, HINT] {
        if fields.next_is(tag) {
            fields.text()?;
        }
    }
    if fields.next_is(SAMPLING_RATE) {
        fields.varint()?;
    }
    let mut kind = Kind::None;
    if fields.next_is(DNS) {
        let mut dns = Dns::default();
        dns.merge(fields.bytes()?, sink)?;
        kind = Kind::Dns(dns);
    } else if fields.next_is(FLOW) {
        let mut flow = Flow::default();
        flow.merge(fields.bytes()?)?;
        kind = Kind::Flow(flow);
    }
    while let Some(tag) = fields.tag()? {
        match tag {
            TIME => {
                fields.fixed64()?;
            }
            OBSERVER | HINT => {
                fields.text()?;
            }
            SAMPLING_RATE => {
                fields.varint()?;
            }
            DNS => {
                let mut dns = match kind {
                    Kind::Dns(dns) => dns,
                    Kind::None | Kind::Flow(_) => Dns::default(),
                };
                dns.merge(fields.bytes()?, sink)?;
                kind = Kind::Dns(dns);
            }
            FLOW => {
                let mut flow = match kind {
                    Kind::Flow(flow) => flow,
                    Kind::None | Kind::Dns(_) => Flow::default(),
                };
                flow.merge(fields.bytes()?)?;
                kind = Kind::Flow(flow);
            }
            other => fields.skip_unknown(other, KNOWN)?,
        }
    }
    Ok(kind)
}

impl<'r> Dns<'r> {
    /// Checks what was read and hands out the question.
    #[inline]
    fn finish<S: KeySink<'r>>(&self, sink: &mut S) -> Result<(), Reject> {
        self.client.checked()?;
        self.resolver.checked()?;
        if self.qtype > u32::from(u16::MAX) || self.rcode > u32::from(u16::MAX) {
            return Err(Reject::Schema);
        }
        if self.bad_answer {
            return Err(Reject::BadAddress);
        }
        if !self.qname.is_empty() {
            sink.name(self.qname);
        }
        Ok(())
    }

    /// Reads the fields of `message` over those that are there; hands out its answers.
    fn merge<S: KeySink<'r>>(&mut self, message: &'r [u8], sink: &mut S) -> Result<(), Broken> {
        const CLIENT: u32 = bytes_tag(1);
        const RESOLVER: u32 = bytes_tag(2);
        const QNAME: u32 = bytes_tag(3);
        const QTYPE: u32 = varint_tag(4);
        const RCODE: u32 = varint_tag(5);
        const ANSWERS: u32 = bytes_tag(6);
        const QUERY_ONLY: u32 = varint_tag(7);
        const UPSTREAM: u32 = varint_tag(8);
        const BLOCKED: u32 = varint_tag(9);
        const KNOWN: Known = Known::of(&[
            CLIENT, RESOLVER, QNAME, QTYPE, RCODE, ANSWERS, QUERY_ONLY, UPSTREAM, BLOCKED,
        ]);
        let mut fields = Fields::new(message);
        if fields.next_is(CLIENT) {
            self.client.merge(fields.bytes()?)?;
        }
        if fields.next_is(RESOLVER) {
            self.resolver.merge(fields.bytes()?)?;
        }
        if fields.next_is(QNAME) {
            self.qname = fields.text()?;
        }
        if fields.next_is(QTYPE) {
            self.qtype = truncated(fields.varint()?);
        }
        if fields.next_is(RCODE) {
            self.rcode = truncated(fields.varint()?);
        }
        while fields.next_is(ANSWERS) {
            self.merge_answer(fields.bytes()?, sink)?;
        }
        while let Some(tag) = fields.tag()? {
            match tag {
                CLIENT => self.client.merge(fields.bytes()?)?,
                RESOLVER => self.resolver.merge(fields.bytes()?)?,
                QNAME => self.qname = fields.text()?,
                QTYPE => self.qtype = truncated(fields.varint()?),
                RCODE => self.rcode = truncated(fields.varint()?),
                ANSWERS => self.merge_answer(fields.bytes()?, sink)?,
                QUERY_ONLY | UPSTREAM | BLOCKED => {
                    fields.varint()?;
                }
                other => fields.skip_unknown(other, KNOWN)?,
            }
        }
        Ok(())
    }

    /// Hands out the name or address of an answer: the last one that it holds.
    fn merge_answer<S: KeySink<'r>>(&mut self, answer: &[u8], sink: &mut S) -> Result<(), Broken> {
        const NAME: u32 = bytes_tag(1);
        const IP: u32 = bytes_tag(2);
        const KNOWN: Known = Known::of(&[NAME, IP]);
        let mut name = None;
        let mut ip = None;
        let mut fields = Fields::new(answer);
        while let Some(tag) = fields.tag()? {
            match tag {
                NAME => (name, ip) = (Some(fields.text()?), None),
                IP => (name, ip) = (None, Some(fields.bytes()?)),
                other => fields.skip_unknown(other, KNOWN)?,
            }
        }
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            sink.name(name);
        }
        match ip.map(address) {
            Some(Some(address)) => sink.address(address, None),
            Some(None) => self.bad_answer = true,
            None => {}
        }
        Ok(())
    }
}

impl<'r> Flow<'r> {
    /// Checks what was read and hands out the ends.
    #[inline]
    fn finish<S: KeySink<'r>>(&self, sink: &mut S) -> Result<(), Reject> {
        let protocol = self.protocol.map(byte).transpose()?;
        byte(self.tcp_flags)?;
        for end in [self.source, self.destination] {
            let end = end.checked()?.ok_or(Reject::Schema)?;
            let port = end.port.filter(|_| !has_no_ports(protocol));
            sink.address(end.ip, port);
        }
        Ok(())
    }

    /// Reads the fields of `message` over those that are there.
    fn merge(&mut self, message: &'r [u8]) -> Result<(), Broken> {
        const SOURCE: u32 = bytes_tag(1);
        const DESTINATION: u32 = bytes_tag(2);
        const PROTOCOL: u32 = varint_tag(3);
        const TCP_FLAGS: u32 = varint_tag(11);
        const PACKETS: u32 = varint_tag(4);
        const BYTES: u32 = varint_tag(5);
        const PAYLOAD_BYTES: u32 = varint_tag(6);
        const TWO_WAY: u32 = varint_tag(7);
        const REVERSE_PACKETS: u32 = varint_tag(8);
        const REVERSE_BYTES: u32 = varint_tag(9);
        const REVERSE_PAYLOAD_BYTES: u32 = varint_tag(10);
        const STATE: u32 = varint_tag(12);
        const INITIATOR: u32 = varint_tag(13);
        const KNOWN: Known = Known::of(&[
            SOURCE,
            DESTINATION,
            PROTOCOL,
            TCP_FLAGS,
            PACKETS,
            BYTES,
            PAYLOAD_BYTES,
            TWO_WAY,
            REVERSE_PACKETS,
            REVERSE_BYTES,
            REVERSE_PAYLOAD_BYTES,
            STATE,
            INITIATOR,
        ]);
        let mut fields = Fields::new(message);
        if fields.next_is(SOURCE) {
            self.source.merge(fields.bytes()?)?;
        }
        if fields.next_is(DESTINATION) {
            self.destination.merge(fields.bytes()?)?;
        }
        if fields.next_is(PROTOCOL) {
            self.protocol = Some(truncated(fields.varint()?));
        }
        for tag in [
            PACKETS,
            BYTES,
            PAYLOAD_BYTES,
            TWO_WAY,
            REVERSE_PACKETS,
            REVERSE_BYTES,
            REVERSE_PAYLOAD_BYTES,
        ] {
            if fields.next_is(tag) {
                fields.varint()?;
            }
        }
        if fields.next_is(TCP_FLAGS) {
            self.tcp_flags = truncated(fields.varint()?);
        }
        while let Some(tag) = fields.tag()? {
            match tag {
                SOURCE => self.source.merge(fields.bytes()?)?,
                DESTINATION => self.destination.merge(fields.bytes()?)?,
                PROTOCOL => self.protocol = Some(truncated(fields.varint()?)),
                TCP_FLAGS => self.tcp_flags = truncated(fields.varint()?),
                PACKETS
                | BYTES
                | PAYLOAD_BYTES
                | TWO_WAY
                | REVERSE_PACKETS
                | REVERSE_BYTES
                | REVERSE_PAYLOAD_BYTES
                | STATE
                | INITIATOR => {
                    fields.varint()?;
                }
                other => fields.skip_unknown(other, KNOWN)?,
            }
        }
        Ok(())
    }
}
