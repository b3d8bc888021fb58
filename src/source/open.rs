//! Which of the two readers fetches: ours wherever it can, librdkafka's where it cannot.

use std::collections::BTreeMap;

use super::client::DEFAULTS;
use super::direct::{DirectReader, FetchSettings, SettingsError};
use super::kafka::{KafkaReader, KafkaReaderOptions};
use super::{RecordReader, SourceError};
use crate::config::{ClusterConfig, ReaderChoice};

/// Opens the reader that `options` ask for. What keeps `auto` from the direct one is said in one
/// line of the log.
///
/// # Errors
/// [`SourceError`] when a client cannot be made, or the direct reader is asked for and cannot read.
pub fn open(options: &KafkaReaderOptions) -> Result<Box<dyn RecordReader>, SourceError> {
    let kafka = &options.kafka;
    let settings = match kafka.reader {
        ReaderChoice::Librdkafka => return Ok(Box::new(KafkaReader::join(options)?)),
        ReaderChoice::Auto | ReaderChoice::Direct => direct_settings(&kafka.cluster),
    };
    match settings {
        Ok(settings) => Ok(Box::new(DirectReader::join(options, settings)?)),
        Err(error) if kafka.reader == ReaderChoice::Direct => Err(error.into()),
        Err(error) => {
            let why: &(dyn std::error::Error + 'static) = &error;
            tracing::info!(why, member = options.member, "librdkafka fetches");
            Ok(Box::new(KafkaReader::join(options)?))
        }
    }
}

/// How the direct reader reads from `cluster`: its properties, and under them those that both
/// readers have by default.
///
/// # Errors
/// [`SettingsError`] when only librdkafka can read from it, or nobody can.
pub fn direct_settings(cluster: &ClusterConfig) -> Result<FetchSettings, SettingsError> {
    let defaults = DEFAULTS.iter();
    let mut properties: BTreeMap<String, String> = defaults
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    properties.extend(cluster.properties.clone());
    FetchSettings::from_properties(&cluster.brokers, &properties)
}
