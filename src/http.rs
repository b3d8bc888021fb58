//! Health, metrics and indicators over HTTP: `/livez`, `/readyz`, `/metrics`, `/version`,
//! `/v1/feeds`, `/v1/lookup?value=`. Read-only, and without personal data. What to answer comes in as plain functions; nothing here knows the
//! other parts.
//!
//! Bounded: connections, header size, time for a request, time of a connection, time to stop.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Most connections at a time; more wait in the backlog of the socket.
const CONNECTIONS_MAX: usize = 64;
/// Largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Longest wait for the head of a request, the idle time of a kept connection included.
const HEAD_WAIT_MAX: Duration = Duration::from_secs(90);
/// Longest life of a connection.
const CONNECTION_MAX: Duration = Duration::from_secs(3600);
/// Longest wait for answers under way when the server stops.
const STOP_WAIT_MAX: Duration = Duration::from_secs(2);
/// Pause after a failed accept, so that a lack of file descriptors does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A question that the server asks the program. It is asked on a runtime thread: it must
/// neither block nor panic.
pub type Ask<T> = Arc<dyn Fn() -> T + Send + Sync>;

/// What the server asks.
#[derive(Clone)]
pub struct HttpState {
    /// Whether the process works; else why it should be restarted.
    pub live: Ask<Result<(), String>>,
    /// Whether it does its job, with details.
    pub ready: Ask<Readiness>,
    /// The metrics in Prometheus' text format.
    pub metrics: Ask<String>,
    /// The feeds of the snapshot in use (`gannet.feeds.v1`); none before there is one.
    pub feeds: Ask<Option<serde_json::Value>>,
    /// What the snapshot in use knows of a value (`gannet.lookup.v1`); none before there is one.
    pub lookup: LookUp,
}

/// As [`Ask`], about a value.
pub type LookUp = Arc<dyn Fn(&str) -> Option<serde_json::Value> + Send + Sync>;

/// Whether the program does its job, and how it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Why it is not ready; empty: it is.
    pub reasons: Vec<String>,
    /// The snapshot in use.
    pub snapshot: Option<SnapshotStatus>,
    /// How many partitions are assigned to this instance.
    pub partitions: usize,
    /// Whether another instance is active and this one stands by.
    pub standby: bool,
    /// How many values are muted.
    pub muted_values: u64,
    /// The feeds that are muted.
    pub muted_feeds: Vec<String>,
    /// Every feed.
    pub feeds: Vec<FeedStatus>,
}

/// The snapshot in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotStatus {
    /// Its generation.
    pub generation: u64,
    /// Its hash.
    pub hash: String,
    /// How many indicators it has.
    pub indicators: u64,
    /// How long it has been in use.
    pub age: Duration,
}

/// One feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedStatus {
    /// Its name.
    pub name: String,
    /// How long ago it was last loaded.
    pub age: Option<Duration>,
    /// Why its last load was refused, or what else is wrong with it; `None`: nothing.
    pub error: Option<String>,
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is taken, not ours, or not allowed.
    #[error("cannot listen on {listen}")]
    Bind {
        /// The address.
        listen: SocketAddr,
        /// The cause.
        source: io::Error,
    },
}

/// A server that listens, and does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    head_wait_max: Duration,
}

impl Server {
    /// Listens on `listen`; with port 0, on any free port.
    ///
    /// # Errors
    /// [`HttpError::Bind`] with the address.
    pub async fn bind(listen: SocketAddr) -> Result<Self, HttpError> {
        let failed = |source| HttpError::Bind { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            listener,
            address,
            head_wait_max: HEAD_WAIT_MAX,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` becomes true or its sender is gone; then finishes the answers under
    /// way, for at most two seconds.
    pub async fn serve(self, state: HttpState, stop: watch::Receiver<bool>) {
        let router = router(state);
        let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        let mut stopped = pin!(stopped(stop.clone()));
        loop {
            while connections.try_join_next().is_some() {}
            let accepted = async {
                let slot = Arc::clone(&slots).acquire_owned().await;
                (slot, self.listener.accept().await)
            };
            tokio::select! {
                () = stopped.as_mut() => break,
                (slot, accepted) = accepted => match accepted {
                    Ok((stream, _)) => {
                        let connection = answer(stream, router.clone(), self.head_wait_max, stop.clone());
                        connections.spawn(async move {
                            let _slot = slot;
                            // A connection that lives too long is closed by being dropped.
                            let _ = timeout(CONNECTION_MAX, connection).await;
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        drop(self.listener);
        let finished = async { while connections.join_next().await.is_some() {} };
        if timeout(STOP_WAIT_MAX, finished).await.is_err() {
            connections.shutdown().await;
        }
    }
}

/// Answers the requests of one connection. What goes wrong with it is its peer's concern.
async fn answer(
    stream: TcpStream,
    router: Router,
    head_wait_max: Duration,
    stop: watch::Receiver<bool>,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_wait_max)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "connection failed");
    }
}

/// Ends when `stop` becomes true or its sender is gone.
async fn stopped(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The paths.
fn router(state: HttpState) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/version", get(version))
        .route("/v1/feeds", get(feeds))
        .route("/v1/lookup", get(lookup))
        .with_state(state)
}

/// `ok`, or 503 with the reason.
async fn livez(State(state): State<HttpState>) -> (StatusCode, String) {
    match (state.live)() {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

/// The state as JSON; 503 when it is not ready.
async fn readyz(State(state): State<HttpState>) -> Response {
    let Readiness {
        reasons,
        snapshot,
        partitions,
        standby,
        muted_values,
        muted_feeds,
        feeds,
    } = (state.ready)();
    let ready = reasons.is_empty();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let snapshot = snapshot.map(|snapshot| {
        json!({
            "generation": snapshot.generation,
            "hash": snapshot.hash,
            "indicators": snapshot.indicators,
            "age_seconds": snapshot.age.as_secs(),
        })
    });
    let feeds: Vec<serde_json::Value> = feeds
        .into_iter()
        .map(|feed| {
            json!({
                "feed": feed.name,
                "age_seconds": feed.age.map(|age| age.as_secs()),
                "error": feed.error,
            })
        })
        .collect();
    let body = json!({
        "ready": ready,
        "reasons": reasons,
        "snapshot": snapshot,
        "partitions": partitions,
        "standby": standby,
        "muted": {"values": muted_values, "feeds": muted_feeds},
        "feeds": feeds,
    });
    (status, Json(body)).into_response()
}

/// The metrics in the text format.
async fn metrics(State(state): State<HttpState>) -> Response {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], (state.metrics)()).into_response()
}

/// What the feeds hold; 503 before there is a snapshot.
async fn feeds(State(state): State<HttpState>) -> Response {
    or_not_yet((state.feeds)())
}

/// What is asked of `/v1/lookup`.
#[derive(serde::Deserialize)]
struct Question {
    value: String,
}

/// What is known of a value; 400 without one, 503 before there is a snapshot.
async fn lookup(State(state): State<HttpState>, Query(question): Query<Question>) -> Response {
    or_not_yet((state.lookup)(&question.value))
}

/// An answer, or 503 if there is none yet.
fn or_not_yet(answer: Option<serde_json::Value>) -> Response {
    match answer {
        Some(answer) => Json(answer).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "no snapshot yet\n").into_response(),
    }
}

/// Which program this is.
async fn version() -> Json<serde_json::Value> {
    Json(json!({ "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") }))
}

#[cfg(test)]
mod tests;
