//! The metrics as Prometheus reads them.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::handles::Level;
use super::names::{ALL, BUILD_INFO, MetricKind};

/// Renders the metrics of this process.
#[derive(Clone)]
pub struct Exporter(PrometheusHandle);

/// Why metrics cannot be collected.
#[derive(Debug, thiserror::Error)]
#[error("cannot install the metrics recorder")]
pub struct InstallError(#[from] metrics_exporter_prometheus::BuildError);

/// Installs the recorder for the whole process. Call it once and before any handle is looked
/// up: handles that are older count into nothing.
///
/// # Errors
/// [`InstallError`] when a recorder is already installed.
pub fn install() -> Result<Exporter, InstallError> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    describe();
    Ok(Exporter(handle))
}

impl Exporter {
    /// All metrics in the text format 0.0.4. O(series); allocates the text.
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }
}

/// Runs `work` with a recorder of its own in this thread; returns what it returned, and what it
/// counted as text. For tests and tools.
pub fn recorded<T>(work: impl FnOnce() -> T) -> (T, String) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let result = metrics::with_local_recorder(&recorder, || {
        describe();
        work()
    });
    (result, handle.render())
}

/// Tells the recorder what every metric means, and which build this is.
fn describe() {
    for metric in ALL {
        match metric.kind {
            MetricKind::Counter => metrics::describe_counter!(metric.name, metric.help),
            MetricKind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
        }
    }
    Level::register(BUILD_INFO, &[env!("CARGO_PKG_VERSION")]).set(1);
}

#[cfg(test)]
mod tests {
    use super::super::handles::Count;
    use super::super::names::MetricKind;
    use super::*;

    #[test]
    fn every_metric_is_shown_with_its_help_and_kind() {
        let ((), text) = recorded(|| {
            for metric in ALL {
                let values = vec!["x"; metric.labels.len()];
                match metric.kind {
                    MetricKind::Counter => Count::register(metric, &values).add(1),
                    MetricKind::Gauge => Level::register(metric, &values).set(1),
                }
            }
        });
        for metric in ALL {
            let kind = match metric.kind {
                MetricKind::Counter => "counter",
                MetricKind::Gauge => "gauge",
            };
            let shown = format!(
                "# HELP {0} {1}\n# TYPE {0} {kind}\n",
                metric.name, metric.help
            );
            assert!(text.contains(&shown), "{shown}{text}");
        }
        let build = format!(
            "gannet_build_info{{version=\"{}\"}} 1\n",
            env!("CARGO_PKG_VERSION")
        );
        assert!(text.contains(&build), "{text}");
    }

    #[test]
    fn a_second_installation_is_refused() {
        // Another test of this process may have been first.
        if let Ok(exporter) = install() {
            assert!(exporter.render().contains("gannet_build_info"));
        }
        assert!(install().is_err());
    }
}
