//! The life of the process after its parts are built: first snapshot, stages, signals, drain.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle as Task;

use super::answers::{lookup_json, refused_by_gate};
use super::background::beside;
use super::fresh::{News, Started, Threads};
use super::guard::{Guard, Traffic};
use super::health::Health;
use super::identify_stage::start_identify;
use super::match_stage::{MatchStage, MatchStageOptions};
use super::observe::{IdentifyObserver, ReloadObserver, Told, WorkerObserver};
use super::{AppError, Role, RunOptions, chain, now, orientation};
use crate::config::Config;
use crate::http::{HttpState, Server};
use crate::pipeline::{IdentifyStageOptions, WorkerOptions};
use crate::reload::{Reload, Reloader, Which};
use crate::source::{KafkaReaderOptions, Stream, cluster_id};
use crate::telemetry::prometheus::Exporter;

/// How long one attempt to reach the brokers takes at start.
const BROKER_WAIT: Duration = Duration::from_secs(5);

/// How often feeds that could not be loaded are tried again before there is a snapshot.
const FEEDS_RETRY: Duration = Duration::from_secs(10);

/// How often replaced snapshots are looked after.
const RETIRE_EVERY: Duration = Duration::from_millis(200);

/// What a shutdown may take beyond the drain itself: leaving the group, closing.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

/// How long the threads that fetch are waited for when everything else has ended.
const FETCH_WAIT: Duration = Duration::from_secs(1);

/// The control plane.
pub(super) struct Control {
    config: Config,
    options: RunOptions,
    exporter: Exporter,
    health: Arc<Health>,
    reloader: Arc<Reloader>,
    stop: Arc<AtomicBool>,
    /// Cuts the wait before the feeds are tried again short.
    hurry: Notify,
    /// How many feeds were not yet asked for once.
    waiting: watch::Sender<usize>,
}

/// The signals that are served.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Stop,
    Reload,
}

/// The stages that run.
#[derive(Default)]
struct Stages {
    matching: Option<MatchStage>,
    identify: Option<JoinHandle<bool>>,
}

impl Control {
    /// A control plane for `config`.
    pub(super) fn new(config: Config, options: RunOptions, exporter: Exporter) -> Self {
        let reloader = Reloader::new(config.clone(), now);
        Self {
            config,
            options,
            exporter,
            health: Arc::default(),
            reloader: Arc::new(reloader),
            stop: Arc::default(),
            hurry: Notify::new(),
            waiting: watch::Sender::new(0),
        }
    }

    /// Runs until a signal asks to stop; `true` when the drain was complete.
    pub(super) async fn run(self) -> Result<bool, AppError> {
        let mut signals = Signals::listen().map_err(AppError::Runtime)?;
        let (http_stop, http) = self.serve_http().await?;
        if self.matches() {
            self.health.needs_snapshot();
        }
        let mut stages = Stages::default();
        let (news, mut told) = mpsc::channel(64);
        let freshening = self.freshen(news).map_err(AppError::Runtime)?;
        let stopped = tokio::select! {
            started = self.start(&mut stages) => {
                started.map_err(AppError::Runtime)?;
                false
            }
            () = signals.stop(&self.hurry) => true,
        };
        if !stopped {
            self.serve(&mut signals, &stages, &mut told).await;
        }
        tracing::info!("stopping: draining what is in flight");
        self.health.stopping();
        self.stop.store(true, Ordering::Relaxed);
        // Nobody listens any more; a thread that waits to be heard goes on.
        drop(told);
        let drained = async {
            let clean = self.join(stages).await;
            // What is fetched is fetched again: it does not make a stop unclean.
            freshening.join(FETCH_WAIT).await;
            clean
        };
        let clean = tokio::select! {
            clean = drained => clean,
            () = signals.stop(&self.hurry) => {
                tracing::warn!("asked twice: stopping at once");
                false
            }
        };
        http_stop.send_replace(true);
        if let Some(http) = http {
            let _ = http.await;
        }
        tracing::info!(clean, "stopped");
        Ok(clean)
    }

    fn matches(&self) -> bool {
        matches!(self.options.role, Role::All | Role::Match)
    }

    fn identifies(&self) -> bool {
        matches!(self.options.role, Role::All | Role::Identify)
            && self.config.identify.is_some()
            && !self.options.dry_run
    }

    /// Starts the HTTP server, if one is configured.
    async fn serve_http(&self) -> Result<(watch::Sender<bool>, Option<Task<()>>), AppError> {
        let (stop, stopped) = watch::channel(false);
        let Some(http) = self.config.http else {
            return Ok((stop, None));
        };
        let server = Server::bind(http.listen).await?;
        tracing::info!(address = %server.address(), "serving health and metrics");
        let (live, ready) = (Arc::clone(&self.health), Arc::clone(&self.health));
        let (feeds, reloader) = (Arc::clone(&self.health), Arc::clone(&self.reloader));
        let (exporter, measured) = (self.exporter.clone(), Arc::clone(&self.health));
        let state = HttpState {
            live: Arc::new(move || live.live()),
            ready: Arc::new(move || ready.ready()),
            metrics: Arc::new(move || {
                measured.measure(now());
                exporter.render()
            }),
            feeds: Arc::new(move || feeds.feeds(now())),
            lookup: Arc::new(move |value| look_up(&reloader, value)),
        };
        Ok((stop, Some(tokio::spawn(server.serve(state, stopped)))))
    }

