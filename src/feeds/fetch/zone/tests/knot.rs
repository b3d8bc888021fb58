//! The same with a real server, Knot DNS, where it is installed: what it signs, refuses and sends as
//! differences.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::indicators::listed;
use super::*;

const SECRET: &str = "c2VjcmV0LXRoYXQtbm9ib2R5LXNoYWxsLXNlZQ==";

const OTHER: &str = "YW5vdGhlci1zZWNyZXQtdGhhdC1ub2JvZHktaGFz";

/// Longest wait for a server that starts.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// A program of the server's package, where packages put such.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).collect::<Vec<_>>();
    let usual = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let mut found = directories.iter().chain(&usual);
    found.find_map(|directory| Some(directory.join(name)).filter(|path| path.is_file()))
}

/// A running server, which ends with this.
struct Knot {
    process: Child,
    directory: TempDir,
    address: SocketAddr,
    control: PathBuf,
}

impl Drop for Knot {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Knot {
    /// Starts one with a zone file; none if it is not installed.
    fn start(zone: &str) -> Option<Self> {
        let (Some(daemon), Some(control)) = (program("knotd"), program("knotc")) else {
            println!("skipped: no authoritative DNS server (knot, nsd or bind9)");
            return None;
        };
        // Another process may take the port before the server does: then the server ends.
        for _ in 0..5 {
            let mut knot = Self::spawn(&daemon, &control, zone);
            if knot.is_ready() {
                return Some(knot);
            }
        }
        panic!("the server does not start");
    }

