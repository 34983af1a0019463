//! Values that no message may hold.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

/// A password, a token or a header made of them. Printing it prints `****`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value of an `Authorization` header of the Basic scheme.
    pub fn basic(user: &str, password: &Self) -> Self {
        Self(format!(
            "Basic {}",
            STANDARD.encode(format!("{user}:{}", password.0))
        ))
    }

    /// The value of an `Authorization` header of the Bearer scheme.
    pub fn bearer(token: &Self) -> Self {
        Self(format!("Bearer {}", token.0))
    }

    /// The value, for whom it is meant for.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// A text in which the value, what follows its scheme and the password in it stand as `****`. Servers echo what
    /// they got.
    pub(crate) fn masked_in(&self, text: &str) -> String {
        let (scheme, bare) = self.0.split_once(' ').unwrap_or_default();
        let decoded = STANDARD.decode(bare).ok().filter(|_| scheme == "Basic");
        let decoded = decoded.and_then(|decoded| String::from_utf8(decoded).ok());
        let password = decoded.as_deref().and_then(|pair| pair.split_once(':'));
        let password = password.map_or("", |(_, password)| password);
        let encoded: String = form_urlencoded::byte_serialize(self.0.as_bytes()).collect();
        let mut shown = text.to_owned();
        for value in [self.0.as_str(), bare, password, encoded.as_str()] {
            // Shorter ones stand everywhere; masking them would tell more than it hides.
            if value.len() >= 4 {
                shown = shown.replace(value, "****");
            }
        }
        shown
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("****")
    }
}
