//! Where a server may send us.

use super::server::{Server, answer};
use super::{HOST, OTHER_HOST, Place, Validators};

const LIST: &str = "c2.example\n";

/// A server that redirects from `/from` to `to`, answers `/list.txt`, and counts down from `/N`.
async fn server(place: &Place, to: impl Into<String>) -> Server {
    let tls = place.authority.server(&[HOST, OTHER_HOST]);
    let to = to.into();
    Server::start(Some(tls), move |asked| {
        let left = asked.path()[1..].parse::<u32>();
        match (asked.path(), left) {
            ("/from", _) => answer(302, &[("Location", &to)], "moved"),
            ("/nowhere", _) => answer(301, &[], "moved"),
            (_, Ok(0)) | ("/list.txt", _) => answer(200, &[], LIST),
            (_, Ok(left)) => answer(307, &[("Location", &format!("/{}", left - 1))], ""),
            _ => answer(404, &[], ""),
        }
    })
    .await
}

#[tokio::test]
async fn five_redirects_are_followed_and_not_six() {
    let place = Place::new();
    let server = server(&place, "").await;
    let known = Validators::default();
    let fetched = place.fetch(&place.options(&server, "/6"), &known).await;
    place.check_refused(fetched, "redirect");
    assert_eq!(server.paths(), ["/6", "/5", "/4", "/3", "/2", "/1"]);
    let fetched = place.fetch(&place.options(&server, "/5"), &known).await;
    place.check_new(fetched, LIST);
}

#[tokio::test]
async fn a_redirect_to_itself_ends() {
    let place = Place::new();
    let server = server(&place, "/from").await;
    let options = place.options(&server, "/from");
    let fetched = place.fetch(&options, &Validators::default()).await;
    place.check_refused(fetched, "redirect");
    assert_eq!(server.asked().len(), 6);
}

#[tokio::test]
async fn a_redirect_does_not_lead_inside() {
    let place = Place::new();
    for (to, reason) in [
        ("https://127.0.0.2/list.txt", "address"),
        ("https://169.254.169.254/latest/meta-data/", "address"),
        ("https://inside.example/list.txt", "address"),
        ("https://metadata.example/list.txt", "address"),
        ("https://[::ffff:a9fe:a9fe]/", "address"),
        ("//10.0.0.1/", "address"),
        ("https://localhost/list.txt", "url"),
    ] {
        let server = server(&place, to).await;
        let mut options = place.options(&server, "/from");
        options.same_host_redirects = false;
        let fetched = place.fetch(&options, &Validators::default()).await;
        place.check_refused(fetched, reason);
    }
}

#[tokio::test]
async fn a_redirect_leads_only_to_https() {
    let place = Place::new();
    for to in [
        "http://feeds.example/list.txt",
        "http://127.0.0.1/list.txt",
        "ftp://feeds.example/list.txt",
        "file:///etc/passwd",
        "data:text/plain,c2.example",
        "https://",
    ] {
        let server = server(&place, to).await;
        let mut options = place.options(&server, "/from");
        options.same_host_redirects = false;
        let fetched = place.fetch(&options, &Validators::default()).await;
        place.check_refused(fetched, "redirect");
    }
    let server = server(&place, "").await;
    let options = place.options(&server, "/nowhere");
    let fetched = place.fetch(&options, &Validators::default()).await;
    place.check_refused(fetched, "redirect");
}

#[tokio::test]
async fn another_host_is_followed_only_where_that_is_allowed_and_gets_no_secret() {
    let place = Place::new();
    let mirror = server(&place, "").await;
    let to = format!("https://{OTHER_HOST}:{}/list.txt", mirror.port());
    let server = server(&place, to).await;
    let mut options = place.options(&server, "/from");
    options.url = options.url.replace("https://", "https://user:word@");
    options.header_files = vec![("Auth-Key".to_owned(), place.file("key", "geheim"))];
    let fetched = place.fetch(&options, &Validators::default()).await;
    place.check_refused(fetched, "redirect");
    assert!(mirror.asked().is_empty());

    options.same_host_redirects = false;
    let fetched = place.fetch(&options, &Validators::default()).await;
    place.check_new(fetched, LIST);
    assert_eq!(server.asked()[1].header("auth-key"), Some("geheim"));
    assert!(server.asked()[1].header("authorization").is_some());
    let asked = mirror.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].header("auth-key"), None);
    assert_eq!(asked[0].header("authorization"), None);
    assert_eq!(asked[0].header("referer"), None);
}

#[tokio::test]
async fn another_port_of_the_host_gets_no_secret() {
    let place = Place::new();
    let other = server(&place, "").await;
    let to = format!("https://{HOST}:{}/list.txt", other.port());
    let server = server(&place, to).await;
    let mut options = place.options(&server, "/from");
    options.header_files = vec![("Auth-Key".to_owned(), place.file("key", "geheim"))];
    let fetched = place.fetch(&options, &Validators::default()).await;
    place.check_new(fetched, LIST);
    assert_eq!(server.asked()[0].header("auth-key"), Some("geheim"));
    assert_eq!(other.asked()[0].header("auth-key"), None);
}

#[tokio::test]
async fn the_same_server_gets_its_secrets_again() {
    let place = Place::new();
    let server = server(&place, "/list.txt").await;
    let mut options = place.options(&server, "/from");
    options.url = options.url.replace("https://", "https://user:word@");
    options.header_files = vec![("Auth-Key".to_owned(), place.file("key", "geheim"))];
    let fetched = place.fetch(&options, &Validators::default()).await;
    place.check_new(fetched, LIST);
    for asked in server.asked() {
        assert_eq!(asked.header("auth-key"), Some("geheim"));
        assert_eq!(asked.header("authorization"), Some("Basic dXNlcjp3b3Jk"));
    }
}
