//! Writes episodes in the transaction of a step: each is read once, changed in memory as often
//! as needed, and written once, in the order of the table.

use std::collections::BTreeMap;

use redb::{ReadableTable, Table, WriteTransaction};

use super::encoding::{decode_episode, encode_episode};
use super::episodes::{EpisodeState, Growth, episode_id};
use super::sending::{Intervals, Sending};
use super::sighting::{Identity, Sighting};
use super::store::{EPISODES, IdentifyError, QUEUE};
use crate::model::{EpisodeId, EventTime};

/// Episodes that are being changed.
pub(super) struct EpisodeWriter<'txn> {
    episodes: Table<'txn, &'static [u8; 16], &'static [u8]>,
    queue: Table<'txn, (i64, &'static [u8; 16]), ()>,
    changed: BTreeMap<EpisodeId, (EpisodeState, Sending)>,
    intervals: Intervals,
}

impl<'txn> EpisodeWriter<'txn> {
    /// Opens the tables.
    pub(super) fn open(
        txn: &'txn WriteTransaction,
        intervals: Intervals,
    ) -> Result<Self, IdentifyError> {
        Ok(Self {
            episodes: txn.open_table(EPISODES)?,
            queue: txn.open_table(QUEUE)?,
            changed: BTreeMap::new(),
            intervals,
        })
    }

    /// Adds a hit to the episode of the subscriber that `identity` names, if it names one.
    pub(super) fn fold(
        &mut self,
        sighting: &Sighting,
        identity: &Identity,
    ) -> Result<(), IdentifyError> {
        let Some(subscriber) = &identity.subscriber else {
            return Ok(());
        };
        let quiet = self.intervals.quiet;
        let id = episode_id(subscriber, &sighting.campaign);
        if let Some((state, sending)) = self.load(id)? {
            let last_seen = state.last_seen();
            let growth = state.fold(sighting, identity, quiet);
            sending.grow(growth, state.last_seen() > last_seen);
        } else {
            let state = EpisodeState::new(subscriber.clone(), sighting, identity, quiet);
            let mut sending = Sending::default();
            sending.grow(Growth::Content, true);
            self.changed.insert(id, (state, sending));
        }
        Ok(())
    }

    /// Adds what the lease of a hit says to the episode that the hit is in already.
    pub(super) fn tell(
        &mut self,
        sighting: &Sighting,
        identity: &Identity,
    ) -> Result<(), IdentifyError> {
        let Some(subscriber) = &identity.subscriber else {
            return Ok(());
        };
        let id = episode_id(subscriber, &sighting.campaign);
        if let Some((state, sending)) = self.load(id)?
            && state.tell(sighting, identity)
        {
            sending.grow(Growth::Content, false);
        }
        Ok(())
    }

    /// Takes up that `revision` of an episode was sent, as it was at `now`.
    pub(super) fn sent(
        &mut self,
        id: EpisodeId,
        (revision, now): (u64, EventTime),
    ) -> Result<(), IdentifyError> {
        let intervals = self.intervals;
        if let Some((state, sending)) = self.load(id)? {
            sending.sent(revision, now, state.last_seen(), intervals);
        }
        Ok(())
    }

    /// Writes what changed and says which episodes that were, by id.
    pub(super) fn finish(mut self) -> Result<Vec<EpisodeId>, IdentifyError> {
        for (EpisodeId(id), (state, sending)) in &mut self.changed {
            let due_at = sending.due_at(state.last_seen(), self.intervals);
            if due_at != sending.queued_at {
                if let Some(old) = sending.queued_at {
                    self.queue.remove((old.nanos(), id))?;
                }
                if let Some(new) = due_at {
                    self.queue.insert((new.nanos(), id), ())?;
                }
                sending.queued_at = due_at;
            }
            let row = encode_episode(state, sending);
            self.episodes.insert(id, row.as_slice())?;
        }
        Ok(self.changed.into_keys().collect())
    }

    /// The episode `id` as it stands, if there is one.
    fn load(
        &mut self,
        id: EpisodeId,
    ) -> Result<Option<&mut (EpisodeState, Sending)>, IdentifyError> {
        if !self.changed.contains_key(&id)
            && let Some(row) = self.episodes.get(&id.0)?
        {
            let loaded =
                decode_episode(row.value()).ok_or(IdentifyError::Damaged { table: "episodes" })?;
            self.changed.insert(id, loaded);
        }
        Ok(self.changed.get_mut(&id))
    }
}
