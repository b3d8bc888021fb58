//! TSIG: what is signed rightly is taken, and everything else is refused and said.

use domain::base::iana::Rcode;
use domain::rdata::tsig::Time48;
use domain::tsig::Key;

use super::server::{Play, Request, Server, deny, messages, play, soa};
use super::signer::Signer;
use super::*;

const SECRET: &str = "c2VjcmV0LXRoYXQtbm9ib2R5LXNoYWxsLXNlZQ==";

/// A key whose secret is in the place's directory.
fn key(place: &Place, name: &str, algorithm: TsigAlgorithm, secret: &str) -> TsigKey {
    let secret_file = place.directory.path().join(format!("{name}.secret"));
    std::fs::write(&secret_file, secret).unwrap();
    TsigKey {
        name: name.to_owned(),
        algorithm,
        secret_file,
    }
}

fn ours(place: &Place) -> TsigKey {
    key(place, "ours.example", TsigAlgorithm::HmacSha256, SECRET)
}

fn at(seconds: u64) -> Time48 {
    Time48::from_u64(1_800_000_000 + seconds)
}

/// Transfers from a server that knows `known` and does `play`.
fn transfer_signed(
    place: &Place,
    with: TsigKey,
    known: Key,
    play: Play,
    now: Time48,
) -> Result<Transferred, TransferError> {
    let server = Server::start_signed(vec![play], Some(known), now);
    let mut options = options(&[server.address]);
    options.tsig = Some(with);
    let got = ask(&options, None, &place.target);
    server.finish();
    got
}

/// A zone in several messages.
fn zone(n_messages: usize) -> Vec<Vec<Rec>> {
    let mut sent = vec![vec![deny("a.example")]; n_messages];
    sent[0].insert(0, soa(5));
    sent[n_messages - 1].push(soa(5));
    sent
}

/// Checks that a play of a server that has our key is refused for a reason.
#[track_caller]
fn check(play: Play, reason: &str) {
    let place = Place::new();
    let known = ours(&place).read().unwrap();
    let error = transfer_signed(&place, ours(&place), known, play, at(0)).unwrap_err();
    assert_eq!(error.reason(), reason, "{}", chain(&error));
    assert!(!place.target.exists());
    assert_eq!(place.files(), [ours(&place).secret_file]);
}

#[test]
fn a_zone_is_taken_with_every_algorithm() {
    for algorithm in TsigAlgorithm::ALL {
        let place = Place::new();
        let with = key(&place, "Ours.example", algorithm, &format!("{SECRET}\n"));
        let known = with.read().unwrap();
        let got = transfer_signed(&place, with, known, messages(zone(3)), at(0));
        assert_eq!(got.unwrap(), new(5, 4, false));
        assert_eq!(TsigAlgorithm::of(algorithm.as_str()), Some(algorithm));
    }
    assert_eq!(TsigAlgorithm::of("hmac-md5"), None);
}

#[test]
fn a_server_that_does_not_take_our_signature_is_quoted() {
    let place = Place::new();
    let with = |name, algorithm, secret| key(&place, name, algorithm, secret);
    let fails = |with: TsigKey, known: TsigKey, now| {
        let known = known.read().unwrap();
        let play = messages(zone(1));
        let error = transfer_signed(&place, with, known, play, now).unwrap_err();
        assert!(!place.target.exists());
        (error.reason(), chain(&error))
    };
    let sha256 = TsigAlgorithm::HmacSha256;
    let (reason, said) = fails(ours(&place), with("theirs.example", sha256, SECRET), at(0));
    assert_eq!(reason, "tsig_bad_key");
    assert!(said.contains("the server says BADKEY"), "{said}");
    let sha512 = with("ours.example", TsigAlgorithm::HmacSha512, SECRET);
    assert_eq!(fails(ours(&place), sha512, at(0)).0, "tsig_bad_key");
    let (reason, said) = fails(ours(&place), ours(&place), at(1000));
    assert_eq!(reason, "tsig_bad_time");
    assert!(
        said.contains("the server says BADTIME, its clock and ours differ by 1000 s"),
        "{said}"
    );
}

#[test]
fn an_answer_that_is_not_signed_is_refused() {
    let unsigned = |request: &mut Request| {
        for records in zone(1) {
            request.send_unsigned(&records);
        }
    };
    check(play(unsigned), "tsig_unsigned");
}

/// Which messages are signed.
type Signs = fn(usize) -> bool;

/// A play that sends a zone in so many messages, of which only those are signed that `signs` says,
/// and changes each by `change` once it is signed.
fn sparse(n_messages: usize, signs: Signs, change: fn(usize, &mut Vec<u8>)) -> Play {
    play(move |request: &mut Request| {
        let mut signer = Signer::new(SECRET, "ours.example", &request.mac, 1_800_000_000);
        for (at, records) in zone(n_messages).iter().enumerate() {
            let message = request.reply(Rcode::NOERROR, records).finish();
            let mut message = if signs(at) {
                signer.sign(message)
            } else {
                signer.leave(message)
            };
            change(at, &mut message);
            request.send_bytes(&message);
        }
    })
}

