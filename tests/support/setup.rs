//! A place to run Gannet in: a temporary directory with a configuration, feeds and a store, and
//! topics of the test's own on a cluster.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::client::{Cluster, Producer, Tap};
use super::process::Instance;

/// Partitions of every input topic and of the hits topic.
pub const PARTITIONS: i32 = 4;

/// A place to run Gannet in.
pub struct Setup {
    /// The cluster.
    pub cluster: Cluster,
    /// What all names of this place begin with: they share a cluster with other tests.
    pub prefix: String,
    /// Sections and keys that differ from the usual, as TOML: see [`Setup::configuration`].
    pub options: Options,
    directory: tempfile::TempDir,
    started: AtomicU32,
}

/// What differs from the usual configuration.
#[derive(Clone, Debug)]
pub struct Options {
    /// Lines of `[kafka]`.
    pub kafka: String,
    /// Lines of `[workers]`.
    pub workers: String,
    /// Lines of `[identify]`; `None` is no such section.
    pub identify: Option<String>,
    /// How long leases take to become known.
    pub lease_delay: String,
    /// More sections, such as feeds and `[gate]`.
    pub more: String,
}

impl Options {
    /// The usual: two workers. On the embedded broker it is one, since that broker refuses
    /// commits while a member joins or leaves, which Kafka does not: hits would be there twice.
    fn on(cluster: &Cluster) -> Self {
        let threads = match cluster {
            Cluster::Embedded(_) => 1,
            Cluster::Real(_) => 2,
        };
        Self {
            kafka: String::new(),
            workers: format!("threads = {threads}\ncommit_interval = \"50ms\""),
            identify: None,
            lease_delay: "0s".to_owned(),
            more: String::new(),
        }
    }
}

impl Setup {
    /// A place on `cluster` with the topics of a whole installation and the feed `lines`.
    pub fn on(cluster: Cluster, name: &str, lines: &[&str]) -> Self {
        let setup = Self::bare(cluster, name);
        setup.feed(&(lines.join("\n") + "\n"));
        let large = [("max.message.bytes", "8000000")];
        for topic in ["dns", "flows"] {
            let topic = setup.topic(topic);
            setup.cluster.create_with(&topic, PARTITIONS, &large);
        }
        setup.cluster.create(&setup.topic("hits"), PARTITIONS);
        for topic in ["dead", "leases"] {
            setup.cluster.create(&setup.topic(topic), 1);
        }
        let compacted = [("cleanup.policy", "compact")];
        let episodes = setup.topic("episodes");
        setup.cluster.create_with(&episodes, 1, &compacted);
        setup
    }

    /// A place without topics and feeds.
    pub fn bare(cluster: Cluster, name: &str) -> Self {
        static PLACES: AtomicU32 = AtomicU32::new(0);
        let place = PLACES.fetch_add(1, Ordering::Relaxed);
        Self {
            prefix: format!("{name}-{}-{place}", std::process::id()),
            options: Options::on(&cluster),
            cluster,
            directory: tempfile::tempdir().expect("a temporary directory"),
            started: AtomicU32::new(0),
        }
    }

    /// The full name of a topic of ours.
    pub fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    /// The consumer group of the match stage.
    pub fn group(&self) -> String {
        format!("{}.group", self.prefix)
    }

    /// A file of ours.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes the feed.
    pub fn feed(&self, text: &str) {
        std::fs::write(self.path("feed.txt"), text).expect("a feed is written");
    }

    /// The configuration.
    pub fn configuration(&self) -> String {
        let Options {
            kafka,
            workers,
            identify,
            lease_delay,
            more,
        } = &self.options;
        let (brokers, group, prefix) = (self.cluster.brokers(), self.group(), &self.prefix);
        let identify = identify.as_ref().map_or_else(String::new, |lines| {
            format!(
                "[identify]\nleases = [{{ topic = \"{prefix}.leases\", format = \"gannet-json\" }}]\n\
                 lease_delay = \"{lease_delay}\"\n{lines}\n"
            )
        });
        format!(
            "[kafka]\nbrokers = \"{brokers}\"\ngroup = \"{group}\"\nsession_timeout = \"6s\"\n{kafka}\n\
             [[source]]\nname = \"resolvers\"\ntopics = [\"{prefix}.dns\"]\nformat = \"zeek-json\"\n\
             [[source]]\nname = \"routers\"\ntopics = [\"{prefix}.flows\"]\nformat = \"goflow2-protobuf\"\n\
             [[feed]]\nname = \"operation\"\npath = \"feed.txt\"\nformat = \"plain\"\nrole = \"c2\"\n\
             [networks]\nown = [\"10.0.0.0/8\", \"2001:db8:c::/48\"]\n\
             [workers]\n{workers}\n[hits]\ntopic = \"{prefix}.hits\"\n[dead]\ntopic = \"{prefix}.dead\"\n\
             [episodes]\ntopic = \"{prefix}.episodes\"\nupdate_interval = \"0s\"\n{identify}\
             [http]\nlisten = \"127.0.0.1:0\"\n{more}"
        )
    }

    /// Writes the configuration and starts the program with more `arguments`.
    pub fn start(&self, arguments: &[&str]) -> Instance {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let log = self.path(&format!("gannet-{number}.log"));
        Instance::start(&self.written(), &log, arguments)
    }

    /// Writes the configuration; its path.
    pub fn written(&self) -> PathBuf {
        let path = self.path("gannet.toml");
        std::fs::write(&path, self.configuration()).expect("a configuration is written");
        path
    }

    /// A producer to our cluster.
    pub fn producer(&self) -> Producer {
        Producer::to(&self.cluster)
    }

    /// A tap on the hits.
    pub fn hits(&self) -> Tap {
        Tap::on(&self.cluster, &self.topic("hits"), PARTITIONS)
    }

    /// A tap on a topic with one partition.
    pub fn tap(&self, name: &str) -> Tap {
        Tap::on(&self.cluster, &self.topic(name), 1)
    }

    /// Waits until the match stage has committed everything that its input topics hold.
    #[track_caller]
    pub fn await_committed(&self) {
        for name in ["dns", "flows"] {
            let topic = self.topic(name);
            let ends = self.cluster.ends(&topic, PARTITIONS);
            super::eventually("everything is committed", || {
                let committed = self.cluster.committed(&self.group(), &topic, PARTITIONS);
                let done = |(committed, end): (&Option<i64>, &i64)| committed.unwrap_or(0) == *end;
                committed.iter().zip(&ends).all(done).then_some(())
            });
        }
    }
}

/// A path as text.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