    /// Starts what keeps the feeds fresh, where they are needed.
    fn freshen(&self, news: mpsc::Sender<News>) -> std::io::Result<Started> {
        if !self.matches() {
            return Ok(Started::default());
        }
        let threads = Threads {
            reloader: Arc::clone(&self.reloader),
            health: Arc::clone(&self.health),
            stop: Arc::clone(&self.stop),
            news,
            waiting: self.waiting.clone(),
        };
        threads.start(&self.config.feeds, &self.config.kafka.cluster)
    }

    /// Loads the first snapshot, reaches the brokers, starts the stages. Waits as long as it
    /// takes: nothing is consumed before.
    async fn start(&self, stages: &mut Stages) -> std::io::Result<()> {
        if self.matches() {
            let observer = ReloadObserver::register(&self.health, &self.config.feeds);
            // Whatever comes from elsewhere is asked for once before anything is matched.
            let _ = self
                .waiting
                .subscribe()
                .wait_for(|waiting| *waiting == 0)
                .await;
            while !publish(self.build(Which::All).await, &observer) {
                tokio::select! {
                    () = tokio::time::sleep(FEEDS_RETRY) => {}
                    () = self.hurry.notified() => {}
                }
            }
        }
        let cluster = self.reach_brokers().await;
        if let (true, Some(snapshots)) = (self.matches(), self.reloader.reader()) {
            let options = self.match_options(&cluster);
            let streams = Arc::clone(&options.reader.streams);
            let told = Told {
                health: Arc::clone(&self.health),
                traffic: self.guard()?,
                reloader: Arc::clone(&self.reloader),
            };
            stages.matching = Some(MatchStage::start(
                &options,
                &snapshots,
                &self.stop,
                &|member| {
                    let mut observer = WorkerObserver::register(member, &streams, &told);
                    Box::new(move |output| observer.report(&output))
                },
            )?);
        }
        if let (true, Some(identify)) = (self.identifies(), &self.config.identify) {
            let options = IdentifyStageOptions {
                kafka: self.config.kafka.clone(),
                hits_cluster: self.config.output.clone(),
                hits: self.config.hits.clone(),
                episodes: self.config.episodes.clone(),
                identify: identify.clone(),
                cluster,
                now,
            };
            let mut observer = IdentifyObserver::register(&self.health);
            let report = Box::new(move |output: crate::pipeline::IdentifyOutput<'_>| {
                observer.report(&output);
            });
            let started = start_identify(options, &self.config.output, &self.stop, report)?;
            stages.identify = Some(started);
        }
        tracing::info!(role = ?self.options.role, dry_run = self.options.dry_run, "running");
        Ok(())
    }

    /// Starts the guard; where it wants to be told of the traffic.
    fn guard(&self) -> std::io::Result<Arc<Traffic>> {
        let traffic = Arc::default();
        let guard = Guard::open(&self.config.gate, &self.reloader, &self.health, &traffic);
        guard.start(Arc::clone(&self.stop))?;
        Ok(traffic)
    }

    /// Asks the brokers for the cluster's id until they answer.
    async fn reach_brokers(&self) -> String {
        loop {
            let cluster = self.config.kafka.cluster.clone();
            let asked =
                tokio::task::spawn_blocking(move || cluster_id(&cluster, BROKER_WAIT)).await;
            match asked {
                Ok(Ok(id)) => {
                    self.health.problem("brokers", None);
                    tracing::info!(cluster = id, "brokers reached");
                    return id;
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, "will try again");
                    self.health.problem("brokers", Some(error.to_string()));
                }
                Err(error) => tracing::error!(%error, "asking the brokers failed"),
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    fn match_options(&self, cluster: &str) -> MatchStageOptions {
        let mut streams = Vec::new();
        let mut starts = Vec::new();
        for source in &self.config.sources {
            for topic in &source.topics {
                streams.push(Stream {
                    source: source.name.clone(),
                    topic: topic.clone(),
                    format: source.format,
                });
                starts.push(source.start);
            }
        }
        let mut kafka = self.config.kafka.clone();
        if self.options.dry_run {
            // A member of its own group takes no partitions from those who do the work.
            kafka.group.push_str(".dry-run");
        }
        let workers = self.config.workers;
        MatchStageOptions {
            reader: KafkaReaderOptions {
                kafka,
                member: 0,
                streams: streams.into(),
                starts,
                fetch_thread: self.config.kafka.fetch_thread.applies(workers.threads),
            },
            output: (!self.options.dry_run).then(|| self.config.output.clone()),
            worker: WorkerOptions {
                workers,
                hits: self.config.hits.clone(),
                dead: self.config.dead.clone(),
                cluster: cluster.to_owned(),
                orientation: Arc::new(orientation(&self.config.networks)),
                commits: !self.options.dry_run,
                watches: true,
                now,
            },
        }
    }

    /// Serves signals until one asks to stop, or a stage has ended by itself. A request to
    /// reload that comes while a build runs makes one more build after it.
    async fn serve(&self, signals: &mut Signals, stages: &Stages, told: &mut mpsc::Receiver<News>) {
        let observer = ReloadObserver::register(&self.health, &self.config.feeds);
        let mut look_after = tokio::time::interval(RETIRE_EVERY);
        let (mut building, mut wanted) = (None, None);
        let mut merging: Option<Task<()>> = None;
        loop {
            tokio::select! {
                asked = signals.next() => match asked {
                    Ask::Stop => return,
                    Ask::Reload => wanted = Some(Which::All),
                },
                Some(news) = told.recv() => match news {
                    News::Look(feed) => wanted = Some(also(wanted.take(), feed)),
                    News::Applied(reload) => observer.report(&reload),
                },
                _ = look_after.tick() => {
                    if building.as_ref().is_some_and(Task::is_finished)
                        && let Some(done) = building.take()
                    {
                        publish(done.await, &observer);
                        if merging.as_ref().is_none_or(Task::is_finished) {
                            merging = Some(self.merge());
                        }
                    }
                    let reloader = Arc::clone(&self.reloader);
                    let _ = tokio::task::spawn_blocking(move || reloader.retire()).await;
                    if stages.ended() {
                        tracing::error!("a stage has ended by itself");
                        return;
                    }
                }
            }
            if building.is_none()
                && let Some(which) = wanted.take()
            {
                building = Some(self.build(which));
            }
        }
    }

    /// Starts to build a snapshot, beside everything else.
    fn build(&self, which: Which) -> Task<Reload> {
        tracing::info!(?which, "loading feeds");
        let reloader = Arc::clone(&self.reloader);
        beside("gannet-build", move || reloader.reload(&which))
    }

    /// Merges the layers of the snapshot in use, if there is enough to merge, beside everything else.
    fn merge(&self) -> Task<()> {
        let reloader = Arc::clone(&self.reloader);
        beside("gannet-merge", move || match reloader.merge() {
            Ok(true) => tracing::info!("layers of the snapshot merged"),
            Ok(false) => {}
            Err(error) => tracing::error!(error = chain(&error), "layers could not be merged"),
        })
    }

    /// Waits for the stages, as long as a drain may take; whether nothing was left.
    async fn join(&self, stages: Stages) -> bool {
        let deadline = Instant::now() + self.config.workers.drain_timeout + CLOSE_WAIT;
        while !stages.finished() {
            if Instant::now() > deadline {
                tracing::error!("a stage did not end in time and is left behind");
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let left = stages.matching.map_or(0, MatchStage::join);
        let identified = stages
            .identify
            .is_none_or(|thread| thread.join().unwrap_or(false));
        if left > 0 {
            tracing::error!(
                left,
                "messages were not acknowledged; their records are read again"
            );
        }
        left == 0 && identified
    }
}

/// What is wanted already, and a feed.
fn also(wanted: Option<Which>, feed: String) -> Which {
    match wanted {
        None => Which::Only(vec![feed]),
        Some(Which::All) => Which::All,
        Some(Which::Only(mut feeds)) => {
            if !feeds.contains(&feed) {
                feeds.push(feed);
            }
            Which::Only(feeds)
        }
    }
}

/// What the snapshot in use knows of a value; none before there is one.
fn look_up(reloader: &Reloader, value: &str) -> Option<serde_json::Value> {
    let mut reader = reloader.reader()?;
    let found = reader.current().lookup(value, Some(now()));
    let gate = refused_by_gate(value, &reloader.protected());
    Some(lookup_json(value, &found, gate))
}

/// Tells what a build came to; whether a snapshot was published.
fn publish(done: Result<Reload, tokio::task::JoinError>, observer: &ReloadObserver) -> bool {
    match done {
        Ok(reload) => {
            observer.report(&reload);
            matches!(reload, Reload::Published(_))
        }
        Err(error) => {
            tracing::error!(%error, "a build failed; the snapshot in use stays");
            false
        }
    }
}

impl Stages {
    /// Whether all stages have ended.
    fn finished(&self) -> bool {
        self.matching.as_ref().is_none_or(MatchStage::finished)
            && self.identify.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Whether a stage that was started has ended.
    fn ended(&self) -> bool {
        self.matching.as_ref().is_some_and(MatchStage::finished)
            || self.identify.as_ref().is_some_and(JoinHandle::is_finished)
    }
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Ask {
        tokio::select! {
            _ = self.terminate.recv() => Ask::Stop,
            _ = self.interrupt.recv() => Ask::Stop,
            _ = self.hangup.recv() => Ask::Reload,
        }
    }

    /// Ends when a signal asks to stop; one that asks to reload hurries whoever waits to try
    /// again.
    async fn stop(&mut self, hurry: &Notify) {
        while self.next().await != Ask::Stop {
            hurry.notify_one();
        }
    }
}
