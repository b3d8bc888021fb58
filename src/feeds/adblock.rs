//! `adblock`: the rules of blocking lists that speak of whole names. `||name^` is a subtree,
//! `||*.name^` what is below a name, `|name^` the name alone, `@@` allows, and a bare value is what
//! it is in `plain`. Everything about pages and requests is refused.

use super::ParseOptions;
use super::reason::{self, Reason};
use super::rows::{Facts, Row, Rows};
use super::value;
use crate::model::{Role, Scope};

/// What an option may be without changing which names a rule covers.
const HARMLESS: [&str; 4] = ["important", "all", "document", "doc"];

/// Parses one line.
///
/// # Errors
/// The [`Reason`] when the row is refused.
pub(super) fn parse_line(
    line: &[u8],
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<Row, Reason> {
    let line = line.trim_ascii();
    if is_comment(line) {
        return Ok(Row::Comment);
    }
    let text = std::str::from_utf8(line).map_err(|_| reason::NOT_UTF8)?;
    let text = text
        .split_once(" #")
        .map_or(text, |(rule, _)| rule.trim_end());
    if text.starts_with('/') || text.contains('#') {
        return Err(reason::UNSUPPORTED_RULE);
    }
    let (rule, options_text) = text.split_once('$').unwrap_or((text, ""));
    let unsupported = |option: &str| !option.is_empty() && !HARMLESS.contains(&option.trim());
    if options_text.split(',').any(unsupported) {
        return Err(reason::UNSUPPORTED_OPTION);
    }
    let mut facts = Facts::of(options);
    let rule = match rule.strip_prefix("@@") {
        Some(allowed) => {
            facts.role = Role::Allow;
            allowed
        }
        None => rule,
    };
    offer(rule, options.bare(), &facts, rows)?;
    Ok(Row::Accepted)
}

/// Offers what `rule` (without exception mark and options) covers.
fn offer(rule: &str, bare: Scope, facts: &Facts<'_>, rows: &mut Rows<'_>) -> Result<(), Reason> {
    let (anchored, scope) = if let Some(rest) = rule.strip_prefix("||") {
        (rest, Scope::Subtree)
    } else if let Some(rest) = rule.strip_prefix('|') {
        (rest, Scope::Exact)
    } else {
        (rule, bare)
    };
    let body = anchored.strip_suffix('|').unwrap_or(anchored);
    let body = body.strip_suffix('^').unwrap_or(body);
    if body.contains(['^', '|']) {
        return Err(reason::UNSUPPORTED_RULE);
    }
    if anchored.len() == rule.len() {
        return rows.offer(body, bare, facts);
    }
    match body.strip_prefix("*.") {
        Some(below) if !below.contains('*') && scope == Scope::Subtree => {
            let mut scratch = value::scratch();
            let name = value::name(below, Scope::Below, &mut scratch)?;
            rows.take(name, body, facts)
        }
        // An anchored wildcard means "at the start of some label", which no pattern of ours says.
        Some(_) | None if body.contains('*') => Err(reason::UNSUPPORTED_RULE),
        Some(_) | None => rows.offer(body, scope, facts),
    }
}

/// Whether `line` is blank, a comment or a header: `! …`, `[Adblock Plus 2.0]`, and `# …` unless
/// it is a rule that hides parts of pages.
fn is_comment(line: &[u8]) -> bool {
    match line {
        [] | [b'!', ..] => true,
        [b'[', .., b']'] => !line.contains(&b':'),
        [b'#', b'#' | b'@' | b'?' | b'$' | b'%', ..] => false,
        [b'#', ..] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::tests::{check_row, options, parse_text, shown};
    use crate::model::FeedFormat;

    #[track_caller]
    fn check(row: &str, expected: Result<&[&str], Reason>) {
        check_row(FeedFormat::Adblock, row, expected);
    }

    #[test]
    fn rules_about_names_are_taken() {
        check("||Bad.Example^", Ok(&["name subtree bad.example"]));
        check("||bad.example^|", Ok(&["name subtree bad.example"]));
        check("||bad.example", Ok(&["name subtree bad.example"]));
        check(
            "||bad.example^$important",
            Ok(&["name subtree bad.example"]),
        );
        check("||bad.example^ # c", Ok(&["name subtree bad.example"]));
        check("||*.bad.example^", Ok(&["name below bad.example"]));
        check("|bad.example^", Ok(&["name exact bad.example"]));
        check("bad.example", Ok(&["name subtree bad.example"]));
        check("||203.0.113.5^", Ok(&["prefix 203.0.113.5"]));
        check("*login-bank*", Ok(&["pattern *login-bank*"]));
    }

    #[test]
    fn rules_about_pages_are_refused() {
        for row in [
            "/ads[0-9]+/",
            "##.ad",
            "#@#.ad",
            "#?#.ad",
            "bad.example##.ad",
            "bad.example#?#.ad",
            "||bad*.example^",
            "||a.example^b^",
            "||*.bad.*^",
        ] {
            check(row, Err(reason::UNSUPPORTED_RULE));
        }
        check(
            "||bad.example^$third-party",
            Err(reason::UNSUPPORTED_OPTION),
        );
        check(
            "||bad.example^$important,script",
            Err(reason::UNSUPPORTED_OPTION),
        );
        check("||bad.example^$badfilter", Err(reason::UNSUPPORTED_OPTION));
        check("||bad.example/a^", Err(reason::URL));
        check("0.0.0.0 bad.example", Err(reason::EXTRA_TEXT));
        check("||^", Err(reason::EMPTY_VALUE));
        check("@@", Err(reason::EMPTY_VALUE));
    }

    #[test]
    fn exceptions_are_allow_rules_and_headers_are_comments() {
        let text = b"[Adblock Plus 2.0]\n! c\n# d\n#\n@@||good.example^$important\n@@|one.example^\n||bad.example^\n\xff\n";
        let (found, report) = parse_text(text, &options(FeedFormat::Adblock), |indicator| {
            format!("{:?} {}", indicator.role, shown(indicator))
        });
        let expected = [
            "Allow name subtree good.example",
            "Allow name exact one.example",
            "C2 name subtree bad.example",
        ];
        assert_eq!(found, expected);
        assert_eq!(report.rows, 4);
        assert_eq!(report.refused, [(reason::NOT_UTF8, 1)].into());
    }
}
