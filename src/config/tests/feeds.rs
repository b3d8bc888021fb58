//! Where feeds come from: what is meant by each way, and what is refused.

use std::time::Duration;

use super::{REQUIRED, check_refused, parse};
use crate::config::{FeedConfig, Origin, TsigConfig, WebConfig, ZoneConfig};

/// A configuration with a store, whose feed has these lines in place of its path and format.
fn with_feed(lines: &str) -> String {
    let feed = format!("{lines}\n");
    let text = REQUIRED.replace(
        "path = \"feeds/operation.txt\"\nformat = \"plain\"\n",
        &feed,
    );
    format!("{text}[gate]\nstore = \"/s\"\n")
}

/// The feed of [`with_feed`].
fn feed(lines: &str) -> FeedConfig {
    let config = parse(&with_feed(lines)).unwrap();
    config.feeds.into_iter().next().unwrap()
}

#[test]
fn what_is_fetched_is_kept_in_the_store() {
    let found = feed("url = \"https://feeds.example/x?key=1\"\nformat = \"plain\"");
    assert_eq!(found.path.to_str(), Some("/s/operation/fetched/list"));
    assert_eq!(found.refresh, Duration::from_secs(3600));
    assert_eq!(found.origin.place(), Some("https://feeds.example/x"));
}

#[test]
fn every_key_of_a_url_is_meant() {
    let found = feed(
        "url = \"https://feeds.example/x\"\nformat = \"csv\"\nca_file = \"ca.pem\"\n\
         header_files = { Auth-Key = \"key\" }\nproxy = \"http://proxy.example:3128\"\n\
         addresses = \"any\"\nredirects = \"any\"\ntimeout = \"5s\"\nrefresh = \"1m\"",
    );
    let expected = WebConfig {
        url: "https://feeds.example/x".to_owned(),
        headers: vec![("Auth-Key".to_owned(), "/etc/gannet/key".into())],
        ca_file: Some("/etc/gannet/ca.pem".into()),
        proxy: Some("http://proxy.example:3128".to_owned()),
        timeout: Duration::from_secs(5),
        any_address: true,
        other_hosts: true,
    };
    assert_eq!(found.origin, Origin::Web(expected));
    assert_eq!(found.refresh, Duration::from_secs(60));
}

#[test]
fn zones_topics_and_collections_are_meant() {
    let zone = feed(
        "zone = \"RPZ.example.\"\nformat = \"rpz\"\nservers = [\"192.0.2.53\", \"[2001:db8::1]:5353\"]\n\
         tsig = { name = \"key.\", algorithm = \"hmac-sha512\", secret_file = \"k\" }",
    );
    let expected = ZoneConfig {
        zone: "rpz.example".to_owned(),
        servers: vec![
            "192.0.2.53:53".parse().unwrap(),
            "[2001:db8::1]:5353".parse().unwrap(),
        ],
        tsig: Some(TsigConfig {
            name: "key".to_owned(),
            algorithm: "hmac-sha512".to_owned(),
            secret_file: "/etc/gannet/k".into(),
        }),
        timeout: FeedConfig::TIMEOUT,
    };
    assert_eq!(zone.origin, Origin::Zone(expected));
    let topic = feed("topic = \"gannet.indicators\"\nformat = \"gannet-json\"");
    assert_eq!(topic.origin, Origin::Topic("gannet.indicators".to_owned()));
    let collection = "taxii = \"https://t.example/api/collections/1\"\nformat = \"stix2\"";
    let Origin::Taxii(web) = feed(collection).origin else {
        panic!("no collection");
    };
    assert_eq!(web.url, "https://t.example/api/collections/1/");
}

#[test]
fn mistaken_origins_are_refused() {
    let plain = "\nformat = \"plain\"";
    for (lines, key, message) in [
        ("", "path", "is missing, as are `url`"),
        (
            "path = \"p\"\nurl = \"https://a.example/\"",
            "url",
            "cannot stand beside `path`",
        ),
        (
            "url = \"http://a.example/\"",
            "url",
            "must start with `https://`",
        ),
        (
            "url = \"http://127.0.0.1.a.example/\"",
            "url",
            "must start with `https://`",
        ),
        ("url = \"https:///x\"", "url", "names no host"),
        (
            "url = \"https://user:word@a.example/\"",
            "url",
            "put them into `header_files`",
        ),
        (
            "path = \"p\"\nproxy = \"http://p\"",
            "proxy",
            "belongs to `url` and `taxii` alone",
        ),
        (
            "path = \"p\"\nservers = [\"192.0.2.1\"]",
            "servers",
            "belongs to `zone` alone",
        ),
        ("path = \"p\"\nrefresh = \"0s\"", "refresh", "must be 1s to"),
        (
            "path = \"p\"\nsize_max = \"5 GiB\"",
            "size_max",
            "must be 1",
        ),
        (
            "topic = \"dns\"",
            "topic",
            "`dns` is already `source[0].topics[0]`",
        ),
    ] {
        check_refused_among(&with_feed(&format!("{lines}{plain}")), key, message);
    }
    for (lines, key, message) in [
        (
            "zone = \"z.example\"\nservers = [\"x\"]\nformat = \"rpz\"",
            "servers[0]",
            "is not an address",
        ),
        (
            "zone = \"z.example\"\nformat = \"rpz\"",
            "zone",
            "needs `servers`",
        ),
        (
            "taxii = \"https://a.example/x\"\nformat = \"stix2\"",
            "taxii",
            "must be that of a collection",
        ),
        (
            "topic = \"t\"\nformat = \"plain\"",
            "format",
            "must be `gannet-json` here",
        ),
    ] {
        check_refused_among(&with_feed(lines), key, message);
    }
    let without = REQUIRED.replace(
        "path = \"feeds/operation.txt\"",
        "url = \"https://a.example/\"",
    );
    check_refused(&without, "feed[0].url", "needs `store` in [gate]");
}

/// Checks that one of the mistakes of `text` is of `key` of the feed and says `message`.
#[track_caller]
fn check_refused_among(text: &str, key: &str, message: &str) {
    let errors = parse(text).expect_err(text).errors;
    let key = format!("feed[0].{key}");
    let mut found = errors.iter();
    let found = found.any(|error| error.key == key && error.message.contains(message));
    assert!(found, "{key} {message}: {errors:?}");
}

#[test]
fn a_feed_cannot_have_the_name_of_what_the_store_keeps_itself() {
    for name in [
        "muted.json",
        "audit.jsonl",
        "requests",
        "Requests",
        "muted.unfinished",
    ] {
        let text = REQUIRED.replace("\"operation\"", &format!("\"{name}\""));
        let message = format!("`{name}` is a file that the `store` of [gate] keeps itself");
        check_refused(&text, "feed[0].name", &message);
    }
    let text = REQUIRED.replace("\"operation\"", "\"requests.json\"");
    assert_eq!(parse(&text).unwrap().feeds[0].name, "requests.json");
}
