//! Fetches from real servers on this machine: encrypted, with an authority of their own, and made to
//! answer as a test wants them to.

mod addresses;
mod authority;
mod changes;
mod redirects;
mod secrets;
pub(in crate::feeds::fetch) mod server;
mod sizes;
mod trust;

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::{FetchError, Fetched, Reach, Validators, WebOptions, fetch_within};
use authority::Authority;
use server::Server;

/// The name that the certificates of most servers are for.
pub(in crate::feeds::fetch) const HOST: &str = "feeds.example";
/// Another one.
const OTHER_HOST: &str = "mirror.example";
/// Where all servers are.
pub(in crate::feeds::fetch) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// An address that no server may be reached at.
const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// Longer than any fetch takes that is meant to succeed.
const LONG: Duration = Duration::from_secs(60);
/// What is at the target before a fetch.
const OLD: &str = "old.example\n";

/// A place for one feed: an authority, and a directory with the target.
pub(in crate::feeds::fetch) struct Place {
    pub(in crate::feeds::fetch) authority: Authority,
    pub(in crate::feeds::fetch) directory: TempDir,
}

impl Place {
    /// One whose target holds [`OLD`].
    pub(in crate::feeds::fetch) fn new() -> Self {
        let place = Self {
            authority: Authority::new(),
            directory: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(place.directory.path().join("target")).unwrap();
        fs::write(place.target(), OLD).unwrap();
        place.file("ca.pem", &place.authority.pem());
        place
    }

    /// The file that is fetched into.
    pub(in crate::feeds::fetch) fn target(&self) -> PathBuf {
        self.directory.path().join("target/list.txt")
    }

    /// A file with a text; where it is.
    pub(in crate::feeds::fetch) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Options for a path of a server, with the authority of this place.
    pub(in crate::feeds::fetch) fn options(&self, server: &Server, path: &str) -> WebOptions {
        WebOptions {
            url: format!("https://{HOST}:{}{path}", server.port()),
            header_files: Vec::new(),
            ca: Some(self.directory.path().join("ca.pem")),
            proxy: None,
            timeout: LONG,
            bytes_max: 1 << 20,
            any_address: false,
            same_host_redirects: true,
        }
    }

    /// Fetches with what is known.
    async fn fetch(&self, options: &WebOptions, known: &Validators) -> Result<Fetched, FetchError> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        fetch_within(options, reach(), known, &self.target(), now).await
    }

    /// What the target holds. There is never anything beside it.
    #[track_caller]
    pub(in crate::feeds::fetch) fn target_text(&self) -> String {
        let directory = self.directory.path().join("target");
        assert_eq!(fs::read_dir(directory).unwrap().count(), 1, "leftovers");
        String::from_utf8(fs::read(self.target()).unwrap()).unwrap()
    }

    /// That a fetch fails for `reason`, and that the target is as it was.
    #[track_caller]
    fn check_refused(&self, fetched: Result<Fetched, FetchError>, reason: &str) -> FetchError {
        let error = fetched.expect_err("it was fetched");
        assert_eq!(error.reason(), reason, "{error:?}");
        assert_eq!(self.target_text(), OLD);
        error
    }

    /// That a fetch brought `text`.
    #[track_caller]
    fn check_new(&self, fetched: Result<Fetched, FetchError>, text: &str) -> Validators {
        let Fetched::New {
            validators, bytes, ..
        } = fetched.unwrap()
        else {
            panic!("nothing new");
        };
        assert_eq!(self.target_text(), text);
        assert_eq!(bytes, text.len() as u64);
        validators
    }
}

/// Public addresses and the one of the servers.
pub(in crate::feeds::fetch) fn reach() -> Reach {
    let names = [
        (HOST, HERE),
        (OTHER_HOST, HERE),
        ("inside.example", THERE),
        ("metadata.example", IpAddr::from([169, 254, 169, 254])),
    ];
    Reach::with(&[HERE], &names)
}
