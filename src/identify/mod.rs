//! How hits become victims.

mod attribute;
mod leases;
mod texts;
mod timeline;

pub use attribute::{Attributed, AttributionRules};
pub use leases::{Inserted, LeaseTable, LeaseView};
