//! The leases of one network in time: closes those without an end, and finds the ones that
//! meet a window. A pure function of the set of leases, whatever order they came in.

use std::collections::BTreeMap;

use super::texts::TextId;

/// An end that is not known, and the end of what never ends.
pub(super) const OPEN: i64 = i64::MAX;

/// One lease as the timeline sees it. Times are nanoseconds; the end is excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// First instant.
    pub(super) start: i64,
    /// First instant after it, or [`OPEN`].
    pub(super) end: i64,
    /// The ports.
    pub(super) ports: Ports,
    /// Who had it.
    pub(super) subscriber: TextId,
    /// Its index in the table.
    pub(super) entry: u32,
}

/// A port block, or all ports (first above last).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Ports {
    /// The lowest.
    pub(super) first: u16,
    /// The highest.
    pub(super) last: u16,
}

/// A closed window of time in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// First instant.
    pub(super) first: i64,
    /// Last instant.
    pub(super) last: i64,
}

/// The spans of one network, closed and indexed.
#[derive(Debug)]
pub(super) struct Timeline {
    /// By start. The middle of every range is the root of an implicit search tree over it.
    spans: Vec<Span>,
    /// For every root, the latest end in its tree.
    latest_end: Vec<i64>,
}

impl Ports {
    /// All ports.
    pub(super) const ALL: Self = Self { first: 1, last: 0 };

    /// Whether it is a block.
    pub(super) fn is_block(self) -> bool {
        self.first <= self.last
    }

    /// Whether `port` lies in it.
    pub(super) fn contains(self, port: u16) -> bool {
        !self.is_block() || (self.first..=self.last).contains(&port)
    }

    /// Whether both have a port in common.
    fn meets(self, other: Self) -> bool {
        !self.is_block()
            || !other.is_block()
            || (self.first <= other.last && other.first <= self.last)
    }
}

impl Window {
    /// From `reach` before `at` to `reach` after it; saturates.
    pub(super) fn around(at: i64, reach: i64) -> Self {
        Self {
            first: at.saturating_sub(reach),
            last: at.saturating_add(reach),
        }
    }

    /// The shortest window that holds both.
    pub(super) fn hull(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }

    /// Whether both have an instant in common.
    pub(super) fn meets_window(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// Whether `span` holds an instant of it.
    pub(super) fn meets(self, span: &Span) -> bool {
        span.start <= self.last && span.end > self.first && span.start < span.end
    }
}

impl Span {
    /// Whether it holds the instant `at`.
    pub(super) fn covers(&self, at: i64) -> bool {
        self.start <= at && at < self.end
    }
}

impl Timeline {
    /// Indexes `spans`: O(n log n), and for those without an end as many steps as there are
    /// different port blocks.
    pub(super) fn new(mut spans: Vec<Span>) -> Self {
        spans.sort_unstable_by_key(|span| span.start);
        close_open_ends(&mut spans);
        let mut latest_end = vec![i64::MIN; spans.len()];
        fill_latest_end(&spans, &mut latest_end);
        Self { spans, latest_end }
    }

    /// All spans, by start.
    pub(super) fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Hands every span that meets `window` to `each`, by start. O(log n) and the spans found.
    pub(super) fn visit<'t>(&'t self, window: Window, each: &mut impl FnMut(&'t Span)) {
        visit(&self.spans, &self.latest_end, window, each);
    }
}

/// The next starts after some instant on one port block: the soonest, and the soonest of a
/// subscriber other than that one's.
#[derive(Clone, Copy)]
struct NextStarts {
    soonest: (i64, TextId),
    soonest_other: Option<i64>,
}

impl NextStarts {
    /// The soonest start of a subscriber other than `subscriber`.
    fn not_of(&self, subscriber: TextId) -> Option<i64> {
        if self.soonest.1 == subscriber {
            self.soonest_other
        } else {
            Some(self.soonest.0)
        }
    }

