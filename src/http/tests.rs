//! The server over real sockets, on whatever port is free.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream as Client};

use tokio::task::{JoinHandle, spawn_blocking};

use super::*;

/// A server that runs until it is told to stop.
struct Running {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    /// Starts one with `state`.
    async fn start(state: HttpState) -> Self {
        let server = Server::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .await
            .unwrap();
        let address = server.address();
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(server.serve(state, stopped));
        Self {
            address,
            stop,
            task,
        }
    }

    /// The head and the body of the answer to `request`, after which the connection ends.
    async fn send(&self, request: &str) -> (String, String) {
        let (address, request) = (self.address, request.to_owned());
        let answer = move || {
            let mut client = Client::connect(address).unwrap();
            client.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            answer
        };
        let answer = spawn_blocking(answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_ascii_lowercase(), body.to_owned())
    }

    /// The head and the body of `path`.
    async fn get(&self, path: &str) -> (String, String) {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: gannet.test\r\nConnection: close\r\n\r\n"
        ))
        .await
    }

    /// Stops it and waits for its end.
    async fn stop(self) {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
    }
}

/// A program that is well.
fn well() -> HttpState {
    HttpState {
        live: Arc::new(|| Ok(())),
        ready: Arc::new(|| Readiness {
            reasons: Vec::new(),
            snapshot: Some(SnapshotStatus {
                generation: 12,
                hash: "abc".to_owned(),
                indicators: 20_000,
                age: Duration::from_millis(3_900),
            }),
            partitions: 4,
            standby: false,
            muted_values: 0,
            muted_feeds: vec!["noisy".to_owned()],
            feeds: vec![FeedStatus {
                name: "operation".to_owned(),
                age: Some(Duration::from_secs(60)),
                error: None,
            }],
        }),
        metrics: Arc::new(|| "gannet_batches_total 1\n".to_owned()),
        feeds: Arc::new(|| Some(json!({"feeds": []}))),
        lookup: Arc::new(|value| Some(json!({ "value": value }))),
    }
}

/// A program that is not.
fn unwell() -> HttpState {
    HttpState {
        live: Arc::new(|| Err("worker 1 has not moved for 31 s".to_owned())),
        ready: Arc::new(|| Readiness {
            reasons: vec!["no snapshot yet".to_owned()],
            feeds: vec![FeedStatus {
                name: "operation".to_owned(),
                age: None,
                error: Some("cannot read it".to_owned()),
            }],
            ..Readiness::default()
        }),
        metrics: Arc::new(String::new),
        feeds: Arc::new(|| None),
        lookup: Arc::new(|_| None),
    }
}

#[tokio::test]
async fn a_well_program_is_live_and_ready() {
    let server = Running::start(well()).await;
    let (head, body) = server.get("/livez").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!(body, "ok\n");
    let (head, body) = server.get("/readyz").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let expected = json!({
        "ready": true,
        "reasons": [],
        "snapshot": {"generation": 12, "hash": "abc", "indicators": 20000, "age_seconds": 3},
        "partitions": 4,
        "standby": false,
        "muted": {"values": 0, "feeds": ["noisy"]},
        "feeds": [{"feed": "operation", "age_seconds": 60, "error": null}],
    });
    assert_eq!(body, expected);
    server.stop().await;
}

#[tokio::test]
async fn an_unwell_program_says_why() {
    let server = Running::start(unwell()).await;
    let (head, body) = server.get("/livez").await;
    assert!(head.starts_with("http/1.1 503"), "{head}");
    assert_eq!(body, "worker 1 has not moved for 31 s\n");
    let (head, body) = server.get("/readyz").await;
    assert!(head.starts_with("http/1.1 503"), "{head}");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["ready"], false);
    assert_eq!(body["reasons"], json!(["no snapshot yet"]));
    assert_eq!(body["snapshot"], serde_json::Value::Null);
    assert_eq!(body["feeds"][0]["error"], "cannot read it");
    server.stop().await;
}

#[tokio::test]
async fn metrics_are_in_the_text_format() {
    let server = Running::start(well()).await;
    let (head, body) = server.get("/metrics").await;
    assert!(
        head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{head}"
    );
    assert_eq!(body, "gannet_batches_total 1\n");
    let (_, body) = server.get("/version").await;
    assert!(body.contains(env!("CARGO_PKG_VERSION")), "{body}");
    server.stop().await;
}

