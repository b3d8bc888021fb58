//! The identify stage on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;

use crate::config::ClusterConfig;
use crate::pipeline::{IdentifyOutput, IdentifyStage, IdentifyStageOptions};
use crate::sink::KafkaSink;

/// Where the stage's reports go.
pub(super) type IdentifyReport = Box<dyn FnMut(IdentifyOutput<'_>) + Send>;

/// Starts the stage; it works until `stop` is set. Episodes go to `output`.
///
/// # Errors
/// When the system has no thread for us.
pub(super) fn start_identify(
    options: IdentifyStageOptions,
    output: &ClusterConfig,
    stop: &Arc<AtomicBool>,
    mut report: IdentifyReport,
) -> std::io::Result<JoinHandle<bool>> {
    let stop = Arc::clone(stop);
    let output = output.clone();
    std::thread::Builder::new()
        .name("gannet-identify".to_owned())
        .spawn(move || {
            let sink = match KafkaSink::open(&output) {
                Ok(sink) => sink,
                Err(error) => {
                    tracing::error!(%error, "the identify stage cannot start");
                    return false;
                }
            };
            match IdentifyStage::new(options, sink).run(&stop, &mut report) {
                Ok(()) => true,
                Err(error) => {
                    tracing::error!(%error, "the identify stage ended");
                    false
                }
            }
        })
}
