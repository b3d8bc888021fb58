//! An answer, message by message: whether each is one to our question, signed as agreed and no
//! refusal, and then its records in their order.

use domain::base::iana::{Class, Opcode, TsigRcode};
use domain::base::name::ToName;
use domain::base::{Message, ParsedName};
use domain::rdata::Tsig;
use domain::rdata::tsig::Time48;
use domain::tsig::{ClientSequence, Key, ValidationError};

use super::body::Body;
use super::differences::Unfit;
use super::error::{Failure, Rcode, TsigFault};
use super::line::{self, Line, WireRecord};
use super::question::Question;
use super::sequence::{Disorder, Sequence, Step};

/// An answer.
#[derive(Debug)]
pub(super) struct Answer<'z> {
    /// What was asked.
    question: Question<'z>,
    /// What checks the signatures; none if the question was not signed.
    signed: Option<ClientSequence<Key>>,
    /// Whether no message came yet.
    first: bool,
    /// The order of its records.
    sequence: Sequence,
    /// Memory for one record.
    line: Line,
}

/// How far an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// More is to come.
    More,
    /// That was all of it.
    All,
    /// The zone is still the one we have, and nothing else is of interest.
    Unchanged,
    /// Differences that are none of the zone we have.
    Unfit,
}

impl<'z> Answer<'z> {
    /// Before the first message. `known` is the serial that we had, and whether we still have that
    /// zone.
    pub(super) fn new(
        question: Question<'z>,
        signed: Option<ClientSequence<Key>>,
        known: Option<(u32, bool)>,
    ) -> Self {
        Self {
            question,
            signed,
            first: true,
            sequence: Sequence::new(question.asked, known),
            line: Line::default(),
        }
    }

    /// Takes a message that came at the time `now`, and hands its records to `body`; gives the memory
    /// back.
    ///
    /// # Errors
    /// The [`Failure`] that it is.
    pub(super) fn take(
        &mut self,
        message: Vec<u8>,
        now: Time48,
        body: &mut Body<'_>,
    ) -> Result<(Taken, Vec<u8>), Failure> {
        let mut message = Message::from_octets(message).map_err(|_| malformed("is too short"))?;
        self.check(&message)?;
        if let Some(signed) = &mut self.signed {
            signed
                .answer(&mut message, now)
                .map_err(|error| Failure::Tsig(fault(error)))?;
        }
        if message.header().tc() {
            return Err(Failure::Truncated);
        }
        self.check_question(&message)?;
        self.first = false;
        let mut taken = Taken::More;
        for record in line::records(&message)? {
            if taken == Taken::All {
                return Err(Failure::AfterEnd);
            }
            taken = self.take_record(&record?, body)?;
            if matches!(taken, Taken::Unchanged | Taken::Unfit) {
                break;
            }
        }
        if taken == Taken::All {
            let ended = self.signed.take().map_or(Ok(()), ClientSequence::done);
            ended.map_err(|error| Failure::Tsig(fault(error)))?;
        }
        Ok((taken, message.into_octets()))
    }

    /// Takes a record.
    ///
    /// # Errors
    /// The [`Failure`] that it is.
    fn take_record(
        &mut self,
        record: &WireRecord<'_>,
        body: &mut Body<'_>,
    ) -> Result<Taken, Failure> {
        self.line.set(record)?;
        let authority = self.line.authority();
        if authority.is_some() && !record.owner().name_eq(self.question.zone) {
            return Err(match self.sequence.next(None) {
                Err(Disorder::NoHead) => Failure::NoHead,
                Ok(_) | Err(_) => Failure::OtherAuthority,
            });
        }
        let step = match self.sequence.next(authority) {
            Ok(step) => step,
            Err(Disorder::NoHead) => return Err(Failure::NoHead),
            Err(Disorder::OtherAuthority) => return Err(Failure::OtherAuthority),
            Err(Disorder::Rollback { known, offered }) => {
                return Err(Failure::Rollback { known, offered });
            }
            Err(Disorder::Unfit) => return Ok(Taken::Unfit),
        };
        if body.take(step, &self.line)? == Err(Unfit) {
            return Ok(Taken::Unfit);
        }
        Ok(match step {
            Step::End => Taken::All,
            Step::Unchanged => Taken::Unchanged,
            Step::Head | Step::Keep | Step::Turn | Step::Delete | Step::Add => Taken::More,
        })
    }

