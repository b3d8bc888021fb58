//! What is said on a new connection before the first request of the reader: which versions,
//! then who we are. Bytes in and out; the connection sends and receives them.

use std::time::Duration;

use bytes::BytesMut;
use kafka_protocol::messages::ApiVersionsRequest;
use kafka_protocol::protocol::{Encodable as _, StrBytes};

use super::error::Fault;
use super::pipe::Response;
use super::sasl::{
    Exchange, Next, SASL_AUTHENTICATE, SASL_AUTHENTICATE_VERSION_MAX, SASL_HANDSHAKE,
    SASL_HANDSHAKE_VERSION,
};
use super::security::SaslSettings;
use super::versions::{Answer, Versions};

/// How far getting ready is.
pub(super) struct Setup {
    stage: Stage,
    /// When a token starts to be good, since the epoch.
    unix_time: Duration,
}

/// Which answer comes next.
enum Stage {
    /// The versions, and then SASL if it is asked for.
    Versions(Option<Box<Exchange>>),
    /// One of SASL.
    Sasl(Box<Exchange>),
}

/// What comes next.
pub(super) enum Step {
    /// Ask this.
    Ask {
        /// What waits for the answer.
        setup: Setup,
        /// Api key and version.
        api: (i16, i16),
        /// The body.
        body: BytesMut,
    },
    /// Nothing: requests may go out.
    Ready {
        /// How long the broker believes who we are, if not for ever.
        lifetime: Option<Duration>,
    },
}

impl Setup {
    /// Starts with the question for versions.
    pub(super) fn start(sasl: Option<&SaslSettings>, unix_time: Duration) -> Step {
        let stage = Stage::Versions(sasl.map(|settings| Box::new(Exchange::new(settings))));
        Self { stage, unix_time }.ask_versions(API_VERSIONS_VERSION)
    }

    /// What it does, in a word for messages.
    pub(super) fn phase(&self) -> &'static str {
        match self.stage {
            Stage::Versions(_) => "asking for versions",
            Stage::Sasl(_) => "authenticating",
        }
    }

    /// Takes the answer to what was asked last.
    pub(super) fn answer(
        self,
        response: &Response,
        versions: &mut Versions,
    ) -> Result<Step, Fault> {
        let unix_time = self.unix_time;
        match self.stage {
            Stage::Versions(exchange) => {
                let read = Versions::read(&response.body, response.api_version);
                match read.map_err(|source| Fault::Unreadable {
                    api_key: API_VERSIONS,
                    source,
                })? {
                    Answer::Offered(offered) => *versions = offered,
                    Answer::AskOlder if response.api_version > 0 => {
                        let stage = Stage::Versions(exchange);
                        return Ok(Self { stage, unix_time }.ask_versions(0));
                    }
                    Answer::AskOlder => return Err(Fault::VersionsRefused { code: 35 }),
                    Answer::Refused(code) => return Err(Fault::VersionsRefused { code }),
                }
                let Some(exchange) = exchange else {
                    return Ok(Step::Ready { lifetime: None });
                };
                let only = SASL_HANDSHAKE_VERSION;
                newest(versions, SASL_HANDSHAKE, only, only)?;
                Ok(Step::Ask {
                    api: (SASL_HANDSHAKE, only),
                    body: exchange.handshake(),
                    setup: Self {
                        stage: Stage::Sasl(exchange),
                        unix_time,
                    },
                })
            }
            Stage::Sasl(mut exchange) => {
                let max = SASL_AUTHENTICATE_VERSION_MAX;
                let version = newest(versions, SASL_AUTHENTICATE, 0, max)?;
                let next = exchange.answer(&response.body, version, unix_time);
                match next.map_err(Fault::Sasl)? {
                    Next::Send(message) => Ok(Step::Ask {
                        api: (SASL_AUTHENTICATE, version),
                        body: Exchange::authenticate(message, version),
                        setup: Self {
                            stage: Stage::Sasl(exchange),
                            unix_time,
                        },
                    }),
                    Next::Done(lifetime) => Ok(Step::Ready { lifetime }),
                }
            }
        }
    }

    /// Asks for versions in version `version` of the question.
    fn ask_versions(self, version: i16) -> Step {
        let mut request = ApiVersionsRequest::default();
        if version >= 3 {
            request = request
                .with_client_software_name(StrBytes::from_static_str("gannet"))
                .with_client_software_version(StrBytes::from_static_str(OUR_VERSION));
        }
        let mut body = BytesMut::new();
        // Two short texts fit in every version.
        let _ = request.encode(&mut body, version);
        Step::Ask {
            setup: self,
            api: (API_VERSIONS, version),
            body,
        }
    }
}

