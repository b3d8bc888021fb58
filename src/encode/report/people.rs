//! The sections about the victims: where, what, when, how far, how sure, and what to tell them.

use std::collections::BTreeMap;

use crate::model::{Advice, Attribution, Evidence, Named};

use super::ReportInput;
use super::charts::{Bar, Timeline, bars, timeline};
use super::countries;
use super::page::section;
use super::text::{counted, escape, number, percent};

/// Most rows of a chart by country.
const COUNTRIES_MAX: usize = 40;

/// Most rows of a chart by family.
const FAMILIES_MAX: usize = 20;

/// Victims by country.
pub(super) fn by_country(input: &ReportInput) -> String {
    let rows = top(&input.countries, COUNTRIES_MAX, "other countries", country);
    section(
        &rows,
        "Where the victims are",
        "Subscriber lines that contacted the operation's servers, by the country of their operator.",
        |rows| bars("Country", "Victims", input.victims, rows),
    )
}

/// The name of a country, with its code.
pub(super) fn country(code: &str) -> String {
    match countries::name(code) {
        Some(name) => format!("{} <span class=\"s\">{}</span>", escape(name), escape(code)),
        None if code.is_empty() => "not known".to_owned(),
        None => escape(code),
    }
}

/// Victims by malware family.
pub(super) fn by_family(input: &ReportInput) -> String {
    let mut rows = top(&input.families, FAMILIES_MAX, "other families", escape);
    if !input.nameless.is_empty() {
        rows.push(rest(
            &format!(
                "{} of no known family",
                counted(input.nameless.len() as u64, "server", "servers")
            ),
            input.nameless.values().sum(),
        ));
    }
    section(
        &rows,
        "What they are infected with",
        "Victims by the malware family of the servers. A line with two families counts in both, \
         so that the shares add up to more than the whole.",
        |rows| bars("Family", "Victims", input.victims, rows),
    )
}

/// A row that sums up what has no row of its own.
fn rest(label: &str, count: u64) -> Bar {
    Bar {
        label: format!("<i>{label}</i>"),
        count,
        rest: true,
    }
}

/// The largest of `counts`, and the rest in one row.
fn top(
    counts: &BTreeMap<String, u64>,
    rows_max: usize,
    rest_label: &str,
    label: impl Fn(&str) -> String,
) -> Vec<Bar> {
    let mut sorted: Vec<(&String, u64)> = counts.iter().map(|(key, count)| (key, *count)).collect();
    sorted.sort_by_key(|&(key, count)| (std::cmp::Reverse(count), key));
    let others = sorted.split_off(rows_max.min(sorted.len()));
    let mut rows: Vec<Bar> = sorted
        .into_iter()
        .map(|(key, count)| Bar {
            label: label(key),
            count,
            rest: false,
        })
        .collect();
    if !others.is_empty() {
        rows.push(rest(
            &format!("{} {rest_label}", number(others.len() as u64)),
            others.iter().map(|(_, count)| count).sum(),
        ));
    }
    rows
}

/// First and last contacts over time.
pub(super) fn over_time(input: &ReportInput) -> String {
    let charts = [
        Timeline {
            what: "First contacts",
            class: "c1",
            count: |day| day.first_seen,
        },
        Timeline {
            what: "Last contacts",
            class: "c2",
            count: |day| day.last_seen,
        },
    ];
    let dated = if input.days.is_empty() {
        &[][..]
    } else {
        &charts[..]
    };
    section(
        dated,
        "When it happened",
        "Victims by the day (UTC) of their first and of their last contact. Many last contacts at \
         the end of the time mean infections that still go on.",
        |charts| {
            charts
                .iter()
                .map(|chart| timeline(&input.days, chart))
                .collect()
        },
    )
}

/// The evidence ladder.
pub(super) fn by_evidence(input: &ReportInput) -> String {
    let rows: Vec<Bar> = Evidence::ALL
        .iter()
        .filter_map(|step| {
            let count = *input.evidence.get(step)?;
            let label = format!(
                "{} <span class=\"why\">{}</span>",
                step.as_str().replace('_', " "),
                meaning(*step)
            );
            Some(Bar {
                label,
                count,
                rest: false,
            })
        })
        .collect();
    section(
        &rows,
        "How far it went",
        "Victims by the strongest thing that was seen of them, from a mere question to data both ways.",
        |rows| {
            let ladder = bars("Evidence", "Victims", input.victims, rows);
            ladder
                + &aside(input.blocked, "a resolver blocked some of the contacts")
                + &aside(input.sinkholed, "some of the contacts ended at a sinkhole")
        },
    )
}

