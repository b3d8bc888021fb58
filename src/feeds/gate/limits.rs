//! How much of the traffic a list may hit: the limits, and shares of events compared without
//! rounding.

use std::fmt::{self, Display, Formatter};

pub use crate::config::HitLimits;

/// Of how many events the limits are parts.
pub const LIMITS_OF: u32 = 10_000;

/// How many times its share of before something must hit to be a change at all.
pub const GROWTH_MAX: u32 = 10;

/// So many hits of so many events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// The hits.
    pub hits: u64,
    /// The events, hit or not.
    pub of: u64,
}

impl Share {
    /// Whether it is more than a limit lets through.
    pub fn exceeds(self, limit: u32) -> bool {
        product(self.hits, LIMITS_OF.into()) > product(self.of, limit.into())
    }

    /// Whether it is more than [`GROWTH_MAX`] times what it was; a share of no events is none.
    pub fn outgrows(self, before: Self) -> bool {
        if before.of == 0 {
            return self.hits > 0;
        }
        let grown = product(before.hits, self.of).saturating_mul(GROWTH_MAX.into());
        product(self.hits, before.of) > grown
    }

    /// Whether anything that [exceeds](Self::exceeds) the limit outgrows it: as if it were nothing.
    pub fn is_negligible(self, limit: u32) -> bool {
        let grown = product(self.hits, LIMITS_OF.into()).saturating_mul(GROWTH_MAX.into());
        grown <= product(self.of, limit.into())
    }
}

impl Display for Share {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", Grouped(self.hits), Grouped(self.of))
    }
}

/// A number as people read it: `1,234,567`.
#[derive(Clone, Copy, Debug)]
pub struct Grouped(pub u64);

impl Display for Grouped {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// The product of two numbers, which always fits.
fn product(a: u64, b: u64) -> u128 {
    u128::from(a) * u128::from(b)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(number: u64, expected: &str) {
        assert_eq!(Grouped(number).to_string(), expected);
    }

    #[test]
    fn numbers_are_grouped_by_three() {
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(12_345, "12,345");
        check(1_234_567, "1,234,567");
        check(u64::MAX, "18,446,744,073,709,551,615");
    }

    #[test]
    fn a_share_at_its_limit_does_not_exceed_it() {
        let share = |hits| Share { hits, of: 20_000 };
        assert!(!share(100).exceeds(50));
        assert!(share(101).exceeds(50));
        assert!(!share(0).exceeds(0));
        let largest = Share {
            hits: u64::MAX,
            of: u64::MAX,
        };
        assert!(largest.exceeds(9_999));
        assert!(!largest.exceeds(10_000));
        assert!(!largest.outgrows(largest));
    }

    #[test]
    fn what_was_never_seen_is_outgrown_by_anything() {
        let one = Share { hits: 1, of: 1_000 };
        assert!(one.outgrows(Share::default()));
        assert!(one.outgrows(Share { hits: 0, of: 5 }));
        assert!(!one.outgrows(Share {
            hits: 1,
            of: 10_000
        }));
        assert!(one.outgrows(Share {
            hits: 1,
            of: 10_001
        }));
        assert!(!Share { hits: 0, of: 9 }.outgrows(Share::default()));
    }

    proptest! {
        #[test]
        fn what_is_negligible_holds_nothing_back(
            hits in 0_u64..300,
            of in 1_u64..300,
            now in 0_u64..300,
            now_of in 1_u64..300,
            limit in 0_u32..10_000,
        ) {
            let (before, now) = (Share { hits, of }, Share { hits: now, of: now_of });
            if before.is_negligible(limit) && now.exceeds(limit) {
                prop_assert!(now.outgrows(before));
            }
        }
    }
}
