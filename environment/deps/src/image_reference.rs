//! Names of images by the grammar of the OCI distribution specification, with the defaults that docker has: what is a
//! value of these types holds no character that could break a line, a shell word or a URL.

use std::{fmt, str::FromStr};

/// The registry of names that say none.
const DEFAULT_REGISTRY: &str = "docker.io";
/// Bytes of registry and path together, at most: more than any registry takes.
const MAX_NAME: usize = 255;
/// Characters of a tag, at most.
pub(crate) const MAX_TAG: usize = 128;

/// A name of an image: `registry[:port]/path[:tag][@digest]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageReference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// A digest: `sha256:` or `sha512:` with lower-case hexadecimal digits of the right number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

/// A reference that names one image for ever: it has a digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PinnedImage {
    reference: ImageReference,
    digest: Digest,
}

/// Why a text is no name of an image. Texts are shown escaped and cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadReference {
    /// Nothing.
    #[error("the name of the image is empty; write one like `docker.io/library/python:3.12-slim`")]
    Empty,
    /// `https://`.
    #[error("`{text}`: a name of an image has no scheme; leave out `{scheme}`")]
    Scheme {
        /// What was written.
        text: String,
        /// `https://`.
        scheme: String,
    },
    /// Spaces, line breaks, control characters and others that no name holds.
    #[error("`{text}`: {character:?} cannot be in the name of an image")]
    Character {
        /// What was written.
        text: String,
        /// The first that cannot be.
        character: char,
    },
    /// Capitals in the path.
    #[error("`{text}`: the path of an image is in lower case; write `{instead}`")]
    UpperCase {
        /// What was written.
        text: String,
        /// The same in lower case.
        instead: String,
    },
    /// The host or port.
    #[error("`{text}`: `{registry}` is no name of a registry; write `host` or `host:port`")]
    Registry {
        /// What was written.
        text: String,
        /// Its first part.
        registry: String,
    },
    /// The path.
    #[error(
        "`{text}`: `{component}` cannot be a part of an image's path: lower-case letters and digits, between them one `.`, one or two `_`, or `-`"
    )]
    Path {
        /// What was written.
        text: String,
        /// The part between slashes.
        component: String,
    },
    /// The whole.
    #[error("`{text}`: longer than {MAX_NAME} characters before tag and digest")]
    TooLong {
        /// What was written.
        text: String,
    },
    /// The tag.
    #[error(
        "`{text}`: `{tag}` is no tag: at most {MAX_TAG} letters, digits, `_`, `.` and `-`, not beginning with `.` or `-`"
    )]
    Tag {
        /// What was written.
        text: String,
        /// Behind the colon.
        tag: String,
    },
    /// The digest.
    #[error(
        "`{text}`: `{digest}` is no digest; write `sha256:` and 64 hexadecimal digits in lower case, as `skopeo inspect` shows them"
    )]
    Digest {
        /// What was written.
        text: String,
        /// Behind the `@`.
        digest: String,
    },
    /// Without a digest, where one is needed.
    #[error("`{text}` names an image that may change; name it by its digest: `{text}@sha256:…`")]
    NotPinned {
        /// What was written.
        text: String,
    },
}

impl ImageReference {
    /// The host, with its port if it has one: `docker.io`, `localhost:5000`, `[::1]:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path in the registry: `library/python`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if one is written.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if one is written.
    pub const fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// What to ask a registry for: the digest, else the tag, else `latest`.
    pub fn manifest(&self) -> &str {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.as_str(),
            (None, Some(tag)) => tag,
            (None, None) => "latest",
        }
    }

    /// The image that the name stands for now.
    pub fn pinned(self, digest: Digest) -> PinnedImage {
        PinnedImage {
            reference: Self {
                digest: Some(digest.clone()),
                ..self
            },
            digest,
        }
    }

    /// Another tag of the same repository, without digest.
    pub fn with_tag(&self, tag: &str) -> Result<Self, BadReference> {
        let reference = Self {
            tag: Some(tag.to_owned()),
            digest: None,
            ..self.clone()
        };
        check_tag(&reference.to_string(), tag)?;
        Ok(reference)
    }
}

impl Digest {
    /// `sha256:…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `sha256` or `sha512`.
    pub fn algorithm(&self) -> &str {
        self.0.split_once(':').map_or("", |(algorithm, _)| algorithm)
    }