    /// Takes up an earlier (or equal) start.
    fn push(&mut self, start: i64, subscriber: TextId) {
        if self.soonest.1 != subscriber {
            self.soonest_other = Some(self.soonest.0);
        }
        self.soonest = (start, subscriber);
    }
}

/// Ends every open span at the next later start of another subscriber on ports of its own.
/// `spans` are sorted by start.
fn close_open_ends(spans: &mut [Span]) {
    if spans.iter().all(|span| span.end != OPEN) {
        return;
    }
    let mut next: BTreeMap<Ports, NextStarts> = BTreeMap::new();
    // From the latest group of equal starts to the earliest: equal starts close nothing.
    for group in spans
        .chunk_by_mut(|left, right| left.start == right.start)
        .rev()
    {
        for span in group.iter_mut().filter(|span| span.end == OPEN) {
            let closed = next
                .iter()
                .filter(|(ports, _)| ports.meets(span.ports))
                .filter_map(|(_, starts)| starts.not_of(span.subscriber))
                .min();
            span.end = closed.unwrap_or(OPEN);
        }
        for span in group {
            next.entry(span.ports)
                .and_modify(|starts| starts.push(span.start, span.subscriber))
                .or_insert(NextStarts {
                    soonest: (span.start, span.subscriber),
                    soonest_other: None,
                });
        }
    }
}

/// Fills in the latest end of every implicit tree and returns that of the whole.
fn fill_latest_end(spans: &[Span], latest_end: &mut [i64]) -> i64 {
    let middle = spans.len() / 2;
    let (Some((left, root, right)), Some((left_ends, root_end, right_ends))) =
        (split(spans, middle), split_mut(latest_end, middle))
    else {
        return i64::MIN;
    };
    let below = fill_latest_end(left, left_ends).max(fill_latest_end(right, right_ends));
    *root_end = root.end.max(below);
    *root_end
}

/// Walks the implicit tree over `spans`, leaving out trees that end before the window.
fn visit<'t>(
    spans: &'t [Span],
    latest_end: &[i64],
    window: Window,
    each: &mut impl FnMut(&'t Span),
) {
    let middle = spans.len() / 2;
    let (Some((left, root, right)), Some((left_ends, &root_end, right_ends))) =
        (split(spans, middle), split(latest_end, middle))
    else {
        return;
    };
    if root_end <= window.first {
        return;
    }
    visit(left, left_ends, window, each);
    if window.meets(root) {
        each(root);
    }
    if root.start <= window.last {
        visit(right, right_ends, window, each);
    }
}

/// What lies before, at and after `middle`; `None` when it lies outside.
fn split<T>(items: &[T], middle: usize) -> Option<(&[T], &T, &[T])> {
    let (left, rest) = items.split_at_checked(middle)?;
    let (root, right) = rest.split_first()?;
    Some((left, root, right))
}

/// As [`split`].
fn split_mut<T>(items: &mut [T], middle: usize) -> Option<(&mut [T], &mut T, &mut [T])> {
    let (left, rest) = items.split_at_mut_checked(middle)?;
    let (root, right) = rest.split_first_mut()?;
    Some((left, root, right))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::texts::Texts;
    use super::*;

    /// Start, end, ports, subscriber; all from small sets.
    type Row = (i64, Option<i64>, Option<(u16, u16)>, u8);

    fn spans(rows: &[Row]) -> Vec<Span> {
        let mut texts = Texts::new(1 << 16);
        let make = |(entry, &(start, len, ports, who)): (usize, &Row)| Span {
            start,
            end: len.map_or(OPEN, |len| start + len),
            ports: ports.map_or(Ports::ALL, |(first, len)| Ports {
                first,
                last: first + len,
            }),
            subscriber: texts.intern(&who.to_string()).unwrap(),
            entry: u32::try_from(entry).unwrap(),
        };
        rows.iter().enumerate().map(make).collect()
    }

    /// The definition of the implicit end.
    fn closed(all: &[Span], span: &Span) -> i64 {
        if span.end != OPEN {
            return span.end;
        }
        all.iter()
            .filter(|later| later.start > span.start && later.subscriber != span.subscriber)
            .filter(|later| {
                (0..16).any(|port| later.ports.contains(port) && span.ports.contains(port))
            })
            .map(|later| later.start)
            .min()
            .unwrap_or(OPEN)
    }

    fn row() -> impl Strategy<Value = Row> {
        let ports = proptest::option::of((0..8_u16, 0..6_u16));
        (0..20_i64, proptest::option::of(0..6_i64), ports, 0..3_u8)
    }

    proptest! {
        #[test]
        fn windows_meet_what_a_linear_search_finds(
            rows in vec(row(), 0..24), first in -2..24_i64, len in 0..5_i64,
        ) {
            let window = Window { first, last: first + len };
            let all = spans(&rows);
            let expected: Vec<u32> = all
                .iter()
                .map(|span| Span { end: closed(&all, span), ..*span })
                .filter(|span| (first..=first + len).any(|at| span.covers(at)))
                .map(|span| span.entry)
                .collect();
            let timeline = Timeline::new(all);
            let mut found = Vec::new();
            timeline.visit(window, &mut |span| found.push(span.entry));
            found.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn windows_at_the_ends_of_time_do_not_overflow() {
        assert_eq!(Window::around(i64::MAX, 5).last, i64::MAX);
        assert_eq!(Window::around(i64::MIN, 5).first, i64::MIN);
    }
}
