//! A server of one list, over TLS, under its own authority: what it serves changes when a test says
//! so, and what has not changed is not sent again.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A server, until it is dropped.
pub struct Server {
    authority: String,
    port: u16,
    body: Arc<Mutex<String>>,
    /// Ends its tasks when it is dropped.
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    /// Serves a list on a free port.
    pub fn start(body: &str) -> Self {
        let (authority, acceptor) = authority();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime
            .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let body = Arc::new(Mutex::new(body.to_owned()));
        runtime.spawn(serve(listener, acceptor, Arc::clone(&body)));
        Self {
            authority,
            port,
            body,
            _runtime: runtime,
        }
    }

    /// The certificate to trust, PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Where the list is.
    pub fn url(&self) -> String {
        format!("https://localhost:{}/list.txt", self.port)
    }

    /// Serves something else from now on.
    pub fn serve(&self, body: &str) {
        body.clone_into(&mut self.body.lock().expect("no thread panics"));
    }
}

/// An authority, and the side of a server for `localhost` that it signed.
fn authority() -> (String, TlsAcceptor) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new([]).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).expect("a certificate");
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("parameters");
    let certificate = params.signed_by(&key, &issuer).expect("a certificate");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::from(key))
        .expect("a certificate and its key");
    (authority.pem(), TlsAcceptor::from(Arc::new(config)))
}

/// Answers one request a connection, for ever.
async fn serve(listener: TcpListener, acceptor: TlsAcceptor, body: Arc<Mutex<String>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, body) = (acceptor.clone(), Arc::clone(&body));
        tokio::spawn(async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") && head.len() < 16 << 10 {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => return,
                }
            }
            let answer = answer(&String::from_utf8_lossy(&head), &body);
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        });
    }
}

/// The list, or that it has not changed.
fn answer(head: &str, body: &Mutex<String>) -> String {
    let body = body.lock().expect("no thread panics");
    let tag = format!("\"{}\"", blake3::hash(body.as_bytes()).to_hex());
    let rest = format!("ETag: {tag}\r\nConnection: close\r\n");
    if head.contains(&tag) {
        return format!("HTTP/1.1 304 Not Modified\r\n{rest}\r\n");
    }
    let len = body.len();
    format!("HTTP/1.1 200 OK\r\n{rest}Content-Length: {len}\r\n\r\n{body}")
}
