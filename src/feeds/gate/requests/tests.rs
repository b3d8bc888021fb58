//! Requests: none is lost, whoever writes at the same time and wherever it stops.

use tempfile::TempDir;

use super::*;

fn store() -> (TempDir, Store) {
    let directory = TempDir::new().unwrap();
    let store = Store::new(directory.path().join("store"));
    (directory, store)
}

fn request(action: Action, name: &str) -> Request {
    Request {
        action,
        subject: Subject::Value(name.to_owned()),
        made: "2026-01-01T00:00:00Z".to_owned(),
        reason: "ticket 7".to_owned(),
    }
}

/// The names of what is muted and of what was released.
fn names(list: &MutedList) -> [Vec<String>; 2] {
    let muted = list.muted().iter().map(|entry| entry.subject.to_string());
    let released = list
        .released()
        .iter()
        .map(|entry| entry.subject.to_string());
    [muted.collect(), released.collect()]
}

fn files(store: &Store) -> Vec<String> {
    let entries = fs::read_dir(store.root().join(DIRECTORY)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names
}

#[test]
fn requests_are_done_in_order_and_are_gone_when_they_are() {
    let (_directory, store) = store();
    let mut list = MutedList::default();
    assert_eq!(take_up(&store, &mut list).unwrap(), TakenUp::default());
    let mut requests: Vec<Request> = (0..11)
        .map(|at| request(Action::Mute, &format!("v{at}")))
        .collect();
    requests.push(request(Action::Release, "v10"));
    requests.push(request(Action::Forget, "v9"));
    for request in &requests {
        request.leave(&store).unwrap();
    }
    let taken = take_up(&store, &mut list).unwrap();
    assert_eq!(taken.requests, requests);
    assert_eq!(taken.refused, [""; 0]);
    let [muted, released] = names(&list);
    assert_eq!((muted.len(), muted[8].as_str()), (9, "`v8`"));
    assert_eq!(released, ["`v10`"]);
    assert_eq!(MutedList::load(&store).unwrap(), list);
    assert_eq!(files(&store), [""; 0]);
}

#[test]
fn a_request_is_what_people_can_read_and_write() {
    let (_directory, store) = store();
    request(Action::Release, "v.example").leave(&store).unwrap();
    let path = store.root().join("requests/1.json");
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        r#"{"do":"release","what":"value","name":"v.example","made":"2026-01-01T00:00:00Z","reason":"ticket 7"}"#
    );
}

#[test]
fn what_is_not_saved_waits_on() {
    let (_directory, store) = store();
    request(Action::Mute, "v").leave(&store).unwrap();
    let obstacle = store.root().join("muted.unfinished");
    fs::create_dir(&obstacle).unwrap();
    let mut list = MutedList::default();
    take_up(&store, &mut list).unwrap_err();
    assert_eq!(list, MutedList::default());
    assert_eq!(files(&store), ["1.json"]);
    fs::remove_dir(&obstacle).unwrap();
    assert_eq!(take_up(&store, &mut list).unwrap().requests.len(), 1);
    assert_eq!(names(&list)[0], ["`v`"]);
}

#[test]
fn a_request_that_is_taken_up_twice_changes_nothing_more() {
    let (_directory, store) = store();
    let mut list = MutedList::default();
    for action in [Action::Mute, Action::Release, Action::Forget] {
        request(action, "v").leave(&store).unwrap();
        let path = store.root().join("requests/1.json");
        let text = fs::read(&path).unwrap();
        take_up(&store, &mut list).unwrap();
        let before = list.clone();
        // Killed before it was removed.
        fs::write(&path, text).unwrap();
        take_up(&store, &mut list).unwrap();
        assert_eq!(list, before);
    }
}