    /// Checks that a message is an answer to our question and no refusal.
    ///
    /// # Errors
    /// [`Failure`] `Malformed`, `WrongId`, `Rcode` or `Tsig`. Refusals need not be signed: whoever
    /// forges one could as well close the connection.
    fn check(&self, message: &Message<Vec<u8>>) -> Result<(), Failure> {
        let header = message.header();
        if header.id() != self.question.id {
            return Err(Failure::WrongId);
        }
        if !header.qr() {
            return Err(malformed("is a question"));
        }
        if header.opcode() != Opcode::QUERY {
            return Err(malformed("is no answer to a query"));
        }
        let rcode = Rcode(header.rcode().to_int());
        if rcode == Rcode(0) {
            return Ok(());
        }
        let said = self.signed.as_ref().and_then(|_| said(message));
        Err(said.map_or(Failure::Rcode(rcode), Failure::Tsig))
    }

    /// Checks that a message repeats our question, or if it is not the first, none.
    ///
    /// # Errors
    /// [`Failure::WrongQuestion`].
    fn check_question(&self, message: &Message<Vec<u8>>) -> Result<(), Failure> {
        if message.header_counts().qdcount() == 0 && !self.first {
            return Ok(());
        }
        let question = message.sole_question();
        let question = question.map_err(|_| Failure::WrongQuestion)?;
        let ours = question.qname().name_eq(self.question.zone)
            && question.qtype() == self.question.rtype()
            && question.qclass() == Class::IN;
        ours.then_some(()).ok_or(Failure::WrongQuestion)
    }
}

/// What a refusal says about our signature.
fn said(message: &Message<Vec<u8>>) -> Option<TsigFault> {
    let record = message
        .additional()
        .ok()?
        .limit_to::<Tsig<&[u8], ParsedName<&[u8]>>>()
        .next()?
        .ok()?;
    let tsig = record.data();
    match tsig.error() {
        TsigRcode::BADKEY => Some(TsigFault::ServerBadKey),
        TsigRcode::BADSIG => Some(TsigFault::ServerBadSig),
        TsigRcode::BADTRUNC => Some(TsigFault::ServerBadTrunc),
        TsigRcode::BADTIME => Some(TsigFault::ServerBadTime {
            seconds: tsig
                .other_time()
                .map(|server| ahead(server, tsig.time_signed())),
        }),
        _ => None,
    }
}

/// By how many seconds the server's clock is ahead.
fn ahead(server: Time48, ours: Time48) -> i64 {
    let [server, ours] = [server, ours].map(|time| {
        time.into_octets()
            .into_iter()
            .fold(0_i64, |seconds, byte| seconds << 8 | i64::from(byte))
    });
    server - ours
}

/// What the library found wrong with a signature.
fn fault(error: ValidationError) -> TsigFault {
    match error {
        ValidationError::BadAlg | ValidationError::BadKey => TsigFault::OtherKey,
        ValidationError::BadSig | ValidationError::BadTrunc => TsigFault::BadSignature,
        ValidationError::BadTime => TsigFault::BadTime,
        ValidationError::BadOther | ValidationError::FormErr => TsigFault::Malformed,
        ValidationError::ServerUnsigned => TsigFault::Unsigned,
        ValidationError::ServerBadKey => TsigFault::ServerBadKey,
        ValidationError::ServerBadSig => TsigFault::ServerBadSig,
        ValidationError::ServerBadTime { client, server } => TsigFault::ServerBadTime {
            seconds: Some(ahead(server, client)),
        },
        ValidationError::TooManyUnsigned => TsigFault::TooManyUnsigned,
    }
}

/// That a message is none of use.
fn malformed(what: &'static str) -> Failure {
    Failure::Malformed { what }
}
