//! Hits to bytes. All forms say the same; the native ones say all that a hit holds.

use crate::model::{Hit, HitKind, MatchedIndicator, OutputFormat};

mod ecs;
mod json;
mod protobuf;

/// Appends `hit` in `format`.
pub fn hit(format: OutputFormat, hit: &Hit, out: &mut Vec<u8>) {
    match format {
        OutputFormat::Json => json::append(hit, out),
        OutputFormat::Protobuf => protobuf::append(hit, out),
        OutputFormat::Ecs => ecs::append(hit, out),
    }
}

/// Appends `indicator` as a hit shows it in native JSON.
pub fn indicator(indicator: &MatchedIndicator, out: &mut Vec<u8>) {
    json::append_indicator(indicator, out);
}

/// Most indicators that are left in a hit that is too large.
const INDICATORS_KEPT: usize = 8;

/// Most bytes of a free text that are left in a hit that is too large.
const TEXT_BYTES_KEPT: usize = 256;

/// Cuts `hit` until its form in `format` has at most `bytes_max` bytes, and marks it as
/// truncated; a hit that fits stays as it is. Tags go first, then references, answers, the
/// less confident indicators, and last the ends of long texts that are neither its value nor
/// its campaign. What is left after that is below any sane limit of a record.
///
/// Encodes the hit once for each step: for hits that are found to be too large.
pub fn fit(format: OutputFormat, hit: &mut Hit, bytes_max: usize) {
    let mut scratch = Vec::new();
    for cut in CUTS {
        scratch.clear();
        self::hit(format, hit, &mut scratch);
        if scratch.len() <= bytes_max {
            return;
        }
        hit.truncated = true;
        cut(hit);
    }
}

/// The steps of [`fit`].
const CUTS: [fn(&mut Hit); 6] = [
    |hit| hit.indicators.iter_mut().for_each(|one| one.tags.clear()),
    |hit| {
        hit.indicators
            .iter_mut()
            .for_each(|one| one.reference = None);
    },
    cut_answers,
    |hit| hit.indicators.truncate(INDICATORS_KEPT),
    |hit| hit.indicators.truncate(1),
    cut_texts,
];

/// Drops the answers.
fn cut_answers(hit: &mut Hit) {
    match &mut hit.kind {
        HitKind::Dns(dns) => dns.answers.clear(),
        HitKind::Flow(_) => {}
    }
}

/// Shortens every free text.
fn cut_texts(hit: &mut Hit) {
    for indicator in &mut hit.indicators {
        shorten(&mut indicator.written);
        shorten_some(&mut indicator.id);
    }
    shorten_some(&mut hit.client_hint);
    shorten_some(&mut hit.source.observer);
    match &mut hit.kind {
        HitKind::Dns(dns) => shorten(&mut dns.qname),
        HitKind::Flow(_) => {}
    }
}

/// Cuts `text` to [`TEXT_BYTES_KEPT`], between two characters.
fn shorten(text: &mut String) {
    let end = (0..=TEXT_BYTES_KEPT.min(text.len()))
        .rev()
        .find(|&end| text.is_char_boundary(end));
    text.truncate(end.unwrap_or(0));
}

/// [`shorten`] for a text that may be missing.
fn shorten_some(text: &mut Option<String>) {
    if let Some(text) = text {
        shorten(text);
    }
}

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;
