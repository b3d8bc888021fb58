//! Extended DNS Errors (RFC 8914): what a resolver says, beside its answer, about how it came to it.
//! They stand in the OPT record at the end of a message, or where a format writes that; only whole
//! decoding looks there.

use super::{Record, chunk_at, skip_name};

/// The type of the record that extends a message (EDNS).
const OPT: u16 = 41;

/// The code of the option that holds an error.
pub(in crate::decode) const ERROR_OPTION: u16 = 15;

/// The errors of an answer that was kept from the client or made up for it: Forged Answer,
/// Blocked, Censored, Filtered, Prohibited.
const BLOCKING: [u16; 5] = [4, 15, 16, 17, 18];

/// Whether an error of this code says that a policy took an answer away or changed it.
pub(in crate::decode) fn is_blocking(code: u16) -> bool {
    BLOCKING.contains(&code)
}

/// Whether `message` says that a policy took its answer away or changed it. Linear in the message,
/// which is read as far as it can be; allocates nothing.
pub(in crate::decode) fn says_blocked(message: &[u8]) -> bool {
    extensions(message).is_some_and(|options| errors(options).any(is_blocking))
}

/// The options of the first OPT record; none if there is no such record, or one before it cannot be
/// read.
fn extensions(message: &[u8]) -> Option<&[u8]> {
    let counts: &[u8; 8] = chunk_at(message, 4)?;
    let mut counts = counts.chunks_exact(2).map(|count| {
        count
            .iter()
            .fold(0, |high, low| high << 8 | usize::from(*low))
    });
    let questions = counts.next()?;
    let in_front = counts.next()? + counts.next()?;
    let additional = counts.next()?;
    let mut at = 12;
    for _ in 0..questions {
        at = skip_name(message, at)? + 4;
    }
    for _ in 0..in_front {
        at = Record::read(message, at)?.end;
    }
    for _ in 0..additional {
        let record = Record::read(message, at)?;
        if record.rtype == OPT {
            return Some(record.data);
        }
        at = record.end;
    }
    None
}

