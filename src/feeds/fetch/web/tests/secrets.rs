//! Secrets: where they come from, and that they stay where they belong.

use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use super::server::{Server, answer};
use super::{FetchError, HOST, LONG, Place, Validators, WebOptions};
use crate::feeds::chain;

const LIST: &str = "c2.example\n";

/// What all the secrets of these tests have in them.
const MARK: &str = "geheim";

/// Options full of secrets.
fn options(place: &Place, server: &Server) -> WebOptions {
    let mut options = place.options(server, "/list.txt?key=geheim-query");
    let user = "https://geheim-user:geheim-password@";
    options.url = options.url.replace("https://", user);
    options.header_files = vec![
        ("Auth-Key".to_owned(), place.file("key", "geheim-header\n")),
        (
            "Authorization".to_owned(),
            place.file("bearer", " Bearer geheim-token\r\n"),
        ),
    ];
    options
}

#[tokio::test]
async fn the_values_of_headers_come_from_files_at_each_fetch() {
    let place = Place::new();
    let tls = place.authority.server(&[HOST]);
    let server = Server::start(Some(tls), |_| answer(200, &[], LIST)).await;
    let options = options(&place, &server);
    let known = Validators::default();
    place.check_new(place.fetch(&options, &known).await, LIST);
    place.file("key", "geheim-second");
    place.check_new(place.fetch(&options, &known).await, LIST);
    let asked = server.asked();
    assert_eq!(asked[0].header("auth-key"), Some("geheim-header"));
    assert_eq!(asked[1].header("auth-key"), Some("geheim-second"));
    assert_eq!(
        asked[0].header("authorization"),
        Some("Bearer geheim-token")
    );
}

#[tokio::test]
async fn a_file_that_holds_no_value_is_refused_without_its_content() {
    let place = Place::new();
    let tls = place.authority.server(&[HOST]);
    let server = Server::start(Some(tls), |_| answer(200, &[], LIST)).await;
    let mut options = options(&place, &server);
    for (name, text) in [
        ("Auth-Key", ""),
        ("Auth-Key", " \n"),
        ("Auth-Key", "geheim\ngeheim"),
        ("Auth-Key", "geheim\u{7f}"),
        ("Auth-Key", &"geheim".repeat(10_000)),
        ("Auth Key", "geheim"),
        ("", "geheim"),
    ] {
        options.header_files = vec![(name.to_owned(), place.file("bad", text))];
        let fetched = place.fetch(&options, &Validators::default()).await;
        check_silent(&place.check_refused(fetched, "secret"));
    }
    options.header_files[0].1.push("absent");
    let fetched = place.fetch(&options, &Validators::default()).await;
    place.check_refused(fetched, "secret");
    assert!(server.asked().is_empty());
}

/// That an error tells no secret, in whatever way it is printed.
#[track_caller]
fn check_silent(error: &FetchError) {
    for text in [chain(error), format!("{error:?}"), format!("{error:#?}")] {
        assert!(!text.contains(MARK), "{text}");
    }
}

#[tokio::test]
async fn no_error_tells_a_secret() {
    let place = Place::new();
    let tls = place.authority.server(&[HOST]);
    let server = Server::start(Some(tls), |asked| match asked.path().split_once('?') {
        Some((_, "key=geheim-query")) => answer(401, &[], "geheim"),
        _ => answer(200, &[], LIST),
    })
    .await;
    let wrong = Server::start(Some(place.authority.server(&["a.example"])), |_| vec![]).await;
    let silent = Server::start(Some(place.authority.server(&[HOST])), |_| vec![]).await;
    let moved = Server::start(Some(place.authority.server(&[HOST])), |_| {
        let to = "https://geheim-user:geheim@10.0.0.1/?geheim";
        answer(301, &[("Location", to)], "")
    })
    .await;
    let known = Validators::default();
    let mut reasons = Vec::new();
    for server in [&server, &wrong, &silent, &moved] {
        for change in 0..5 {
            let mut options = options(&place, server);
            options.same_host_redirects = false;
            match change {
                1 => options.timeout = std::time::Duration::ZERO,
                2 => options.bytes_max = 0,
                3 => options.proxy = Some("http://geheim:geheim@127.0.0.1:1/".to_owned()),
                4 => options.proxy = Some("geheim:geheim@127.0.0.1:1/".to_owned()),
                _ => options.timeout = LONG,
            }
            let error = place.fetch(&options, &known).await.unwrap_err();
            check_silent(&error);
            reasons.push(error.reason());
        }
    }
    reasons.sort_unstable();
    reasons.dedup();
    let expected = ["address", "answer", "connect", "status", "timeout", "url"];
    assert_eq!(reasons, expected);
}

#[test]
fn options_and_validators_print_no_secret() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let place = Place::new();
        let tls = place.authority.server(&[HOST]);
        let server = Server::start(Some(tls), |_| answer(200, &[], LIST)).await;
        let mut options = options(&place, &server);
        options.proxy = Some("http://geheim:geheim@127.0.0.1:1".to_owned());
        let text = format!("{options:?} {options:#?}");
        assert!(!text.contains(MARK), "{text}");
        assert!(text.contains("feeds.example"), "{text}");
        options.proxy = None;
        let known = Validators::default();
        let known = place.check_new(place.fetch(&options, &known).await, LIST);
        let text = serde_json::to_string(&known).unwrap();
        assert!(!text.contains(MARK), "{text}");
    });
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_library_logs_a_secret() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(log.clone())
        .finish();
    // Of this thread, which everything in this test runs on.
    let _guard = subscriber.set_default();
    let place = Place::new();
    let tls = place.authority.server(&[HOST]);
    let server = Server::start(Some(tls), |_| answer(200, &[], LIST)).await;
    let mut options = options(&place, &server);
    let known = Validators::default();
    place.check_new(place.fetch(&options, &known).await, LIST);
    let (port, _asked, _task) = super::server::proxy().await;
    options.proxy = Some(format!("http://geheim-user:geheim@127.0.0.1:{port}"));
    place.check_new(place.fetch(&options, &known).await, LIST);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("starting new connection"), "no log: {text}");
    assert!(!text.contains(MARK), "{text}");
}
