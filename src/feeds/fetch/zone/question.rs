//! The question: for a whole zone, or for what changed since a serial, signed if there is a key.

use domain::base::iana::{Class, Rtype};
use domain::base::message_builder::{AdditionalBuilder, MessageBuilder, PushError};
use domain::base::name::Name;
use domain::base::{Serial, Ttl};
use domain::rdata::Soa;
use domain::rdata::tsig::Time48;
use domain::tsig::{ClientSequence, Key};

use super::ZoneName;
use super::error::Failure;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The whole zone.
    Whole,
    /// What changed since the zone had this serial.
    Since(u32),
}

/// A question.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'z> {
    /// The zone.
    pub(super) zone: &'z ZoneName,
    /// What is asked for.
    pub(super) asked: Asked,
    /// Its number.
    pub(super) id: u16,
}

impl Question<'_> {
    /// Its type of record.
    pub(super) fn rtype(&self) -> Rtype {
        match self.asked {
            Asked::Whole => Rtype::AXFR,
            Asked::Since(_) => Rtype::IXFR,
        }
    }

    /// Its message, signed at the time `now` if there is a key, and what then checks the answer.
    ///
    /// # Errors
    /// [`Failure::ZoneName`]: nothing but a name that is too long makes it too long.
    pub(super) fn message(
        &self,
        key: Option<Key>,
        now: Time48,
    ) -> Result<(Vec<u8>, Option<ClientSequence<Key>>), Failure> {
        let mut message = self.build().map_err(|_| Failure::ZoneName)?;
        let signed = key.map(|key| ClientSequence::request(key, &mut message, now));
        let signed = signed.transpose().map_err(|_| Failure::ZoneName)?;
        Ok((message.finish(), signed))
    }

    /// Its message without a signature.
    ///
    /// # Errors
    /// When it is too long.
    fn build(&self) -> Result<AdditionalBuilder<Vec<u8>>, PushError> {
        let mut message = MessageBuilder::new_vec();
        message.header_mut().set_id(self.id);
        let mut message = message.question();
        message.push((self.zone, self.rtype(), Class::IN))?;
        let mut message = message.authority();
        if let Asked::Since(known) = self.asked {
            let root = Name::root_vec();
            let zero = Ttl::from_secs(0);
            let soa = Soa::new(root.clone(), root, Serial(known), zero, zero, zero, zero);
            message.push((self.zone, Class::IN, zero, soa))?;
        }
        Ok(message.additional())
    }
}
