//! Paging, and asking only for what was added.

use std::fs;
use std::sync::{Arc, Mutex};

use reqwest::Url;
use serde_json::json;

use super::{Fetched, OBJECTS, Place, TaxiiState, bundle, fetch, new, options, remove, versions};
use crate::feeds::fetch::web::tests::HOST;
use crate::feeds::fetch::web::tests::server::{Asked, Server, Step, answer};

/// How a server says where the next page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// By name.
    Next,
    /// Only by the date of the last object.
    Date,
}

/// What was added, and the second of 2025-12-31 at which.
type Added = Arc<Mutex<Vec<(u32, String)>>>;

/// The date of an object.
fn date(second: u32) -> String {
    format!("2025-12-31T00:00:{second:02}.000001+00:00")
}

/// An object.
fn object(id: &str, version: u32) -> String {
    json!({"type": "indicator", "id": id, "modified": format!("2025-01-{version:02}T00:00:00Z")})
        .to_string()
}

/// The answer to a request, with two objects a page.
fn page(asked: &Asked, added: &Added, by: By) -> Vec<Step> {
    assert_eq!(
        asked.header("accept"),
        Some("application/taxii+json;version=2.1")
    );
    let url = Url::parse(&format!("https://{HOST}{}", asked.path())).unwrap();
    assert_eq!(url.path(), OBJECTS);
    let value = |name: &str| {
        let mut pairs = url.query_pairs();
        let found = pairs.find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned())
    };
    assert_eq!(value("limit").as_deref(), Some("1000"));
    let after = value("added_after").unwrap_or_default();
    let from = value("next").map_or(0, |next| next[1..].parse().unwrap());
    let added = added.lock().unwrap();
    let matching: Vec<_> = added.iter().filter(|(at, _)| date(*at) > after).collect();
    let page: Vec<_> = matching.iter().skip(from).take(2).collect();
    let more = matching.len() > from + 2;
    let next = match (more, by) {
        (true, By::Next) => json!(format!("+{}", from + 2)),
        _ => json!(null),
    };
    let objects: Vec<&str> = page.iter().map(|(_, object)| &object[..]).collect();
    let objects = objects.join(",");
    let body = if objects.is_empty() {
        "{}".to_owned()
    } else {
        format!("{{\"more\":{more},\"next\":{next},\"objects\":[{objects}]}}")
    };
    let last = page.last().map(|(at, _)| date(*at)).unwrap_or_default();
    let mut headers = vec![("Content-Type", "application/taxii+json;version=2.1")];
    if !last.is_empty() {
        headers.push(("X-TAXII-Date-Added-Last", &last));
    }
    answer(200, &headers, body)
}

