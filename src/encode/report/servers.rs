//! The sections about the servers, and about the report itself.

use crate::model::{IndicatorState, Named};

use super::ReportInput;
use super::charts::stacked;
use super::page::section;
use super::people::country;
use super::text::{escape, number, percent};

/// Most rows of the table of hosting networks.
const NETWORKS_MAX: usize = 20;

/// What became of the indicators.
pub(super) fn indicators(input: &ReportInput) -> String {
    let parts: Vec<(&str, u64, &str)> = IndicatorState::ALL
        .iter()
        .filter_map(|state| {
            let count = *input.indicators.get(state)?;
            let (label, class) = look(*state);
            (count > 0).then_some((label, count, class))
        })
        .collect();
    section(
        &parts,
        "What became of the servers",
        "Domains and addresses of the operation, by their last known state. A line that contacts a \
         server after its takedown is infected all the same.",
        stacked,
    )
}

/// Label and color of a state.
fn look(state: IndicatorState) -> (&'static str, &'static str) {
    match state {
        IndicatorState::Active => ("still active", "c2"),
        IndicatorState::TakenDown => ("taken down", "c1"),
        IndicatorState::Sinkholed => ("sinkholed", "c3"),
        IndicatorState::Revoked => ("withdrawn", "c4"),
    }
}

/// Where the command servers were hosted.
pub(super) fn hosting(input: &ReportInput) -> String {
    let mut networks: Vec<_> = input.hosting.iter().collect();
    networks.sort_by_key(|network| (std::cmp::Reverse(network.servers), &network.name));
    section(
        &networks,
        "Where the command servers were hosted",
        "Networks by the number of listed servers in them.",
        |networks| {
            let (shown, rest) = networks.split_at(NETWORKS_MAX.min(networks.len()));
            let with_countries = networks.iter().any(|network| network.country.is_some());
            let row = |label: String, country: String, servers: u64, taken_down: u64| {
                let country = if with_countries {
                    format!("<td>{country}</td>")
                } else {
                    String::new()
                };
                format!(
                    "<tr><th scope=\"row\">{label}</th>{country}<td class=\"n\">{}</td>\
                     <td class=\"n\">{}</td><td class=\"n s\">{}</td></tr>\n",
                    number(servers),
                    number(taken_down),
                    percent(taken_down, servers),
                )
            };
            let country_head = if with_countries {
                "<th scope=\"col\">Country</th>"
            } else {
                ""
            };
            let mut body: String = shown
                .iter()
                .map(|network| {
                    row(
                        escape(&network.name),
                        network.country.as_deref().map_or_else(String::new, country),
                        network.servers,
                        network.taken_down,
                    )
                })
                .collect();
            if !rest.is_empty() {
                body.push_str(&row(
                    format!("<i>{} other networks</i>", number(rest.len() as u64)),
                    String::new(),
                    rest.iter().map(|network| network.servers).sum(),
                    rest.iter().map(|network| network.taken_down).sum(),
                ));
            }
            format!(
                "<table><thead><tr><th scope=\"col\">Network</th>{country_head}\
                 <th scope=\"col\" class=\"n\">Servers</th>\
                 <th scope=\"col\" class=\"n\">Taken down</th>\
                 <th scope=\"col\" class=\"n\">Share</th></tr></thead>\n\
                 <tbody>\n{body}</tbody></table>\n"
            )
        },
    )
}

/// What was planted against what was found.
pub(super) fn comparisons(input: &ReportInput) -> String {
    section(
        &input.comparisons,
        "Compared with the truth",
        "This operation was made up, so every victim in it is known. Missing and extra must be zero.",
        |comparisons| {
            let body: String = comparisons
                .iter()
                .map(|one| {
                    format!(
                        "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td>\
                         <td class=\"n\">{}</td>{}{}</tr>\n",
                        escape(&one.what),
                        number(one.planted),
                        number(one.found),
                        fault(one.missing),
                        fault(one.extra),
                    )
                })
                .collect();
            format!(
                "<table><thead><tr><th scope=\"col\">What</th><th scope=\"col\" class=\"n\">Planted</th>\
                 <th scope=\"col\" class=\"n\">Found</th><th scope=\"col\" class=\"n\">Missing</th>\
                 <th scope=\"col\" class=\"n\">Extra</th></tr></thead>\n<tbody>\n{body}</tbody></table>\n"
            )
        },
    )
}

/// A number that should be zero.
fn fault(count: u64) -> String {
    let class = if count == 0 { "n good" } else { "n bad" };
    format!("<td class=\"{class}\">{}</td>", number(count))
}

/// How the report was made.
pub(super) fn making(input: &ReportInput) -> String {
    section(
        &input.making,
        "How this report was made",
        "A hit is one listed name or address in one event. A hit is victim evidence when the line \
         itself made the contact, at a time at which the listing was valid. All hits of one line on \
         one campaign are an episode; a line with victim evidence is a victim.",
        |facts| {
            let body: String = facts
                .iter()
                .map(|(name, value)| {
                    format!(
                        "<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n",
                        escape(name),
                        escape(value)
                    )
                })
                .collect();
            format!("<table class=\"facts\"><tbody>\n{body}</tbody></table>\n")
        },
    )
}
