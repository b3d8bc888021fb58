//! Episodes out: those that are due are handed to the sink, and count as sent once all of a
//! round are acknowledged. Hits go on being folded in meanwhile.

use std::time::{Duration, Instant};

use super::{Active, IdentifyOutput, IdentifyStage, IdentifyStageError};
use crate::config::EpisodesConfig;
use crate::encode;
use crate::identify::DueEpisode;
use crate::model::{Episode, Named};
use crate::sink::{MessageSink, Outgoing};

/// Longest wait for episodes to be acknowledged before they count as not sent.
const SEND_WAIT_MAX: Duration = Duration::from_secs(60);

/// Longest wait for acknowledgements when the stage ends.
const DRAIN_MAX: Duration = Duration::from_secs(4);

/// Most episodes sent in one go.
const EPISODES_BATCH: usize = 20_000;

/// Episodes that were handed to the sink.
pub(super) struct Sending {
    due: Vec<DueEpisode>,
    acknowledged: usize,
    since: Instant,
}

impl<S: MessageSink> IdentifyStage<S> {
    /// Waits for the episodes that were handed to the sink. Those that are not acknowledged in
    /// time, and those that are due, are sent by whoever opens the store next.
    pub(super) fn drain(
        &mut self,
        active: &mut Active,
        report: &mut dyn FnMut(IdentifyOutput<'_>),
    ) -> Result<(), IdentifyStageError> {
        let deadline = Instant::now() + DRAIN_MAX;
        while active.sending.is_some() && Instant::now() < deadline {
            self.take_acknowledged(active, Duration::from_millis(10), report)?;
        }
        Ok(())
    }

    /// Sends the episodes that are due, and takes up what was acknowledged of those sent
    /// before. The next ones wait until all of those are, while hits go on being folded in.
    pub(super) fn send_due(
        &mut self,
        active: &mut Active,
        report: &mut dyn FnMut(IdentifyOutput<'_>),
    ) -> Result<(), IdentifyStageError> {
        self.take_acknowledged(active, Duration::ZERO, report)?;
        if active.sending.is_some() {
            return Ok(());
        }
        let due = active
            .identifier
            .due_episodes((self.options.now)(), EPISODES_BATCH)?;
        if due.is_empty() {
            return Ok(());
        }
        self.round += 1;
        for due in &due {
            self.send(&due.episode);
        }
        active.sending = Some(Sending {
            due,
            acknowledged: 0,
            since: Instant::now(),
        });
        Ok(())
    }

    /// Takes acknowledgements for up to `wait`; once all have come, the episodes count as sent.
    fn take_acknowledged(
        &mut self,
        active: &mut Active,
        wait: Duration,
        report: &mut dyn FnMut(IdentifyOutput<'_>),
    ) -> Result<(), IdentifyStageError> {
        let tokens = self.sink.poll(wait).tokens;
        let Some(sending) = &mut active.sending else {
            return Ok(());
        };
        let round = self.round;
        sending.acknowledged += tokens.iter().filter(|token| **token == round).count();
        if sending.acknowledged == sending.due.len() {
            active.identifier.mark_sent(&sending.due)?;
            let episodes = sending.due.len() as u64;
            report(IdentifyOutput::Sent { episodes });
            active.sending = None;
        } else if sending.since.elapsed() > SEND_WAIT_MAX {
            self.sink.abandon();
            return Err(IdentifyStageError::NotAcknowledged(SEND_WAIT_MAX));
        }
        Ok(())
    }

    /// Hands one episode to the sink.
    fn send(&mut self, episode: &Episode) {
        let EpisodesConfig { topic, format, .. } = &self.options.episodes;
        let mut value = Vec::with_capacity(1024);
        encode::episode(*format, episode, &mut value);
        self.sink.send(Outgoing {
            topic: topic.clone(),
            key: Some(episode.episode_id.to_string().into_bytes()),
            value,
            headers: vec![(
                "content-type".to_owned(),
                format!("gannet.episode.v1+{}", format.as_str()).into_bytes(),
            )],
            token: self.round,
        });
    }
}
