//! Work beside the work: on a thread of low priority, so that workers and signals come first.

use std::thread;

use tokio::task::JoinHandle as Task;

/// How much nicer the threads are: a worker on the same core gets three times their time.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

/// Does some work on a thread of low priority; threads that it starts have the same.
pub(super) fn beside<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Task<T> {
    tokio::task::spawn_blocking(move || {
        let patient = move || {
            yield_to_others();
            work()
        };
        // Priority once given up does not come back, so the thread is of no use to others.
        let thread = thread::Builder::new().name(name.to_owned()).spawn(patient);
        match thread.map(thread::JoinHandle::join) {
            Ok(Ok(done)) => done,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(error) => {
                std::panic::resume_unwind(Box::new(format!("no thread for {name}: {error}")))
            }
        }
    })
}

/// Lowers the priority of this thread, where threads have one of their own.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::warn!(%error, "work beside the workers has their priority");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn work_beside_others_is_nice_and_nobody_else_becomes_so() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let before = nice();
        let _within = runtime.enter();
        let both = runtime.block_on(beside("nice", move || {
            let child = thread::spawn(nice).join().unwrap();
            (nice(), child)
        }));
        let nicer = (before + NICE).min(19);
        assert_eq!(both.unwrap(), (nicer, nicer));
        assert_eq!(nice(), before);
        let panicked = runtime.block_on(beside("panics", || -> u8 { panic!("as asked") }));
        assert!(panicked.unwrap_err().is_panic());
    }
}
