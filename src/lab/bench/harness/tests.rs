//! The harness with contenders that do nothing but tell what a fake clock should say.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use super::*;

/// A clock that stands still until someone moves it, by microseconds.
#[derive(Default)]
struct Clock(Cell<u64>);

impl Clock {
    fn read(&self) -> Reading {
        Reading {
            wall: Duration::from_micros(self.0.get()),
            cpu: Duration::from_micros(self.0.get() / 2),
            instructions: Some(self.0.get() * 1000),
        }
    }

    fn work(&self, micros: u64) {
        self.0.set(self.0.get() + micros);
    }
}

/// A contender that is right and takes the given time in each turn, one operation each.
fn timed<'w>(
    engine: &str,
    clock: &'w Clock,
    log: &'w RefCell<String>,
    micros: &'w [u64],
) -> Contender<'w> {
    let name = engine.to_owned();
    let checked = engine.to_lowercase();
    Contender::new(
        engine,
        move || {
            log.borrow_mut().push_str(&checked);
            Ok(())
        },
        move |turn| {
            log.borrow_mut().push_str(&name);
            clock.work(micros[turn]);
            Ok(Work {
                ops: 1,
                bytes: 0,
                answers: Some(7),
            })
        },
    )
}

const SETTINGS: Settings = Settings {
    turns: 3,
    warmups: 1,
};

#[test]
fn contenders_are_checked_then_warmed_up_then_run_in_turns() {
    let (clock, log) = (Clock::default(), RefCell::new(String::new()));
    let mut contenders = [
        timed("A", &clock, &log, &[1; 4]),
        timed("B", &clock, &log, &[1; 4]),
    ];
    let mut steps = Vec::new();
    run_by(
        &mut contenders,
        SETTINGS,
        &mut || clock.read(),
        &mut |engine, step| steps.push((engine.to_owned(), step)),
    )
    .unwrap();
    assert_eq!(log.borrow().as_str(), "abABABABAB");
    assert_eq!(steps.len(), 10);
    assert_eq!(steps[0], ("A".to_owned(), Step::Check));
    assert_eq!(steps[3], ("B".to_owned(), Step::Warmup(0)));
    assert_eq!(steps[9], ("B".to_owned(), Step::Turn(2)));
}

#[test]
fn figures_are_medians_and_warm_ups_do_not_count() {
    let (clock, log) = (Clock::default(), RefCell::new(String::new()));
    let mut contenders = [
        timed("A", &clock, &log, &[900, 10, 30, 20]),
        timed("B", &clock, &log, &[900, 40, 60, 100]),
    ];
    let measured = run_by(
        &mut contenders,
        SETTINGS,
        &mut || clock.read(),
        &mut |_, _| {},
    )
    .unwrap();
    let [first, second] = &measured[..] else {
        panic!("{measured:?}")
    };
    assert_eq!((first.ns_per_op, second.ns_per_op), (20e3, 60e3));
    assert_eq!(first.spread, 1.0);
    assert_eq!(first.times_first, 1.0);
    // Of 4, 2 and 5 times; the ratio of the medians would be 3.
    assert_eq!((second.times_first, second.cpu_times_first), (4.0, 4.0));
    assert_eq!(second.cpu_ns_per_op, 30e3);
    assert_eq!(second.instructions_per_op, Some(60e3));
    assert_eq!(second.turns, 3);
}

#[test]
fn a_wrong_answer_is_caught_before_any_turn() {
    let (clock, log) = (Clock::default(), RefCell::new(String::new()));
    let told = WrongAnswer {
        question: "www.bad.example".to_owned(),
        expected: "listed".to_owned(),
        answered: "not listed".to_owned(),
    };
    let mut contenders = [
        timed("A", &clock, &log, &[1; 4]),
        Contender::new("broken", move || Err(told.clone()), |_| Ok(Work::default())),
    ];
    let error = run(&mut contenders, SETTINGS, &mut |_, _| {}).unwrap_err();
    assert_eq!(
        error.to_string(),
        "broken answers `not listed` to www.bad.example where `listed` is right"
    );
    assert_eq!(log.borrow().as_str(), "a");
}

#[test]
fn contenders_that_find_different_things_are_caught() {
    let finds = |engine: &str, answers: Option<u64>| {
        let work = Work {
            ops: 1,
            bytes: 0,
            answers,
        };
        Contender::new(engine, || Ok(()), move |_| Ok(work))
    };
    let mut contenders = [
        finds("drain", None),
        finds("A", Some(5)),
        finds("B", Some(6)),
    ];
    let error = run(&mut contenders, SETTINGS, &mut |_, _| {}).unwrap_err();
    assert_eq!(error.to_string(), "B finds 6 in turn 0 where A finds 5");
}

#[test]
fn turns_that_fail_or_do_nothing_are_told() {
    let run_one = |contender| run(&mut [contender], SETTINGS, &mut |_, _| {}).unwrap_err();
    let failed = run_one(Contender::new("A", || Ok(()), |_| Err("no disk".into())));
    assert_eq!(failed.to_string(), "A failed in turn 0");
    assert_eq!(failed.source().unwrap().to_string(), "no disk");
    let idle = run_one(Contender::new("A", || Ok(()), |_| Ok(Work::default())));
    assert_eq!(idle.to_string(), "A did nothing in turn 0");
}

#[test]
fn fewer_turns_than_a_median_needs_are_refused() {
    let settings = Settings {
        turns: 2,
        warmups: 0,
    };
    let error = run(&mut [], settings, &mut |_, _| {}).unwrap_err();
    assert_eq!(error.to_string(), "2 turns are too few: give at least 3");
    assert_eq!(run(&mut [], SETTINGS, &mut |_, _| {}).unwrap(), []);
}

#[test]
fn the_median_is_the_middle() {
    for (values, expected) in [
        (&[][..], 0.0),
        (&[3.0], 3.0),
        (&[3.0, 1.0], 2.0),
        (&[9.0, 1.0, 2.0], 2.0),
    ] {
        assert_eq!(median(values.to_vec()), expected, "{values:?}");
    }
}
