//! Which indicators an allow rule beats: the longer name or prefix wins, and at the same length
//! allow wins; an override wins whatever the length, and an allowing override beats any other.

/// How strongly one rule speaks for a name or address that it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Bytes of the listed name, bits of the prefix (all of them for an address or endpoint),
    /// 0 for a pattern.
    pub specificity: u16,
    /// Whether its feed overrides.
    pub overrides: bool,
}

/// What all allow rules that cover one name or address say together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// The most specific of them.
    specificity: Option<u16>,
    /// Whether one of them overrides.
    overrides: bool,
}

impl Allowance {
    /// Adds an allow rule.
    pub fn add(&mut self, rule: Claim) {
        self.specificity = self.specificity.max(Some(rule.specificity));
        self.overrides |= rule.overrides;
    }

    /// Whether the rules allow what `indicator` forbids.
    pub fn beats(self, indicator: Claim) -> bool {
        if self.overrides || indicator.overrides {
            return self.overrides;
        }
        self.specificity >= Some(indicator.specificity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim((specificity, overrides): (u16, bool)) -> Claim {
        Claim {
            specificity,
            overrides,
        }
    }

    #[track_caller]
    fn check(rules: &[(u16, bool)], indicator: (u16, bool), allowed: bool) {
        let mut allowance = Allowance::default();
        for &rule in rules {
            allowance.add(claim(rule));
        }
        assert_eq!(allowance.beats(claim(indicator)), allowed);
    }

    #[test]
    fn the_longer_wins_and_then_allow_and_first_of_all_overrides() {
        check(&[], (0, false), false);
        check(&[(11, false)], (11, false), true);
        check(&[(11, false)], (15, false), false);
        check(&[(15, false)], (11, false), true);
        check(&[(1, false), (15, false)], (11, false), true);
        check(&[(11, false)], (0, false), true);
        check(&[(0, false)], (0, false), true);
        check(&[(99, false)], (0, true), false);
        check(&[(0, true)], (99, false), true);
        check(&[(0, true)], (99, true), true);
        check(&[(99, false), (0, true)], (5, true), true);
        check(&[], (0, true), false);
    }
}
