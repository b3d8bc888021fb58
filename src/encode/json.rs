//! What the JSON forms share.

use std::fmt::Display;

use serde::{Serialize, Serializer};

use crate::model::{Endpoint, Named};

/// A value that is written as its text.
pub(super) struct Text<T>(pub(super) T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// An address and its port.
#[derive(Serialize)]
pub(super) struct EndpointJson {
    ip: Text<std::net::IpAddr>,
    port: Option<u16>,
}

impl EndpointJson {
    /// The form of `endpoint`.
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self {
            ip: Text(endpoint.ip),
            port: endpoint.port,
        }
    }
}

/// The words of a list of closed values.
pub(super) fn words<T: Named>(values: &[T]) -> Vec<&'static str> {
    values.iter().map(|value| value.as_str()).collect()
}

/// `text`, with nothing in place of an empty one.
pub(super) fn filled(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// Appends `value` to `out`. Writing plain structs to memory cannot fail.
pub(super) fn append(value: &impl Serialize, out: &mut Vec<u8>) {
    let written = serde_json::to_writer(out, value);
    debug_assert!(written.is_ok(), "plain structs are always JSON");
}
