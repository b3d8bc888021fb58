//! Limits of size and time, and answers that do not end as they should.

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::server::{Server, Step, answer, begin};
use super::{FetchError, Fetched, HOST, Place, Validators, WebOptions};

const LIST: &str = "c2.example\n";

/// Fetches once from a server that answers so, with changed options.
async fn fetch(
    place: &Place,
    steps: Vec<Step>,
    change: impl Fn(&mut WebOptions),
) -> Result<Fetched, FetchError> {
    let tls = place.authority.server(&[HOST]);
    let server = Server::start(Some(tls), move |_| steps.clone()).await;
    let mut options = place.options(&server, "/list.txt");
    change(&mut options);
    place.fetch(&options, &Validators::default()).await
}

/// A body as a gzip stream.
fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// A limit for which a list of that length is just right, or one byte too long.
fn limit(bytes_max: usize) -> impl Fn(&mut WebOptions) {
    move |options| options.bytes_max = bytes_max as u64
}

#[tokio::test]
async fn a_download_that_ends_half_way_is_none() {
    let place = Place::new();
    for end in [None, Some(Step::Drop)] {
        let mut steps = begin(200, &[], Some(1000));
        steps.push(Step::Send(LIST.into()));
        steps.extend(end);
        place.check_refused(fetch(&place, steps, |_| ()).await, "body");
    }
    // Chunks without the last, empty one.
    let mut steps = begin(200, &[("Transfer-Encoding", "chunked")], None);
    steps.push(Step::Send(format!("b\r\n{LIST}\r\n").into_bytes()));
    place.check_refused(fetch(&place, steps, |_| ()).await, "body");
}

#[tokio::test]
async fn a_body_that_ends_with_the_connection_must_end_with_a_goodbye() {
    let place = Place::new();
    let mut steps = begin(200, &[], None);
    steps.push(Step::Send(LIST.into()));
    let mut cut = steps.clone();
    cut.push(Step::Drop);
    place.check_refused(fetch(&place, cut, |_| ()).await, "body");
    place.check_new(fetch(&place, steps, |_| ()).await, LIST);
}

#[tokio::test]
async fn a_body_that_trickles_runs_out_of_time() {
    let place = Place::new();
    let mut drip = begin(200, &[], Some(1000));
    drip.push(Step::Drip(Duration::from_millis(10)));
    let mut silent = begin(200, &[], Some(1000));
    silent.push(Step::Hang);
    for steps in [drip, silent, vec![Step::Hang]] {
        let begun = Instant::now();
        let short = |options: &mut WebOptions| options.timeout = Duration::from_millis(300);
        let error = place.check_refused(fetch(&place, steps, short).await, "timeout");
        assert!(error.to_string().ends_with("longer than 300ms"), "{error}");
        assert!(begun.elapsed() >= Duration::from_millis(300));
    }
}

#[tokio::test]
async fn the_limit_is_the_last_length_that_is_fetched() {
    let chunked = |body: &str| {
        let mut steps = begin(200, &[("Transfer-Encoding", "chunked")], None);
        steps.push(Step::Send(format!("b\r\n{body}\r\n0\r\n\r\n").into_bytes()));
        steps
    };
    for steps in [answer(200, &[], LIST), chunked(LIST)] {
        let place = Place::new();
        let fetched = fetch(&place, steps.clone(), limit(LIST.len() - 1)).await;
        place.check_refused(fetched, "too_large");
        let fetched = fetch(&place, steps, limit(LIST.len())).await;
        place.check_new(fetched, LIST);
    }
}

#[tokio::test]
async fn a_length_beyond_the_limit_is_refused_before_the_body() {
    let place = Place::new();
    let mut steps = begin(200, &[], Some(1 << 40));
    steps.push(Step::Hang);
    place.check_refused(fetch(&place, steps, limit(1000)).await, "too_large");
}

#[tokio::test]
async fn a_body_without_length_or_end_stops_at_the_limit() {
    let place = Place::new();
    let mut steps = begin(200, &[], None);
    steps.push(Step::Repeat(LIST.repeat(100).into_bytes()));
    place.check_refused(fetch(&place, steps, limit(1 << 20)).await, "too_large");
}

#[tokio::test]
async fn a_gzip_body_is_inflated() {
    let twice = [gzip(LIST.as_bytes()), gzip(LIST.as_bytes())].concat();
    for encoding in ["gzip", "x-gzip", "GZIP"] {
        let place = Place::new();
        let headers = [("Content-Encoding", encoding)];
        let fetched = fetch(&place, answer(200, &headers, &twice), |_| ()).await;
        place.check_new(fetched, &LIST.repeat(2));
    }
}

#[tokio::test]
async fn the_limit_holds_before_and_after_inflation() {
    let headers = [("Content-Encoding", "gzip")];
    let list = LIST.repeat(100);
    let packed = gzip(list.as_bytes());
    assert!(packed.len() < list.len());
    let place = Place::new();
    for bytes_max in [packed.len() - 1, list.len() - 1] {
        let fetched = fetch(&place, answer(200, &headers, &packed), limit(bytes_max)).await;
        place.check_refused(fetched, "too_large");
    }
    let fetched = fetch(&place, answer(200, &headers, &packed), limit(list.len())).await;
    place.check_new(fetched, &list);
}

#[tokio::test]
async fn a_gzip_bomb_stops_at_the_limit() {
    // A stream of ever more zeros: 10 GB of them are 10 MB on the wire, and it never ends.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; 64 << 20]).unwrap();
    encoder.flush().unwrap();
    let begun = encoder.get_ref().len();
    encoder.write_all(&vec![0; 64 << 20]).unwrap();
    encoder.flush().unwrap();
    let stream = encoder.get_ref();
    let mut steps = begin(200, &[("Content-Encoding", "gzip")], None);
    steps.push(Step::Send(stream[..begun].to_vec()));
    steps.push(Step::Repeat(stream[begun..].to_vec()));

    let place = Place::new();
    let before = Instant::now();
    let fetched = fetch(&place, steps, limit(128 << 20)).await;
    place.check_refused(fetched, "too_large");
    assert!(before.elapsed() < Duration::from_secs(20), "not quickly");
}

#[tokio::test]
async fn a_gzip_body_that_never_holds_anything_stops_at_the_limit() {
    let place = Place::new();
    let mut steps = begin(200, &[("Content-Encoding", "gzip")], None);
    steps.push(Step::Repeat(gzip(b"").repeat(100)));
    let short = |options: &mut WebOptions| {
        options.bytes_max = 1 << 20;
        options.timeout = Duration::from_secs(20);
    };
    place.check_refused(fetch(&place, steps, short).await, "too_large");
}

#[tokio::test]
async fn a_gzip_body_that_is_cut_or_broken_is_refused() {
    let headers = [("Content-Encoding", "gzip")];
    let packed = gzip(LIST.as_bytes());
    let mut broken = packed.clone();
    let checksum = broken.len() - 8;
    broken[checksum] ^= 1;
    let trailed = [&packed[..], b"trailing"].concat();
    let place = Place::new();
    for body in [
        &packed[..packed.len() - 1],
        &packed[..packed.len() - 9],
        &packed[..5],
        &broken,
        &trailed,
        LIST.as_bytes(),
    ] {
        let fetched = fetch(&place, answer(200, &headers, body), |_| ()).await;
        place.check_refused(fetched, "inflate");
    }
}
