//! Which members of no interest have values that come again and again, so that they are worth
//! remembering, and which differ from row to row. Values that were never seen show as surprises;
//! which of a few comes next shows only where nothing is expected, so now and then some rows are
//! surveyed.

/// What is known of the members that were read one by one.
#[derive(Debug)]
pub(super) struct Habits {
    members: Vec<Member>,
    /// Counts rows down to the end of a window, or of a survey.
    rows: u32,
    /// Counts windows down to the next survey.
    windows: u32,
    /// Whether rows are surveyed.
    surveys: bool,
    /// Whether what was learned from earlier rows is to be forgotten.
    changed: bool,
}

/// One member of objects of one kind.
#[derive(Clone, Copy, Debug)]
struct Member {
    /// A digest of its key and level.
    id: u64,
    /// Digests of values that it had, the last one first.
    values: [u64; VALUES],
    /// How many of its values were new in this window.
    news: u32,
    /// How many of its values were not the last one again, in this survey.
    changes: u32,
    /// Whether that was too often, once. It stays so.
    varies: bool,
}

/// The place of a member that does not vary.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habit(usize);

/// Members that are known. Any other counts as one that varies.
const MEMBERS_MAX: usize = 96;

/// Values of a member that are known.
const VALUES: usize = 8;

/// Rows of a window.
const ROWS: u32 = 256;

/// Windows from survey to survey.
const WINDOWS: u32 = 256;

/// Rows of a survey.
const SURVEY_ROWS: u32 = 32;

/// Most changes in a survey of a member that is worth remembering: where the next value is anyone's
/// guess, reading it costs less than guessing wrong.
const CHANGES_MAX: u32 = SURVEY_ROWS / 2;

/// New values in a window that make it cheaper to read a member each time than to be
/// surprised by it.
const NEWS_MAX: u32 = 16;

impl Habits {
    /// None.
    pub(super) fn new() -> Self {
        Self {
            members: Vec::with_capacity(MEMBERS_MAX),
            rows: ROWS,
            windows: 1,
            surveys: false,
            changed: false,
        }
    }

    /// Begins a row; says whether what was learned from earlier ones is to be forgotten.
    #[inline(always)]
    pub(super) fn row(&mut self) -> bool {
        self.rows -= 1;
        if self.rows == 0 {
            self.turn();
        }
        std::mem::take(&mut self.changed)
    }

    /// Ends a window or a survey.
    #[cold]
    fn turn(&mut self) {
        self.rows = ROWS;
        self.windows -= 1;
        if std::mem::take(&mut self.surveys) {
            for member in &mut self.members {
                member.varies |= member.changes > CHANGES_MAX;
            }
        } else if self.windows == 0 {
            (self.rows, self.windows) = (SURVEY_ROWS, WINDOWS);
            (self.surveys, self.changed) = (true, true);
        }
        for member in &mut self.members {
            (member.news, member.changes) = (0, 0);
        }
    }

    /// Whether rows are surveyed: then nothing must be learned from them, or it would be expected.
    pub(super) fn surveys(&self) -> bool {
        self.surveys
    }

    /// The habit of the member with this id, unless it varies.
    pub(super) fn of(&mut self, id: u64) -> Option<Habit> {
        let place = self.members.iter().position(|member| member.id == id);
        if let Some(place) = place {
            let varies = self.members.get(place)?.varies;
            return (!varies).then_some(Habit(place));
        }
        if self.members.len() == MEMBERS_MAX {
            return None;
        }
        self.members.push(Member {
            id,
            values: [0; VALUES],
            news: 0,
            changes: 0,
            varies: false,
        });
        Some(Habit(self.members.len() - 1))
    }

    /// Takes note of a value, by its digest.
    pub(super) fn saw(&mut self, habit: Habit, value: u64) {
        let Some(member) = self.members.get_mut(habit.0) else {
            return;
        };
        member.changes += u32::from(member.values.first() != Some(&value));
        let known = member.values.iter().position(|&known| known == value);
        let up_to = known.unwrap_or(VALUES - 1);
        if let Some(recent) = member.values.get_mut(..=up_to) {
            recent.rotate_right(1);
        }
        if known.is_some() {
            return;
        }
        if let Some(first) = member.values.first_mut() {
            *first = value;
        }
        member.news += 1;
        if member.news > NEWS_MAX {
            member.varies = true;
            self.changed = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_with_new_values_in_most_rows_vary_and_others_do_not() {
        let mut habits = Habits::new();
        let (mut found, mut steady) = (None, true);
        for row in 0..10_000_u64 {
            if habits.row() {
                found.get_or_insert(row);
            }
            if let Some(counter) = habits.of(1) {
                habits.saw(counter, row + 1);
            }
            // Few values, and now and then one that never was.
            let value = if row % 50 == 0 { row } else { row / 7 % 7 };
            let kind = habits.of(2);
            steady &= kind.is_some();
            habits.saw(kind.unwrap(), value);
        }
        assert_eq!(found, Some(u64::from(NEWS_MAX) + 1));
        assert!(habits.of(1).is_none() && steady);
    }

    #[test]
    fn members_that_have_any_of_a_few_values_vary_and_those_that_keep_one_for_long_do_not() {
        let mut habits = Habits::new();
        for row in 1..u64::from(ROWS + SURVEY_ROWS) {
            habits.row();
            for (id, value) in [(1, row % 3), (2, row / 5 % 3)] {
                let habit = habits.of(id).expect("not yet known to vary");
                habits.saw(habit, value);
            }
        }
        assert!(habits.surveys());
        habits.row();
        assert!(!habits.surveys() && habits.of(1).is_none() && habits.of(2).is_some());
    }

    #[test]
    fn members_beyond_the_limit_count_as_such_that_vary() {
        let mut habits = Habits::new();
        let known = (0..2 * MEMBERS_MAX as u64).filter(|&id| habits.of(id).is_some());
        assert_eq!(known.count(), MEMBERS_MAX);
    }
}
