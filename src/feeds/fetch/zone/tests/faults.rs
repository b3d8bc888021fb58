//! Servers that misbehave: each fault is refused for its own reason, and the file is as it was.

use domain::base::MessageBuilder;
use domain::base::iana::{Rcode, Rtype};
use domain::base::message_builder::AnswerBuilder;

use super::server::{Play, Rec, Request, Server, below, deny, messages, name, play, soa, soa_of};
use super::*;

/// Checks that a play is refused for a reason, with a file that holds serial 5 and without one.
#[track_caller]
fn check(bad: impl Fn() -> Play, reason: &str) {
    check_with(bad, reason, |_| {});
}

#[track_caller]
fn check_with(bad: impl Fn() -> Play, reason: &str, set: impl Fn(&mut ZoneOptions)) {
    let place = Place::holding(&[soa(5), deny("old.example")]);
    let before = place.lines();
    for (known, target) in [
        (Some(5), place.target.clone()),
        (None, place.directory.path().join("other")),
    ] {
        let server = Server::start(vec![bad()]);
        let mut options = options(&[server.address]);
        set(&mut options);
        let error = ask(&options, known, &target).unwrap_err();
        assert_eq!(error.reason(), reason, "{}", chain(&error));
        let said = error.to_string();
        let at = format!("zone rpz.example from {}", server.address);
        assert!(said.contains(&at), "{said}");
        assert_eq!(place.lines(), before);
        assert_eq!(place.files(), std::slice::from_ref(&place.target));
        server.finish();
    }
}

/// A play that sends a zone after `change` changed its message.
fn changed(change: fn(&mut AnswerBuilder<Vec<u8>>)) -> Play {
    play(move |request| {
        let mut message = request.reply(Rcode::NOERROR, &[soa(6), soa(6)]);
        change(&mut message);
        request.send_signed(message);
    })
}

/// A play that refuses.
fn refusal(rcode: Rcode) -> Play {
    play(move |request| {
        let message = request.reply(rcode, &[]);
        request.send_signed(message);
    })
}

#[test]
fn refusals_are_said_in_words() {
    check(|| refusal(Rcode::REFUSED), "refused");
    check(|| refusal(Rcode::NOTAUTH), "not_auth");
    check(|| refusal(Rcode::SERVFAIL), "rcode");
    let server = Server::start(vec![refusal(Rcode::REFUSED), refusal(Rcode::NOTAUTH)]);
    let place = Place::new();
    let said = || {
        let error = ask(&options(&[server.address]), None, &place.target);
        chain(&error.unwrap_err())
    };
    assert!(said().ends_with(": the server answers REFUSED: it does not give us this zone"));
    assert!(said().contains(": the server answers NOTAUTH: it is no server of this zone"));
}

#[test]
fn messages_that_answer_something_else_are_refused() {
    check(
        || changed(|message| message.header_mut().set_id(1)),
        "wrong_id",
    );
    check(
        || changed(|message| message.header_mut().set_qr(false)),
        "malformed",
    );
    check(
        || changed(|message| message.header_mut().set_tc(true)),
        "truncated",
    );
    let asks = |owner: &'static str, rtype| {
        play(move |request: &mut Request| {
            let mut message = MessageBuilder::new_vec();
            message.header_mut().set_id(request.message.header().id());
            message.header_mut().set_qr(true);
            let mut message = message.question();
            if !owner.is_empty() {
                message.push((name(owner), rtype)).unwrap();
            }
            request.send_bytes(&message.finish());
        })
    };
    check(|| asks("", Rtype::AXFR), "wrong_question");
    check(|| asks("rpz.example", Rtype::SOA), "wrong_question");
    check(|| asks("rpz2.example", Rtype::AXFR), "wrong_question");
    check(|| asks("rpz2.example", Rtype::IXFR), "wrong_question");
}

#[test]
fn messages_that_are_none_are_refused() {
    check(|| play(|request| request.send_bytes(b"short")), "malformed");
    check(|| play(|request| request.send_bytes(&[])), "malformed");
    let cut = |len: usize| {
        play(move |request: &mut Request| {
            let message = request.reply(Rcode::NOERROR, &[soa(6), deny("a.example"), soa(6)]);
            let message = message.finish();
            request.send_bytes(&message[..message.len() - len]);
        })
    };
    check(|| cut(1), "malformed");
    check(|| cut(90), "malformed");
    let short = Rec(below("a.example"), Rtype::A, vec![192, 0, 2]);
    let bad = move || messages(vec![vec![soa(6), short.clone(), soa(6)]]);
    check(bad, "malformed");
}

#[test]
fn zones_that_do_not_start_or_end_with_their_authority_are_refused() {
    let sends = |records: &[Rec]| {
        let records = records.to_vec();
        move || messages(vec![records.clone()])
    };
    let a = || deny("a.example");
    check(sends(&[a(), soa(6)]), "no_soa_first");
    check(sends(&[soa_of("other.example", 6), a()]), "no_soa_first");
    check(sends(&[soa(6), a(), soa(7)]), "no_soa_last");
    check(
        sends(&[soa(6), a(), soa_of("other.example", 6)]),
        "no_soa_last",
    );
    check(sends(&[soa(6), a(), soa(6), a()]), "after_end");
    check(sends(&[soa(6), a()]), "cut");
    check(sends(&[soa(6)]), "cut");
    check(sends(&[]), "cut");
}

