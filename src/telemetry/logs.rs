//! Logs: on standard error, as text or as one JSON object a line, panics included.

use std::io::{self, IsTerminal};
use std::panic::{self, PanicHookInfo};
use std::thread;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Why logging cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not one.
    #[error("`{filter}` is not a log filter")]
    Filter {
        /// As it was written.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Something else set it up before.
    #[error("cannot set up logging")]
    Install(#[from] tracing_subscriber::util::TryInitError),
}

/// Longest message of a panic that is logged, in characters: it may quote data.
const PANIC_CHARS_MAX: usize = 200;

/// Sends the logs of the whole process that pass `filter` to standard error, and turns panics
/// into error lines.
///
/// # Errors
/// [`LogError`] for a bad filter and when called twice.
pub fn init(filter: &str, format: LogFormat) -> Result<(), LogError> {
    let ansi = io::stderr().is_terminal();
    subscriber(filter, format, io::stderr, ansi)?.try_init()?;
    panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// What writes lines that pass `filter` to `writer`.
fn subscriber<W>(
    filter: &str,
    format: LogFormat,
    writer: W,
    ansi: bool,
) -> Result<Box<dyn Subscriber + Send + Sync>, LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(filter).map_err(|source| LogError::Filter {
        filter: filter.to_owned(),
        source,
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(ansi);
    Ok(match format {
        LogFormat::Text => Box::new(builder.finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).finish()),
    })
}

/// Logs a panic: where, in which thread, and the start of its message.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("not a text");
    let message: String = message.chars().take(PANIC_CHARS_MAX).collect();
    let place = panic
        .location()
        .map_or_else(String::new, ToString::to_string);
    tracing::error!(
        thread = thread::current().name().unwrap_or("unnamed"),
        place,
        why = message,
        "panicked"
    );
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A writer into memory.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What `work` logs.
    fn logged(filter: &str, format: LogFormat, work: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(filter, format, move || writer.clone(), false).unwrap();
        tracing::subscriber::with_default(subscriber, work);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn text_lines_carry_level_target_and_fields() {
        let text = logged("info", LogFormat::Text, || {
            tracing::info!(generation = 3, "published");
            tracing::debug!("hidden");
        });
        assert!(text.contains(" INFO "), "{text}");
        assert!(text.contains("published generation=3"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }

    #[test]
    fn json_lines_are_one_object_each() {
        let text = logged("info,gannet=debug", LogFormat::Json, || {
            tracing::debug!(feed = "operation", "loaded\ntwice");
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "loaded\ntwice");
        assert_eq!(line["feed"], "operation");
        assert_eq!(line["level"], "DEBUG");
    }

    #[test]
    fn panics_are_error_lines_of_bounded_length() {
        let before = panic::take_hook();
        panic::set_hook(Box::new(log_panic));
        let text = logged("info", LogFormat::Json, || {
            let why = "x".repeat(PANIC_CHARS_MAX + 1);
            assert!(panic::catch_unwind(|| panic::panic_any(why)).is_err());
            assert!(panic::catch_unwind(|| panic::panic_any("short")).is_err());
            assert!(panic::catch_unwind(|| panic::panic_any(7)).is_err());
        });
        panic::set_hook(before);
        let why: Vec<String> = text
            .lines()
            .map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                assert_eq!(line["level"], "ERROR");
                assert!(line["place"].as_str().unwrap().contains("logs.rs:"));
                line["why"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!(
            why,
            [
                "x".repeat(PANIC_CHARS_MAX),
                "short".into(),
                "not a text".into()
            ]
        );
    }

    #[test]
    fn a_bad_filter_is_refused_and_quoted() {
        let Err(error) = subscriber("gannet=loud", LogFormat::Text, io::sink, false) else {
            panic!("it is no filter");
        };
        assert_eq!(error.to_string(), "`gannet=loud` is not a log filter");
    }
}
