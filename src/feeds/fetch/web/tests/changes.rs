//! What is new, what is not, and what is said instead of a file.

use std::fs;
use std::time::Duration;

use super::server::{Server, answer};
use super::{Fetched, HOST, OLD, Place, Validators};

const LIST: &str = "c2.example\n192.0.2.7\n";
const TAG: &str = "\"v1\"";
const DATE: &str = "Wed, 31 Dec 2025 00:00:00 GMT";

/// A server with one list and both of its validators.
async fn server(place: &Place) -> Server {
    Server::start(Some(place.authority.server(&[HOST])), |asked| {
        let headers = [("ETag", TAG), ("Last-Modified", DATE)];
        if asked.header("if-none-match") == Some(TAG) {
            return answer(304, &headers, "");
        }
        let mut headers = headers.to_vec();
        headers.push(("Content-Type", "text/plain; charset=utf-8"));
        answer(200, &headers, LIST)
    })
    .await
}

#[tokio::test]
async fn a_list_is_fetched_once_and_then_only_asked_about() {
    let place = Place::new();
    let server = server(&place).await;
    let options = place.options(&server, "/list.txt?key=1");

    let fetched = place.fetch(&options, &Validators::default()).await.unwrap();
    let Fetched::New {
        validators,
        bytes,
        content_type,
    } = fetched
    else {
        panic!("nothing new");
    };
    assert_eq!(validators.etag.as_deref(), Some(TAG));
    assert_eq!(validators.last_modified.as_deref(), Some(DATE));
    assert_eq!(bytes, LIST.len() as u64);
    assert_eq!(content_type.as_deref(), Some("text/plain; charset=utf-8"));
    assert_eq!(place.target_text(), LIST);

    let fetched = place.fetch(&options, &validators).await.unwrap();
    assert_eq!(fetched, Fetched::Unchanged);
    assert_eq!(place.target_text(), LIST);
    let asked = server.asked();
    assert_eq!(asked[0].path(), "/list.txt?key=1");
    assert_eq!(asked[0].header("if-none-match"), None);
    assert_eq!(asked[0].header("if-modified-since"), None);
    assert_eq!(asked[0].header("accept-encoding"), Some("gzip"));
    assert_eq!(asked[1].header("if-none-match"), Some(TAG));
    assert_eq!(asked[1].header("if-modified-since"), Some(DATE));
}

#[tokio::test]
async fn validators_of_a_file_that_is_gone_or_of_another_url_are_not_used() {
    let place = Place::new();
    let server = server(&place).await;
    let options = place.options(&server, "/list.txt");
    let fetched = place.fetch(&options, &Validators::default()).await;
    let known = place.check_new(fetched, LIST);

    fs::remove_file(place.target()).unwrap();
    place.check_new(place.fetch(&options, &known).await, LIST);
    let other = place.options(&server, "/other.txt");
    place.check_new(place.fetch(&other, &known).await, LIST);
    assert!(
        server
            .asked()
            .iter()
            .all(|asked| asked.header("if-none-match").is_none())
    );
}

#[tokio::test]
async fn nothing_modified_is_no_answer_to_who_did_not_ask() {
    let place = Place::new();
    let tls = place.authority.server(&[HOST]);
    let server = Server::start(Some(tls), |_| answer(304, &[], "")).await;
    let options = place.options(&server, "/");
    let fetched = place.fetch(&options, &Validators::default()).await;
    place.check_refused(fetched, "status");
}

#[tokio::test]
async fn an_empty_body_is_a_file_too() {
    for headers in [&[][..], &[("Content-Encoding", "gzip")]] {
        let place = Place::new();
        let tls = place.authority.server(&[HOST]);
        let server = Server::start(Some(tls), |_| answer(200, headers, "")).await;
        let options = place.options(&server, "/");
        place.check_new(place.fetch(&options, &Validators::default()).await, "");
    }
}

/// Fetches from a server that answers so, and fails; the error.
async fn refused(
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    reason: &str,
) -> super::FetchError {
    let place = Place::new();
    let tls = place.authority.server(&[HOST]);
    let server = Server::start(Some(tls), move |_| answer(status, headers, LIST)).await;
    let options = place.options(&server, "/list.txt");
    let fetched = place.fetch(&options, &Validators::default()).await;
    place.check_refused(fetched, reason)
}

#[tokio::test]
async fn a_web_page_is_not_a_list() {
    for kind in [
        "text/html",
        "Text/HTML; charset=utf-8",
        "application/xhtml+xml",
    ] {
        let headers = Box::leak(Box::new([("Content-Type", kind)]));
        refused(200, headers, "html").await;
    }
}

#[tokio::test]
async fn other_statuses_are_refused() {
    for status in [204, 206, 300, 305, 400, 401, 403, 404, 410, 500, 502] {
        let error = refused(status, &[], "status").await.to_string();
        assert!(error.ends_with(&format!("status {status}")), "{error}");
    }
}

#[tokio::test]
async fn a_busy_server_says_when_to_come_back() {
    let seconds = &[("Retry-After", "120")];
    // Five minutes after the time that the tests take for now.
    let date = &[("Retry-After", "Thu, 01 Jan 2026 00:05:00 GMT")];
    for status in [429, 503] {
        for (headers, expected_s) in [
            (&[][..], None),
            (&[("Retry-After", "soon")], None),
            (seconds, Some(120)),
            (date, Some(300)),
        ] {
            let error = refused(status, headers, "busy").await;
            assert_eq!(error.retry_after(), expected_s.map(Duration::from_secs));
        }
    }
    let error = refused(404, seconds, "status").await;
    assert_eq!(error.retry_after(), None);
}

#[tokio::test]
async fn an_encoding_that_nobody_asked_for_is_refused() {
    for encoding in ["br", "gzip, gzip", "deflate"] {
        let headers = Box::leak(Box::new([("Content-Encoding", encoding)]));
        refused(200, headers, "encoding").await;
    }
}

#[tokio::test]
async fn a_target_that_cannot_be_written_is_said() {
    let place = Place::new();
    let server = server(&place).await;
    let options = place.options(&server, "/list.txt");
    fs::remove_file(place.target()).unwrap();
    fs::create_dir(place.target()).unwrap();
    let fetched = place.fetch(&options, &Validators::default()).await;
    assert_eq!(fetched.unwrap_err().reason(), "write");
    fs::remove_dir(place.target()).unwrap();
    fs::write(place.target(), OLD).unwrap();
    assert_eq!(place.target_text(), OLD);
}
