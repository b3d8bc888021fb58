//! The topics that Gannet needs: checked against the brokers, or created.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;

use crate::config::ClusterConfig;

/// How long one request to a broker may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// A topic as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicWanted {
    /// Its name.
    pub name: String,
    /// What it is for, in a few words.
    pub purpose: &'static str,
    /// Partitions when it is created.
    pub partitions: i32,
    /// Settings that matter, with the value that they need.
    pub settings: Vec<(&'static str, String)>,
    /// Whether we create it; input topics belong to whoever writes them.
    pub ours: bool,
}

/// A topic as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicState {
    /// Its name.
    pub name: String,
    /// Its partitions; none when it does not exist.
    pub partitions: Option<usize>,
    /// What is wrong with it; empty when nothing is.
    pub problems: Vec<String>,
    /// Whether it was created just now.
    pub created: bool,
}

/// Why topics could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum TopicsError {
    /// No answer, or a refusal.
    #[error("{action} at brokers `{brokers}`: {source}")]
    Kafka {
        /// What was attempted.
        action: String,
        /// As configured.
        brokers: String,
        /// The library's own words.
        source: Box<rdkafka::error::KafkaError>,
    },
}

/// Compares `wanted` with what the brokers have.
///
/// # Errors
/// [`TopicsError`] when the brokers do not answer.
pub async fn check_topics(
    cluster: &ClusterConfig,
    wanted: &[TopicWanted],
) -> Result<Vec<TopicState>, TopicsError> {
    let admin = admin(cluster)?;
    let mut states = Vec::with_capacity(wanted.len());
    for topic in wanted {
        states.push(state_of(&admin, cluster, topic).await?);
    }
    Ok(states)
}

/// Creates those of `wanted` that are ours and missing, and says how all of them are.
///
/// # Errors
/// [`TopicsError`] when the brokers do not answer or refuse.
pub async fn create_topics(
    cluster: &ClusterConfig,
    wanted: &[TopicWanted],
    replication: i32,
) -> Result<Vec<TopicState>, TopicsError> {
    let admin = admin(cluster)?;
    let mut states = Vec::with_capacity(wanted.len());
    for topic in wanted {
        let mut state = state_of(&admin, cluster, topic).await?;
        if state.partitions.is_none() && topic.ours {
            create(&admin, cluster, topic, replication).await?;
            state = TopicState {
                name: topic.name.clone(),
                partitions: usize::try_from(topic.partitions).ok(),
                problems: Vec::new(),
                created: true,
            };
        }
        states.push(state);
    }
    Ok(states)
}

async fn create(
    admin: &AdminClient<DefaultClientContext>,
    cluster: &ClusterConfig,
    topic: &TopicWanted,
    replication: i32,
) -> Result<(), TopicsError> {
    let mut new = NewTopic::new(
        &topic.name,
        topic.partitions,
        TopicReplication::Fixed(replication),
    );
    for (name, value) in &topic.settings {
        new = new.set(name, value);
    }
    let failed = |source| TopicsError::Kafka {
        action: format!("cannot create topic `{}`", topic.name),
        brokers: cluster.brokers.clone(),
        source: Box::new(source),
    };
    let options = AdminOptions::new().operation_timeout(Some(REQUEST_TIMEOUT));
    let results = admin
        .create_topics([&new], &options)
        .await
        .map_err(failed)?;
    for result in results {
        result.map_err(|(_, code)| failed(rdkafka::error::KafkaError::AdminOp(code)))?;
    }
    Ok(())
}

/// How `topic` is.
async fn state_of(
    admin: &AdminClient<DefaultClientContext>,
    cluster: &ClusterConfig,
    topic: &TopicWanted,
) -> Result<TopicState, TopicsError> {
    let failed = |source| TopicsError::Kafka {
        action: format!("cannot look at topic `{}`", topic.name),
        brokers: cluster.brokers.clone(),
        source: Box::new(source),
    };
    // All topics are asked for: to ask for one by name would create it where brokers create
    // topics by themselves.
    let metadata = admin
        .inner()
        .fetch_metadata(None, REQUEST_TIMEOUT)
        .map_err(failed)?;
    let partitions = metadata
        .topics()
        .iter()
        .find(|found| found.name() == topic.name && found.error().is_none())
        .map(|found| found.partitions().len())
        .filter(|partitions| *partitions > 0);
    let mut problems = Vec::new();
    if partitions.is_none() {
        problems.push(format!("does not exist ({})", topic.purpose));
    } else if !topic.settings.is_empty() {
        let options = AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT));
        let answers = admin
            .describe_configs([&ResourceSpecifier::Topic(&topic.name)], &options)
            .await
            .map_err(failed)?;
        for answer in answers {
            let resource =
                answer.map_err(|code| failed(rdkafka::error::KafkaError::AdminOp(code)))?;
            for (name, value) in &topic.settings {
                let found = resource.get(name).and_then(|entry| entry.value.as_deref());
                if found != Some(value) {
                    let found = found.unwrap_or("not set");
                    problems.push(format!("{name} is `{found}`, should be `{value}`"));
                }
            }
        }
    }
    Ok(TopicState {
        name: topic.name.clone(),
        partitions,
        problems,
        created: false,
    })
}

fn admin(cluster: &ClusterConfig) -> Result<AdminClient<DefaultClientContext>, TopicsError> {
    let mut config = ClientConfig::new();
    for (name, value) in cluster.client_settings() {
        config.set(name, value);
    }
    config.create().map_err(|source| TopicsError::Kafka {
        action: "cannot create client".to_owned(),
        brokers: cluster.brokers.clone(),
        source: Box::new(source),
    })
}
