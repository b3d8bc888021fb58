//! The counts of a builder, and the page as a whole.

use super::*;
use crate::model::{Episode, EpisodeId, Flag};

/// 2026-01-01T00:00:00Z and `days` more.
fn at(days: i64) -> EventTime {
    EventTime::from_nanos((20_454 + days) * 86_400_000_000_000)
}

/// An episode of a victim.
fn episode(id: u8, subscriber: &str, campaign: &str, day: i64) -> Episode {
    Episode {
        episode_id: EpisodeId([id; 16]),
        subscriber: subscriber.into(),
        campaign: campaign.into(),
        operator: None,
        country: Some("VN".into()),
        contact: None,
        first_seen: at(day),
        last_seen: at(day + 1),
        hits: 2,
        victim_hits: 1,
        evidence: Evidence::Resolved,
        flags: Vec::new(),
        attribution: Attribution::Exact,
        roles: Vec::new(),
        indicators: Vec::new(),
        feeds: Vec::new(),
        spells: Vec::new(),
        client: None,
        advice: Advice::Payload,
    }
}

/// The counts of `episodes`.
fn counted(episodes: &[Episode]) -> ReportInput {
    let mut builder = ReportBuilder::new();
    for episode in episodes {
        builder.add(episode);
    }
    builder.finish("T")
}

/// The page of `input`.
fn page_of(input: &ReportInput) -> String {
    let mut out = Vec::new();
    report(input, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_victim_counts_once_with_the_strongest_of_its_episodes() {
    let second = Episode {
        country: Some("TH".into()),
        evidence: Evidence::Transferred,
        flags: vec![Flag::Sinkholed],
        attribution: Attribution::Grace,
        advice: Advice::Infostealer,
        ..episode(2, "a", "y", -3)
    };
    let innocent = Episode {
        victim_hits: 0,
        ..episode(3, "b", "x", 0)
    };
    let episodes = [episode(1, "a", "x", 0), second, innocent];
    let input = counted(&episodes);
    assert_eq!((input.subscribers, input.victims), (2, 1));
    assert_eq!((input.episodes, input.hits), (3, 6));
    assert_eq!(input.countries, BTreeMap::from([("TH".to_owned(), 1)]));
    assert_eq!(
        input.families,
        BTreeMap::from([("x".to_owned(), 1), ("y".to_owned(), 1)])
    );
    assert_eq!(input.evidence, BTreeMap::from([(Evidence::Transferred, 1)]));
    assert_eq!(input.attribution, BTreeMap::from([(Attribution::Grace, 1)]));
    assert_eq!(input.advice, BTreeMap::from([(Advice::Infostealer, 1)]));
    assert_eq!((input.blocked, input.sinkholed), (0, 1));
    assert_eq!(
        (input.first_seen, input.last_seen),
        (Some(at(-3)), Some(at(1)))
    );
    let days = input
        .days
        .iter()
        .map(|(day, counts)| (*day, counts.first_seen, counts.last_seen));
    assert_eq!(days.collect::<Vec<_>>(), [(20_451, 1, 0), (20_455, 0, 1)]);
    let mut reversed = episodes;
    reversed.reverse();
    assert_eq!(counted(&reversed), input);
}

#[test]
fn the_later_state_of_an_episode_replaces_the_earlier() {
    let grown = Episode {
        hits: 9,
        ..episode(1, "a", "x", 0)
    };
    let both = counted(&[episode(1, "a", "x", 0), grown.clone()]);
    assert_eq!(both, counted(&[grown]));
}

#[test]
fn a_server_of_no_family_is_not_called_a_family() {
    let lone = |id, value: &str| Episode {
        indicators: vec![value.into()],
        ..episode(id, "a", value, 0)
    };
    let input = counted(&[
        episode(1, "a", "x", 0),
        lone(2, "a.example"),
        lone(3, "b.example"),
    ]);
    assert_eq!(input.families, BTreeMap::from([("x".to_owned(), 1)]));
    assert_eq!(input.nameless.len(), 2);
    let page = page_of(&input);
    assert!(page.contains("servers of 1 malware family, and 2 servers of no known family."));
    assert!(page.contains("<i>2 servers of no known family</i></th><td class=\"n\">2</td>"));
    assert!(!page.contains("a.example"));
}

#[test]
fn only_a_made_up_operation_says_so() {
    let mut input = counted(&[episode(1, "a", "x", 0)]);
    assert!(!page_of(&input).contains("made up"));
    input.comparisons = vec![Comparison::default()];
    let page = page_of(&input);
    let (warning, lead) = (page.find("made up"), page.find("class=\"lead\""));
    assert!(warning.is_some() && warning < lead);
}

#[test]
fn nothing_found_is_a_page_too() {
    let page = page_of(&ReportInput::default());
    assert!(page.contains("No victim was found."));
    assert!(!page.contains("<section>"));
}

#[test]
fn the_page_needs_nothing_else_and_escapes_everything() {
    let hostile = "<script src=\"https://bad.example/x.js\">";
    let mut input = counted(&[Episode {
        country: Some(hostile.into()),
        ..episode(1, hostile, hostile, 0)
    }]);
    input.title = hostile.into();
    input.indicators = BTreeMap::from([
        (IndicatorState::TakenDown, 79),
        (IndicatorState::Active, 21),
    ]);
    input.hosting = vec![HostingNetwork {
        name: hostile.into(),
        country: Some(hostile.into()),
        servers: 1200,
        taken_down: 1000,
    }];
    input.comparisons = vec![Comparison {
        what: hostile.into(),
        planted: 1,
        missing: 1,
        ..Comparison::default()
    }];
    input.making = vec![(hostile.into(), hostile.into())];
    let page = page_of(&input);
    assert!(!page.to_ascii_lowercase().contains("<script"));
    for outside in [" src=\"", " href=\"", "url(", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("79.0 % of the 100 listed names and addresses"));
    assert!(page.contains("<td class=\"n bad\">1</td>"));
    assert!(page.contains("1,200"));
    assert_eq!(page.matches("<section>").count(), 10);
    assert_eq!(
        page.matches("<section>").count(),
        page.matches("</section>").count()
    );
}

#[test]
fn long_tails_are_summed_up_in_one_row() {
    let mut input = counted(&[episode(1, "a", "x", 0)]);
    input.families = (0..25)
        .map(|n| (format!("family {n:02}"), 30 - n))
        .collect();
    let page = page_of(&input);
    assert!(page.contains("family 19") && !page.contains("family 20"));
    assert!(page.contains("<i>5 other families</i></th><td class=\"n\">40</td>"));
}
