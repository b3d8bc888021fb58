//! The numbers by which the store names the values of closed sets. They never change meaning.

use crate::model::{Attribution, Evidence, Flag, Named, Role};

/// The value that `number_of` gives the number `number`.
pub(super) fn numbered<T: Named>(number_of: fn(T) -> u32, number: u32) -> Option<T> {
    T::ALL
        .iter()
        .copied()
        .find(|&value| number_of(value) == number)
}

/// The values of all `numbers`.
pub(super) fn all_numbered<T: Named, C: FromIterator<T>>(
    number_of: fn(T) -> u32,
    numbers: &[u32],
) -> Option<C> {
    numbers
        .iter()
        .map(|&number| numbered(number_of, number))
        .collect()
}

/// The stored number of an evidence.
pub(super) fn evidence_number(evidence: Evidence) -> u32 {
    match evidence {
        Evidence::LookedUp => 0,
        Evidence::Resolved => 1,
        Evidence::Attempted => 2,
        Evidence::Connected => 3,
        Evidence::Transferred => 4,
    }
}

/// The stored number of an attribution.
pub(super) fn attribution_number(attribution: Attribution) -> u32 {
    match attribution {
        Attribution::Exact => 0,
        Attribution::Grace => 1,
        Attribution::Ambiguous => 2,
        Attribution::Shared => 3,
        Attribution::None => 4,
    }
}

/// The stored number of a flag.
pub(super) fn flag_number(flag: Flag) -> u32 {
    match flag {
        Flag::Blocked => 0,
        Flag::Sinkholed => 1,
    }
}

/// The stored number of a role.
pub(super) fn role_number(role: Role) -> u32 {
    match role {
        Role::C2 => 0,
        Role::Payload => 1,
        Role::Phishing => 2,
        Role::Sinkhole => 3,
        Role::Scanner => 4,
        Role::Suspicious => 5,
        Role::Allow => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_closed_set_are_different() {
        fn check<T: Named + PartialEq + std::fmt::Debug>(number_of: fn(T) -> u32) {
            for &value in T::ALL {
                assert_eq!(numbered(number_of, number_of(value)), Some(value));
            }
        }
        check(evidence_number);
        check(attribution_number);
        check(flag_number);
        check(role_number);
    }
}
