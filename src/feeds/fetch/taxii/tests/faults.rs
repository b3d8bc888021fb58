//! Servers that fail, cheat or never end.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{OBJECTS, Place, TaxiiError, TaxiiOptions, TaxiiState, fetch, new, options, versions};
use crate::feeds::chain;
use crate::feeds::fetch::web::tests::HOST;
use crate::feeds::fetch::web::tests::server::{Server, Step, answer, begin};

/// The headers of a page whose last object was added long ago.
const DATED: &[(&str, &str)] = &[("X-TAXII-Date-Added-Last", "2025-12-01T00:00:00Z")];
/// A whole collection.
const ONE: &str = "{\"objects\":[{\"id\":\"a\"}]}";
/// A page with another after it.
const MORE: &str = "{\"more\":true,\"next\":\"2\",\"objects\":[{\"id\":\"b\"}]}";

/// A bundle of one object, its state, and a server that answers the first fetch with that and then
/// with `steps`, one after another and then from the start.
async fn second(place: &Place, steps: Vec<Vec<Step>>) -> (Server, TaxiiOptions, TaxiiState) {
    let count = AtomicUsize::new(0);
    let tls = place.authority.server(&[HOST]);
    let server = Server::start(Some(tls), move |_| {
        match count.fetch_add(1, Ordering::Relaxed).checked_sub(1) {
            None => answer(200, DATED, ONE),
            Some(count) => steps[count % steps.len()].clone(),
        }
    })
    .await;
    let options = options(place, &server);
    let state = new(
        fetch(place, &options, &TaxiiState::default()).await,
        (1, 1, 0),
    );
    (server, options, state)
}

/// That a second fetch fails for `reason` and leaves the bundle; how many requests it took.
async fn check_refused(
    steps: Vec<Vec<Step>>,
    change: impl Fn(&mut TaxiiOptions),
    reason: &str,
) -> (TaxiiError, usize) {
    let place = Place::new();
    let (server, mut options, state) = second(&place, steps).await;
    change(&mut options);
    let before = fs::read(place.target()).unwrap();
    let error = fetch(&place, &options, &state).await.unwrap_err();
    assert_eq!(error.reason(), reason, "{error:?}");
    assert_eq!(fs::read(place.target()).unwrap(), before);
    assert_eq!(versions(&place), [("a".to_owned(), String::new())]);
    (error, server.asked().len() - 1)
}

#[tokio::test]
async fn a_fetch_that_fails_between_pages_changes_nothing() {
    let more = answer(200, &[], MORE);
    let mut cut = begin(200, &[], Some(1000));
    cut.push(Step::Send(ONE.into()));
    let busy = answer(503, &[("Retry-After", "60")], "");
    for (second, reason) in [
        (cut, "body"),
        (answer(500, &[], ""), "status"),
        (answer(200, &[("Content-Type", "text/html")], ONE), "html"),
        (answer(200, &[], "{\"objects\":[{\"id\":"), "envelope"),
        (answer(200, &[], "{\"objects\":{}}"), "envelope"),
        (answer(200, &[], "[]"), "envelope"),
        (answer(200, &[], b"{\"objects\":[\"\xff\"]}"), "envelope"),
        (answer(200, &[], ""), "envelope"),
        (busy, "busy"),
    ] {
        let (error, n_asked) = check_refused(vec![more.clone(), second], |_| (), reason).await;
        assert_eq!(n_asked, 2);
        let wait = (reason == "busy").then_some(Duration::from_secs(60));
        assert_eq!(error.retry_after(), wait);
    }
}

#[tokio::test]
async fn a_server_that_pages_for_ever_is_left() {
    let more = answer(200, &[], MORE);
    let ten = |options: &mut TaxiiOptions| options.pages_max = 10;
    let (_, n_asked) = check_refused(vec![more], ten, "too_many_pages").await;
    assert_eq!(n_asked, 10);
}

#[tokio::test]
async fn the_last_page_that_is_allowed_is_fetched() {
    let place = Place::new();
    let steps = vec![answer(200, &[], MORE), answer(200, &[], ONE)];
    let (_server, mut options, state) = second(&place, steps).await;
    options.pages_max = 2;
    new(fetch(&place, &options, &state).await, (2, 1, 0));
}

