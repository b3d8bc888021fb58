//! Control frames of Frame Streams.

use super::{BadFrame, CONTROL_LEN_MAX};

/// The content type of dnstap.
pub(super) const CONTENT_TYPE: &[u8] = b"protobuf:dnstap.Dnstap";

/// The type of a START control frame.
pub(super) const START: u32 = 2;
/// The type of a STOP control frame.
pub(super) const STOP: u32 = 3;
/// The only field of a control frame: a content type.
pub(super) const FIELD_CONTENT_TYPE: u32 = 1;

/// What a control frame of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The stream begins.
    Start,
    /// The stream ends.
    Stop,
    /// Something that only sockets say.
    Other,
}

/// Reads the control frame at the start of `buf`, which begins behind its escape: its kind and
/// how many bytes it takes; none if it is not all there yet.
///
/// # Errors
/// [`BadFrame::BadControl`] when it is malformed or too long, [`BadFrame::ContentType`] when it
/// starts a stream of something else.
pub(super) fn read(buf: &[u8]) -> Result<Option<(Kind, usize)>, BadFrame> {
    let Some((len, rest)) = split_number(buf) else {
        return Ok(None);
    };
    let len = usize::try_from(len).map_err(|_| BadFrame::BadControl)?;
    if len > CONTROL_LEN_MAX {
        return Err(BadFrame::BadControl);
    }
    let Some(frame) = rest.get(..len) else {
        return Ok(None);
    };
    let (kind, fields) = split_number(frame).ok_or(BadFrame::BadControl)?;
    let dnstap = is_dnstap(fields)?;
    let kind = match kind {
        START if dnstap => Kind::Start,
        START => return Err(BadFrame::ContentType),
        STOP => Kind::Stop,
        _ => Kind::Other,
    };
    Ok(Some((kind, 4 + len)))
}

/// Whether the content types among `fields` allow dnstap: none is given, or it is one of them.
fn is_dnstap(mut fields: &[u8]) -> Result<bool, BadFrame> {
    let mut found = fields.is_empty();
    while !fields.is_empty() {
        let (field, rest) = split_number(fields).ok_or(BadFrame::BadControl)?;
        let (len, rest) = split_number(rest).ok_or(BadFrame::BadControl)?;
        let len = usize::try_from(len).map_err(|_| BadFrame::BadControl)?;
        let (value, rest) = rest.split_at_checked(len).ok_or(BadFrame::BadControl)?;
        if field != FIELD_CONTENT_TYPE {
            return Err(BadFrame::BadControl);
        }
        found |= value == CONTENT_TYPE;
        fields = rest;
    }
    Ok(found)
}

/// The number at the start of `buf`, and what follows it.
fn split_number(buf: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = buf.split_first_chunk()?;
    Some((u32::from_be_bytes(*number), rest))
}