/// A remark about some of the victims, if there are any.
fn aside(count: u64, remark: &str) -> String {
    if count == 0 {
        return String::new();
    }
    let lines = counted(count, "line", "lines");
    format!("<p class=\"note\">At {lines}, {remark}.</p>\n")
}

/// What a step of the ladder means.
fn meaning(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::LookedUp => "asked for a listed name, no usable answer",
        Evidence::Resolved => "got the address of a listed name",
        Evidence::Attempted => "sent to a listed address, no reply seen",
        Evidence::Connected => "reached a listed address",
        Evidence::Transferred => "exchanged data with a listed address",
    }
}

/// How sure the lines are.
pub(super) fn attribution(input: &ReportInput) -> String {
    let rows: Vec<(Attribution, u64, u64)> = Attribution::ALL
        .iter()
        .filter_map(|kind| {
            let victims = input.attribution.get(kind).copied().unwrap_or(0);
            let hits = input.hit_attribution.get(kind).copied().unwrap_or(0);
            (victims > 0 || hits > 0).then_some((*kind, victims, hits))
        })
        .collect();
    let all_hits: u64 = input.hit_attribution.values().sum();
    let (head, with_hits) = if all_hits > 0 {
        (
            "<th scope=\"col\" class=\"n\">Hits</th><th scope=\"col\" class=\"n\">Share</th>",
            true,
        )
    } else {
        ("", false)
    };
    section(
        &rows,
        "How sure the lines are",
        "An address belongs to a line only for a time. Victims are counted by the weakest of their \
         contacts; what could belong to several lines is never guessed and makes nobody a victim.",
        |rows| {
            let body: String = rows
                .iter()
                .map(|(kind, victims, hits)| {
                    let cells = if with_hits {
                        let share = percent(*hits, all_hits);
                        format!(
                            "<td class=\"n\">{}</td><td class=\"n s\">{share}</td>",
                            number(*hits)
                        )
                    } else {
                        String::new()
                    };
                    format!(
                        "<tr><th scope=\"row\">{} <span class=\"why\">{}</span></th>\
                         <td class=\"n\">{}</td><td class=\"n s\">{}</td>{cells}</tr>\n",
                        kind.as_str(),
                        surety(*kind),
                        number(*victims),
                        percent(*victims, input.victims),
                    )
                })
                .collect();
            format!(
                "<table><thead><tr><th scope=\"col\">Attribution</th>\
                 <th scope=\"col\" class=\"n\">Victims</th><th scope=\"col\" class=\"n\">Share</th>\
                 {head}</tr></thead>\n<tbody>\n{body}</tbody></table>\n"
            )
        },
    )
}

/// What an attribution means.
fn surety(attribution: Attribution) -> &'static str {
    match attribution {
        Attribution::Exact => "one lease covers the time of the contact",
        Attribution::Grace => "one lease, at most a short time apart",
        Attribution::Ambiguous => "several lines are possible",
        Attribution::Shared => "a shared address without a port to tell lines apart",
        Attribution::None => "no lease is known",
    }
}

/// What each group of victims should be told.
pub(super) fn advice(input: &ReportInput) -> String {
    let cards: Vec<String> = Advice::ALL
        .iter()
        .filter_map(|advice| {
            let count = *input.advice.get(advice)?;
            Some(format!(
                "<div class=\"card\"><p class=\"big\">{}</p><p class=\"unit\">{} \u{b7} {}</p>\
                 <h3>{}</h3><p>{}</p></div>\n",
                number(count),
                if count == 1 { "line" } else { "lines" },
                percent(count, input.victims),
                group(*advice),
                escape(advice.text()),
            ))
        })
        .collect();
    section(
        &cards,
        "What the victims should be told",
        "Each line is counted once, for the most urgent advice.",
        |cards| format!("<div class=\"cards\">{}</div>\n", cards.concat()),
    )
}

/// What happened to a group of victims.
fn group(advice: Advice) -> &'static str {
    match advice {
        Advice::Infostealer => "Infected device",
        Advice::Payload => "Malware offered",
        Advice::Phishing => "Deceiving site",
        Advice::Observe => "Nothing to do yet",
    }
}
