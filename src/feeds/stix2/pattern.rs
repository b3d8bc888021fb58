//! The part of the pattern language of STIX that is a list of values: comparisons of names, addresses
//! and URLs, joined by OR. What says more is refused, as it would be listed as more than it says.

#[cfg(test)]
mod tests;
mod token;

use super::super::reason::{self, Reason};
use token::{Token, Tokens};

/// How deep parentheses may go.
const DEPTH_MAX: usize = 32;

/// Most addresses with ports that one pair of comparisons may come to.
const PAIRS_MAX: usize = 1024;

/// A value that a pattern lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    /// A name.
    Name(String),
    /// An address or a prefix.
    Address(String),
    /// A URL.
    Url(String),
    /// A name or an address that is connected to.
    Peer(String),
    /// A name or an address that is connected to at a port.
    PeerPort(String, String),
}

/// What a pattern comes to: any of `listed`, and perhaps something that cannot be listed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Meaning {
    /// The values, each of which is enough.
    pub(super) listed: Vec<Listed>,
    /// Why there is more to it, if there is.
    pub(super) refused: Option<Reason>,
}

impl Meaning {
    /// Nothing but a refusal.
    fn refused(reason: Reason) -> Self {
        Self {
            listed: Vec::new(),
            refused: Some(reason),
        }
    }

    /// This or that.
    fn or(mut self, mut other: Self) -> Self {
        self.listed.append(&mut other.listed);
        self.refused = self.refused.or(other.refused);
        self
    }
}

/// What one comparison says.
#[derive(Debug)]
enum Term {
    /// Something that stands for itself.
    Whole(Meaning),
    /// The other end is one of these.
    Peers(Vec<String>),
    /// The port there is one of these.
    Ports(Vec<String>),
    /// The other end is a name or an address: nothing that its value does not say.
    PeerType,
}

/// Parses a pattern.
///
/// # Errors
/// [`reason::BAD_PATTERN_SYNTAX`] when it is none, [`reason::UNSUPPORTED_PATTERN`] when its
/// parentheses go deeper than any that is meant.
pub(super) fn parse(pattern: &str) -> Result<Meaning, Reason> {
    let mut parser = Parser {
        tokens: Tokens::of(pattern),
        depth: 0,
    };
    let meaning = parser.observations()?;
    match parser.tokens.next()? {
        None => Ok(meaning),
        Some(_) => Err(reason::BAD_PATTERN_SYNTAX),
    }
}

/// Parses by recursive descent.
struct Parser<'p> {
    /// What is left of the pattern.
    tokens: Tokens<'p>,
    /// How many parentheses are open.
    depth: usize,
}

impl Parser<'_> {
    /// Observations that follow one another: more than a list if there are several.
    fn observations(&mut self) -> Result<Meaning, Reason> {
        let mut meaning = self.observations_or()?;
        while self.tokens.take_word("FOLLOWEDBY")? {
            self.observations_or()?;
            meaning = Meaning::refused(reason::UNSUPPORTED_PATTERN);
        }
        Ok(meaning)
    }

    /// Observations, one of which is enough.
    fn observations_or(&mut self) -> Result<Meaning, Reason> {
        let mut meaning = self.observations_and()?;
        while self.tokens.take_word("OR")? {
            meaning = meaning.or(self.observations_and()?);
        }
        Ok(meaning)
    }

    /// Observations that must all be made.
    fn observations_and(&mut self) -> Result<Meaning, Reason> {
        let mut meaning = self.observation()?;
        while self.tokens.take_word("AND")? {
            self.observation()?;
            meaning = Meaning::refused(reason::UNSUPPORTED_PATTERN);
        }
        Ok(meaning)
    }

    /// One observation, with what qualifies it.
    fn observation(&mut self) -> Result<Meaning, Reason> {
        let mut meaning = if self.tokens.take(&Token::Open)? {
            let meaning = self.comparisons()?;
            self.tokens.expect(&Token::Close)?;
            meaning
        } else {
            self.tokens.expect(&Token::OpenRound)?;
            self.inside(Self::observations)?
        };
        while self.qualifier()? {
            meaning = Meaning::refused(reason::UNSUPPORTED_PATTERN);
        }
        Ok(meaning)
    }

    /// Skips a qualifier; `false` when there is none.
    fn qualifier(&mut self) -> Result<bool, Reason> {
        let n_tokens = if self.tokens.take_word("WITHIN")? || self.tokens.take_word("REPEATS")? {
            2
        } else if self.tokens.take_word("START")? {
            3
        } else {
            return Ok(false);
        };
        for _ in 0..n_tokens {
            self.tokens.next()?.ok_or(reason::BAD_PATTERN_SYNTAX)?;
        }
        Ok(true)
    }

    /// What stands in parentheses that are open, and their end.
    fn inside(
        &mut self,
        parse: fn(&mut Self) -> Result<Meaning, Reason>,
    ) -> Result<Meaning, Reason> {
        if self.depth == DEPTH_MAX {
            return Err(reason::UNSUPPORTED_PATTERN);
        }
        self.depth += 1;
        let meaning = parse(self)?;
        self.depth -= 1;
        self.tokens.expect(&Token::CloseRound)?;
        Ok(meaning)
    }

    /// Comparisons, one of which is enough.
    fn comparisons(&mut self) -> Result<Meaning, Reason> {
        let mut meaning = self.comparisons_and()?;
        while self.tokens.take_word("OR")? {
            meaning = meaning.or(self.comparisons_and()?);
        }
        Ok(meaning)
    }

    /// Comparisons that must all hold.
    fn comparisons_and(&mut self) -> Result<Meaning, Reason> {
        let mut terms = vec![self.comparison()?];
        while self.tokens.take_word("AND")? {
            terms.push(self.comparison()?);
        }
        Ok(all_of(terms))
    }

    /// One comparison, or several in parentheses.
    fn comparison(&mut self) -> Result<Term, Reason> {
        if self.tokens.take(&Token::OpenRound)? {
            return Ok(Term::Whole(self.inside(Self::comparisons)?));
        }
        let not_before = self.tokens.take_word("NOT")?;
        if self.tokens.take_word("EXISTS")? {
            let path = self.tokens.word()?;
            return Ok(Term::Whole(Meaning::refused(beyond(path))));
        }
        let path = self.tokens.word()?;
        let negated = self.tokens.take_word("NOT")? || not_before;
        let operator = self.tokens.operator()?;
        let constants = self.constants()?;
        if negated {
            return Ok(Term::Whole(Meaning::refused(beyond(path))));
        }
        Ok(term(path, operator, constants))
    }

    /// One constant, or several in parentheses.
    fn constants(&mut self) -> Result<Vec<String>, Reason> {
        if !self.tokens.take(&Token::OpenRound)? {
            return Ok(vec![self.tokens.constant()?]);
        }
        let mut constants = vec![self.tokens.constant()?];
        while self.tokens.take(&Token::Comma)? {
            constants.push(self.tokens.constant()?);
        }
        self.tokens.expect(&Token::CloseRound)?;
        Ok(constants)
    }
}

