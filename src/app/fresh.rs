//! Keeps feeds fresh: a thread for every feed that comes from a server or a topic, and one that
//! watches the files of all others. They tell the control plane what to look at again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::fetch::{Fetched, fetch};
use super::health::Health;
use super::topic_feed::TopicFeed;
use crate::config::{ClusterConfig, FeedConfig, Origin};
use crate::reload::{Reload, Reloader};

/// What the control plane is told.
pub(super) enum News {
    /// A feed has changed: it is to be looked at.
    Look(String),
    /// Rows of a topic went into the snapshot in use.
    Applied(Box<Reload>),
}

/// What all the threads share.
#[derive(Clone)]
pub(super) struct Threads {
    pub(super) reloader: Arc<Reloader>,
    pub(super) health: Arc<Health>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) news: mpsc::Sender<News>,
    /// How many feeds were not yet asked for once.
    pub(super) waiting: watch::Sender<usize>,
}

/// How long a thread sleeps before it looks whether it is to stop.
const NAP: Duration = Duration::from_millis(100);

/// Longest wait after fetches that failed one after the other.
const FAILED_WAIT_MAX: Duration = Duration::from_secs(3600);

/// Wait after a fetch that failed.
const FAILED_WAIT: Duration = Duration::from_secs(10);

impl Threads {
    /// Starts a thread for every feed that needs one; how many feeds are waited for is then known.
    ///
    /// # Errors
    /// When the system has no thread for us.
    pub(super) fn start(
        &self,
        feeds: &[FeedConfig],
        cluster: &ClusterConfig,
    ) -> std::io::Result<()> {
        let watched: Vec<Watched> = feeds.iter().filter_map(Watched::of).collect();
        self.waiting.send_replace(feeds.len() - watched.len());
        let own = self.clone();
        thread::Builder::new()
            .name("gannet-watch".to_owned())
            .spawn(move || own.watch(watched))?;
        for feed in feeds {
            let (own, feed) = (self.clone(), feed.clone());
            let cluster = cluster.clone();
            let named = thread::Builder::new().name(format!("gannet-fetch-{}", feed.name));
            match &feed.origin {
                Origin::Path => {}
                Origin::Topic(topic) => {
                    let topic = topic.clone();
                    named.spawn(move || own.follow(&feed, &topic, &cluster))?;
                }
                Origin::Web(_) | Origin::Taxii(_) | Origin::Zone(_) => {
                    named.spawn(move || own.fetch_again(&feed))?;
                }
            }
        }
        Ok(())
    }

    /// Fetches a feed as often as it wants, until it is to stop.
    fn fetch_again(&self, feed: &FeedConfig) {
        let (mut failures, mut first) = (0_u32, true);
        while !self.stopping() {
            let wait = match fetch(feed) {
                None => return,
                Some(Ok(fetched)) => {
                    failures = 0;
                    self.health.fetched(&feed.name, None);
                    if fetched == Fetched::New {
                        tracing::info!(feed = feed.name, "fetched");
                        self.tell(News::Look(feed.name.clone()));
                    }
                    feed.refresh
                }
                Some(Err(failure)) => {
                    failures = failures.saturating_add(1);
                    tracing::warn!(feed = feed.name, error = %failure, "not fetched; will try again");
                    self.health.fetched(&feed.name, Some(failure.what.clone()));
                    let doubled = FAILED_WAIT.saturating_mul(1 << failures.min(12));
                    let wait = doubled.min(FAILED_WAIT_MAX).min(feed.refresh);
                    failure.retry_after.map_or(wait, |after| after.max(wait))
                }
            };
            if std::mem::take(&mut first) {
                self.asked();
            }
            self.sleep(wait + spread(&feed.name, wait));
        }
    }

