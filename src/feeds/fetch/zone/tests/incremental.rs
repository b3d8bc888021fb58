//! Differences: what they make of the zone that is there, and when the whole zone is asked for.

use domain::base::iana::{Rcode, Rtype};
use proptest::prelude::*;

use super::server::{Play, Rec, Server, cname, deny, messages, play, soa};
use super::*;

/// The zone of serial 5 that tests start with.
fn old() -> Vec<Rec> {
    vec![soa(5), deny("a.example"), deny("b.example")]
}

/// What is left of a zone's lines: its serial and the owners below it.
fn owners(place: &Place) -> Vec<String> {
    let lines = place.lines();
    let serial = lines[0].split(' ').nth(2).unwrap().to_owned();
    let rest = lines[1..].iter().map(|line| {
        let (owner, _) = line.split_once(".rpz.example.\t").unwrap();
        owner.to_owned()
    });
    std::iter::once(serial).chain(rest).collect()
}

/// A play that expects a question for differences to 5.
fn differences(records: Vec<Rec>) -> Play {
    play(move |request| {
        assert_eq!((request.rtype(), request.known()), (Rtype::IXFR, 5));
        request.send(&records);
    })
}

/// A play that expects a question for the whole zone, which has serial 9.
fn whole() -> Play {
    play(|request| {
        assert_eq!(request.rtype(), Rtype::AXFR);
        request.send(&[soa(9), deny("whole.example"), soa(9)]);
    })
}

/// Checks what an answer makes of the zone.
#[track_caller]
fn check(records: Vec<Rec>, expected: &[&str]) {
    let place = Place::holding(&old());
    let server = Server::start(vec![differences(records)]);
    let got = ask(&options(&[server.address]), Some(5), &place.target).unwrap();
    assert_eq!(owners(&place), expected);
    let n_records = u64::try_from(expected.len()).unwrap();
    assert_eq!(got, new(expected[0].parse().unwrap(), n_records, true));
    assert_eq!(place.files(), std::slice::from_ref(&place.target));
    server.finish();
}

/// Checks that an answer to a question for differences leads to one for the whole zone.
#[track_caller]
fn check_fallback(first: Play) {
    let place = Place::holding(&old());
    let server = Server::start(vec![first, whole()]);
    let got = ask(&options(&[server.address]), Some(5), &place.target).unwrap();
    assert_eq!(got, new(9, 2, false));
    assert_eq!(owners(&place), ["9", "whole.example"]);
    server.finish();
}

#[test]
fn a_zone_that_did_not_change_is_not_sent() {
    let place = Place::holding(&old());
    let server = Server::start(vec![differences(vec![soa(5)]), differences(old())]);
    let modified = || {
        std::fs::metadata(&place.target)
            .unwrap()
            .modified()
            .unwrap()
    };
    let before = modified();
    for _ in 0..2 {
        let got = ask(&options(&[server.address]), Some(5), &place.target);
        assert_eq!(got.unwrap(), Transferred::Unchanged);
    }
    assert_eq!(modified(), before);
    server.finish();
}

#[test]
fn differences_are_applied_in_their_order() {
    let (a, b, c) = (
        || deny("a.example"),
        || deny("b.example"),
        || deny("c.example"),
    );
    check(
        vec![soa(6), soa(5), a(), soa(6), c(), soa(6)],
        &["6", "b.example", "c.example"],
    );
    check(
        vec![soa(6), soa(5), soa(6), soa(6)],
        &["6", "a.example", "b.example"],
    );
    let steps = vec![
        soa(8),
        soa(5),
        a(),
        soa(6),
        c(),
        soa(6),
        c(),
        soa(7),
        a(),
        soa(7),
        b(),
        soa(8),
        soa(8),
    ];
    check(steps, &["8", "a.example"]);
    // A record whose time to live changes is taken out and put in.
    check(
        vec![soa(6), soa(5), a(), soa(6), a(), soa(6)],
        &["6", "b.example", "a.example"],
    );
    // What is put in twice is there once.
    check(
        vec![soa(6), soa(5), soa(6), a(), c(), c(), soa(6)],
        &["6", "b.example", "a.example", "c.example"],
    );
    // Case is not part of a name.
    check(
        vec![soa(6), soa(5), deny("A.Example"), soa(6), soa(6)],
        &["6", "b.example"],
    );
}

#[test]
fn a_record_is_more_than_its_owner() {
    let place = Place::holding(&[
        soa(5),
        cname("a.example", "one.example"),
        cname("a.example", "two.example"),
    ]);
    let sent = vec![
        soa(6),
        soa(5),
        cname("a.example", "one.example"),
        soa(6),
        soa(6),
    ];
    let server = Server::start(vec![differences(sent)]);
    let got = ask(&options(&[server.address]), Some(5), &place.target);
    assert_eq!(got.unwrap(), new(6, 2, true));
    assert!(place.lines()[1].ends_with("\ttwo.example."));
}

#[test]
fn differences_over_several_messages_are_one_answer() {
    let place = Place::holding(&old());
    let sent = [
        soa(6),
        soa(5),
        deny("a.example"),
        soa(6),
        deny("c.example"),
        soa(6),
    ];
    let sent = sent.into_iter().map(|record| vec![record]).collect();
    let server = Server::start(vec![messages(sent)]);
    let got = ask(&options(&[server.address]), Some(5), &place.target);
    assert_eq!(got.unwrap(), new(6, 3, true));
    assert_eq!(owners(&place), ["6", "b.example", "c.example"]);
}

