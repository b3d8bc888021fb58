//! Undoes defanging: the ways in which reports keep their addresses from being clicked.

use std::borrow::Cow;

/// What stands for what, longest first where one begins another.
const TOKENS: [(&str, &str); 12] = [
    ("[://]", "://"),
    ("[.]", "."),
    ("(.)", "."),
    ("{.}", "."),
    ("[dot]", "."),
    ("(dot)", "."),
    ("{dot}", "."),
    ("[:]", ":"),
    ("[/]", "/"),
    ("[at]", "@"),
    ("(at)", "@"),
    ("[@]", "@"),
];

/// Words that stand for `http`; a following `s` is kept.
const SCHEMES: [&str; 4] = ["hxxp", "hxtp", "h**p", "meow"];

/// `text` as it was before someone defanged it; borrowed when nobody did. O(`text.len()`).
pub fn refang(text: &str) -> Cow<'_, str> {
    undo_scheme(undo_tokens(strip_invisible(text)))
}

/// Removes soft hyphens and zero-width characters. The two joiners belong to some real names,
/// so they go only where nothing else is beyond ASCII.
fn strip_invisible(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let never = |character| matches!(character, '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}');
    let joiner = |character| matches!(character, '\u{200c}' | '\u{200d}');
    let plain = text
        .chars()
        .all(|character| character.is_ascii() || never(character) || joiner(character));
    let gone = |character: char| never(character) || (plain && joiner(character));
    if text.contains(gone) {
        Cow::Owned(text.chars().filter(|&character| !gone(character)).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// Replaces the bracketed tokens.
fn undo_tokens(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains(['[', '(', '{']) {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest: &str = &text;
    let mut changed = false;
    while let Some(at) = rest.find(['[', '(', '{']) {
        let (before, token) = rest.split_at(at);
        plain.push_str(before);
        let known = TOKENS.iter().find_map(|(written, meant)| {
            strip_prefix_ignore_case(token, written).map(|after| (*meant, after))
        });
        match known {
            Some((meant, after)) => {
                changed = true;
                plain.push_str(meant);
                rest = after;
            }
            None => {
                let mut characters = token.chars();
                plain.extend(characters.next());
                rest = characters.as_str();
            }
        }
    }
    if !changed {
        return text;
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// Replaces a leading `hxxp` and its like, where a scheme follows.
fn undo_scheme(text: Cow<'_, str>) -> Cow<'_, str> {
    let undone = SCHEMES.iter().find_map(|word| {
        let after = strip_prefix_ignore_case(&text, word)?;
        let (secure, after) = match strip_prefix_ignore_case(after, "s") {
            Some(after) => ("s", after),
            None => ("", after),
        };
        let after = after.strip_prefix("://")?;
        Some(format!("http{secure}://{after}"))
    });
    undone.map_or(text, Cow::Owned)
}

/// What follows `prefix` in `text`, whatever the case of ASCII letters.
fn strip_prefix_ignore_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, tail) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(written: &str, meant: &str) {
        let actual = refang(written);
        assert_eq!(actual, meant, "input {written:?}");
        assert_eq!(matches!(actual, Cow::Owned(_)), written != meant);
    }

    #[test]
    fn defanging_is_undone() {
        check("hxxp://bad.example", "http://bad.example");
        check("hXXpS://bad.example/x", "https://bad.example/x");
        check("hxxps[://]bad[.]example[/]x", "https://bad.example/x");
        check("meow://bad.example", "http://bad.example");
        check("h**p://bad.example", "http://bad.example");
        check("203[.]0(.)113{.}5[:]443", "203.0.113.5:443");
        check("bad[dot]one(DOT)two{dot}example", "bad.one.two.example");
        check("who[at]bad[.]example", "who@bad.example");
        check("ba\u{200b}d.exam\u{ad}ple\u{feff}", "bad.example");
        check("ba\u{200d}d.example", "bad.example");
    }

    #[test]
    fn what_is_not_defanged_is_left_alone() {
        for text in [
            "bad.example",
            "hxxp.example",
            "[2001:db8::1]:443",
            "vh[0-9]{6}.example",
            "b\u{fc}cher.example",
            "\u{646}\u{200c}\u{627}.example",
            "[",
            "([{",
        ] {
            check(text, text);
        }
    }

    proptest! {
        #[test]
        fn any_choice_of_brackets_comes_back(
            labels in proptest::collection::vec("[a-z0-9]{1,5}", 2..5),
            dots in proptest::collection::vec(0_usize..6, 4),
        ) {
            let dot = [".", "[.]", "(.)", "{.}", "[dot]", "[DOT]"];
            let mut written = String::new();
            for (at, label) in labels.iter().enumerate() {
                if at > 0 {
                    written.push_str(dot[dots[at - 1]]);
                }
                written.push_str(label);
            }
            prop_assert_eq!(refang(&written), labels.join("."));
        }

        #[test]
        fn any_text_is_survived(text in "\\PC*") {
            let once = refang(&text).into_owned();
            prop_assert!(once.len() <= text.len());
        }
    }
}
