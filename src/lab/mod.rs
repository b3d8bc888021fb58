//! The laboratory: a made operation with planted victims and its ground truth. The truth comes
//! from the plan, never from the code that it is there to judge.

mod generate;
mod operation;

pub use generate::{GenerateError, GenerateReport, generate};
pub use operation::{
    EpisodeTruth, Events, FeedFile, HitReport, HitVerdict, Operation, OperationError,
    OperationNetworks, OperationOptions, Origin, PlannedEvent, Stream, TruthHit, TruthKey,
    TruthLedger, TruthVictim, VictimLedger, VictimReport, WrongField,
};