#[tokio::test]
async fn more_without_a_name_needs_a_later_date() {
    let more = "{\"more\":true,\"objects\":[{\"id\":\"b\"}]}";
    for date in [
        None,
        Some("soon"),
        // Not later than what is known.
        Some("2025-12-01T00:00:00Z"),
        Some("2025-11-30T23:59:59Z"),
        // Of the future.
        Some("2026-01-03T00:00:00Z"),
    ] {
        let headers: Vec<_> = date
            .map(|date| ("X-TAXII-Date-Added-Last", date))
            .into_iter()
            .collect();
        let (_, n_asked) = check_refused(vec![answer(200, &headers, more)], |_| (), "paging").await;
        assert_eq!(n_asked, 1);
    }
}

#[tokio::test]
async fn a_date_of_the_future_does_not_move_the_state() {
    let place = Place::new();
    let headers = [("X-TAXII-Date-Added-Last", "9999-01-01T00:00:00Z")];
    let body = "{\"objects\":[{\"id\":\"b\"}]}";
    let (_server, options, state) = second(&place, vec![answer(200, &headers, body)]).await;
    let after = new(fetch(&place, &options, &state).await, (2, 1, 0));
    assert_eq!(after, state);
}

#[tokio::test]
async fn objects_and_bytes_have_limits_over_all_pages() {
    let page = |ids: [&str; 2]| {
        let [one, two] = ids;
        let body = format!(
            "{{\"more\":true,\"next\":\"n\",\"objects\":[{{\"id\":\"{one}\"}},{{\"id\":\"{two}\"}}]}}"
        );
        answer(200, &[], body)
    };
    let steps = vec![page(["b", "c"]), page(["d", "e"])];
    let four = |options: &mut TaxiiOptions| options.objects_max = 4;
    let (_, n_asked) = check_refused(steps.clone(), four, "too_many_objects").await;
    assert_eq!(n_asked, 2);
    // The same pages again and again: the bundle does not grow, but what is received does.
    let bytes = |options: &mut TaxiiOptions| options.web.bytes_max = 600;
    let (_, n_asked) = check_refused(steps, bytes, "too_large").await;
    assert!((5..20).contains(&n_asked), "{n_asked}");
    // A bundle that would be too long, though each page is not.
    let long = format!("{{\"objects\":[{{\"id\":\"{}\"}}]}}", "b".repeat(400));
    let bytes = |options: &mut TaxiiOptions| options.web.bytes_max = 450;
    check_refused(vec![answer(200, &[], long)], bytes, "too_large").await;
}

#[tokio::test]
async fn the_time_is_for_all_pages() {
    let steps = vec![answer(200, &[], MORE), vec![Step::Hang]];
    let short = |options: &mut TaxiiOptions| options.web.timeout = Duration::from_millis(300);
    check_refused(steps, short, "timeout").await;
}

#[tokio::test]
async fn a_server_that_does_not_know_us_learns_no_more_and_tells_nothing() {
    let place = Place::new();
    let tls = place.authority.server(&[HOST]);
    let server = Server::start(Some(tls), |asked| match asked.header("authorization") {
        Some("Bearer geheim") => answer(200, DATED, ONE),
        _ => answer(401, &[("WWW-Authenticate", "Bearer")], "geheim"),
    })
    .await;
    let mut options = options(&place, &server);
    options.web.url.push_str("?key=geheim");
    let key = |text: &str| vec![("Authorization".to_owned(), place.file("key", text))];
    options.web.header_files = key("Bearer geheim-and-wrong");
    let error = fetch(&place, &options, &TaxiiState::default())
        .await
        .unwrap_err();
    assert_eq!(error.reason(), "status");
    for text in [chain(&error), format!("{error:?}"), format!("{options:?}")] {
        assert!(!text.contains("geheim"), "{text}");
    }
    assert!(error.to_string().contains(OBJECTS), "{error}");
    options.web.header_files = key("Bearer geheim\n");
    new(
        fetch(&place, &options, &TaxiiState::default()).await,
        (1, 1, 0),
    );
}
