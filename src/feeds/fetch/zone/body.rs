//! What becomes of the records of an answer: a file with all of them, or differences to the file that
//! is there.

use std::path::Path;

use super::Transferred;
use super::differences::{Differences, Unfit};
use super::error::Failure;
use super::line::Line;
use super::sequence::Step;
use super::writer::{Limits, Writer};

/// The records of an answer.
#[derive(Debug)]
pub(super) struct Body<'t> {
    /// The file.
    target: &'t Path,
    /// What the zone may hold.
    limits: Limits,
    /// How many records came.
    n_records: u64,
    /// The SOA record of the zone as it is now.
    head: String,
    /// Its serial.
    serial: u32,
    /// The others.
    rest: Rest,
}

/// The records of an answer but the first.
#[derive(Debug)]
enum Rest {
    /// None yet.
    Nothing,
    /// The whole zone.
    Whole(Writer),
    /// Differences.
    Differences(Differences),
}

impl<'t> Body<'t> {
    /// Before the first record.
    pub(super) fn new(target: &'t Path, limits: Limits) -> Self {
        Self {
            target,
            limits,
            n_records: 0,
            head: String::new(),
            serial: 0,
            rest: Rest::Nothing,
        }
    }

    /// Takes the next record, which means `step`.
    ///
    /// # Errors
    /// [`Failure`] `Write`, `TooManyBytes` or `TooManyRecords`; `Ok(Err(Unfit))` for differences that
    /// cannot be applied.
    pub(super) fn take(&mut self, step: Step, line: &Line) -> Result<Result<(), Unfit>, Failure> {
        self.n_records = self.n_records.saturating_add(1);
        let text = line.text().as_bytes();
        match step {
            Step::Head => {
                line.text().clone_into(&mut self.head);
                self.serial = line.authority().unwrap_or_default();
            }
            Step::Keep => self.whole()?.write(text)?,
            Step::Turn => return self.differ(|_| Ok(())),
            Step::Delete => return self.differ(|differences| differences.delete(text)),
            Step::Add => return self.differ(|differences| differences.add(text)),
            Step::End | Step::Unchanged => {}
        }
        Ok(Ok(()))
    }

    /// Puts the new zone at its place; `None` when the differences are none of the zone there.
    ///
    /// # Errors
    /// [`Failure`] `Write`, `TooManyBytes` or `TooManyRecords`.
    pub(super) fn finish(mut self) -> Result<Option<Transferred>, Failure> {
        let rest = std::mem::replace(&mut self.rest, Rest::Nothing);
        let (writer, incremental) = match rest {
            Rest::Nothing => (self.begin()?, false),
            Rest::Whole(writer) => (writer, false),
            Rest::Differences(differences) => {
                let mut writer = self.begin()?;
                if differences.apply(self.target, &mut writer)? == Err(Unfit) {
                    return Ok(None);
                }
                (writer, true)
            }
        };
        Ok(Some(Transferred::New {
            serial: self.serial,
            records: writer.finish()?,
            incremental,
        }))
    }

    /// A file that starts with the SOA record.
    ///
    /// # Errors
    /// As [`Writer::new`] and [`Writer::write`].
    fn begin(&self) -> Result<Writer, Failure> {
        let mut writer = Writer::new(self.target, self.limits)?;
        writer.write(self.head.as_bytes())?;
        Ok(writer)
    }

    /// The file of the whole zone.
    ///
    /// # Errors
    /// As [`Self::begin`].
    fn whole(&mut self) -> Result<&mut Writer, Failure> {
        if !matches!(self.rest, Rest::Whole(_)) {
            self.rest = Rest::Whole(self.begin()?);
        }
        match &mut self.rest {
            Rest::Whole(writer) => Ok(writer),
            Rest::Nothing | Rest::Differences(_) => Err(Failure::OtherAuthority),
        }
    }

    /// Has `change` change the differences.
    ///
    /// # Errors
    /// [`Failure::TooManyRecords`]; `Ok(Err(Unfit))` as `change` does.
    fn differ(
        &mut self,
        change: impl FnOnce(&mut Differences) -> Result<(), Unfit>,
    ) -> Result<Result<(), Unfit>, Failure> {
        if self.n_records > self.limits.records {
            return Err(Failure::TooManyRecords {
                max: self.limits.records,
            });
        }
        if matches!(self.rest, Rest::Nothing) {
            self.rest = Rest::Differences(Differences::default());
        }
        Ok(match &mut self.rest {
            Rest::Differences(differences) => change(differences),
            Rest::Nothing | Rest::Whole(_) => Err(Unfit),
        })
    }
}
