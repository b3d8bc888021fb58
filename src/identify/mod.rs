//! How hits become victims: hits and leases in, episodes out.
//!
//! [`Identifier`] is the stage. It asks the [`LeaseTable`] who had the client's address at the
//! time of the event, drops repeats, and folds each hit into the episode of its subscriber and
//! campaign. Everything but the leases lies in one embedded store, and every step is one
//! transaction of it, offsets included: a crash costs nothing but the step it cut off, which is
//! read again.
//!
//! What a replay must reproduce depends only on the hits and leases, never on their order, our
//! clock or a crash: a hit enters an episode when all leases of its time are known and not
//! before, however long it waits.

mod attribute;
mod encoding;
mod engine;
mod episodes;
mod leases;
mod nets;
mod numbers;
mod repeats;
mod report;
#[cfg(test)]
mod samples;
mod sending;
mod sighting;
mod spells;
mod store;
mod texts;
mod timeline;
mod waiting;
mod writer;

pub use attribute::{Attributed, AttributionRules, LeaseView};
pub use engine::{DueEpisode, Identifier};
pub use leases::{Inserted, LeaseTable};
pub use report::{Attributions, IncomingHit, Settings, StepReport};
pub use store::IdentifyError;