#[test]
fn a_server_may_answer_with_the_whole_zone() {
    let place = Place::holding(&old());
    let sent = vec![soa(6), deny("c.example"), deny("a.example"), soa(6)];
    let server = Server::start(vec![differences(sent)]);
    let got = ask(&options(&[server.address]), Some(5), &place.target);
    assert_eq!(got.unwrap(), new(6, 3, false));
    assert_eq!(owners(&place), ["6", "c.example", "a.example"]);
}

#[test]
fn differences_that_are_not_ours_lead_to_the_whole_zone() {
    let (a, c) = (|| deny("a.example"), || deny("c.example"));
    let fallback = |records| check_fallback(differences(records));
    // Of another zone than ours.
    fallback(vec![soa(6), soa(4), a(), soa(6), c(), soa(6)]);
    // What is taken out is not there.
    fallback(vec![soa(6), soa(5), c(), soa(6), soa(6)]);
    fallback(vec![soa(6), soa(5), a(), a(), soa(6), soa(6)]);
    // Steps that do not follow one another, go back or lead elsewhere.
    fallback(vec![
        soa(7),
        soa(5),
        soa(6),
        c(),
        soa(5),
        a(),
        soa(7),
        soa(7),
    ]);
    fallback(vec![soa(6), soa(5), a(), soa(4), c(), soa(6)]);
    fallback(vec![soa(6), soa(5), a(), soa(8), c(), soa(6)]);
}

#[test]
fn a_server_without_differences_is_asked_for_the_whole_zone() {
    for rcode in [Rcode::NOTIMP, Rcode::FORMERR] {
        check_fallback(play(move |request| {
            let message = request.reply(rcode, &[]);
            request.send_signed(message);
        }));
    }
}

#[test]
fn a_file_that_is_not_the_known_zone_is_never_changed_in_part() {
    type Damage = fn(&Path);
    let damages: [Damage; 4] = [
        |path| std::fs::remove_file(path).unwrap(),
        |path| std::fs::write(path, "").unwrap(),
        |path| std::fs::write(path, "$ORIGIN rpz.example.\n@ SOA a. b. 5 1 1 1 1\n").unwrap(),
        |path| {
            let text = std::fs::read_to_string(path).unwrap();
            std::fs::write(path, text.replace(" 5 ", " 4 ")).unwrap();
        },
    ];
    for damage in damages {
        let place = Place::holding(&old());
        damage(&place.target);
        let server = Server::start(vec![whole()]);
        let got = ask(&options(&[server.address]), Some(5), &place.target);
        assert_eq!(got.unwrap(), new(9, 2, false));
        server.finish();
    }
    // The head is right and the rest is not: seen when the differences are applied.
    let place = Place::holding(&old());
    let text = std::fs::read_to_string(&place.target).unwrap();
    std::fs::write(&place.target, &text[..text.len() - 3]).unwrap();
    let sent = vec![soa(6), soa(5), soa(6), deny("c.example"), soa(6)];
    let server = Server::start(vec![differences(sent), whole()]);
    let got = ask(&options(&[server.address]), Some(5), &place.target);
    assert_eq!(got.unwrap(), new(9, 2, false));
    server.finish();
}

#[test]
fn a_lost_file_is_fetched_again_with_the_serial_it_had() {
    let place = Place::new();
    let server = Server::start(vec![messages(vec![vec![
        soa(5),
        deny("a.example"),
        soa(5),
    ]])]);
    let got = ask(&options(&[server.address]), Some(5), &place.target);
    assert_eq!(got.unwrap(), new(5, 2, false));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn differences_come_to_what_the_whole_zone_is(
        zones in proptest::collection::vec(proptest::collection::btree_set(0..6_u8, 0..6), 2..5),
    ) {
        let record = |at: &u8| deny(&format!("n{at}.example"));
        let serial = |at: usize| soa(5 + u32::try_from(at).unwrap());
        let last = zones.len() - 1;
        let mut sent = vec![serial(last)];
        for (at, pair) in zones.windows(2).enumerate() {
            sent.push(serial(at));
            sent.extend(pair[0].difference(&pair[1]).map(record));
            sent.push(serial(at + 1));
            sent.extend(pair[1].difference(&pair[0]).map(record));
        }
        sent.push(serial(last));
        let first: Vec<Rec> = std::iter::once(soa(5)).chain(zones[0].iter().map(record)).collect();
        let place = Place::holding(&first);
        let server = Server::start(vec![differences(sent)]);
        let got = ask(&options(&[server.address]), Some(5), &place.target).unwrap();
        let n_records = u64::try_from(zones[last].len() + 1).unwrap();
        prop_assert_eq!(got, new(5 + u32::try_from(last).unwrap(), n_records, true));
        let mut found = owners(&place).split_off(1);
        found.sort();
        let expected: Vec<String> = zones[last].iter().map(|at| format!("n{at}.example")).collect();
        prop_assert_eq!(found, expected);
    }
}
