//! The client settings that producers, consumers and administration share, and why each is set.

use super::ClusterConfig;

impl ClusterConfig {
    /// Settings of any Kafka client for this cluster, in order; the operator's raw properties
    /// come last, so that they win.
    pub fn client_settings(&self) -> Vec<(&str, &str)> {
        let mut settings = vec![
            ("bootstrap.servers", self.brokers.as_str()),
            ("client.id", concat!("gannet-", env!("CARGO_PKG_VERSION"))),
            // Nobody asked for client metrics to be pushed to the broker.
            ("enable.metrics.push", "false"),
            // A broker that is away is tried again soon, but not in a storm.
            ("reconnect.backoff.ms", "100"),
            ("reconnect.backoff.max.ms", "5000"),
        ];
        settings.extend(
            self.properties
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        settings
    }
}