/// The newest version of a request between `min` and `max` that is offered.
fn newest(versions: &Versions, api_key: i16, min: i16, max: i16) -> Result<i16, Fault> {
    versions.newest(api_key, min, max).ok_or(Fault::Version {
        api_key,
        offered: versions.offered(api_key),
        known: (min, max),
    })
}

/// The api key that asks for versions.
const API_VERSIONS: i16 = 18;
/// The version in which it is asked first.
const API_VERSIONS_VERSION: i16 = 3;
/// What brokers are told: letters, digits, dots and dashes alone.
const OUR_VERSION: &str = env!("CARGO_PKG_VERSION");

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::security::Security;
    use super::*;

    /// SASL as `mechanism` has it.
    fn settings(mechanism: &str) -> SaslSettings {
        let properties: BTreeMap<String, String> = [
            ("security.protocol", "sasl_ssl"),
            ("sasl.mechanism", mechanism),
            ("sasl.username", "name"),
            ("sasl.password", "hunter2"),
        ]
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
        Security::of(&properties).unwrap().sasl.unwrap()
    }

    /// Answers every question with the next of `answers` and a form of success before it.
    fn converse(sasl: Option<&SaslSettings>, answers: &[Vec<u8>]) -> Result<bool, Fault> {
        let mut versions = Versions::default();
        let mut step = Setup::start(sasl, Duration::ZERO);
        for answer in answers {
            let Step::Ask { setup, api, .. } = step else {
                return Ok(true);
            };
            let good: &[u8] = match (api.0, answer.first()) {
                (API_VERSIONS, Some(0..=200)) => &[
                    0, 0, 3, 0, 17, 0, 0, 0, 1, 0, 0, 36, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0,
                ],
                (SASL_HANDSHAKE, Some(0..=200)) => &[0; 6],
                (SASL_AUTHENTICATE, Some(0..=100)) => &[0; 3],
                _ => &[],
            };
            let response = Response {
                correlation_id: 0,
                api_key: api.0,
                api_version: api.1,
                body: [good, answer].concat().into(),
            };
            step = setup.answer(&response, &mut versions)?;
        }
        Ok(matches!(step, Step::Ready { .. }))
    }

    #[test]
    fn a_conversation_that_goes_well_ends_ready() {
        let told = [vec![0], vec![0], vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 0]];
        let plain = settings("PLAIN");
        assert!(converse(None, &told).unwrap());
        assert!(converse(Some(&plain), &told).unwrap());
        assert!(!converse(Some(&plain), &told[..2]).unwrap());
        let scram = settings("SCRAM-SHA-256");
        assert!(matches!(converse(Some(&scram), &told), Err(Fault::Sasl(_))));
    }

    proptest! {
        #[test]
        fn any_answers_lead_on_or_are_refused_without_the_password(
            answers in proptest::collection::vec(
                proptest::collection::vec(any::<u8>(), 0..40),
                0..6,
            ),
            mechanism in prop::sample::select(vec!["", "PLAIN", "SCRAM-SHA-256"]),
        ) {
            let sasl = (!mechanism.is_empty()).then(|| settings(mechanism));
            match converse(sasl.as_ref(), &answers) {
                // Nobody can guess what proves to know a password.
                Ok(ready) => prop_assert!(!ready || mechanism != "SCRAM-SHA-256"),
                Err(fault) => {
                    let told = format!("{fault} {fault:?}");
                    prop_assert!(!told.contains("hunter2"), "{}", told);
                }
            }
        }
    }
}