#[test]
fn messages_between_signed_ones_need_no_signature_but_the_last_does() {
    let accepted: [(usize, Signs); 3] = [
        (3, |_| true),
        (5, |at| at % 2 == 0),
        // 99 of them, the most there may be.
        (101, |at| at % 100 == 0),
    ];
    for (n_messages, signs) in accepted {
        let place = Place::new();
        let known = ours(&place).read().unwrap();
        let play = sparse(n_messages, signs, |_, _| {});
        let got = transfer_signed(&place, ours(&place), known, play, at(0));
        let n_records = u64::try_from(n_messages).unwrap() + 1;
        assert_eq!(got.unwrap(), new(5, n_records, false));
    }
    check(sparse(2, |at| at == 0, |_, _| {}), "tsig_unsigned");
    check(sparse(2, |at| at == 1, |_, _| {}), "tsig_unsigned");
    check(sparse(102, |at| at % 101 == 0, |_, _| {}), "tsig_unsigned");
}

#[test]
fn a_message_that_was_changed_on_its_way_is_refused() {
    /// Changes the name of the first record, be it signed or not.
    fn rename(message: &mut [u8]) {
        let at = message.windows(2).rposition(|bytes| bytes == [1, b'a']);
        message[at.unwrap() + 1] = b'b';
    }
    check(
        sparse(
            3,
            |_| true,
            |at, message| {
                if at == 1 {
                    rename(message)
                }
            },
        ),
        "tsig_bad_sig",
    );
    check(
        sparse(
            3,
            |at| at != 1,
            |at, message| {
                if at == 1 {
                    rename(message)
                }
            },
        ),
        "tsig_bad_sig",
    );
    // That records are left out shows too.
    check(
        sparse(
            3,
            |at| at != 1,
            |at, message| {
                if at == 1 {
                    message[7] = 0
                }
            },
        ),
        "tsig_bad_sig",
    );
}

#[test]
fn an_answer_that_was_recorded_before_is_refused() {
    let replays = |request: &mut Request| {
        let mut signer = Signer::new(SECRET, "ours.example", &[1; 32], 1_800_000_000);
        let message = request.reply(Rcode::NOERROR, &zone(1)[0]).finish();
        request.send_bytes(&signer.sign(message));
    };
    check(play(replays), "tsig_bad_sig");
    let late = |request: &mut Request| {
        let mut signer = Signer::new(SECRET, "ours.example", &request.mac, 1_800_000_301);
        let message = request.reply(Rcode::NOERROR, &zone(1)[0]).finish();
        request.send_bytes(&signer.sign(message));
    };
    check(play(late), "tsig_bad_time");
    let other = |request: &mut Request| {
        let mut signer = Signer::new(SECRET, "theirs.example", &request.mac, 1_800_000_000);
        let message = request.reply(Rcode::NOERROR, &zone(1)[0]).finish();
        request.send_bytes(&signer.sign(message));
    };
    check(play(other), "tsig_bad_key");
}

#[test]
fn refusals_are_understood_signed_or_not() {
    for sign in [true, false] {
        let refuses = play(move |request: &mut Request| {
            let message = request.reply(Rcode::REFUSED, &[]);
            if sign {
                request.send_signed(message);
            } else {
                request.send_bytes(&message.finish());
            }
        });
        check(refuses, "refused");
    }
}

#[test]
fn a_secret_that_is_none_is_named_by_its_file_only() {
    let place = Place::new();
    let mut options = options(&["127.0.0.1:9".parse().unwrap()]);
    for secret in ["", "\n", "not base64 at all", "c2VjcmV0LXRo!"] {
        let with = key(&place, "ours.example", TsigAlgorithm::HmacSha256, secret);
        options.tsig = Some(with.clone());
        let error = ask(&options, None, &place.target).unwrap_err();
        assert_eq!(
            chain(&error),
            format!(
                "cannot transfer zone rpz.example: the secret of the key in {} is not base64",
                with.secret_file.display()
            )
        );
    }
    let with = TsigKey {
        secret_file: place.directory.path().join("none"),
        ..ours(&place)
    };
    options.tsig = Some(with);
    let error = ask(&options, None, &place.target).unwrap_err();
    assert_eq!(error.reason(), "secret");
    options.tsig = Some(key(&place, "a..b", TsigAlgorithm::HmacSha256, SECRET));
    let error = ask(&options, None, &place.target).unwrap_err();
    assert_eq!(error.reason(), "key_name");
}

#[test]
fn nothing_that_can_be_printed_holds_the_secret() {
    let place = Place::new();
    let with = ours(&place);
    let server = Server::start(vec![messages(vec![vec![]])]);
    let mut options = options(&[server.address]);
    options.tsig = Some(with.clone());
    let error = ask(&options, None, &place.target).unwrap_err();
    let secret = String::from_utf8(
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, SECRET).unwrap(),
    );
    let printed = format!(
        "{options:?} {error:?} {} {:?}",
        chain(&error),
        with.read().unwrap()
    );
    for hidden in [SECRET, secret.unwrap().as_str()] {
        assert!(!printed.contains(hidden), "{printed}");
    }
}
