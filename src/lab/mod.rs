//! The laboratory: a made operation with planted victims and its ground truth, an embedded
//! broker, and a producer that is paced by its readers. The truth comes from the plan, never
//! from the code that it is there to judge. Beside it, in [`mod@bench`], the yardsticks.

pub mod bench;

mod broker;
mod feeder;
mod generate;
mod operation;

pub use broker::{BrokerError, EmbeddedBroker};
pub use feeder::{FeedError, Feeder, Reached};
pub use generate::{GenerateError, GenerateReport, generate};
pub use operation::{
    EpisodeTruth, Events, FeedFile, HitReport, HitVerdict, Operation, OperationError,
    OperationNetworks, OperationOptions, Origin, PlannedEvent, Stream, TruthHit, TruthKey,
    TruthLedger, TruthVictim, VictimLedger, VictimReport, WrongField,
};
