//! The order of records in an answer: which of them are the zone, which were taken out of it and which
//! were put in, and whether the answer is all there. Knows records only by the serials of those that
//! are SOA.

use std::cmp::Ordering;

use domain::base::Serial;

use super::question::Asked;

/// What the next record of an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The SOA of the zone as it is now.
    Head,
    /// A record of the whole zone.
    Keep,
    /// The SOA of the zone before or after a difference.
    Turn,
    /// A record that a difference takes out.
    Delete,
    /// A record that a difference puts in.
    Add,
    /// The same SOA once more: the answer is complete.
    End,
    /// The zone is still the one we have.
    Unchanged,
}

/// What is wrong with the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disorder {
    /// The first record is not an SOA.
    NoHead,
    /// An SOA that is not the one that the answer started with.
    OtherAuthority,
    /// The zone is older than the one we had.
    Rollback {
        /// What we had.
        known: u32,
        /// What there is.
        offered: u32,
    },
    /// Differences that are not ours, or that do not follow one another.
    Unfit,
}

/// Where we are in an answer.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Before it.
    Start,
    /// Behind the first record.
    Head,
    /// In the whole zone.
    Whole,
    /// In what a difference takes out of the zone of this serial.
    Deleting(u32),
    /// In what a difference puts in, which makes it the zone of this serial.
    Adding(u32),
    /// Behind it.
    End,
}

/// An answer, record by record.
#[derive(Clone, Debug)]
pub(super) struct Sequence {
    /// What was asked for.
    asked: Asked,
    /// The serial that we had, and whether we still have that zone.
    known: Option<(u32, bool)>,
    /// The serial of the zone as it is now.
    new: u32,
    /// Where we are.
    place: Place,
}

impl Sequence {
    /// The start of an answer to `asked`; `known` is the serial that we had, and whether we still
    /// have that zone.
    pub(super) fn new(asked: Asked, known: Option<(u32, bool)>) -> Self {
        Self {
            asked,
            known,
            new: 0,
            place: Place::Start,
        }
    }

    /// What the next record means; `authority` is its serial if it is an SOA.
    ///
    /// # Errors
    /// [`Disorder`] when no such record may follow.
    pub(super) fn next(&mut self, authority: Option<u32>) -> Result<Step, Disorder> {
        let (place, step) = match (self.place, authority) {
            (Place::Start, None) => return Err(Disorder::NoHead),
            (Place::Start, Some(serial)) => return self.begin(serial),
            (Place::Head | Place::Whole, None) => (Place::Whole, Step::Keep),
            (Place::Head | Place::Whole, Some(serial)) if serial == self.new => {
                (Place::End, Step::End)
            }
            (Place::Head, Some(serial)) => match self.asked {
                Asked::Since(known) if known == serial => (Place::Deleting(serial), Step::Turn),
                Asked::Since(_) => return Err(Disorder::Unfit),
                Asked::Whole => return Err(Disorder::OtherAuthority),
            },
            (Place::Whole, Some(_)) => return Err(Disorder::OtherAuthority),
            (Place::Deleting(_), None) => (self.place, Step::Delete),
            (Place::Deleting(before), Some(serial)) if is_newer(serial, before) => {
                (Place::Adding(serial), Step::Turn)
            }
            (Place::Adding(_), None) => (self.place, Step::Add),
            (Place::Adding(at), Some(serial)) if at == serial && at == self.new => {
                (Place::End, Step::End)
            }
            (Place::Adding(at), Some(serial)) if at == serial => {
                (Place::Deleting(serial), Step::Turn)
            }
            (Place::Deleting(_) | Place::Adding(_), Some(_)) => return Err(Disorder::Unfit),
            (Place::End, _) => return Err(Disorder::OtherAuthority),
        };
        self.place = place;
        Ok(step)
    }

    /// Takes the first record.
    ///
    /// # Errors
    /// [`Disorder::Rollback`].
    fn begin(&mut self, serial: u32) -> Result<Step, Disorder> {
        self.new = serial;
        self.place = Place::Head;
        match self.known {
            Some((known, true)) if known == serial => {
                self.place = Place::End;
                Ok(Step::Unchanged)
            }
            Some((known, _)) if known != serial && !is_newer(serial, known) => {
                Err(Disorder::Rollback {
                    known,
                    offered: serial,
                })
            }
            Some(_) | None => Ok(Step::Head),
        }
    }
}

/// Whether a serial comes after another. They wrap (RFC 1982), and of two that are half the circle
/// apart neither does.
fn is_newer(serial: u32, than: u32) -> bool {
    Serial(serial).partial_cmp(&Serial(than)) == Some(Ordering::Greater)
}
