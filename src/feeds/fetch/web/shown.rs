//! A URL as it may be shown: without user, password, query and fragment, which hold secrets.

use reqwest::Url;

/// Longest URL that is shown, in bytes; the rest is cut.
const SHOWN_BYTES_MAX: usize = 512;

/// What may be shown of a URL.
pub(in crate::feeds::fetch) fn shown(url: &Url) -> String {
    let mut text = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
    if let Some(port) = url.port() {
        text.push_str(&format!(":{port}"));
    }
    text.push_str(url.path());
    // All of it is ASCII, so that every byte is a place to cut at.
    text.truncate(SHOWN_BYTES_MAX);
    text
}

/// What may be shown of a text that should be a URL: nothing if it is none.
pub(super) fn shown_text(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) if url.has_host() => shown(&url),
        Ok(_) | Err(_) => "(not a URL)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(shown_text(text), expected, "{text}");
    }

    #[test]
    fn user_password_query_and_fragment_are_not_shown() {
        check(
            "https://user:word@feeds.example:8443/list.txt?key=word#word",
            "https://feeds.example:8443/list.txt",
        );
        check("https://feeds.example", "https://feeds.example/");
        check("https://[2001:db8::7]/a?b", "https://[2001:db8::7]/a");
        check(
            "https://bücher.example/ü",
            "https://xn--bcher-kva.example/%C3%BC",
        );
        check("user:word@feeds.example", "(not a URL)");
        check("mailto:word@feeds.example", "(not a URL)");
        check("word", "(not a URL)");
        let long = format!("https://feeds.example/{}", "a".repeat(1000));
        assert_eq!(shown_text(&long), long[..SHOWN_BYTES_MAX]);
    }
}