    /// The hexadecimal digits.
    pub fn hex(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, hex)| hex)
    }

    /// That of some bytes.
    pub fn sha256(bytes: &[u8]) -> Self {
        use sha2::{Digest as _, Sha256};

        Self::of_sha256(Sha256::digest(bytes).into())
    }

    /// The SHA-256 of what a reader gives.
    pub fn sha256_of(mut reader: impl std::io::Read) -> std::io::Result<Self> {
        use sha2::{Digest as _, Sha256};

        let mut hash = Sha256::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            match reader.read(&mut buffer)? {
                0 => return Ok(Self::of_sha256(hash.finalize().into())),
                read => hash.update(&buffer[..read]),
            }
        }
    }

    /// From the 32 bytes of a SHA-256.
    pub fn of_sha256(hash: [u8; 32]) -> Self {
        let mut text = String::with_capacity(7 + 64);
        text.push_str("sha256:");
        for byte in hash {
            for half in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
            }
        }
        Self(text)
    }
}

impl PinnedImage {
    /// The whole name.
    pub const fn reference(&self) -> &ImageReference {
        &self.reference
    }

    /// Its digest.
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }
}

impl TryFrom<ImageReference> for PinnedImage {
    type Error = BadReference;

    fn try_from(reference: ImageReference) -> Result<Self, BadReference> {
        match reference.digest.clone() {
            Some(digest) => Ok(Self { reference, digest }),
            None => Err(BadReference::NotPinned {
                text: reference.to_string(),
            }),
        }
    }
}

impl FromStr for PinnedImage {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, BadReference> {
        text.parse::<ImageReference>()?.try_into()
    }
}

impl FromStr for Digest {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, BadReference> {
        digest(text, text)
    }
}

impl FromStr for ImageReference {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, BadReference> {
        check_characters(text)?;
        let (named, digest) = match text.split_once('@') {
            Some((named, found)) => (named, Some(digest(text, found)?)),
            None => (text, None),
        };
        let (registry, rest) = split_registry(named);
        let (path, tag) = match rest.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => {
                check_tag(text, tag)?;
                (path, Some(tag.to_owned()))
            }
            _ => (rest, None),
        };
        check_path(text, path)?;
        let registry = registry_of(text, registry)?;
        let repository = if registry == DEFAULT_REGISTRY && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        if registry.len() + 1 + repository.len() > MAX_NAME {
            return Err(BadReference::TooLong { text: shown(text) });
        }
        Ok(Self {
            registry,
            repository,
            tag,
            digest,
        })
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for PinnedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reference.fmt(f)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! serialized_as_text {
    ($($type:ty),*) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

serialized_as_text!(ImageReference, Digest, PinnedImage);

/// The part before the first slash, if it is a registry by docker's rule: it holds `.` or `:`, or is `localhost`, or
/// has a capital, which no path has.
fn split_registry(named: &str) -> (Option<&str>, &str) {
    match named.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':']) || first == "localhost" || first.contains(char::is_uppercase) =>
        {
            (Some(first), rest)
        }
        _ => (None, named),
    }
}

fn registry_of(text: &str, registry: Option<&str>) -> Result<String, BadReference> {
    match registry {
        None | Some("index.docker.io" | "registry-1.docker.io") => Ok(DEFAULT_REGISTRY.to_owned()),
        Some(registry) if is_registry(registry) => {
            let lower = registry.to_ascii_lowercase();
            // A capital alone can be what tells it from the first part of a path.
            let is_told = lower.contains(['.', ':']) || lower == "localhost";
            Ok(if is_told { lower } else { registry.to_owned() })
        }
        Some(registry) => Err(BadReference::Registry {
            text: shown(text),
            registry: shown(registry),
        }),
    }
}

fn is_registry(registry: &str) -> bool {
    let (host, port) = match registry.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (registry, None),
    };
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(is_label),
    };
    is_host
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0) && !port.starts_with('+'))
}

