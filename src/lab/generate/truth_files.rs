//! The lines of the truth, the leases, the configuration and the explanation of a written
//! operation.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::json;

use super::GenerateReport;
use crate::encode;
use crate::lab::operation::{Operation, Stream, TruthHit};
use crate::model::Named;

/// Appends one planted hit as a line of JSON.
pub(super) fn push_hit(hit: &TruthHit, line: &mut Vec<u8>) {
    let object = json!({
        "stream": hit.stream.topic(),
        "event_time": hit.event_time.to_string(),
        "client": {"ip": hit.client.ip, "port": hit.client.port},
        "field": hit.field.as_str(),
        "observed": hit.observed,
        "class": hit.class,
        "value": hit.value,
        "campaign": hit.campaign,
        "evidence": hit.evidence.as_str(),
        "victim_evidence": hit.victim_evidence(),
        "victim_reason": hit.victim_reason.map(Named::as_str),
        "subscriber": hit.subscriber,
        "attribution": hit.attribution.as_str(),
    });
    // Writing to a vector cannot fail.
    let _ = writeln!(line, "{object}");
}

/// Writes every lease as a line of `gannet.lease.v1`; says how many.
pub(super) fn write_leases(operation: &Operation, out: &mut impl Write) -> io::Result<u64> {
    let mut count = 0;
    let mut line = Vec::new();
    for lease in operation.leases() {
        line.clear();
        encode::lease(&lease, &mut line);
        line.push(b'\n');
        out.write_all(&line)?;
        count += 1;
    }
    Ok(count)
}

/// Writes every victim as a line of JSON; says how many.
pub(super) fn write_victims(operation: &Operation, out: &mut impl Write) -> io::Result<u64> {
    let mut count = 0;
    for victim in operation.truth_victims() {
        let object = json!({
            "subscriber": victim.subscriber,
            "country": victim.country,
            "operator": victim.operator,
            "campaigns": victim.campaigns,
            "first_seen": victim.first_seen.to_string(),
            "last_seen": victim.last_seen.to_string(),
            "hits": victim.hits,
            "evidence": victim.evidence.as_str(),
        });
        writeln!(out, "{object}")?;
        count += 1;
    }
    Ok(count)
}

/// The configuration but for its feeds: the streams as topics, our networks, and the leases.
pub(super) fn configuration(operation: &Operation) -> String {
    let mut toml = String::from(
        "# Reads a made operation. The events go to topics of the same names first.\n\
         [kafka]\nbrokers = \"127.0.0.1:9092\"\ngroup = \"gannet\"\n",
    );
    for stream in Stream::ALL {
        let (topic, format) = (stream.topic(), stream.format().as_str());
        let _ = write!(
            toml,
            "\n[[source]]\nname = \"{topic}\"\ntopics = [\"{topic}\"]\nformat = \"{format}\"\n"
        );
    }
    let networks = operation.networks();
    toml.push_str("\n[networks]\n");
    for (key, nets) in [
        ("own", &networks.own),
        ("resolvers", &networks.resolvers),
        ("exclude", &networks.exclude),
    ] {
        let nets: Vec<String> = nets.iter().map(|net| format!("\"{net}\"")).collect();
        let _ = writeln!(toml, "{key} = [{}]", nets.join(", "));
    }
    toml.push_str(
        "\n[hits]\ntopic = \"gannet.hits\"\nformat = \"json\"\n\n[identify]\n\
         leases = [{ path = \"leases.jsonl\", format = \"gannet-json\" }]\n\
         store = \"state/episodes.redb\"\n\n[http]\nlisten = \"127.0.0.1:9464\"\n",
    );
    toml
}

/// What lies in the directory.
pub(super) fn readme(operation: &Operation, report: &GenerateReport) -> String {
    let options = operation.options();
    let mut text = format!(
        "A made operation. No name, address or person in it is real.\n\n\
         {} events from January to April 2025, {} indicators, {} victims, {} countries, seed {}.\n\
         {} planted hits, {} leases, {} rows in the feeds.\n\n\
         gannet.toml         a configuration for it\n\
         feeds/              what is listed, and what is allowed\n\
         leases.jsonl        who held which address (gannet-json)\n\
         truth/hits.jsonl    every hit that must be found, in the order of time\n\
         truth/victims.jsonl every victim that must be found\n",
        options.events,
        options.indicators,
        options.victims,
        options.countries,
        options.seed,
        report.hits,
        report.leases,
        report.feed_rows,
    );
    for stream in Stream::ALL {
        let framing = match stream {
            Stream::Dnstap => "frame stream",
            Stream::Flows => "messages with their length in front",
            Stream::Dns | Stream::Collector | Stream::Conn => "lines",
        };
        let path = format!("events/{}", stream.file_name());
        let _ = writeln!(text, "{path:<23} {}, {framing}", stream.format().as_str());
    }
    let inputs: Vec<String> = Stream::ALL
        .iter()
        .map(|stream| {
            format!(
                "--input {}:events/{}",
                stream.format().as_str(),
                stream.file_name()
            )
        })
        .collect();
    let _ = write!(
        text,
        "\nTo search the events, from within this directory:\n\n  gannet scan -c gannet.toml {} \
         --output hits.jsonl\n",
        inputs.join(" ")
    );
    text
}
