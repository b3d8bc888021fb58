//! The list of what is muted, in memory and on disk.

use tempfile::TempDir;

use super::*;

fn store() -> (TempDir, Store) {
    let directory = TempDir::new().unwrap();
    let store = Store::new(directory.path().join("store"));
    (directory, store)
}

fn muted(name: &str) -> MutedEntry {
    MutedEntry {
        subject: Subject::Value(name.to_owned()),
        since: "2026-01-01T00:00:00Z".to_owned(),
        reason: "it hit too much".to_owned(),
        by: MutedBy::Breaker,
    }
}

fn released(name: &str) -> ReleasedEntry {
    ReleasedEntry {
        subject: Subject::Value(name.to_owned()),
        since: "2026-01-02T00:00:00Z".to_owned(),
        reason: "it is what it says".to_owned(),
    }
}

#[test]
fn a_list_is_what_it_was_after_a_restart() {
    let (_directory, store) = store();
    assert_eq!(MutedList::load(&store).unwrap(), MutedList::default());
    let mut list = MutedList::default();
    list.mute(muted("v.example")).unwrap();
    list.mute(MutedEntry {
        subject: Subject::Feed("f".to_owned()),
        by: MutedBy::Operator,
        ..muted("")
    })
    .unwrap();
    list.release(released("w.example")).unwrap();
    list.save(&store).unwrap();
    assert_eq!(MutedList::load(&store).unwrap(), list);
    let text = std::fs::read(store.root().join(FILE)).unwrap();
    let written: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(
        written,
        serde_json::json!({
            "muted": [
                {"what": "value", "name": "v.example", "since": "2026-01-01T00:00:00Z",
                 "reason": "it hit too much", "by": "breaker"},
                {"what": "feed", "name": "f", "since": "2026-01-01T00:00:00Z",
                 "reason": "it hit too much", "by": "operator"}
            ],
            "released": [
                {"what": "value", "name": "w.example", "since": "2026-01-02T00:00:00Z",
                 "reason": "it is what it says"}
            ]
        })
    );
}

#[test]
fn nothing_is_both_muted_and_released() {
    let mut list = MutedList::default();
    list.mute(muted("v")).unwrap();
    list.release(released("v")).unwrap();
    assert_eq!(
        (list.muted(), list.released()),
        (&[][..], &[released("v")][..])
    );
    list.mute(muted("v")).unwrap();
    list.mute(muted("v")).unwrap();
    assert_eq!(
        (list.muted(), list.released()),
        (&[muted("v")][..], &[][..])
    );
    assert!(list.muted_set().has_value("v"));
    assert!(list.forget(&Subject::Value("v".to_owned())));
    assert!(!list.forget(&Subject::Value("v".to_owned())));
    assert_eq!(list, MutedList::default());
    // A feed with the name of a value is another thing.
    list.mute(muted("v")).unwrap();
    assert!(!list.forget(&Subject::Feed("v".to_owned())));
}

#[test]
fn a_list_that_cannot_be_written_stays_as_it_was() {
    let (_directory, store) = store();
    let mut list = MutedList::default();
    list.mute(muted("v")).unwrap();
    list.save(&store).unwrap();
    // Where the new file would be written there is a directory.
    std::fs::create_dir(store.root().join("muted.unfinished")).unwrap();
    let before = list.clone();
    list.mute(muted("w")).unwrap();
    let error = list.save(&store).unwrap_err().to_string();
    assert!(error.contains("muted.unfinished"), "{error}");
    assert_eq!(MutedList::load(&store).unwrap(), before);
}

#[test]
fn a_file_that_is_no_list_is_an_error_and_not_an_empty_list() {
    let (_directory, store) = store();
    std::fs::create_dir_all(store.root()).unwrap();
    for text in [
        "",
        "{",
        "[1]",
        r#"{"muted": [{"what": "word", "name": "v"}]}"#,
    ] {
        std::fs::write(store.root().join(FILE), text).unwrap();
        let error = MutedList::load(&store).unwrap_err().to_string();
        assert!(error.contains("muted.json: "), "{text}: {error}");
    }
    let huge = File::create(store.root().join(FILE)).unwrap();
    huge.set_len(FILE_BYTES_MAX + 1).unwrap();
    let error = MutedList::load(&store).unwrap_err().to_string();
    assert!(error.contains("larger than"), "{error}");
}

#[test]
fn a_full_list_takes_nothing_new_and_changes_what_it_has() {
    let mut list = MutedList {
        muted: (0..ENTRIES_MAX).map(|at| muted(&at.to_string())).collect(),
        released: Vec::new(),
    };
    assert_eq!(list.mute(muted("v")), Err(ListFull));
    assert_eq!(list.release(released("v")), Err(ListFull));
    assert_eq!(list.release(released("7")), Ok(()));
    assert_eq!(list.len(), ENTRIES_MAX);
    list.forget(&Subject::Value("8".to_owned()));
    let mut entry = muted("v");
    entry.reason = "ä".repeat(REASON_BYTES_MAX);
    assert_eq!(list.mute(entry), Ok(()));
    assert_eq!(
        list.muted().last().unwrap().reason,
        "ä".repeat(REASON_BYTES_MAX / 2)
    );
}
