//! Keeps feeds fresh: a thread for every feed that comes from a server or a topic, and one that
//! watches the files of all others. They tell the control plane what to look at again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::attempts::Attempts;
use super::fetch::Fetched;
use super::health::Health;
use super::now;
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

/// Threads that were started, to be waited for at the end.
#[derive(Default)]
pub(super) struct Started(Vec<JoinHandle<()>>);

/// How long a thread sleeps before it looks whether it is to stop.
const NAP: Duration = Duration::from_millis(100);

/// How often it is looked whether threads have ended.
const LOOK: Duration = Duration::from_millis(10);

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
    ) -> std::io::Result<Started> {
        let mut started = Vec::new();
        let watched: Vec<Watched> = feeds.iter().filter_map(Watched::of).collect();
        self.waiting.send_replace(feeds.len() - watched.len());
        let own = self.clone();
        let named = thread::Builder::new().name("gannet-watch".to_owned());
        started.push(named.spawn(move || own.watch(watched))?);
        for feed in feeds {
            let (own, feed) = (self.clone(), feed.clone());
            let cluster = cluster.clone();
            let named = thread::Builder::new().name(format!("gannet-fetch-{}", feed.name));
            match &feed.origin {
                Origin::Path => {}
                Origin::Topic(topic) => {
                    let topic = topic.clone();
                    started.push(named.spawn(move || own.follow(&feed, &topic, &cluster))?);
                }
                Origin::Web(_) | Origin::Taxii(_) | Origin::Zone(_) => {
                    started.push(named.spawn(move || own.fetch_again(&feed))?);
                }
            }
        }
        Ok(Started(started))
    }

    /// Fetches a feed as often as it wants, until it is to stop.
    fn fetch_again(&self, feed: &FeedConfig) {
        let (mut failures, mut first) = (0_u32, true);
        let mut attempts = Attempts::of(feed);
        while !self.stopping() {
            let wait = match attempts.fetch(feed, &self.stop) {
                None => return,
                Some(Err(_)) if self.stopping() => return,
                Some(Ok(fetched)) => {
                    failures = 0;
                    if fetched == Fetched::New {
                        tracing::info!(feed = feed.name, "fetched");
                        self.tell(News::Look(feed.name.clone()));
                    }
                    feed.refresh
                }
                Some(Err(failure)) => {
                    failures = failures.saturating_add(1);
                    tracing::warn!(feed = feed.name, error = %failure, "not fetched; will try again");
                    let doubled = FAILED_WAIT.saturating_mul(1 << failures.min(12));
                    let wait = doubled.min(FAILED_WAIT_MAX).min(feed.refresh);
                    failure.retry_after.map_or(wait, |after| after.max(wait))
                }
            };
            let wait = wait + spread(&feed.name, wait);
            attempts.next_at = Some(now().saturating_add(wait));
            attempts.keep(feed);
            self.health.attempted(&feed.name, &attempts);
            if std::mem::take(&mut first) {
                self.asked();
            }
            self.sleep(wait);
        }
    }

    /// Follows a topic until it is to stop.
    fn follow(&self, feed: &FeedConfig, topic: &str, cluster: &ClusterConfig) {
        let (mut attempts, mut first) = (Attempts::of(feed), true);
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
                    self.note(feed, &mut attempts, Some(&what));
                    self.sleep(Duration::from_secs(1));
                    continue;
                }
            };
            self.note(feed, &mut attempts, None);
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
                    Ok(rows) => {
                        // What is kept tells of the file, which rows do not change.
                        attempts.note(now(), None);
                        self.health.attempted(&feed.name, &attempts);
                        if !rows.is_empty() {
                            let applied = self.reloader.apply_rows(&feed.name, &rows);
                            self.tell(News::Applied(Box::new(applied)));
                        }
                    }
                    Err(what) => {
                        tracing::warn!(feed = feed.name, error = what, "cannot follow a topic");
                        self.note(feed, &mut attempts, Some(&what));
                        self.sleep(Duration::from_secs(1));
                        break;
                    }
                }
            }
        }
    }

    /// Notes that a topic was read, or why not. A failure is kept once, however often it comes.
    fn note(&self, feed: &FeedConfig, attempts: &mut Attempts, failure: Option<&str>) {
        let before = attempts.failing.clone();
        attempts.note(now(), failure);
        if failure.is_none() || attempts.failing != before {
            attempts.keep(feed);
        }
        self.health.attempted(&feed.name, attempts);
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

impl Started {
    /// Waits until all have ended, which they do by themselves once they are told to stop, but not
    /// longer than `wait`; how many are left behind. What these were fetching is not used.
    pub(super) async fn join(self, wait: Duration) -> usize {
        let until = Instant::now() + wait;
        let mut left = self.0;
        loop {
            left.retain(|thread| !thread.is_finished());
            if left.is_empty() || Instant::now() >= until {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        for thread in &left {
            let thread = thread.thread().name().unwrap_or_default();
            tracing::warn!(thread, "did not end in time and is left behind");
        }
        left.len()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_end_are_waited_for_and_others_not_for_ever() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let (ends, never) = (std::sync::mpsc::channel(), std::sync::mpsc::channel::<()>());
        let begun = Instant::now();
        let started = Started(vec![
            thread::spawn(move || {
                let _ = ends.1.recv();
            }),
            thread::spawn(|| panic!("as asked")),
        ]);
        let joined = thread::spawn(move || runtime.block_on(started.join(Duration::from_secs(60))));
        ends.0.send(()).unwrap();
        assert_eq!(joined.join().unwrap(), 0);
        assert!(begun.elapsed() < Duration::from_secs(60));

        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let started = Started(vec![
            thread::spawn(move || {
                let _ = never.1.recv();
            }),
            thread::spawn(|| {}),
        ]);
        assert_eq!(
            runtime.block_on(started.join(Duration::from_millis(200))),
            1
        );
        drop(never.0);
    }
}
