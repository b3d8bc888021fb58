//! How large an operation is, and what sizes cannot work.

/// The size of a made operation, and the seed that everything in it follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationOptions {
    /// Events in all, benign ones included; at least one a victim.
    /// 1 to [`OperationOptions::EVENTS_MAX`].
    pub events: u64,
    /// Subscribers that contact an indicator; 1 to [`OperationOptions::VICTIMS_MAX`].
    pub victims: u64,
    /// Indicator values that are listed; 1 to [`OperationOptions::INDICATORS_MAX`]. The kinds
    /// of indicator and near miss are all there from about 2,000 on.
    pub indicators: u64,
    /// Countries; 1 to [`OperationOptions::COUNTRIES_MAX`]. Each has a victim when there are
    /// three victims a country.
    pub countries: u16,
    /// Equal options with an equal seed make an equal operation, byte for byte.
    pub seed: u64,
}

impl OperationOptions {
    /// Most events: four months in steps of at least four microseconds each.
    pub const EVENTS_MAX: u64 = 1_000_000_000_000;
    /// Most victims: the address space of the made operators.
    pub const VICTIMS_MAX: u64 = 6_000_000;
    /// Most indicators.
    pub const INDICATORS_MAX: u64 = 2_000_000;
    /// Most countries.
    pub const COUNTRIES_MAX: u16 = 26;
}

impl Default for OperationOptions {
    fn default() -> Self {
        Self {
            events: 4_000_000,
            victims: 216_000,
            indicators: 20_000,
            countries: Self::COUNTRIES_MAX,
            seed: 1,
        }
    }
}

/// Why an operation of some size cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    /// A size lies outside its bounds.
    #[error("{what} must be 1 to {max}, not {given}")]
    OutOfBounds {
        /// Which size.
        what: &'static str,
        /// What was asked for.
        given: u64,
        /// The most there can be.
        max: u64,
    },
    /// Every victim needs an event of its own.
    #[error("{events} events are too few for {victims} victims")]
    FewerEventsThanVictims {
        /// Events asked for.
        events: u64,
        /// Victims asked for.
        victims: u64,
    },
}

impl OperationOptions {
    /// Checks the sizes against their bounds and each other.
    ///
    /// # Errors
    /// [`OperationError`] with the first size that cannot work.
    pub fn check(&self) -> Result<(), OperationError> {
        for (what, given, max) in [
            ("events", self.events, Self::EVENTS_MAX),
            ("victims", self.victims, Self::VICTIMS_MAX),
            ("indicators", self.indicators, Self::INDICATORS_MAX),
            (
                "countries",
                self.countries.into(),
                Self::COUNTRIES_MAX.into(),
            ),
        ] {
            if given == 0 || given > max {
                return Err(OperationError::OutOfBounds { what, given, max });
            }
        }
        if self.events < self.victims {
            return Err(OperationError::FewerEventsThanVictims {
                events: self.events,
                victims: self.victims,
            });
        }
        Ok(())
    }
}
