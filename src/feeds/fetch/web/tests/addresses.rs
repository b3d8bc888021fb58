//! Which addresses and URLs are connected to at all.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::time::SystemTime;

use tokio::net::TcpListener;

use super::server::{Server, answer};
use super::{HOST, OLD, Place, THERE, Validators};
use crate::feeds::fetch::web;

const LIST: &str = "c2.example\n";

#[tokio::test]
async fn names_and_addresses_that_are_not_public_are_not_connected_to() {
    let place = Place::new();
    let tls = place.authority.server(&[HOST]);
    let server = Server::start(Some(tls), |_| answer(200, &[], LIST)).await;
    let listener = TcpListener::bind((THERE, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut options = place.options(&server, "/list.txt");
    for host in [
        "inside.example",
        "metadata.example",
        "127.0.0.2",
        "0x7f.2",
        "2130706434",
        "0177.0.0.2",
        "169.254.169.254",
        "10.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.2]",
        "[64:ff9b::7f00:2]",
        "[2002:7f00:2::]",
        "[fe80::1]",
    ] {
        options.url = format!("https://{host}:{port}/list.txt");
        let fetched = place.fetch(&options, &Validators::default()).await;
        place.check_refused(fetched, "address");
    }
    let listener = listener.into_std().unwrap();
    let accepted = listener.accept().unwrap_err();
    assert_eq!(accepted.kind(), io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn the_public_entry_refuses_this_machine_unless_any_address_is_allowed() {
    let place = Place::new();
    let tls = place.authority.server(&["127.0.0.1", "localhost"]);
    let server = Server::start(Some(tls), |_| answer(200, &[], LIST)).await;
    let mut options = place.options(&server, "/list.txt");
    let known = Validators::default();
    for (host, reason) in [("127.0.0.1", "address"), ("localhost", "url")] {
        options.url = format!("https://{host}:{}/list.txt", server.port());
        options.any_address = false;
        let now = SystemTime::UNIX_EPOCH;
        let fetched = web::fetch(&options, &known, &place.target(), now).await;
        place.check_refused(fetched, reason);
        options.any_address = true;
        let fetched = web::fetch(&options, &known, &place.target(), now).await;
        place.check_new(fetched, LIST);
        fs::write(place.target(), OLD).unwrap();
    }
}

#[tokio::test]
async fn plain_http_is_for_a_literal_loopback_address_where_any_is_allowed() {
    let place = Place::new();
    let server = Server::start(None, |_| answer(200, &[], LIST)).await;
    let mut options = place.options(&server, "/list.txt");
    let known = Validators::default();
    let now = SystemTime::UNIX_EPOCH;
    for (host, any_address) in [
        (Ipv4Addr::LOCALHOST.to_string(), false),
        ("localhost".to_owned(), true),
        ("10.0.0.1".to_owned(), true),
        (HOST.to_owned(), true),
    ] {
        options.url = format!("http://{host}:{}/list.txt", server.port());
        options.any_address = any_address;
        let fetched = web::fetch(&options, &known, &place.target(), now).await;
        place.check_refused(fetched, "url");
    }
    assert!(server.asked().is_empty());
    options.url = format!("http://127.0.0.1:{}/list.txt", server.port());
    options.any_address = true;
    let fetched = web::fetch(&options, &known, &place.target(), now).await;
    place.check_new(fetched, LIST);
}

#[tokio::test]
async fn other_urls_are_refused() {
    let place = Place::new();
    let server = Server::start(None, |_| answer(200, &[], LIST)).await;
    let mut options = place.options(&server, "/list.txt");
    for url in ["", "list.txt", "ftp://feeds.example/", "file:///etc/passwd"] {
        options.url = url.to_owned();
        let fetched = place.fetch(&options, &Validators::default()).await;
        place.check_refused(fetched, "url");
    }
}
