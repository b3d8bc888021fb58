//! Who is believed to be the server.

use super::authority::Authority;
use super::server::{Server, answer, proxy};
use super::{HOST, OTHER_HOST, Place, Validators};

const LIST: &str = "c2.example\n";

#[tokio::test]
async fn only_a_certificate_of_the_authority_for_the_host_is_trusted() {
    let place = Place::new();
    let other = Authority::new();
    for (tls, trusted) in [
        (place.authority.server(&[OTHER_HOST]), false),
        (place.authority.expired(&[HOST]), false),
        (other.server(&[HOST]), false),
        (place.authority.server(&[HOST]), true),
    ] {
        let server = Server::start(Some(tls), |_| answer(200, &[], LIST)).await;
        let options = place.options(&server, "/list.txt");
        let fetched = place.fetch(&options, &Validators::default()).await;
        if trusted {
            place.check_new(fetched, LIST);
        } else {
            place.check_refused(fetched, "connect");
            assert!(server.asked().is_empty(), "something was asked");
        }
    }
}

#[tokio::test]
async fn the_authority_is_trusted_instead_of_the_built_in_ones_and_they_instead_of_it() {
    let place = Place::new();
    let tls = place.authority.server(&[HOST]);
    let server = Server::start(Some(tls), |_| answer(200, &[], LIST)).await;
    let mut options = place.options(&server, "/list.txt");
    options.ca = None;
    let fetched = place.fetch(&options, &Validators::default()).await;
    place.check_refused(fetched, "connect");
}

#[tokio::test]
async fn a_file_without_certificates_is_refused() {
    let place = Place::new();
    let tls = place.authority.server(&[HOST]);
    let server = Server::start(Some(tls), |_| answer(200, &[], LIST)).await;
    let mut options = place.options(&server, "/list.txt");
    let empty = place.file("empty.pem", "nothing\n");
    for path in [empty, place.directory.path().join("absent.pem")] {
        options.ca = Some(path);
        let fetched = place.fetch(&options, &Validators::default()).await;
        place.check_refused(fetched, "authority");
    }
}

#[tokio::test]
async fn a_server_that_does_not_encrypt_is_not_asked() {
    let place = Place::new();
    let server = Server::start(None, |_| answer(200, &[], LIST)).await;
    let options = place.options(&server, "/list.txt");
    let fetched = place.fetch(&options, &Validators::default()).await;
    place.check_refused(fetched, "connect");
}

#[tokio::test]
async fn a_proxy_carries_what_stays_encrypted() {
    let place = Place::new();
    let tls = place.authority.server(&["far.example"]);
    let server = Server::start(Some(tls), |_| answer(200, &[], LIST)).await;
    let (port, asked, _task) = proxy().await;
    let mut options = place.options(&server, "/list.txt");
    // A name that only the proxy knows.
    options.url = format!("https://far.example:{}/list.txt", server.port());
    options.proxy = Some(format!("http://user:word@127.0.0.1:{port}"));
    options.header_files = vec![("Auth-Key".to_owned(), place.file("key", "geheim"))];
    let fetched = place.fetch(&options, &Validators::default()).await;
    place.check_new(fetched, LIST);
    assert_eq!(server.asked()[0].header("auth-key"), Some("geheim"));
    assert_eq!(server.asked()[0].header("proxy-authorization"), None);
    let heads = asked.lock().unwrap();
    assert_eq!(heads.len(), 1);
    assert_eq!(heads[0].path(), format!("far.example:{}", server.port()));
    assert_eq!(
        heads[0].header("proxy-authorization"),
        Some("Basic dXNlcjp3b3Jk")
    );
    assert!(!heads[0].0.contains("geheim"));
}

#[tokio::test]
async fn addresses_in_urls_are_refused_through_a_proxy_too() {
    let place = Place::new();
    let tls = place.authority.server(&[HOST]);
    let server = Server::start(Some(tls), |_| answer(200, &[], LIST)).await;
    let (port, asked, _task) = proxy().await;
    let mut options = place.options(&server, "/list.txt");
    options.proxy = Some(format!("http://127.0.0.1:{port}"));
    for (host, reason) in [("169.254.169.254", "address"), ("localhost", "url")] {
        options.url = format!("https://{host}:{}/list.txt", server.port());
        let fetched = place.fetch(&options, &Validators::default()).await;
        place.check_refused(fetched, reason);
    }
    for proxy in ["socks5://127.0.0.1:1", "word", "ftp://word@127.0.0.1"] {
        options.proxy = Some(proxy.to_owned());
        options.url = format!("https://{HOST}/");
        let fetched = place.fetch(&options, &Validators::default()).await;
        let error = place.check_refused(fetched, "url");
        assert!(!error.to_string().contains("word"), "{error}");
    }
    assert!(asked.lock().unwrap().is_empty());
}
