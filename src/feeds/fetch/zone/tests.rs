//! Transfers from servers that do as told, well and badly; from real ones where they are installed.

mod answers;
mod faults;
mod incremental;
mod indicators;
mod knot;
mod server;
mod signed;
mod signer;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::*;
use crate::feeds::chain;
use server::{Rec, Server, ZONE, deny, messages, soa};

/// The time of all tests but those with real servers.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// A directory with a zone in it.
struct Place {
    directory: TempDir,
    target: PathBuf,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("zone.rpz");
        Self { directory, target }
    }

    /// One that holds the zone of these records, its SOA first, by a transfer.
    fn holding(records: &[Rec]) -> Self {
        let place = Self::new();
        let whole = [records, &records[..1]].concat();
        let server = Server::start(vec![messages(vec![whole])]);
        transfer(&options(&[server.address]), None, &place.target, now(), 7).unwrap();
        server.finish();
        place
    }

    /// The lines of the zone.
    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.target).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// What the directory holds.
    fn files(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.directory.path()).unwrap();
        files.map(|file| file.unwrap().path()).collect()
    }
}

fn options(servers: &[SocketAddr]) -> ZoneOptions {
    ZoneOptions {
        zone: ZONE.to_owned(),
        servers: servers.to_vec(),
        tsig: None,
        timeout: Duration::from_secs(60),
        bytes_max: 1 << 20,
        records_max: 1000,
    }
}

fn ask(
    options: &ZoneOptions,
    known: Option<u32>,
    target: &Path,
) -> Result<Transferred, TransferError> {
    transfer(options, known, target, now(), 4711)
}

/// A new zone.
fn new(serial: u32, records: u64, incremental: bool) -> Transferred {
    Transferred::New {
        serial,
        records,
        incremental,
    }
}

#[test]
fn a_zone_of_one_message_or_of_many_is_the_same_file() {
    let records = [soa(5), deny("b.example"), deny("*.a.example"), soa(5)];
    let one = vec![records.to_vec()];
    let many = records.iter().map(|record| vec![record.clone()]).collect();
    let gaps = vec![records[..1].to_vec(), vec![], records[1..].to_vec()];
    for sent in [one, many, gaps] {
        let place = Place::new();
        let server = Server::start(vec![messages(sent)]);
        let got = ask(&options(&[server.address]), None, &place.target);
        assert_eq!(got.unwrap(), new(5, 3, false));
        assert_eq!(
            place.lines(),
            [
                "rpz.example.\t300\tIN\tSOA\tns.example. admin.example. 5 3600 900 86400 60",
                "b.example.rpz.example.\t300\tIN\tCNAME\t.",
                "*.a.example.rpz.example.\t300\tIN\tCNAME\t.",
            ]
        );
        assert_eq!(place.files(), std::slice::from_ref(&place.target));
        server.finish();
    }
}

#[test]
fn a_zone_of_nothing_but_its_authority_is_a_zone() {
    let place = Place::new();
    let server = Server::start(vec![messages(vec![vec![soa(5), soa(5)]])]);
    let got = ask(&options(&[server.address]), None, &place.target);
    assert_eq!(got.unwrap(), new(5, 1, false));
    assert_eq!(place.lines().len(), 1);
}

#[test]
fn what_a_killed_process_left_unfinished_is_removed_before_the_first_server_answers() {
    let place = Place::new();
    let part = |name: &str, days: u64| {
        let path = place.directory.path().join(name);
        let file = std::fs::File::create(&path).unwrap();
        let at = now() - Duration::from_secs(days * 86_400 + 3600);
        file.set_modified(at).unwrap();
        path
    };
    let left = part(".zone-a1B2c3.part", 1);
    let kept = [
        part(".zone-d4E5f6.part", 0),
        part(".zone-old", 9),
        part("zone-a.part", 9),
    ];
    let server = Server::start(vec![messages(vec![vec![deny("a.example")]])]);
    ask(&options(&[server.address]), None, &place.target).unwrap_err();
    server.finish();
    assert!(!left.exists());
    assert!(kept.iter().all(|path| path.exists()));
}

#[test]
fn the_next_server_is_asked_and_all_are_named() {
    let place = Place::new();
    let bad = || Server::start(vec![messages(vec![vec![deny("a.example")]])]);
    let good = Server::start(vec![messages(vec![vec![soa(5), soa(5)]])]);
    let (one, two) = (bad(), bad());
    let got = ask(
        &options(&[one.address, two.address, good.address]),
        None,
        &place.target,
    );
    assert_eq!(got.unwrap(), new(5, 1, false));
    let (one, two) = (bad(), Server::start(vec![messages(vec![vec![]])]));
    let error = ask(&options(&[one.address, two.address]), None, &place.target).unwrap_err();
    assert_eq!(error.reason(), "cut");
    assert_eq!(
        chain(&error),
        format!(
            "cannot transfer zone rpz.example from {}, nor from {} (no_soa_first): \
             the server closed the connection in the middle of the zone",
            two.address, one.address
        )
    );
}

#[test]
fn a_server_that_says_nothing_leaves_time_for_the_next() {
    let place = Place::new();
    let silent = Server::start(vec![server::play(server::Request::wait)]);
    let good = Server::start(vec![messages(vec![vec![soa(5), soa(5)]])]);
    let options = ZoneOptions {
        timeout: Duration::from_secs(2),
        ..options(&[silent.address, good.address])
    };
    let got = ask(&options, None, &place.target);
    assert_eq!(got.unwrap(), new(5, 1, false));
}

#[test]
fn a_timeout_without_end_is_none() {
    let place = Place::new();
    let server = Server::start(vec![messages(vec![vec![soa(5), soa(5)]])]);
    let options = ZoneOptions {
        timeout: Duration::MAX,
        ..options(&[server.address])
    };
    let got = ask(&options, None, &place.target);
    assert_eq!(got.unwrap(), new(5, 1, false));
}

#[test]
fn what_is_configured_wrong_is_said_before_anybody_is_asked() {
    let place = Place::new();
    let fails = |options: &ZoneOptions| chain(&ask(options, None, &place.target).unwrap_err());
    assert_eq!(
        fails(&options(&[])),
        "cannot transfer zone rpz.example: no server is given"
    );
    let server = Server::start(vec![]);
    let mut options = options(&[server.address]);
    options.zone = "a..b".to_owned();
    assert_eq!(
        fails(&options),
        "cannot transfer zone a..b: the name of the zone is no domain name"
    );
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let place = Place::new();
    let server = Server::start(vec![messages(vec![vec![soa(5), soa(5)]])]);
    let target = place.directory.path().join("none").join("zone");
    let error = ask(&options(&[server.address]), None, &target).unwrap_err();
    assert_eq!(error.reason(), "write");
    assert!(chain(&error).contains(&format!("cannot write the zone to {}", target.display())));
}
