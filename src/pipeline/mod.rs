//! The stages strung together. [`process()`] is the whole data path, for Kafka, files and the
//! demo alike: read it first. The worker loop and the commit protocol live in the children.

mod dead_letter;
mod identify;
mod process;
mod sampling;
mod scan;
mod stats;
mod watch;
mod worker;

pub use identify::{IdentifyOutput, IdentifyStage, IdentifyStageError, IdentifyStageOptions};
pub use process::{DeadLetter, Output, Path, Scratch, process};
pub use sampling::Sampler;
pub use scan::{Scan, ScanProgress, ScanReport, scan};
pub use stats::{BatchStats, StreamStats};
pub use watch::{HitSums, Noticed};
pub use worker::{Worker, WorkerOptions, WorkerOutput};
