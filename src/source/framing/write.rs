//! Writes records into the framings that [`super::Splitter`] reads.

use super::control::{CONTENT_TYPE, FIELD_CONTENT_TYPE, START, STOP};
use super::{BadFrame, FRAME_LEN_MAX, Framing, RECORD_LEN_MAX};

/// Appends `record` to `out` in `framing`. A frame stream cannot hold an empty record: it is
/// left out. A line must not hold a line end.
///
/// # Errors
/// [`BadFrame::TooLong`] when the record is above the bound of its framing; then nothing is
/// written.
pub fn write_frame(framing: Framing, record: &[u8], out: &mut Vec<u8>) -> Result<(), BadFrame> {
    match framing {
        Framing::Lines => {
            check(record.len(), RECORD_LEN_MAX)?;
            out.extend_from_slice(record);
            out.push(b'\n');
        }
        Framing::FrameStream => {
            let len = check(record.len(), FRAME_LEN_MAX)?;
            if len > 0 {
                out.extend_from_slice(&len.to_be_bytes());
                out.extend_from_slice(record);
            }
        }
        Framing::Delimited => {
            let len = check(record.len(), RECORD_LEN_MAX)?;
            prost::encoding::encode_varint(u64::from(len), out);
            out.extend_from_slice(record);
        }
        Framing::Whole => {
            check(record.len(), RECORD_LEN_MAX)?;
            out.extend_from_slice(record);
        }
    }
    Ok(())
}

/// Appends what a file in `framing` begins with: a START control frame, or nothing.
pub fn write_start(framing: Framing, out: &mut Vec<u8>) {
    match framing {
        Framing::FrameStream => {
            let mut field = FIELD_CONTENT_TYPE.to_be_bytes().to_vec();
            // The content type is 22 bytes long.
            field.extend_from_slice(&22_u32.to_be_bytes());
            field.extend_from_slice(CONTENT_TYPE);
            write_control(START, 34, &field, out);
        }
        Framing::Lines | Framing::Delimited | Framing::Whole => {}
    }
}

/// Appends what a file in `framing` ends with: a STOP control frame, or nothing.
pub fn write_stop(framing: Framing, out: &mut Vec<u8>) {
    match framing {
        Framing::FrameStream => write_control(STOP, 4, &[], out),
        Framing::Lines | Framing::Delimited | Framing::Whole => {}
    }
}

/// Appends a control frame of `len` bytes: its type and its fields.
fn write_control(kind: u32, len: u32, fields: &[u8], out: &mut Vec<u8>) {
    for number in [0, len, kind] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend_from_slice(fields);
}

/// The length as a number, if it is within its bound.
fn check(len: usize, len_max: usize) -> Result<u32, BadFrame> {
    u32::try_from(len)
        .ok()
        .filter(|_| len <= len_max)
        .ok_or(BadFrame::TooLong)
}
