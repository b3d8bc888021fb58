//! When an episode is sent out: at its first hit, when its evidence or indicators grow, at most
//! once an update interval when it only counts more, and when a spell ends.

use std::time::Duration;

use super::episodes::Growth;
use crate::model::EventTime;

/// What is known of the sending of one episode. Kept with it, so that nothing due is forgotten
/// in a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sending {
    /// Counts the changes of the episode.
    pub(super) revision: u64,
    /// Whether it is to be sent at once.
    pub(super) urgent: bool,
    /// Whether it holds hits that were not sent.
    pub(super) grown: bool,
    /// Whether the end of its last spell was not sent.
    pub(super) open: bool,
    /// When it was last sent.
    pub(super) sent_at: Option<EventTime>,
    /// Its place in the queue of what is to be sent, if it has one.
    pub(super) queued_at: Option<EventTime>,
}

/// The intervals that sending goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Intervals {
    /// An episode that only counts more is sent at most once in this time.
    pub(super) update: Duration,
    /// A spell ends when nothing came for this long.
    pub(super) quiet: Duration,
}

impl Sending {
    /// Takes up a change; `later` says whether it moved the time of the latest hit.
    pub(super) fn grow(&mut self, growth: Growth, later: bool) {
        self.revision += 1;
        self.grown = true;
        self.open |= later;
        match growth {
            Growth::Content => self.urgent = true,
            Growth::Count => {}
        }
    }

    /// Takes up that `revision` was sent as it was at `now`; a newer revision stays due.
    /// `last_seen` is the time of the latest hit.
    pub(super) fn sent(
        &mut self,
        revision: u64,
        now: EventTime,
        last_seen: EventTime,
        intervals: Intervals,
    ) {
        self.sent_at = self.sent_at.max(Some(now));
        if self.revision == revision {
            self.urgent = false;
            self.grown = false;
            self.open &= now < spell_end(last_seen, intervals);
        }
    }

    /// The first instant at which it is to be sent, if ever as it stands.
    pub(super) fn due_at(&self, last_seen: EventTime, intervals: Intervals) -> Option<EventTime> {
        let end = self.open.then(|| spell_end(last_seen, intervals));
        match (self.urgent, self.grown, self.sent_at) {
            (true, _, _) | (false, true, None) => Some(EventTime::MIN),
            (false, true, Some(sent_at)) => {
                let update = sent_at.saturating_add(intervals.update);
                Some(end.map_or(update, |end| end.min(update)))
            }
            (false, false, _) => end,
        }
    }
}

/// The first instant at which a spell with its latest hit at `last_seen` is over.
fn spell_end(last_seen: EventTime, intervals: Intervals) -> EventTime {
    last_seen
        .saturating_add(intervals.quiet)
        .saturating_add_nanos(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVALS: Intervals = Intervals {
        update: Duration::from_nanos(100),
        quiet: Duration::from_nanos(1000),
    };

    fn at(nanos: i64) -> EventTime {
        EventTime::from_nanos(nanos)
    }

    #[test]
    fn an_episode_is_sent_when_it_says_something_new() {
        let mut sending = Sending::default();
        let mut last_seen = at(0);
        assert_eq!(sending.due_at(last_seen, INTERVALS), None);

        sending.grow(Growth::Content, true);
        assert_eq!(sending.due_at(last_seen, INTERVALS), Some(EventTime::MIN));
        sending.sent(1, at(5), last_seen, INTERVALS);
        assert_eq!(sending.due_at(last_seen, INTERVALS), Some(at(1001)));

        last_seen = at(20);
        sending.grow(Growth::Count, true);
        assert_eq!(sending.due_at(last_seen, INTERVALS), Some(at(105)));
        sending.grow(Growth::Content, false);
        assert_eq!(sending.due_at(last_seen, INTERVALS), Some(EventTime::MIN));
        sending.sent(3, at(30), last_seen, INTERVALS);
        assert_eq!(sending.due_at(last_seen, INTERVALS), Some(at(1021)));
        sending.sent(3, at(1021), last_seen, INTERVALS);
        assert_eq!(sending.due_at(last_seen, INTERVALS), None);

        sending.grow(Growth::Count, false);
        assert_eq!(sending.due_at(last_seen, INTERVALS), Some(at(1121)));
    }

    #[test]
    fn what_changed_while_it_was_sent_stays_due() {
        let mut sending = Sending::default();
        sending.grow(Growth::Content, true);
        sending.grow(Growth::Content, true);
        sending.sent(1, at(5), at(0), INTERVALS);
        assert_eq!(sending.due_at(at(0), INTERVALS), Some(EventTime::MIN));
    }
}