    /// Follows a topic until it is to stop.
    fn follow(&self, feed: &FeedConfig, topic: &str, cluster: &ClusterConfig) {
        let mut first = true;
        while !self.stopping() {
            let told = TopicFeed::read_whole(feed, topic, cluster, &self.stop);
            let mut follower = match told {
                Ok(Some(follower)) => follower,
                Ok(None) => return,
                Err(what) => {
                    tracing::warn!(
                        feed = feed.name,
                        error = what,
                        "cannot read the topic of a feed"
                    );
                    self.health.fetched(&feed.name, Some(what));
                    self.sleep(Duration::from_secs(1));
                    continue;
                }
            };
            self.health.fetched(&feed.name, None);
            self.tell(News::Look(feed.name.clone()));
            if std::mem::take(&mut first) {
                self.asked();
            }
            while !self.stopping() {
                // Rows go above the version that was read whole.
                if !self.reloader.knows(&feed.name) {
                    thread::sleep(NAP);
                    continue;
                }
                match follower.read() {
                    Ok(rows) if rows.is_empty() => {}
                    Ok(rows) => {
                        let applied = self.reloader.apply_rows(&feed.name, &rows);
                        self.tell(News::Applied(Box::new(applied)));
                    }
                    Err(what) => {
                        tracing::warn!(feed = feed.name, error = what, "cannot follow a topic");
                        self.health.fetched(&feed.name, Some(what));
                        self.sleep(Duration::from_secs(1));
                        break;
                    }
                }
            }
        }
    }

    /// Watches files until it is to stop.
    fn watch(&self, mut watched: Vec<Watched>) {
        while !self.stopping() {
            for feed in &mut watched {
                if feed.has_changed() {
                    self.tell(News::Look(feed.config.name.clone()));
                }
            }
            thread::sleep(NAP);
        }
    }

    /// A feed was asked for once.
    fn asked(&self) {
        self.waiting
            .send_modify(|waiting| *waiting = waiting.saturating_sub(1));
    }

    /// Tells the control plane, unless that is gone.
    fn tell(&self, news: News) {
        let _ = self.news.blocking_send(news);
    }

    fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Sleeps for so long, unless it is to stop.
    fn sleep(&self, wait: Duration) {
        let until = Instant::now() + wait;
        while !self.stopping() && Instant::now() < until {
            thread::sleep(NAP);
        }
    }
}

/// Up to a tenth more, so that instances do not all ask at once: another one for each feed and
/// process.
fn spread(name: &str, wait: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    (name, std::process::id()).hash(&mut hasher);
    let share = u32::try_from(hasher.finish() % 100).unwrap_or_default();
    wait / 1000 * share
}

/// A feed of files that is watched.
struct Watched {
    config: FeedConfig,
    next: Instant,
    /// What the files were when they were last looked at, and when they were last told.
    seen: u64,
    told: u64,
}

impl Watched {
    /// A feed to be watched, if it is one of files.
    fn of(config: &FeedConfig) -> Option<Self> {
        let print = print(config);
        (config.origin == Origin::Path).then(|| Self {
            next: Instant::now() + config.refresh,
            seen: print,
            told: print,
            config: config.clone(),
        })
    }

    /// Whether the files changed, and have been left alone since the last look: what is still being
    /// written is not.
    fn has_changed(&mut self) -> bool {
        if Instant::now() < self.next {
            return false;
        }
        self.next = Instant::now() + self.config.refresh;
        let now = print(&self.config);
        let settled = std::mem::replace(&mut self.seen, now) == now;
        let changed = settled && self.told != now;
        if changed {
            self.told = now;
        }
        changed
    }
}

/// What tells the files of a feed from others: names, lengths and times.
fn print(feed: &FeedConfig) -> u64 {
    let mut hasher = DefaultHasher::new();
    for file in crate::feeds::files(&feed.path).unwrap_or_default() {
        file.hash(&mut hasher);
        if let Ok(known) = std::fs::metadata(&file) {
            (known.len(), known.modified().ok()).hash(&mut hasher);
        }
    }
    hasher.finish()
}