fn is_label(label: &str) -> bool {
    label
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn check_characters(text: &str) -> Result<(), BadReference> {
    if text.is_empty() {
        return Err(BadReference::Empty);
    }
    if let Some((scheme, _)) = text.split_once("://") {
        return Err(BadReference::Scheme {
            text: shown(text),
            scheme: shown(&format!("{scheme}://")),
        });
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-:/@[]".contains(c);
    match text.chars().find(|c| !allowed(*c)) {
        Some(character) => Err(BadReference::Character {
            text: shown(text),
            character,
        }),
        None => Ok(()),
    }
}

fn check_path(text: &str, path: &str) -> Result<(), BadReference> {
    for component in path.split('/') {
        if is_component(component) {
            continue;
        }
        let lower = component.to_ascii_lowercase();
        return Err(if is_component(&lower) {
            BadReference::UpperCase {
                text: shown(text),
                instead: shown(&text.replacen(path, &path.to_ascii_lowercase(), 1)),
            }
        } else {
            BadReference::Path {
                text: shown(text),
                component: shown(component),
            }
        });
    }
    Ok(())
}

/// Letters and digits, with separators only between them: `.`, `_`, `__`, or any number of `-`.
fn is_component(component: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    component.starts_with(is_plain)
        && component.ends_with(is_plain)
        && component.split(is_plain).all(|between| {
            matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-')
        })
}

fn check_tag(text: &str, tag: &str) -> Result<(), BadReference> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_tag =
        tag.len() <= MAX_TAG && tag.starts_with(word) && tag.chars().all(|c| word(c) || c == '.' || c == '-');
    if is_tag {
        Ok(())
    } else {
        Err(BadReference::Tag {
            text: shown(text),
            tag: shown(tag),
        })
    }
}

fn digest(text: &str, digest: &str) -> Result<Digest, BadReference> {
    let is_hex = |hex: &str| hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_right = match digest.split_once(':') {
        Some(("sha256", hex)) => hex.len() == 64 && is_hex(hex),
        Some(("sha512", hex)) => hex.len() == 128 && is_hex(hex),
        _ => false,
    };
    if is_right {
        Ok(Digest(digest.to_owned()))
    } else {
        Err(BadReference::Digest {
            text: shown(text),
            digest: shown(digest),
        })
    }
}

/// As it may stand in a message: masked, escaped, and not longer than a name may be.
fn shown(text: &str) -> String {
    let cut: String = text.chars().take(MAX_NAME).collect();
    let masked = crate::masked(&cut).escape_debug().to_string();
    if cut.len() < text.len() {
        format!("{masked}…")
    } else {
        masked
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const SHA256: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn check(texts: &[&str], expected: &Expect) {
        let told = texts.iter().map(|text| match text.parse::<ImageReference>() {
            Ok(reference) => format!(
                "{} | {} | {}\n",
                reference.registry(),
                reference.repository(),
                reference.manifest()
            ),
            Err(error) => format!("{error}\n"),
        });
        expected.assert_eq(&told.collect::<String>());
    }

    #[test]
    fn what_is_written_again_names_the_same_image() {
        for text in ["Host/a", "LOCALHOST/a", "Host.example/a", "HOST:5000/a", "python"] {
            let reference: ImageReference = text.parse().unwrap();
            assert_eq!(reference.to_string().parse(), Ok(reference), "{text}");
        }
    }

    #[test]
    fn short_names_get_the_defaults_that_docker_has() {
        check(
            &[
                "python",
                "python:3.12-slim",
                "jupyter/scipy-notebook",
                "docker.io/python",
                "index.docker.io/library/python:3",
                "localhost/x",
                "Host/x",
                "localhost:5000/a/b__c/d-e.f:V1.0_x",
                "[::1]:5000/x",
                "quay.io/jupyter/minimal-notebook:2025-01-01",
                &format!("python@{SHA256}"),
                &format!("registry.example:443/a:1@{SHA256}"),
            ],
            &expect![[r#"
                docker.io | library/python | latest
                docker.io | library/python | 3.12-slim
                docker.io | jupyter/scipy-notebook | latest
                docker.io | library/python | latest
                docker.io | library/python | 3
                localhost | x | latest
                Host | x | latest
                localhost:5000 | a/b__c/d-e.f | V1.0_x
                [::1]:5000 | x | latest
                quay.io | jupyter/minimal-notebook | 2025-01-01
                docker.io | library/python | sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
                registry.example:443 | a | sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
            "#]],
        );
    }

    #[test]
    fn what_is_no_name_is_refused_with_what_to_write() {
        check(
            &[
                "",
                "https://quay.io/x",
                "docker://user:secret@quay.io/x",
                "python 3",
                "python\nRUN rm -rf /",
                "pyth\u{f6}n",
                "python$(x)",
                "python;x",
                "Python",
                "quay.io/Org/Image:Tag",
                "a//b",
                "a/../b",
                "-a",
                "a___b",
                "quay.io/",
                "quay.io:x/a",
                "quay.io:99999/a",
                "-quay.io/a",
                "[::g]:5000/a",
                "python:",
                "python:-x",
                "python@sha256:123",
                "python@md5:0123456789abcdef0123456789abcdef",
                &format!("python@{}", SHA256.to_uppercase()),
                &format!("python@{SHA256}@{SHA256}"),
                ":5000",
                "@",
                "/",
            ],
            &expect![[r#"
                the name of the image is empty; write one like `docker.io/library/python:3.12-slim`
                `https://quay.io/x`: a name of an image has no scheme; leave out `https://`
                `docker://****@quay.io/x`: a name of an image has no scheme; leave out `docker://`
                `python 3`: ' ' cannot be in the name of an image
                `python\nRUN rm -rf /`: '\n' cannot be in the name of an image
                `pythön`: 'ö' cannot be in the name of an image
                `python$(x)`: '$' cannot be in the name of an image
                `python;x`: ';' cannot be in the name of an image
                `Python`: the path of an image is in lower case; write `python`
                `quay.io/Org/Image:Tag`: the path of an image is in lower case; write `quay.io/org/image:Tag`
                `a//b`: `` cannot be a part of an image's path: lower-case letters and digits, between them one `.`, one or two `_`, or `-`
                `a/../b`: `..` cannot be a part of an image's path: lower-case letters and digits, between them one `.`, one or two `_`, or `-`
                `-a`: `-a` cannot be a part of an image's path: lower-case letters and digits, between them one `.`, one or two `_`, or `-`
                `a___b`: `a___b` cannot be a part of an image's path: lower-case letters and digits, between them one `.`, one or two `_`, or `-`
                `quay.io/`: `` cannot be a part of an image's path: lower-case letters and digits, between them one `.`, one or two `_`, or `-`
                `quay.io:x/a`: `quay.io:x` is no name of a registry; write `host` or `host:port`
                `quay.io:99999/a`: `quay.io:99999` is no name of a registry; write `host` or `host:port`
                `-quay.io/a`: `-quay.io` is no name of a registry; write `host` or `host:port`
                `[::g]:5000/a`: `[::g]:5000` is no name of a registry; write `host` or `host:port`
                `python:`: `` is no tag: at most 128 letters, digits, `_`, `.` and `-`, not beginning with `.` or `-`
                `python:-x`: `-x` is no tag: at most 128 letters, digits, `_`, `.` and `-`, not beginning with `.` or `-`
                `python@sha256:123`: `sha256:123` is no digest; write `sha256:` and 64 hexadecimal digits in lower case, as `skopeo inspect` shows them
                `python@md5:0123456789abcdef0123456789abcdef`: `md5:0123456789abcdef0123456789abcdef` is no digest; write `sha256:` and 64 hexadecimal digits in lower case, as `skopeo inspect` shows them
                `python@SHA256:0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF`: `SHA256:0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF` is no digest; write `sha256:` and 64 hexadecimal digits in lower case, as `skopeo inspect` shows them
                `python@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef`: `sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef` is no digest; write `sha256:` and 64 hexadecimal digits in lower case, as `skopeo inspect` shows them
                `:5000`: `` cannot be a part of an image's path: lower-case letters and digits, between them one `.`, one or two `_`, or `-`
                `@`: `` is no digest; write `sha256:` and 64 hexadecimal digits in lower case, as `skopeo inspect` shows them
                `/`: `` cannot be a part of an image's path: lower-case letters and digits, between them one `.`, one or two `_`, or `-`
            "#]],
        );
        let long = "a".repeat(300);
        for text in [long.clone(), format!("python:{long}"), "é".repeat(100_000)] {
            let error = text.parse::<ImageReference>().unwrap_err().to_string();
            assert!(error.len() < 1500, "{}", error.len());
        }
    }

    #[test]
    fn what_is_shown_is_read_back_as_the_same() {
        for text in [
            "python",
            "localhost:5000/a/b:c",
            &format!("[::1]:5000/x:y@{SHA256}"),
        ] {
            let reference: ImageReference = text.parse().unwrap();
            assert_eq!(
                reference.to_string().parse::<ImageReference>().unwrap(),
                reference
            );
        }
    }

    #[test]
    fn only_a_digest_pins_an_image() {
        let error = "python:3.12".parse::<PinnedImage>().unwrap_err().to_string();
        expect!["`docker.io/library/python:3.12` names an image that may change; name it by its digest: `docker.io/library/python:3.12@sha256:…`"].assert_eq(&error);
        let pinned: PinnedImage = format!("python:3.12@{SHA256}").parse().unwrap();
        assert_eq!(pinned.digest().to_string(), SHA256);
        let moved: ImageReference = "python:3.12".parse().unwrap();
        assert_eq!(moved.pinned(SHA256.parse().unwrap()), pinned);
        assert!(moved_tag("x y").is_err() && moved_tag("nbvet-1").is_ok());
    }

    fn moved_tag(tag: &str) -> Result<ImageReference, BadReference> {
        "python".parse::<ImageReference>().unwrap().with_tag(tag)
    }

    #[test]
    fn the_digest_of_bytes_is_theirs() {
        assert_eq!(
            Digest::sha256(b"").as_str(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
