//! A server that answers byte by byte as a test wants, one request a connection, and remembers what
//! it was asked.

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

/// Longest head of a request.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// The head of a request.
#[derive(Clone, Debug)]
pub(in crate::feeds::fetch) struct Asked(pub(in crate::feeds::fetch) String);

impl Asked {
    /// What was asked for.
    pub(in crate::feeds::fetch) fn path(&self) -> &str {
        self.0.split(' ').nth(1).unwrap()
    }

    /// A header, by its name in lower case.
    pub(in crate::feeds::fetch) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.0.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// What a server does next.
#[derive(Clone, Debug)]
pub(in crate::feeds::fetch) enum Step {
    /// Sends bytes.
    Send(Vec<u8>),
    /// Sends bytes again and again until the client goes.
    Repeat(Vec<u8>),
    /// Sends a byte, waits, and so on for ever.
    Drip(Duration),
    /// Does nothing more, and keeps the connection.
    Hang,
    /// Drops the connection without saying goodbye.
    Drop,
}

/// A whole answer.
pub(in crate::feeds::fetch) fn answer(
    status: u16,
    headers: &[(&str, &str)],
    body: impl AsRef<[u8]>,
) -> Vec<Step> {
    let body = body.as_ref();
    let mut steps = begin(status, headers, Some(body.len() as u64));
    steps.push(Step::Send(body.to_vec()));
    steps
}

/// The head of an answer whose body has a length, or ends with the connection.
pub(in crate::feeds::fetch) fn begin(
    status: u16,
    headers: &[(&str, &str)],
    len: Option<u64>,
) -> Vec<Step> {
    let mut head = format!("HTTP/1.1 {status} Such\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(len) = len {
        head.push_str(&format!("Content-Length: {len}\r\n"));
    }
    head.push_str("\r\n");
    vec![Step::Send(head.into_bytes())]
}

/// A server, until it is dropped.
pub(in crate::feeds::fetch) struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts one on a free port; encrypted, if there is a certificate.
    pub(in crate::feeds::fetch) async fn start(
        tls: Option<TlsAcceptor>,
        answers: impl Fn(&Asked) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let answer = {
            let asked = Arc::clone(&asked);
            move |request: Asked| {
                let steps = answers(&request);
                asked.lock().unwrap().push(request);
                steps
            }
        };
        let task = tokio::spawn(serve(listener, tls, Arc::new(answer)));
        Self {
            address,
            asked,
            task,
        }
    }

    /// Its port.
    pub(in crate::feeds::fetch) fn port(&self) -> u16 {
        self.address.port()
    }

    /// What it was asked so far.
    pub(in crate::feeds::fetch) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The paths that it was asked for so far.
    pub(in crate::feeds::fetch) fn paths(&self) -> Vec<String> {
        let asked = self.asked();
        asked.iter().map(|asked| asked.path().to_owned()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a server does with each request.
type Answer = Arc<dyn Fn(Asked) -> Vec<Step> + Send + Sync>;

/// Accepts connections for ever.
async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, answer: Answer) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, answer) = (tls.clone(), Arc::clone(&answer));
        connections.spawn(async move {
            match tls {
                None => talk(stream, &answer).await,
                // A client that does not trust the certificate goes.
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => talk(stream, &answer).await,
                    Err(_) => None,
                },
            }
        });
    }
}

/// Answers one request; `None` when the client is gone.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, answer: &Answer) -> Option<()> {
    let asked = head(&mut stream).await?;
    for step in answer(asked) {
        match step {
            Step::Send(bytes) => stream.write_all(&bytes).await.ok()?,
            Step::Repeat(bytes) => loop {
                stream.write_all(&bytes).await.ok()?;
            },
            Step::Drip(pause) => loop {
                stream.write_all(b"a").await.ok()?;
                stream.flush().await.ok()?;
                sleep(pause).await;
            },
            Step::Hang => {
                stream.flush().await.ok()?;
                pending::<()>().await;
            }
            Step::Drop => {
                stream.flush().await.ok()?;
                return None;
            }
        }
    }
    stream.shutdown().await.ok()
}

/// The head of a request; `None` when it is none, or the client is gone.
async fn head<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        assert!(head.len() < HEAD_BYTES_MAX, "a head without end");
        let byte = stream.read_u8().await.ok()?;
        if !byte.is_ascii_graphic() && !byte.is_ascii_whitespace() {
            return None;
        }
        head.push(byte);
    }
    Some(Asked(String::from_utf8(head).unwrap()))
}

/// A proxy on a free port that tunnels to this machine whatever name it is asked for; the heads that
/// it was asked with.
pub(super) async fn proxy() -> (u16, Arc<Mutex<Vec<Asked>>>, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heads = Arc::clone(&asked);
    let task = tokio::spawn(async move {
        let mut tunnels = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let heads = Arc::clone(&heads);
            tunnels.spawn(async move { tunnel(stream, &heads).await });
        }
    });
    (port, asked, task)
}

/// One tunnel.
async fn tunnel(mut stream: TcpStream, heads: &Mutex<Vec<Asked>>) -> Option<()> {
    let asked = head(&mut stream).await?;
    let port = asked.path().rsplit_once(':')?.1.parse::<u16>().ok()?;
    heads.lock().unwrap().push(asked);
    let mut there = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
    stream.write_all(b"HTTP/1.1 200 Go\r\n\r\n").await.ok()?;
    tokio::io::copy_bidirectional(&mut stream, &mut there)
        .await
        .ok()?;
    Some(())
}
