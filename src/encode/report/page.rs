//! The frame of the page: head, summary in words, key figures, sections, foot.

use crate::model::IndicatorState;

use super::text::{counted, date, escape, number, percent};
use super::{ReportInput, people, servers};

/// The whole page.
pub(super) fn page(input: &ReportInput) -> String {
    let title = if input.title.is_empty() {
        "Operation report".to_owned()
    } else {
        escape(&input.title)
    };
    let sections = [
        people::by_country(input),
        people::by_family(input),
        people::over_time(input),
        people::by_evidence(input),
        people::advice(input),
        servers::indicators(input),
        servers::hosting(input),
        people::attribution(input),
        servers::comparisons(input),
        servers::making(input),
    ]
    .concat();
    let made = input
        .made_at
        .map_or_else(String::new, |time| format!(" on {}", date(time)));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"generator\" content=\"Gannet\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header><p class=\"kicker\">Report on an operation against malicious infrastructure</p>\n\
         <h1>{title}</h1>\n{}<p class=\"lead\">{}</p>\n</header>\n<main>\n{}{sections}</main>\n\
         <footer><p>Made by Gannet{made}. This page holds counts only: no subscriber and no \
         subscriber's address.</p></footer>\n</body>\n</html>\n",
        made_up(input),
        lead(input),
        figures(input),
    )
}

/// What must be read before any number of an operation that was made up.
fn made_up(input: &ReportInput) -> &'static str {
    if input.comparisons.is_empty() {
        return "";
    }
    "<p class=\"madeup\">A demonstration: this operation was made up. No server, line \
     or victim in it exists.</p>\n"
}

/// One section, or nothing when it has no rows.
pub(super) fn section<T>(
    rows: &[T],
    heading: &str,
    explanation: &str,
    body: impl FnOnce(&[T]) -> String,
) -> String {
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "<section>\n<h2>{heading}</h2>\n<p class=\"about\">{explanation}</p>\n{}</section>\n",
        body(rows)
    )
}

/// The report in two sentences.
fn lead(input: &ReportInput) -> String {
    let (Some(first), Some(last)) = (input.first_seen, input.last_seen) else {
        return "No victim was found.".to_owned();
    };
    let (first, last) = (date(first), date(last));
    let when = if first == last {
        format!("On {first}")
    } else {
        format!("Between {first} and {last}")
    };
    let countries = known_countries(input);
    let place = if countries == 0 {
        String::new()
    } else {
        format!(" in {}", counted(countries, "country", "countries"))
    };
    let mut text = format!(
        "{when}, <b>{}</b>{place} contacted {}.",
        counted(input.victims, "subscriber line", "subscriber lines"),
        servers(input),
    );
    if let Some((down, all)) = taken_down(input) {
        text.push_str(&format!(
            " {} of the {} had been taken down.",
            percent(down, all),
            counted(all, "listed name or address", "listed names and addresses"),
        ));
    }
    text
}

/// Whose servers were contacted, in words.
fn servers(input: &ReportInput) -> String {
    let families = counted(
        input.families.len() as u64,
        "malware family",
        "malware families",
    );
    let nameless = input.nameless.len() as u64;
    match (input.families.len(), nameless) {
        (_, 0) => format!("servers of {families}"),
        (0, _) => counted(nameless, "listed server", "listed servers"),
        _ => format!(
            "servers of {families}, and {} of no known family",
            counted(nameless, "server", "servers")
        ),
    }
}

/// The numbers at the top.
fn figures(input: &ReportInput) -> String {
    let mut figures = vec![
        (number(input.victims), "victims"),
        (number(known_countries(input)), "countries"),
        (number(input.families.len() as u64), "malware families"),
        (number(input.hits), "hits of known lines"),
        (number(input.episodes), "episodes"),
    ];
    if let Some((down, all)) = taken_down(input) {
        figures.push((number(all), "listed names and addresses"));
        figures.push((percent(down, all), "taken down"));
    }
    let quiet = input.subscribers.saturating_sub(input.victims);
    if quiet > 0 {
        figures.push((number(quiet), "lines without victim evidence"));
    }
    let cells: String = figures
        .iter()
        .map(|(value, name)| format!("<div><dt>{name}</dt><dd>{value}</dd></div>\n"))
        .collect();
    format!("<dl class=\"figures\">\n{cells}</dl>\n")
}

/// How many countries have victims.
fn known_countries(input: &ReportInput) -> u64 {
    input
        .countries
        .keys()
        .filter(|code| !code.is_empty())
        .count() as u64
}

/// Indicators that were taken down, and all of them.
fn taken_down(input: &ReportInput) -> Option<(u64, u64)> {
    let all: u64 = input.indicators.values().sum();
    let down = input.indicators.get(&IndicatorState::TakenDown).copied();
    (all > 0).then(|| (down.unwrap_or(0), all))
}

/// The look: for screens light and dark, and for paper.
pub const STYLE: &str = include_str!("style.css");