/// A server with a collection that can grow.
async fn server(place: &Place, by: By) -> (Server, Added) {
    let added: Added = Arc::default();
    for (at, id) in [(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e")] {
        added.lock().unwrap().push((at, object(id, 1)));
    }
    let answered = Arc::clone(&added);
    let tls = place.authority.server(&[HOST]);
    let server = Server::start(Some(tls), move |asked| page(asked, &answered, by)).await;
    (server, added)
}

/// What the bundle should hold.
fn expected(pairs: &[(&str, u32)]) -> Vec<(String, String)> {
    let version = |version: &u32| format!("2025-01-{version:02}T00:00:00Z");
    let pairs = pairs.iter();
    pairs
        .map(|(id, modified)| ((*id).to_owned(), version(modified)))
        .collect()
}

#[tokio::test]
async fn all_pages_are_fetched_and_then_only_what_is_added() {
    for by in [By::Next, By::Date] {
        let place = Place::new();
        remove(&place);
        let (server, added) = server(&place, by).await;
        let options = options(&place, &server);

        let fetched = fetch(&place, &options, &TaxiiState::default()).await;
        let state = new(fetched, (5, 5, 0));
        assert_eq!(state.added_after, Some(date(5)));
        assert_eq!(server.asked().len(), 3, "{by:?}");
        let first = [("a", 1), ("b", 1), ("c", 1), ("d", 1), ("e", 1)];
        assert_eq!(versions(&place), expected(&first));

        let written = fs::read(place.target()).unwrap();
        let fetched = fetch(&place, &options, &state).await.unwrap();
        assert_eq!(fetched, Fetched::Unchanged);
        assert_eq!(fs::read(place.target()).unwrap(), written);
        assert_eq!(server.asked().len(), 4);

        let newer = [(6, "b"), (7, "f"), (8, "g")];
        let newer = newer.map(|(at, id)| (at, object(id, 2)));
        added.lock().unwrap().extend(newer);
        let state = new(fetch(&place, &options, &state).await, (7, 3, 0));
        assert_eq!(state.added_after, Some(date(8)));
        assert_eq!(server.asked().len(), 6);
        let second = [("a", 1), ("b", 2), ("c", 1), ("d", 1), ("e", 1)];
        let second = [&second[..], &[("f", 2), ("g", 2)]].concat();
        assert_eq!(versions(&place), expected(&second));
    }
}

#[tokio::test]
async fn the_filter_of_the_first_page_goes_with_every_name_of_a_page() {
    let place = Place::new();
    remove(&place);
    let (server, added) = server(&place, By::Next).await;
    let options = options(&place, &server);
    let fetched = fetch(&place, &options, &TaxiiState::default()).await;
    let state = new(fetched, (5, 5, 0));
    let newer = [(6, "f"), (7, "g"), (8, "h")];
    let newer = newer.map(|(at, id)| (at, object(id, 1)));
    added.lock().unwrap().extend(newer);
    new(fetch(&place, &options, &state).await, (8, 3, 0));
    let filter = "added_after=2025-12-31T00%3A00%3A05.000001%2B00%3A00";
    assert_eq!(
        server.paths()[3..],
        [
            format!("{OBJECTS}?limit=1000&{filter}"),
            format!("{OBJECTS}?limit=1000&{filter}&next=%2B2")
        ]
    );
}

#[tokio::test]
async fn without_state_or_bundle_everything_is_fetched_anew() {
    let place = Place::new();
    let (server, _) = server(&place, By::Next).await;
    let options = options(&place, &server);
    // What stands at the target is no bundle.
    let none = TaxiiState::default();
    let state = new(fetch(&place, &options, &none).await, (5, 5, 0));

    new(fetch(&place, &options, &none).await, (5, 5, 0));
    remove(&place);
    new(fetch(&place, &options, &state).await, (5, 5, 0));
    for text in ["", "[]", "{\"type\":\"bundle\"}", "{\"objects\":[]}"] {
        fs::write(place.target(), text).unwrap();
        new(fetch(&place, &options, &state).await, (5, 5, 0));
    }
    let other = TaxiiState {
        source: Some("another".to_owned()),
        ..state
    };
    new(fetch(&place, &options, &other).await, (5, 5, 0));
    assert!(
        server
            .paths()
            .iter()
            .all(|path| !path.contains("added_after"))
    );
}

#[tokio::test]
async fn an_empty_collection_is_an_empty_bundle() {
    let place = Place::new();
    let (server, added) = server(&place, By::Next).await;
    added.lock().unwrap().clear();
    let options = options(&place, &server);
    let state = new(
        fetch(&place, &options, &TaxiiState::default()).await,
        (0, 0, 0),
    );
    assert_eq!(state.added_after, None);
    assert_eq!(bundle(&place).len(), 0);
}

#[tokio::test]
async fn the_parameters_and_the_path_of_the_configuration_stay() {
    let place = Place::new();
    let tls = place.authority.server(&[HOST]);
    let server = Server::start(Some(tls), |_| answer(200, &[], "{}")).await;
    let mut options = options(&place, &server);
    for end in ["/?key=word", "?key=word"] {
        options.web.url = format!("https://{HOST}:{}/collections/a{end}", server.port());
        let fetched = fetch(&place, &options, &TaxiiState::default()).await;
        new(fetched, (0, 0, 0));
    }
    let expected = "/collections/a/objects/?key=word&limit=1000";
    assert_eq!(server.paths(), [expected, expected]);
}
