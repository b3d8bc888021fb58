//! Which versions of which requests a broker answers, as `ApiVersions` tells, and which one
//! both sides know.

use std::collections::BTreeMap;

use super::wire::{Wire, WireError};

/// The requests of a broker and their versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// First and last version by api key.
    offered: BTreeMap<i16, (i16, i16)>,
}

/// What an answer to `ApiVersions` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The versions.
    Offered(Versions),
    /// The broker does not know our version of the question; ask with version 0.
    AskOlder,
    /// It refused with this code.
    Refused(i16),
}

impl Versions {
    /// Reads the body of an answer to version `version` of the question.
    ///
    /// # Errors
    /// [`WireError`] when it is malformed or too long.
    pub(super) fn read(body: &[u8], version: i16) -> Result<Answer, WireError> {
        // An unknown version is always answered in the form of version 0.
        match Wire::new(body, false).int16()? {
            0 => {}
            UNSUPPORTED_VERSION => return Ok(Answer::AskOlder),
            code => return Ok(Answer::Refused(code)),
        }
        let mut wire = Wire::new(body, version >= 3);
        wire.int16()?;
        let mut offered = BTreeMap::new();
        for _ in 0..wire.count(APIS_MAX)? {
            let (key, min, max) = (wire.int16()?, wire.int16()?, wire.int16()?);
            wire.skip_tags()?;
            offered.insert(key, (min, max));
        }
        // Features follow, which nothing here needs.
        Ok(Answer::Offered(Self { offered }))
    }

    /// The newest version of a request that the broker offers and that lies in `min..=max`.
    pub fn newest(&self, api_key: i16, min: i16, max: i16) -> Option<i16> {
        let (offered_min, offered_max) = *self.offered.get(&api_key)?;
        let newest = max.min(offered_max);
        (newest >= min.max(offered_min)).then_some(newest)
    }

    /// First and last version of a request that the broker offers.
    pub fn offered(&self, api_key: i16) -> Option<(i16, i16)> {
        self.offered.get(&api_key).copied()
    }
}

/// The code for a version that a broker does not know.
const UNSUPPORTED_VERSION: i16 = 35;
/// Most kinds of request that a broker may offer; Kafka 4.1 has about 90.
const APIS_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use kafka_protocol::messages::ApiVersionsResponse;
    use kafka_protocol::messages::api_versions_response::ApiVersion;
    use kafka_protocol::protocol::Encodable;

    use super::*;

    /// An answer as the library writes it.
    fn answer(version: i16, code: i16) -> BytesMut {
        let apis = [(1, 4, 17), (3, 0, 13), (18, 0, 4)].map(|(key, min, max)| {
            ApiVersion::default()
                .with_api_key(key)
                .with_min_version(min)
                .with_max_version(max)
        });
        let mut bytes = BytesMut::new();
        ApiVersionsResponse::default()
            .with_error_code(code)
            .with_api_keys(apis.to_vec())
            .encode(&mut bytes, version)
            .unwrap();
        bytes
    }

    #[test]
    fn every_version_of_the_answer_reads_the_same() {
        for version in 0..=4 {
            let Answer::Offered(versions) = Versions::read(&answer(version, 0), version).unwrap()
            else {
                panic!("version {version}");
            };
            assert_eq!(versions.offered(1), Some((4, 17)));
            assert_eq!(versions.newest(1, 4, 12), Some(12));
            assert_eq!(versions.newest(1, 4, 99), Some(17));
            assert_eq!(versions.newest(1, 0, 3), None);
            assert_eq!(versions.newest(1, 18, 20), None);
            assert_eq!(versions.newest(2, 0, 20), None);
        }
    }

    #[test]
    fn a_broker_that_is_too_old_for_the_question_is_asked_again() {
        assert_eq!(Versions::read(&answer(0, 35), 3), Ok(Answer::AskOlder));
        assert_eq!(Versions::read(&answer(3, 42), 3), Ok(Answer::Refused(42)));
    }

    #[test]
    fn an_answer_that_is_cut_is_an_error() {
        let whole = answer(3, 0);
        for len in 0..whole.len() - 6 {
            assert!(Versions::read(&whole[..len], 3).is_err(), "{len}");
        }
    }
}