    fn spawn(daemon: &Path, control: &Path, zone: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let root = directory.path();
        std::fs::create_dir(root.join("db")).unwrap();
        std::fs::write(root.join("zone"), zone).unwrap();
        std::fs::write(root.join("conf"), configuration(root, address)).unwrap();
        let log = std::fs::File::create(root.join("log")).unwrap();
        let process = Command::new(daemon)
            .arg("-c")
            .arg(root.join("conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self {
            process,
            directory,
            address,
            control: control.to_owned(),
        }
    }

    /// Whether the server gives its zone, as soon as it does or has ended.
    fn is_ready(&mut self) -> bool {
        let place = Place::new();
        let started = Instant::now();
        while self.process.try_wait().unwrap().is_none() {
            let got = self.transfer(&place, Some(SECRET), None);
            if got.is_ok() {
                return true;
            }
            let log = || std::fs::read_to_string(self.directory.path().join("log"));
            assert!(started.elapsed() < WAIT_MAX, "{got:?} {:?}", log());
            std::thread::park_timeout(Duration::from_millis(20));
        }
        false
    }

    /// Transfers its zone, signed with a secret or not.
    fn transfer(
        &self,
        place: &Place,
        secret: Option<&str>,
        known: Option<u32>,
    ) -> Result<Transferred, TransferError> {
        self.transfer_as(place, "ours.example", secret, known, Duration::ZERO)
    }

    /// The same by a key's name, at a time ahead of the server's.
    fn transfer_as(
        &self,
        place: &Place,
        name: &str,
        secret: Option<&str>,
        known: Option<u32>,
        ahead: Duration,
    ) -> Result<Transferred, TransferError> {
        let secret_file = self.directory.path().join("secret");
        let mut options = options(&[self.address]);
        options.bytes_max = 64 << 20;
        options.records_max = 1_000_000;
        options.tsig = secret.map(|secret| {
            std::fs::write(&secret_file, secret).unwrap();
            TsigKey {
                name: name.to_owned(),
                algorithm: TsigAlgorithm::HmacSha256,
                secret_file,
            }
        });
        let now = SystemTime::now() + ahead;
        transfer(&options, known, &place.target, now, 99)
    }

    /// Has the server do something, and waits until it did.
    #[track_caller]
    fn control(&self, words: &[&str]) {
        let output = Command::new(&self.control)
            .arg("-b")
            .arg("-s")
            .arg(self.directory.path().join("knot.sock"))
            .args(words)
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
    }

    /// Changes the zone: `+` puts a record in, `-` takes one out.
    #[track_caller]
    fn change(&self, changes: &[(char, &[&str])]) {
        self.control(&["zone-begin", ZONE]);
        for (sign, record) in changes {
            let word = match sign {
                '+' => "zone-set",
                _ => "zone-unset",
            };
            self.control(&[&[word, ZONE][..], record].concat());
        }
        self.control(&["zone-commit", ZONE]);
    }
}

/// The configuration of a server that gives a zone to whoever has a key.
fn configuration(root: &Path, address: SocketAddr) -> String {
    let root = root.display();
    let (ip, port) = (address.ip(), address.port());
    format!(
        "server:\n    rundir: {root}\n    listen: {ip}@{port}\n    tcp-workers: 1\n    \
         udp-workers: 1\n    background-workers: 1\n\
         control:\n    listen: {root}/knot.sock\n\
         database:\n    storage: {root}/db\n\
         log:\n  - target: stderr\n    any: info\n\
         key:\n  - id: ours.example\n    algorithm: hmac-sha256\n    secret: {SECRET}\n\
         acl:\n  - id: give\n    key: ours.example\n    action: transfer\n\
         zone:\n  - domain: {ZONE}\n    file: {root}/zone\n    acl: give\n    \
         journal-content: changes\n    zonefile-sync: -1\n"
    )
}

/// A zone file, as people write them.
fn zone(n_names: usize) -> String {
    let mut text = "\
$TTL 1h
$ORIGIN rpz.example.
@ IN SOA ns.example. admin.example. (
    41 ; serial
    3600 900 86400 60 )
  NS ns.example.
bad.example CNAME .
*.bad.example CNAME .
Good.Example CNAME rpz-passthru.
nodata.example CNAME *.
drop.example CNAME rpz-drop.
32.5.113.0.203.rpz-ip CNAME .
48.zz.1.db8.2001.rpz-ip CNAME .
24.0.0.198.51.rpz-client-ip CNAME .
wall.example A 192.0.2.1
  AAAA 2001:db8::1
  TXT \"a;b \\\"c\\\" \\\\\" \"second\"
  MX 10 mail.example.
srv.example SRV 1 2 3 host.example.
odd\\;\\032\\(name.example CNAME .
svcb.example HTTPS 1 . alpn=h2
"
    .to_owned();
    for at in 0..n_names {
        text += &format!("n{at}.example CNAME .\n");
    }
    text
}

#[test]
fn a_zone_of_a_real_server_lists_what_its_file_lists() {
    let text = zone(20_000);
    let Some(knot) = Knot::start(&text) else {
        return;
    };
    let place = Place::new();
    let got = knot.transfer(&place, Some(SECRET), None);
    assert_eq!(got.unwrap(), new(41, 20_017, false));
    let found = listed(&std::fs::read(&place.target).unwrap());
    assert_eq!(found, listed(text.as_bytes()));
    assert_eq!(found.0.len(), 20_013);
}

#[test]
fn a_real_server_refuses_and_is_quoted() {
    let Some(knot) = Knot::start(&zone(0)) else {
        return;
    };
    let place = Place::new();
    let day = Duration::from_secs(86400);
    let fails = |name, secret, ahead| {
        let error = knot.transfer_as(&place, name, secret, None, ahead);
        let error = error.unwrap_err();
        assert!(!place.target.exists());
        (error.reason(), chain(&error))
    };
    let (reason, said) = fails("ours.example", Some(OTHER), Duration::ZERO);
    assert_eq!(reason, "tsig_bad_sig", "{said}");
    assert!(said.contains("the server says BADSIG"), "{said}");
    let (reason, said) = fails("theirs.example", Some(SECRET), Duration::ZERO);
    assert_eq!(reason, "tsig_bad_key", "{said}");
    assert!(said.contains("the server says BADKEY"), "{said}");
    let (reason, said) = fails("ours.example", Some(SECRET), day);
    assert_eq!(reason, "tsig_bad_time", "{said}");
    assert!(
        said.contains("BADTIME, its clock and ours differ by 86"),
        "{said}"
    );
    let (reason, said) = fails("ours.example", None, Duration::ZERO);
    assert_eq!(reason, "not_auth", "{said}");
    assert!(said.contains("NOTAUTH"), "{said}");
}

#[test]
fn a_real_server_sends_the_differences() {
    let Some(knot) = Knot::start(&zone(100)) else {
        return;
    };
    let place = Place::new();
    let got = knot.transfer(&place, Some(SECRET), None);
    assert_eq!(got.unwrap(), new(41, 117, false));
    let got = knot.transfer(&place, Some(SECRET), Some(41));
    assert_eq!(got.unwrap(), Transferred::Unchanged);
    knot.change(&[
        ('+', &["new.example", "300", "CNAME", "."]),
        ('-', &["n7.example", "CNAME"]),
        ('-', &["wall.example", "TXT"]),
    ]);
    knot.change(&[
        ('-', &["good.example", "CNAME"]),
        ('+', &["good.example", "300", "CNAME", "."]),
        ('-', &["srv.example", "SRV"]),
        ('-', &["svcb.example", "HTTPS"]),
    ]);
    let got = knot.transfer(&place, Some(SECRET), Some(41)).unwrap();
    assert_eq!(got, new(43, 114, true));
    let whole = Place::new();
    knot.transfer(&whole, Some(SECRET), None).unwrap();
    let mut found = [place.lines(), whole.lines()];
    for lines in &mut found {
        lines.sort();
    }
    assert_eq!(found[0], found[1]);
    let text = std::fs::read(&place.target).unwrap();
    let (found, ..) = listed(&text);
    assert!(found.contains(&"name exact new.example".to_owned()));
    assert!(found.contains(&"name exact good.example".to_owned()));
    assert!(!found.contains(&"name exact n7.example".to_owned()));
    // A serial that the server does not remember: it sends the whole zone instead.
    let text = String::from_utf8(text).unwrap();
    std::fs::write(&place.target, text.replace(" 43 3600", " 7 3600")).unwrap();
    let got = knot.transfer(&place, Some(SECRET), Some(7)).unwrap();
    assert_eq!(got, new(43, 114, false));
    // A serial that the server never had.
    let error = knot.transfer(&place, Some(SECRET), Some(50)).unwrap_err();
    assert_eq!(error.reason(), "rollback");
}