#[tokio::test]
async fn feeds_and_values_are_told_once_there_is_a_snapshot() {
    let server = Running::start(well()).await;
    let (_, body) = server.get("/v1/feeds").await;
    assert_eq!(body, r#"{"feeds":[]}"#);
    let (_, body) = server.get("/v1/lookup?value=203.0.113.66%3A443").await;
    assert_eq!(body, r#"{"value":"203.0.113.66:443"}"#);
    let (head, _) = server.get("/v1/lookup").await;
    assert!(head.starts_with("http/1.1 400"), "{head}");
    server.stop().await;
    let server = Running::start(unwell()).await;
    for path in ["/v1/feeds", "/v1/lookup?value=a.example"] {
        let (head, body) = server.get(path).await;
        assert!(head.starts_with("http/1.1 503"), "{head}");
        assert_eq!(body, "no snapshot yet\n");
    }
    server.stop().await;
}

#[tokio::test]
async fn nothing_else_is_answered() {
    let server = Running::start(well()).await;
    let (head, _) = server.get("/").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
    let request =
        "POST /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let (head, _) = server.send(request).await;
    assert!(head.starts_with("http/1.1 405"), "{head}");
    let request = format!(
        "GET /livez HTTP/1.1\r\nX: {}\r\n\r\n",
        "x".repeat(HEAD_BYTES_MAX)
    );
    let (head, _) = server.send(&request).await;
    assert!(head.starts_with("http/1.1 431"), "{head}");
    server.stop().await;
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let taken = Server::bind(listen).await.unwrap().address();
    let holder = Server::bind(taken).await.unwrap();
    let Err(error) = Server::bind(holder.address()).await else {
        panic!("it is taken");
    };
    assert_eq!(error.to_string(), format!("cannot listen on {taken}"));
    assert!(error.source().is_some());
}

#[tokio::test]
async fn it_stops_with_idle_connections_open() {
    let server = Running::start(well()).await;
    let address = server.address;
    let ask = move || {
        let mut idle = Client::connect(address).unwrap();
        idle.write_all(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            .unwrap();
        // The answer proves that the connection was accepted.
        idle.read_exact(&mut [0]).unwrap();
        idle
    };
    let mut idle = spawn_blocking(ask).await.unwrap();
    server.stop().await;
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).unwrap();
    assert!(rest.ends_with(b"ok\n"));
}

#[tokio::test]
async fn it_stops_when_nobody_can_stop_it_any_more() {
    let Running { stop, task, .. } = Running::start(well()).await;
    drop(stop);
    task.await.unwrap();
}

#[tokio::test]
async fn a_request_that_never_ends_is_given_up() {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut server = Server::bind(listen).await.unwrap();
    server.head_wait_max = Duration::from_millis(1);
    let address = server.address();
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(server.serve(well(), stopped));
    let wait_for_the_end = move || {
        let mut slow = Client::connect(address).unwrap();
        // The end may come before the write.
        let _ = slow.write_all(b"GET /livez HTTP/1.1\r\nHost:");
        let mut answer = Vec::new();
        let _ = slow.read_to_end(&mut answer);
        answer
    };
    let answer = spawn_blocking(wait_for_the_end).await.unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    stop.send(true).unwrap();
    task.await.unwrap();
}

#[tokio::test]
async fn more_connections_than_the_limit_wait_for_their_turn() {
    let server = Running::start(well()).await;
    let address = server.address;
    let fill = move || {
        let connect = |_| Client::connect(address).unwrap();
        (0..CONNECTIONS_MAX + 1).map(connect).collect::<Vec<_>>()
    };
    let mut clients = spawn_blocking(fill).await.unwrap();
    let last_is_answered = move || {
        let request = b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let mut last = clients.pop().unwrap();
        last.write_all(request).unwrap();
        drop(clients.pop());
        let mut answer = String::new();
        last.read_to_string(&mut answer).unwrap();
        answer.ends_with("ok\n")
    };
    assert!(spawn_blocking(last_is_answered).await.unwrap());
    server.stop().await;
}
