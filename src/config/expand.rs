//! `${NAME}` and `${NAME:-default}` in values, and `$$` for a dollar sign.

/// Why a value cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ExpandError {
    /// A variable that is not set and has no default.
    #[error("the environment variable `{0}` is not set")]
    Missing(String),
    /// A name that no shell would take.
    #[error("`{0}` is not the name of an environment variable")]
    BadName(String),
    /// A brace that is not closed.
    #[error("`${{` without `}}`")]
    Unclosed,
    /// A dollar sign that starts nothing.
    #[error("a lone `$`: write `$$` for the sign, or `${{NAME}}` for a variable")]
    Lone,
}

/// `text` with its variables replaced by what `env` knows. A default also stands in for an
/// empty variable. What a variable holds is not expanded again.
pub(super) fn expand(
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<String, ExpandError> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            expanded.push('$');
            rest = after;
        } else if let Some(after) = after.strip_prefix('{') {
            let (inside, after) = after.split_once('}').ok_or(ExpandError::Unclosed)?;
            expanded.push_str(&variable(inside, env)?);
            rest = after;
        } else {
            return Err(ExpandError::Lone);
        }
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// The value of `NAME` or `NAME:-default`.
fn variable(inside: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, ExpandError> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty()
        || name.starts_with(|c: char| c.is_ascii_digit())
        || !name.chars().all(letters)
    {
        return Err(ExpandError::BadName(name.to_owned()));
    }
    match (env(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(ExpandError::Missing(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, ExpandError>) {
        let env = |name: &str| match name {
            "HOST" => Some("broker.example".to_owned()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${HOST}".to_owned()),
            _ => None,
        };
        assert_eq!(expand(text, &env), expected.map(str::to_owned), "{text}");
    }

    #[test]
    fn variables_and_defaults_are_filled_in() {
        check("plain", Ok("plain"));
        check("", Ok(""));
        check("${HOST}:9092", Ok("broker.example:9092"));
        check("${HOST}${HOST}", Ok("broker.examplebroker.example"));
        check("${GONE:-x:1}", Ok("x:1"));
        check("${GONE:-}", Ok(""));
        check("${EMPTY}", Ok(""));
        check("${EMPTY:-full}", Ok("full"));
        check("${HOST:-x}", Ok("broker.example"));
        check("5$$ $${HOST}", Ok("5$ ${HOST}"));
        check("${NESTED}", Ok("${HOST}"));
    }

    #[test]
    fn what_cannot_be_filled_in_is_named() {
        check("a ${GONE} b", Err(ExpandError::Missing("GONE".to_owned())));
        check("${HOST", Err(ExpandError::Unclosed));
        check("$HOST", Err(ExpandError::Lone));
        check("$", Err(ExpandError::Lone));
        check("${}", Err(ExpandError::BadName(String::new())));
        check("${1A}", Err(ExpandError::BadName("1A".to_owned())));
        check("${A-B}", Err(ExpandError::BadName("A-B".to_owned())));
    }
}
