//! Events as the bytes that their producers would send: the other direction of `decode`, for
//! made traffic and for tests. Only what a dialect can say is written; the rest of an event is
//! left out, as its producer would (Zeek says nothing of policies, goflow2 nothing of replies).

mod dns_collector_json;
mod dns_message;
mod dnstap;
mod gannet_json;
mod gannet_protobuf;
mod goflow2_json;
mod goflow2_protobuf;
mod text;
mod wire;
mod zeek_json;

use crate::model::{Event, EventFormat};

/// Appends one record in `format` that holds `events`. `zeek-json`, `dnstap`,
/// `dns-collector-json` and `goflow2-json` carry one event a record; `goflow2-protobuf` writes
/// length-delimited messages, `gannet-json` lines, `gannet-protobuf` one batch. An event of a
/// kind that the format has no words for (a flow as dnstap, a question as goflow2) adds nothing.
///
/// Appends to `out` without clearing it; allocates only for `gannet-protobuf`.
pub fn write(format: EventFormat, events: &[Event], out: &mut Vec<u8>) {
    match format {
        EventFormat::ZeekJson => write_one(events, out, zeek_json::write),
        EventFormat::Dnstap => write_one(events, out, dnstap::write),
        EventFormat::DnsCollectorJson => write_one(events, out, dns_collector_json::write),
        EventFormat::Goflow2Json => write_one(events, out, goflow2_json::write),
        EventFormat::Goflow2Protobuf => {
            for event in events {
                goflow2_protobuf::write(event, out);
            }
        }
        EventFormat::GannetJson => {
            for (index, event) in events.iter().enumerate() {
                if index > 0 {
                    out.push(b'\n');
                }
                gannet_json::write(event, out);
            }
        }
        EventFormat::GannetProtobuf => gannet_protobuf::write(events, out),
    }
}

/// Writes the only event of a record.
fn write_one(events: &[Event], out: &mut Vec<u8>, write: fn(&Event, &mut Vec<u8>)) {
    debug_assert_eq!(events.len(), 1, "the format carries one event a record");
    if let Some(event) = events.first() {
        write(event, out);
    }
}

#[cfg(test)]
mod tests;