#[test]
fn a_connection_that_is_cut_leaves_the_old_zone() {
    let cut = |len: usize| {
        play(move |request: &mut Request| {
            request.send(&[soa(6), deny("a.example")]);
            let message = request.reply(Rcode::NOERROR, &[soa(6)]).finish();
            let framed = [&[0, u8::try_from(message.len()).unwrap()], &message[..]].concat();
            request.send_raw(&framed[..len]);
        })
    };
    for len in [0, 1, 2, 3, 40] {
        check(|| cut(len), "cut");
    }
    check(|| play(|_| {}), "cut");
}

#[test]
fn a_server_that_keeps_silent_is_given_up() {
    let short = |options: &mut ZoneOptions| options.timeout = Duration::from_millis(200);
    check_with(|| play(Request::wait), "timeout", short);
    let middle = || {
        play(|request: &mut Request| {
            request.send(&[soa(6), deny("a.example")]);
            request.wait();
        })
    };
    check_with(middle, "timeout", short);
    // A byte now and then is no reason to wait for ever.
    let drips = || {
        play(|request: &mut Request| {
            request.send_raw(&[0xff, 0xff]);
            while request.is_open(&[0]) {
                std::thread::park_timeout(Duration::from_millis(10));
            }
        })
    };
    check_with(drips, "timeout", short);
}

#[test]
fn nobody_there_is_said() {
    let place = Place::new();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = ask(&options(&[address]), None, &place.target).unwrap_err();
    assert_eq!(error.reason(), "connect");
}

#[test]
fn a_zone_beyond_its_limits_is_refused_as_soon_as_it_is() {
    let endless = || {
        play(|request: &mut Request| {
            request.send(&[soa(6)]);
            let message = request.reply(Rcode::NOERROR, &[deny("a.example")]);
            let message = message.finish();
            let framed = [&[0, u8::try_from(message.len()).unwrap()], &message[..]].concat();
            while request.is_open(&framed) {}
        })
    };
    check_with(endless, "too_many_records", |options| {
        options.records_max = 50;
    });
    check_with(endless, "too_many_bytes", |options| {
        options.bytes_max = 5000;
    });
    let place = Place::new();
    let whole = || messages(vec![vec![soa(6), deny("a.example"), soa(6)]]);
    let server = Server::start(vec![whole(), whole()]);
    let mut options = options(&[server.address]);
    options.records_max = 2;
    let got = ask(&options, None, &place.target).unwrap();
    assert_eq!(got, new(6, 2, false));
    options.records_max = 1;
    let error = ask(&options, None, &place.target).unwrap_err();
    assert_eq!(error.reason(), "too_many_records");
}

#[test]
fn a_zone_that_is_larger_as_text_than_on_the_wire_is_held_to_its_limit_too() {
    let long = "a".repeat(60);
    let owner = format!("{long}.{long}.{long}");
    let records = [vec![soa(6)], vec![deny(&owner); 50], vec![soa(6)]].concat();
    let sends = move || {
        let records = records.clone();
        play(move |request: &mut Request| {
            let builder =
                MessageBuilder::from_target(domain::base::StaticCompressor::new(Vec::<u8>::new()));
            let builder = builder.unwrap();
            let mut builder = builder
                .start_answer(&request.message, Rcode::NOERROR)
                .unwrap();
            for Rec(owner, rtype, data) in &records {
                let data = domain::base::rdata::UnknownRecordData::from_octets(*rtype, data);
                let ttl = domain::base::Ttl::from_secs(300);
                builder.push((owner, ttl, data.unwrap())).unwrap();
            }
            request.send_bytes(&builder.finish().into_target());
        })
    };
    check_with(sends, "too_many_bytes", |options| options.bytes_max = 5000);
}

#[test]
fn a_serial_never_goes_back() {
    for (known, offered, refused) in [
        (5, 4, true),
        (0, u32::MAX, true),
        (0, 1 << 31, true),
        (0, (1 << 31) - 1, false),
        (u32::MAX, 0, false),
        (u32::MAX, 1 << 31, true),
    ] {
        let place = Place::holding(&[soa(known), deny("old.example")]);
        let whole = vec![soa(offered), deny("a.example"), soa(offered)];
        for target in [place.target.clone(), place.directory.path().join("other")] {
            let server = Server::start(vec![messages(vec![whole.clone()])]);
            let got = ask(&options(&[server.address]), Some(known), &target);
            if !refused {
                assert_eq!(got.unwrap(), new(offered, 2, false));
                continue;
            }
            let error = got.unwrap_err();
            let back = matches!(error.failure, Failure::Rollback { known: a, offered: b } if (a, b) == (known, offered));
            assert!(back && error.reason() == "rollback", "{}", chain(&error));
        }
    }
}
