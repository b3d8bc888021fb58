//! Tokens without signature for OAUTHBEARER (RFC 7628), as librdkafka makes them of
//! `sasl.oauthbearer.config`. Whoever can write can make such a token: it is for tests and
//! for networks where something else proves who is who.

use std::collections::BTreeMap;
use std::error::Error;
use std::num::TryFromIntError;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OauthSettings {
    principal_claim: String,
    principal: String,
    scope_claim: String,
    scope: Vec<String>,
    life: Duration,
    /// Names and values that go beside the token.
    extensions: Vec<(String, String)>,
}

/// A token and what goes with it.
#[derive(Clone, PartialEq, Eq)]
pub struct OauthToken {
    /// The token itself.
    pub text: String,
    /// Whose it is.
    pub principal: String,
    /// How long it is good, since the epoch.
    pub until: Duration,
}

impl OauthToken {
    /// How long it is good, in milliseconds since the epoch.
    ///
    /// # Errors
    /// When that is no number of 64 bits.
    pub fn until_ms(&self) -> Result<i64, TryFromIntError> {
        i64::try_from(self.until.as_millis())
    }
}

impl OauthSettings {
    /// The next token for a client of librdkafka, good from now on. The library makes only the first
    /// one itself: it leaves the others to whoever takes its events, as our clients do.
    ///
    /// # Errors
    /// When such tokens are not asked for, or the clock stands before 1970.
    pub fn renewed(asked: Option<&Self>) -> Result<OauthToken, Box<dyn Error>> {
        let asked = asked.ok_or("tokens without signature are not asked for")?;
        Ok(asked.token(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?))
    }

    /// What librdkafka's `properties` ask for, if they ask for such tokens at all. What is malformed
    /// counts as not asked for: the library refuses it.
    pub fn of(properties: &BTreeMap<String, String>) -> Option<Self> {
        let asked = properties.get("enable.sasl.oauthbearer.unsecure.jwt")?;
        let yes = ["true", "t", "1"];
        if !yes.iter().any(|yes| asked.eq_ignore_ascii_case(yes)) {
            return None;
        }
        Self::read(properties.get("sasl.oauthbearer.config")?).ok()
    }

    /// Reads librdkafka's form: `name=value` with spaces between, such as
    /// `principal=admin scope=role1,role2 lifeSeconds=600 extension_traceId=1`. The error says
    /// what is wrong without the value.
    ///
    /// # Errors
    /// What is wrong.
    pub fn read(written: &str) -> Result<Self, &'static str> {
        let mut settings = Self {
            principal_claim: "sub".to_owned(),
            principal: String::new(),
            scope_claim: "scope".to_owned(),
            scope: Vec::new(),
            life: Duration::from_secs(3600),
            extensions: Vec::new(),
        };
        for item in written.split_ascii_whitespace() {
            let (name, value) = item.split_once('=').ok_or("an item is not `name=value`")?;
            let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"';
            if value.is_empty() || !value.bytes().all(plain) {
                return Err("a value is empty or has characters that are not allowed");
            }
            match name {
                "principalClaimName" => value.clone_into(&mut settings.principal_claim),
                "principal" => value.clone_into(&mut settings.principal),
                "scopeClaimName" => value.clone_into(&mut settings.scope_claim),
                "scope" => settings.scope = value.split(',').map(str::to_owned).collect(),
                "lifeSeconds" => {
                    let seconds: u32 = value.parse().map_err(|_| "`lifeSeconds` is no number")?;
                    settings.life = Duration::from_secs(seconds.max(1).into());
                }
                _ => {
                    let name = name
                        .strip_prefix("extension_")
                        .ok_or("a name is not known")?;
                    let letters = name.bytes().all(|byte| byte.is_ascii_alphabetic());
                    if name.is_empty() || name == "auth" || !letters {
                        return Err("the name of an extension is not allowed");
                    }
                    settings
                        .extensions
                        .push((name.to_owned(), value.to_owned()));
                }
            }
        }
        if settings.principal.is_empty() {
            return Err("`principal` is missing");
        }
        Ok(settings)
    }

    /// The first message to a broker.
    pub fn message(&self, token: &str) -> Vec<u8> {
        let mut message = format!("n,,\x01auth=Bearer {token}");
        for (name, value) in &self.extensions {
            message.push_str(&format!("\x01{name}={value}"));
        }
        message.push_str("\x01\x01");
        message.into_bytes()
    }

    /// A token without signature that is good from `unix_time` on.
    pub fn token(&self, unix_time: Duration) -> OauthToken {
        let mut claims = Map::new();
        claims.insert(self.principal_claim.clone(), json!(self.principal));
        claims.insert("iat".to_owned(), json!(unix_time.as_secs()));
        let until = unix_time.saturating_add(self.life);
        claims.insert("exp".to_owned(), json!(until.as_secs()));
        if !self.scope.is_empty() {
            claims.insert(self.scope_claim.clone(), json!(self.scope));
        }
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        let claims = URL_SAFE_NO_PAD.encode(Value::Object(claims).to_string());
        OauthToken {
            text: format!("{header}.{claims}."),
            principal: self.principal.clone(),
            until,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_what_is_written() {
        let settings = OauthSettings::read(
            "principalClaimName=azp  principal=admin scopeClaimName=roles \
             scope=role1,role2 lifeSeconds=600 extension_traceId=123",
        )
        .unwrap();
        let message =
            String::from_utf8(settings.message(&settings.token(Duration::from_secs(1000)).text))
                .unwrap();
        let token = message.strip_prefix("n,,\x01auth=Bearer ").unwrap();
        let token = token.strip_suffix("\x01traceId=123\x01\x01").unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let read = |part: &str| -> Value {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        assert_eq!(parts.len(), 3);
        assert_eq!(read(parts[0]), json!({"alg": "none"}));
        assert_eq!(
            read(parts[1]),
            json!({"azp": "admin", "iat": 1000, "exp": 1600, "roles": ["role1", "role2"]})
        );
        assert_eq!(parts[2], "", "no signature");
    }

    #[test]
    fn tokens_are_made_only_for_who_asks_for_them() {
        let of = |asked: &str| {
            let properties = [
                ("enable.sasl.oauthbearer.unsecure.jwt", asked),
                ("sasl.oauthbearer.config", "principal=admin"),
            ];
            let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let token = OauthSettings::of(&properties.into())?.token(Duration::from_secs(1000));
            Some((token.principal, token.until.as_secs()))
        };
        assert_eq!(of("True"), Some(("admin".to_owned(), 4600)));
        assert_eq!(of("false"), None);
        assert_eq!(OauthSettings::of(&BTreeMap::new()), None);
    }

    #[test]
    fn what_is_not_understood_is_said_without_its_value() {
        for written in [
            "",
            "scope=a",
            "principal",
            "principal=",
            "principal=a\"b",
            "principal=a other=b",
            "principal=a lifeSeconds=x",
            "principal=a extension_auth=b",
            "principal=a extension_x1=b",
        ] {
            assert!(OauthSettings::read(written).is_err(), "{written}");
        }
    }
}
