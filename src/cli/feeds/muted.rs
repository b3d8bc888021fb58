//! `gannet feeds muted`, `mute`, `release` and `forget`: what the breaker and operators muted. One
//! process writes the list, the daemon; whoever wants something else leaves a request for it.

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use super::{Options, known, store};
use crate::app;
use crate::cli::{Outcome, Usage, load_config, terminal};
use crate::feeds::gate::{self, Action, MutedBy, MutedList, Request, Subject};
use crate::feeds::{Found, detect, refang, strip};
use crate::model::{NAME_LEN_MAX, Scope};

/// What is to be muted, released or forgotten.
#[derive(clap::Args)]
#[group(skip)]
pub(super) struct Wish {
    /// The value, in any written form of it.
    #[arg(required_unless_present = "feed", conflicts_with = "feed")]
    value: Option<String>,

    /// A feed in its place.
    #[arg(long, value_name = "NAME")]
    feed: Option<String>,

    /// Why; goes into the audit trail.
    #[arg(long, value_name = "TEXT")]
    reason: String,

    #[command(flatten)]
    options: Options,
}

/// Says what is muted and what was released.
pub(super) fn list(options: &Options) -> Outcome {
    let config = load_config(&options.config)?;
    let list = MutedList::load(&store(&config)?).context("what is muted cannot be told")?;
    if options.json {
        terminal::print_json(&json!({
            "schema": "gannet.muted.v1", "muted": list.muted(), "released": list.released(),
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    for entry in list.muted() {
        let by = match entry.by {
            MutedBy::Breaker => "the breaker",
            MutedBy::Operator => "an operator",
        };
        writeln!(
            text,
            "{}: muted since {} by {by}: {}",
            entry.subject, entry.since, entry.reason
        )?;
    }
    for entry in list.released() {
        writeln!(
            text,
            "{}: released {}: {}",
            entry.subject, entry.since, entry.reason
        )?;
    }
    if text.is_empty() {
        text.push_str("nothing is muted\n");
    }
    terminal::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// A value in the form in which hits show it.
fn canonical(written: &str) -> Option<String> {
    let mut scratch = [0; NAME_LEN_MAX];
    let plain = refang(written);
    let detected = detect(strip(&plain), Scope::Subtree, &mut scratch).ok()?;
    match detected.found {
        Found::One(value) => Some(value.to_string()),
        Found::Range(..) => None,
    }
}

/// Leaves a request for the daemon.
pub(super) fn ask(action: Action, wish: &Wish) -> Outcome {
    let config = load_config(&wish.options.config)?;
    let store = store(&config)?;
    let subject = match (&wish.feed, &wish.value) {
        (Some(feed), _) => {
            known(&config, feed)?;
            Subject::Feed(feed.clone())
        }
        (None, Some(written)) => {
            let value = canonical(written)
                .ok_or_else(|| Usage(format!("`{written}` is no value that a feed could list")))?;
            Subject::Value(value)
        }
        (None, None) => return Err(Usage("a value or --feed is wanted".to_owned()).into()),
    };
    let request = Request {
        action,
        subject,
        made: gate::written(app::now()),
        reason: wish.reason.clone(),
    };
    request
        .leave(&store)
        .context("the request cannot be left")?;
    if wish.options.json {
        terminal::print_json(&json!({"schema": "gannet.request.v1", "request": request}))?;
    } else {
        terminal::print(&format!(
            "{}: asked for; a daemon that runs does it within seconds, another one when it starts\n",
            request.subject
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