#[test]
fn what_is_no_request_is_kept_aside_and_the_others_are_done() {
    let (_directory, store) = store();
    request(Action::Mute, "v").leave(&store).unwrap();
    let directory = store.root().join(DIRECTORY);
    fs::write(directory.join("2.json"), "{\"do\": \"explode\"}").unwrap();
    fs::write(directory.join("3.json"), vec![b' '; 1 << 17]).unwrap();
    // A feed of this name has such a file, and somebody was killed while he wrote.
    fs::write(directory.join("approved.json"), "{}").unwrap();
    fs::write(directory.join("4711.unfinished"), "{").unwrap();
    request(Action::Mute, "w").leave(&store).unwrap();
    let mut list = MutedList::default();
    let taken = take_up(&store, &mut list).unwrap();
    assert_eq!(names(&list)[0], ["`v`", "`w`"]);
    assert_eq!(taken.refused.len(), 2);
    assert!(taken.refused[0].contains("2.refused: unknown variant `explode`"));
    assert!(taken.refused[1].contains("3.refused: it is larger than"));
    let left = ["2.refused", "3.refused", "4711.unfinished", "approved.json"];
    assert_eq!(files(&store), left);
    assert_eq!(take_up(&store, &mut list).unwrap(), TakenUp::default());
}

#[test]
fn a_number_that_somebody_takes_meanwhile_is_not_taken_from_him() {
    let (_directory, store) = store();
    request(Action::Mute, "v").leave(&store).unwrap();
    let directory = store.root().join(DIRECTORY);
    let taken = directory.join("1.json");
    let mine = directory.join("mine");
    fs::write(&mine, "mine").unwrap();
    // What a rename would do.
    assert_eq!(
        fs::hard_link(&mine, &taken).unwrap_err().kind(),
        io::ErrorKind::AlreadyExists
    );
    number(&mine, &directory).unwrap();
    assert_eq!(
        fs::read_to_string(directory.join("2.json")).unwrap(),
        "mine"
    );
    assert_ne!(fs::read_to_string(&taken).unwrap(), "mine");
}

#[test]
fn of_many_that_write_while_the_daemon_reads_none_is_lost() {
    let (_directory, store) = store();
    fs::create_dir_all(store.root().join(DIRECTORY)).unwrap();
    let mut list = MutedList::default();
    let directory = store.root().join(DIRECTORY);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let directory = &directory;
                // Each writes as a process of its own would, under its own name.
                scope.spawn(move || {
                    for at in 0..50 {
                        let request = request(Action::Mute, &format!("{writer}.{at}"));
                        let unfinished = directory.join(format!("{writer}.unfinished"));
                        fs::write(&unfinished, serde_json::to_vec(&request).unwrap()).unwrap();
                        number(&unfinished, directory).unwrap();
                        fs::remove_file(&unfinished).unwrap();
                    }
                })
            })
            .collect();
        loop {
            let finished = writers.iter().all(|writer| writer.is_finished());
            let taken = take_up(&store, &mut list).unwrap();
            assert_eq!(taken.refused, [""; 0]);
            if finished {
                break;
            }
        }
    });
    assert_eq!(names(&list)[0].len(), 200);
    assert_eq!(MutedList::load(&store).unwrap(), list);
}

#[test]
fn too_many_requests_are_refused_when_they_are_made() {
    let (_directory, store) = store();
    let directory = store.root().join(DIRECTORY);
    fs::create_dir_all(&directory).unwrap();
    for at in 0..REQUESTS_MAX {
        fs::write(directory.join(format!("{at}.json")), "").unwrap();
    }
    let error = request(Action::Mute, "v").leave(&store).unwrap_err();
    assert!(error.to_string().contains("1000 requests wait"), "{error}");
    assert_eq!(files(&store).len(), REQUESTS_MAX);
    let mut long = request(Action::Mute, "v");
    long.reason = "a".repeat(1 << 16);
    assert!(long.leave(&store).is_err());
}

#[test]
fn where_no_number_is_left_a_request_is_refused() {
    let (_directory, store) = store();
    let directory = store.root().join(DIRECTORY);
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join(format!("{}.json", u64::MAX)), "").unwrap();
    let error = request(Action::Mute, "v").leave(&store).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(files(&store).len(), 1);
}