/// The codes of the errors among `options`, as far as these can be read.
fn errors(mut options: &[u8]) -> impl Iterator<Item = u16> {
    std::iter::from_fn(move || {
        while let [code_high, code_low, len_high, len_low, rest @ ..] = options {
            let len = usize::from(u16::from_be_bytes([*len_high, *len_low]));
            let (data, tail) = rest.split_at_checked(len)?;
            options = tail;
            if let (ERROR_OPTION, [high, low, ..]) =
                (u16::from_be_bytes([*code_high, *code_low]), data)
            {
                return Some(u16::from_be_bytes([*high, *low]));
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{Edns, Message, Query};
    use hickory_proto::rr::rdata::opt::EdnsOption;
    use hickory_proto::rr::rdata::{A, NS};
    use hickory_proto::rr::{Name, RData, Record as OracleRecord};
    use proptest::prelude::*;

    use super::*;
    use crate::decode::tests::recorder::unhex;

    /// An NXDOMAIN for `a.example` in 47 bytes, with the error 15 and the text `rpz`.
    const BLOCKED: &str = "0001 8183 0001 0000 0000 0001 01 61 07 6578616d706c65 00 0001 0001 \
                           00 0029 04d0 00000000 0009 000f 0005 000f 72707a";

    /// The bytes of [`BLOCKED`] from its OPT record on, and those in front.
    fn parts() -> (Vec<u8>, Vec<u8>) {
        let mut front = unhex(BLOCKED);
        let opt = front.split_off(front.len() - 20);
        (front, opt)
    }

    /// A message with one question and an OPT record that holds `options`.
    fn with_options(options: &[u8]) -> Vec<u8> {
        let (front, opt) = parts();
        let len = u16::try_from(options.len()).unwrap().to_be_bytes();
        [&front, &opt[..9], &len, options].concat()
    }

    /// An option.
    fn option(code: u16, data: &[u8]) -> Vec<u8> {
        let len = u16::try_from(data.len()).unwrap();
        [&code.to_be_bytes(), &len.to_be_bytes(), data].concat()
    }

    #[test]
    fn a_known_message_says_it() {
        let (front, opt) = parts();
        assert!(says_blocked(&[front, opt].concat()));
    }

    #[test]
    fn only_errors_of_policies_are_a_block() {
        let blocking = (0..64_u16)
            .filter(|code| says_blocked(&with_options(&option(15, &code.to_be_bytes()))));
        assert_eq!(blocking.collect::<Vec<_>>(), [4, 15, 16, 17, 18]);
    }

    #[test]
    fn an_error_is_found_among_other_options() {
        let cookie = option(10, &[0, 15, 0, 15, 0, 15, 0, 15]);
        let stale = option(15, &[0, 3]);
        let censored = option(15, b"\0\x10https://a.example/why");
        for (options, blocked) in [
            (vec![], false),
            (vec![&cookie], false),
            (vec![&cookie, &stale], false),
            (vec![&cookie, &stale, &censored], true),
            (vec![&censored, &cookie], true),
        ] {
            let options = options.into_iter().flatten().copied().collect::<Vec<_>>();
            assert_eq!(
                says_blocked(&with_options(&options)),
                blocked,
                "{options:02x?}"
            );
        }
    }

    #[test]
    fn options_cut_short_say_nothing_and_what_stands_before_them_counts() {
        let censored = option(15, &[0, 16]);
        assert!(!says_blocked(&with_options(&option(15, &[15]))));
        assert!(!says_blocked(&with_options(&[0, 15, 0, 3, 0, 15])));
        assert!(!says_blocked(&with_options(&[0, 15, 0])));
        assert!(says_blocked(&with_options(
            &[&censored, [0, 15, 0, 9].as_slice()].concat()
        )));
        let (front, opt) = parts();
        let whole = [front, opt].concat();
        for len in 0..whole.len() {
            assert!(!says_blocked(&whole[..len]), "{len} bytes");
        }
    }

    #[test]
    fn records_in_front_are_passed_over_and_another_section_is_not_taken_for_it() {
        let (mut front, opt) = parts();
        let record = |rtype: u8, data: &[u8]| {
            let fixed = [
                0xc0,
                12,
                0,
                rtype,
                0,
                1,
                0,
                0,
                0,
                60,
                0,
                u8::try_from(data.len()).unwrap(),
            ];
            [&fixed, data].concat()
        };
        front[7] = 1;
        front[9] = 1;
        front[11] = 2;
        let sections = [
            record(1, &[0, 0, 0, 0]),
            record(2, &[0xc0, 12]),
            record(16, b"\x01x"),
        ];
        let mut message = [front, sections.concat(), opt].concat();
        assert!(says_blocked(&message));
        // The same records, of which the last is said to stand in the answer.
        message[7] = 4;
        message[11] = 0;
        assert!(!says_blocked(&message));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(message in proptest::collection::vec(any::<u8>(), 0..80)) {
            says_blocked(&message);
        }

        #[test]
        fn a_message_of_another_maker_says_the_same(
            code in 0_u16..30,
            n_answers in 0_usize..3,
            n_authorities in 0_usize..3,
            extended in any::<bool>(),
        ) {
            let name = Name::from_ascii("www.bad.example.").unwrap();
            let mut message = Message::new();
            message.add_query(Query::query(name.clone(), hickory_proto::rr::RecordType::A));
            for _ in 0..n_answers {
                let data = RData::A(A::new(203, 0, 113, 66));
                message.add_answer(OracleRecord::from_rdata(name.clone(), 60, data));
            }
            for _ in 0..n_authorities {
                let data = RData::NS(NS(name.clone()));
                message.add_name_server(OracleRecord::from_rdata(name.clone(), 60, data));
            }
            if extended {
                let mut edns = Edns::new();
                let data = code.to_be_bytes().to_vec();
                edns.options_mut().insert(EdnsOption::Unknown(15, data));
                message.set_edns(edns);
            }
            let bytes = message.to_vec().unwrap();
            prop_assert_eq!(says_blocked(&bytes), extended && BLOCKING.contains(&code));
        }
    }
}
