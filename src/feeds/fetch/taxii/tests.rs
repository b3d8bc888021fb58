//! Collections of real servers on this machine, which page as a test wants them to.

mod collection;
mod faults;
mod versions;

use std::fs;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::{Fetched, TaxiiError, TaxiiOptions, TaxiiState, fetch_within};
use crate::feeds::fetch::web::tests::server::Server;
use crate::feeds::fetch::web::tests::{Place, reach};

/// The path of the collection.
const PATH: &str = "/api/collections/91a7b528/";
/// The path of its objects.
const OBJECTS: &str = "/api/collections/91a7b528/objects/";

/// Options for the collection of a server.
fn options(place: &Place, server: &Server) -> TaxiiOptions {
    TaxiiOptions {
        web: place.options(server, PATH),
        objects_max: 1000,
        pages_max: 100,
    }
}

/// Fetches at the start of 2026.
async fn fetch(
    place: &Place,
    options: &TaxiiOptions,
    known: &TaxiiState,
) -> Result<Fetched, TaxiiError> {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    fetch_within(options, reach(), known, &place.target(), now).await
}

/// The new state, after a fetch that changed so many objects and left out so many.
#[track_caller]
fn new(fetched: Result<Fetched, TaxiiError>, expected: (u64, u64, u64)) -> TaxiiState {
    match fetched.unwrap() {
        Fetched::New {
            state,
            objects,
            changed,
            skipped,
            ..
        } => {
            assert_eq!((objects, changed, skipped), expected);
            state
        }
        Fetched::Unchanged => panic!("nothing new"),
    }
}

/// The bundle at the target, once it is seen to be one.
#[track_caller]
fn bundle(place: &Place) -> Vec<Value> {
    let bundle: Value = serde_json::from_str(&place.target_text()).unwrap();
    assert_eq!(bundle["type"], "bundle");
    let id = bundle["id"].as_str().unwrap();
    assert_eq!((id.len(), &id[..8]), (44, "bundle--"));
    assert_eq!(&id[22..23], "8");
    bundle["objects"].as_array().unwrap().clone()
}

/// The ids and versions in the bundle at the target.
#[track_caller]
fn versions(place: &Place) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let objects = bundle(place);
    let pairs = objects
        .iter()
        .map(|object| (text(&object["id"]), text(&object["modified"])));
    pairs.collect()
}

/// Removes the target: there was never a bundle.
fn remove(place: &Place) {
    fs::remove_file(place.target()).unwrap();
}