/// What a comparison says that is not negated.
fn term(path: &str, operator: &str, constants: Vec<String>) -> Term {
    let equal = matches!(operator, "=" | "==") || operator.eq_ignore_ascii_case("IN");
    let within = operator.eq_ignore_ascii_case("ISSUBSET");
    let whole = |listed: fn(String) -> Listed| {
        Term::Whole(Meaning {
            listed: constants.iter().cloned().map(listed).collect(),
            refused: None,
        })
    };
    match path {
        "domain-name:value" if equal => whole(Listed::Name),
        "url:value" if equal => whole(Listed::Url),
        "ipv4-addr:value" | "ipv6-addr:value" if equal || within => whole(Listed::Address),
        "network-traffic:dst_ref.value" if equal || within => Term::Peers(constants),
        "network-traffic:dst_port" if equal => Term::Ports(constants),
        "network-traffic:dst_ref.type" if equal => Term::PeerType,
        _ => Term::Whole(Meaning::refused(beyond(path))),
    }
}

/// Why a comparison of `path` cannot be listed.
fn beyond(path: &str) -> Reason {
    match path.split(':').next() {
        Some("domain-name" | "ipv4-addr" | "ipv6-addr" | "url" | "network-traffic") => {
            reason::UNSUPPORTED_PATTERN
        }
        Some(_) | None => reason::NOT_NETWORK,
    }
}

/// What it means that all of `terms` hold, of which there is one at least.
fn all_of(mut terms: Vec<Term>) -> Meaning {
    if terms.len() > 1 && terms.iter().all(is_of_no_network) {
        return Meaning::refused(reason::NOT_NETWORK);
    }
    let unsupported = || Meaning::refused(reason::UNSUPPORTED_PATTERN);
    let n_terms = terms.len();
    terms.retain(|term| !matches!(term, Term::PeerType));
    let typed = terms.len() < n_terms;
    let (first, second) = (terms.pop(), terms.pop());
    match (second, first, terms.is_empty()) {
        (None, Some(Term::Whole(meaning)), true) if !typed => meaning,
        (None, Some(Term::Peers(peers)), true) => Meaning {
            listed: peers.into_iter().map(Listed::Peer).collect(),
            refused: None,
        },
        (Some(Term::Peers(peers)), Some(Term::Ports(ports)), true)
        | (Some(Term::Ports(ports)), Some(Term::Peers(peers)), true) => {
            pairs(&peers, &ports).unwrap_or_else(unsupported)
        }
        (Some(_) | None, Some(_) | None, _) => unsupported(),
    }
}

/// Each of `peers` at each of `ports`; `None` if that is too many.
fn pairs(peers: &[String], ports: &[String]) -> Option<Meaning> {
    if peers.len().saturating_mul(ports.len()) > PAIRS_MAX {
        return None;
    }
    let with_ports = |peer: &String| {
        let peer = peer.clone();
        ports
            .iter()
            .map(move |port| Listed::PeerPort(peer.clone(), port.clone()))
            .collect::<Vec<_>>()
    };
    Some(Meaning {
        listed: peers.iter().flat_map(with_ports).collect(),
        refused: None,
    })
}

/// Whether a term is about nothing that DNS or flows show.
fn is_of_no_network(term: &Term) -> bool {
    match term {
        Term::Whole(meaning) => {
            meaning.listed.is_empty() && meaning.refused == Some(reason::NOT_NETWORK)
        }
        Term::Peers(_) | Term::Ports(_) | Term::PeerType => false,
    }
}
