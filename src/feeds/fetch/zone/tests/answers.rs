//! Any bytes as an answer: refused or taken, and never more than that.

use std::str::FromStr;

use domain::base::iana::Rtype;
use domain::base::rdata::UnknownRecordData;
use domain::base::{MessageBuilder, Ttl};
use proptest::prelude::*;

use super::server::{Rec, below, deny, soa, soa_of};
use super::*;

/// What an answer of these messages comes to.
fn take(messages: Vec<Vec<u8>>, asked: Asked, key: Option<Key>) -> Result<Taken, Failure> {
    let place = Place::new();
    let zone = ZoneName::from_str(ZONE).unwrap();
    let question = Question {
        zone: &zone,
        asked,
        id: 4711,
    };
    let time = Time48::from_u64(1_800_000_000);
    let (_, signed) = question.message(key, time)?;
    let known = match asked {
        Asked::Whole => None,
        Asked::Since(serial) => Some((serial, true)),
    };
    let mut answer = Answer::new(question, signed, known);
    let limits = Limits {
        bytes: 10_000,
        records: 100,
    };
    let mut body = Body::new(&place.target, limits);
    let mut taken = Taken::More;
    for message in messages {
        (taken, _) = answer.take(message, time, &mut body)?;
        if taken != Taken::More {
            break;
        }
    }
    if taken == Taken::All {
        body.finish()?;
    }
    Ok(taken)
}

use super::super::answer::Taken;

/// An answer with these records.
fn message(asked: Asked, records: &[Rec]) -> Vec<u8> {
    let zone = ZoneName::from_str(ZONE).unwrap();
    let question = Question {
        zone: &zone,
        asked,
        id: 4711,
    };
    let mut message = MessageBuilder::new_vec();
    message.header_mut().set_id(4711);
    message.header_mut().set_qr(true);
    let mut message = message.question();
    message.push((&zone, question.rtype())).unwrap();
    let mut message = message.answer();
    for Rec(owner, rtype, data) in records {
        let data = UnknownRecordData::from_octets(*rtype, data).unwrap();
        message.push((owner, Ttl::from_secs(300), data)).unwrap();
    }
    message.finish()
}

/// Records of which some make a zone and some do not.
fn records() -> impl Strategy<Value = Vec<Rec>> {
    let types = [1, 2, 5, 6, 12, 15, 16, 28, 33, 39, 41, 46, 250, 65280];
    let any = (
        proptest::sample::select(types.to_vec()),
        proptest::collection::vec(any::<u8>(), 0..30),
    );
    let any = any.prop_map(|(rtype, data)| Rec(below("x"), Rtype::from_int(rtype), data));
    let fixed = proptest::sample::select(vec![
        soa(5),
        soa(6),
        soa(7),
        soa_of("other.example", 6),
        deny("a.example"),
        deny("b.example"),
    ]);
    proptest::collection::vec(prop_oneof![3 => fixed, 1 => any], 0..12)
}

/// What is asked for.
fn asked() -> impl Strategy<Value = Asked> {
    proptest::sample::select(vec![Asked::Whole, Asked::Since(5)])
}

/// A key, or none.
fn key() -> impl Strategy<Value = Option<Key>> {
    let key = || {
        let name = domain::tsig::KeyName::from_str("ours.example").unwrap();
        Key::new(domain::tsig::Algorithm::Sha256, b"secret", name, None, None).unwrap()
    };
    proptest::sample::select(vec![false, true]).prop_map(move |signed| signed.then(key))
}

#[test]
fn a_plain_answer_is_taken() {
    let records = [soa(6), deny("a.example"), soa(6)];
    let taken = take(vec![message(Asked::Whole, &records)], Asked::Whole, None);
    assert_eq!(taken.unwrap(), Taken::All);
}

proptest! {
    #[test]
    fn any_bytes_are_survived(
        messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..4),
        asked in asked(),
        key in key(),
    ) {
        let _ = take(messages, asked, key);
    }

    #[test]
    fn any_records_in_any_order_are_survived(
        sent in proptest::collection::vec(records(), 1..4),
        asked in asked(),
    ) {
        let messages = sent.iter().map(|records| message(asked, records)).collect();
        let _ = take(messages, asked, None);
    }

    #[test]
    fn answers_with_any_bytes_changed_are_survived(
        records in records(),
        asked in asked(),
        key in key(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..8),
        len in any::<proptest::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut message = message(asked, &records);
        for (at, byte) in changes {
            let at = at.index(message.len());
            message[at] = byte;
        }
        if cut {
            message.truncate(len.index(message.len()));
        }
        let _ = take(vec![message], asked, key);
    }

    #[test]
    fn names_that_point_anywhere_are_survived(
        pointers in proptest::collection::vec((any::<u8>(), any::<u8>()), 1..60),
    ) {
        let mut message = message(Asked::Whole, &[soa(6)]);
        for (high, low) in &pointers {
            message.extend_from_slice(&[1, b'a', 0xc0 | (high % 2), *low, 0, 5, 0, 1]);
            message.extend_from_slice(&[0, 0, 0, 0, 0, 2, 0xc0 | (high % 2), *low]);
        }
        message[7] += u8::try_from(pointers.len()).unwrap();
        let _ = take(vec![message], Asked::Whole, None);
    }
}
