//! Who lists an indicator, since when, and how sure they are.

use super::indicators::{Class, Plan};
use super::random::Rng;
use super::{WINDOW_SECONDS, families};
use crate::model::IndicatorState;

/// Which feed lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lister {
    /// The operation's own list: everything that can be said of an indicator.
    Operation,
    /// A partner's table, without states.
    Partner,
    /// A list of bare values.
    Watch,
    /// A hosts file.
    Hosts,
    /// A list of scanners.
    Scanners,
}

/// One feed's word on an indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listing {
    /// Who lists it.
    pub(super) lister: Lister,
    /// The number of its malware family, if the feed says it.
    pub(super) family: Option<u8>,
    /// 0 to 100.
    pub(super) confidence: u8,
    /// Validity, in seconds since the start of the operation.
    pub(super) from: Option<i32>,
    /// First second in which it is no longer valid.
    pub(super) until: Option<i32>,
    /// What became of it.
    pub(super) state: IndicatorState,
}

impl Listing {
    /// Whether the listing counts at `seconds` since the start of the operation.
    pub(super) fn valid(&self, seconds: i64) -> bool {
        self.state != IndicatorState::Revoked
            && self.from.is_none_or(|from| i64::from(from) <= seconds)
            && self.until.is_none_or(|until| seconds < i64::from(until))
    }
}

/// Who lists an indicator that stands at `share` of a thousand, and what became of it.
pub(super) fn draw_listing(share: u64, class: Class, rng: &mut Rng) -> Listing {
    let address = matches!(
        class,
        Class::Address | Class::Prefix | Class::Endpoint(_) | Class::Inner
    );
    let (lister, state) = match share {
        0..790 => (Lister::Operation, IndicatorState::TakenDown),
        790..820 => (Lister::Operation, IndicatorState::Sinkholed),
        820..830 => (Lister::Operation, IndicatorState::Revoked),
        830..905 => (Lister::Operation, IndicatorState::Active),
        905..950 => (Lister::Partner, IndicatorState::Active),
        950..965 if address => (Lister::Scanners, IndicatorState::Active),
        950..985 => (Lister::Watch, IndicatorState::Active),
        _ if address => (Lister::Watch, IndicatorState::Active),
        _ => (Lister::Hosts, IndicatorState::Active),
    };
    let mut listing = Listing {
        lister,
        family: None,
        confidence: 50 + rng.below(51).to_le_bytes()[0],
        from: None,
        until: None,
        state,
    };
    match lister {
        Lister::Operation | Lister::Partner => {
            listing.family = Some(families::draw(rng));
            let (from, until) = validity(rng);
            listing.from = from;
            listing.until = until;
        }
        Lister::Watch | Lister::Hosts | Lister::Scanners => {
            listing.confidence = lister.default_confidence();
        }
    }
    listing
}

impl Lister {
    /// The confidence of indicators where a row does not say it.
    pub(super) fn default_confidence(self) -> u8 {
        match self {
            Self::Operation | Self::Partner => 50,
            Self::Watch => 30,
            Self::Hosts => 45,
            Self::Scanners => 40,
        }
    }
}

/// When an indicator is valid: mostly all the time, some only before or after a day within.
fn validity(rng: &mut Rng) -> (Option<i32>, Option<i32>) {
    let day = |rng: &mut Rng, first, days| {
        i32::try_from((first + i64::from(rng.below_u32(days))) * 86_400).ok()
    };
    match rng.below(100) {
        0..65 => (day(rng, -120, 100), None),
        65..75 => (day(rng, -120, 100), day(rng, 40, 60)),
        75..85 => (day(rng, 20, 60), None),
        85..90 => (day(rng, -120, 100), i32::try_from(WINDOW_SECONDS * 3).ok()),
        _ => (None, None),
    }
}

/// Lists the value a second time, now and then: in the partner's table with a confidence of
/// its own, or bare.
pub(super) fn repeat(plan: &Plan, rng: &mut Rng) -> Option<Listing> {
    let chance = rng.below(1000);
    let bare = match plan.class {
        Class::Exact | Class::Below | Class::Pattern | Class::Foreign => return None,
        Class::Subtree
        | Class::Child
        | Class::Address
        | Class::Inner
        | Class::Prefix
        | Class::Endpoint(_) => chance >= 50,
    };
    if plan.listing.lister != Lister::Operation
        || plan.listing.state == IndicatorState::Revoked
        || chance >= 70
    {
        return None;
    }
    let own = plan.listing.confidence;
    Some(Listing {
        lister: if bare { Lister::Watch } else { Lister::Partner },
        family: (!bare).then(|| families::draw(rng)),
        confidence: if bare {
            Lister::Watch.default_confidence()
        } else {
            rng.pick(&[own, own.saturating_sub(10), own.saturating_add(10).min(100)])
        },
        from: None,
        until: None,
        state: IndicatorState::Active,
    })
}
