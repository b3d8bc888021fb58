//! `gannet feeds`: what an operator sees of the feeds of a configuration and decides about them, a
//! file an action.

mod diff;
mod fetch;
mod list;
mod muted;
mod quarantine;
mod tried;
mod value;

use std::path::PathBuf;

use clap::Subcommand;

use super::feed_options::all_of;
use super::{Outcome, Usage};
use crate::app;
use crate::config::Config;
use crate::feeds::gate::{self, Gated, Store};

/// The arguments of `gannet feeds`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

/// What to do.
#[derive(Subcommand)]
enum Action {
    /// Says of every feed which version passes the gate, and what of it is accepted and refused.
    List(Options),
    /// Fetches every feed that comes from a server, as the daemon would; what is new is looked at by
    /// the daemon's next load.
    Fetch(Options),
    /// Says what every feed would add and remove, against its last good copy, and what that would hit
    /// in a sample of traffic.
    Diff(diff::Arguments),
    /// Says what every feed is worth: what only it lists, what others list too, how fresh it is, and
    /// what it hit.
    Value(value::Arguments),
    /// What was held back as a whole.
    Quarantine {
        #[command(subcommand)]
        action: quarantine::Quarantine,
    },
    /// Says what is muted and what was released, since when, why and by whom.
    Muted(Options),
    /// Mutes a value or a feed: the daemon makes no more hits of it.
    Mute(muted::Wish),
    /// Ends a mute; the breaker leaves the value or feed alone from then on.
    Release(muted::Wish),
    /// Ends a mute or a release; the breaker judges the value or feed like every other.
    Forget(muted::Wish),
}

/// What all take.
#[derive(clap::Args)]
struct Options {
    /// The configuration.
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,

    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Does what is asked.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.action {
        Action::List(options) => list::list(options),
        Action::Fetch(options) => fetch::fetch(options),
        Action::Diff(arguments) => diff::diff(arguments),
        Action::Value(arguments) => value::value(arguments),
        Action::Quarantine { action } => quarantine::run(action),
        Action::Muted(options) => muted::list(options),
        Action::Mute(wish) => muted::ask(gate::Action::Mute, wish),
        Action::Release(wish) => muted::ask(gate::Action::Release, wish),
        Action::Forget(wish) => muted::ask(gate::Action::Forget, wish),
    }
}

/// Loads the feeds as the daemon would, without keeping copies.
fn load(config: &Config) -> anyhow::Result<Gated> {
    let options = gate::build_options(config)?;
    let store = gate::store_to_look_at(&config.gate);
    let feeds = gate::at_hand(&config.feeds, store.as_ref());
    gate::load_gated(&feeds, store.as_ref(), &options, app::now()).map_err(|errors| all_of(&errors))
}

/// The store, without which there are no copies.
fn store(config: &Config) -> Result<Store, Usage> {
    gate::store_to_look_at(&config.gate).ok_or_else(|| {
        Usage("no copies are kept: set `store` in [gate] of the configuration".to_owned())
    })
}

/// Makes sure that there is such a feed.
fn known(config: &Config, feed: &str) -> Result<(), Usage> {
    let names: Vec<&str> = config.feeds.iter().map(|feed| feed.name.as_str()).collect();
    if names.contains(&feed) {
        return Ok(());
    }
    Err(Usage(format!(
        "there is no feed `{feed}`: the configuration has {}",
        names.join(", ")
    )))
}
