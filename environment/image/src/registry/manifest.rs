//! Manifests and indexes: what of them is read here, and what is refused. Their bytes are kept as they came, for a
//! digest is of bytes.

use std::collections::BTreeMap;
use std::fmt;

use nbvet_deps::Digest;
use serde::{Deserialize, Serialize};

use super::RegistryError;

/// An image's manifest, as OCI names it.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An index of several manifests, as OCI names it.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// An image's manifest, as Docker names it.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// An index of several manifests, as Docker names it.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// All that are read, as an `Accept` header.
pub(super) const ACCEPTED: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";

/// No manifest is larger; the limit that registries have themselves.
pub(super) const LARGEST: u64 = 4 << 20;

/// No image has as many layers, and no index as many images.
const MOST_ENTRIES: usize = 1000;

/// Names content: its type, digest and size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// How many bytes it has.
    pub size: u64,
    /// Where else it may be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// What its author says of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// In an index: whom the image is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

impl Descriptor {
    /// Of content that is held in memory.
    pub fn of(media_type: &str, content: &[u8]) -> Self {
        Self::new(media_type, Digest::sha256(content), content.len() as u64)
    }

    /// Of content whose digest and size are known.
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest,
            size,
            urls: Vec::new(),
            annotations: BTreeMap::new(),
            platform: None,
        }
    }
}

impl Descriptor {
    /// Layers of others, by their types; registries do not keep them. That a place is named says nothing.
    fn is_foreign(&self) -> bool {
        self.media_type.contains(".foreign.") || self.media_type.contains(".nondistributable.")
    }
}

/// Whom an image is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `amd64`, `arm64`.
    pub architecture: String,
    /// `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// Linux on an architecture, named as images name it: `amd64`, `arm64`.
    pub fn linux(architecture: &str) -> Self {
        Self {
            os: "linux".to_owned(),
            architecture: architecture.to_owned(),
            variant: None,
        }
    }

    /// Whether an image for the other platform runs here. Without a variant, any that its architecture begins with.
    fn takes(&self, other: &Self) -> bool {
        let is_base = |variant: &str| (self.architecture.as_str(), variant) == ("arm64", "v8");
        self.os == other.os
            && self.architecture == other.architecture
            && match (&self.variant, &other.variant) {
                (Some(wanted), Some(variant)) => wanted == variant,
                (Some(variant), None) | (None, Some(variant)) => is_base(variant),
                (None, None) => true,
            }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(formatter, "/{variant}"),
            None => Ok(()),
        }
    }
}

/// An image: its configuration and its layers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// 2.
    pub schema_version: u32,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Of an artifact that is no image: what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, the lowest first.
    pub layers: Vec<Descriptor>,
    /// What its author says of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// An OCI image.
    pub fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(OCI_MANIFEST.to_owned()),
            artifact_type: None,
            config,
            layers,
            annotations: BTreeMap::new(),
        }
    }

    /// Everything that a registry must have before it has this.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        let all = std::iter::once(&self.config).chain(&self.layers);
        all.filter(|blob| !blob.is_foreign())
    }
}

/// Several images under one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// 2.
    pub schema_version: u32,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The images.
    pub manifests: Vec<Descriptor>,
}

impl Index {
    /// The image for a platform.
    pub(super) fn choose(&self, image: &str, wanted: &Platform) -> Result<&Descriptor, RegistryError> {
        let fitting = |descriptor: &&Descriptor| {
            let platform = descriptor.platform.as_ref();
            platform.is_some_and(|platform| wanted.takes(platform))
        };
        let found = self.manifests.iter().find(fitting);
        found.ok_or_else(|| RegistryError::Platform {
            image: image.to_owned(),
            wanted: wanted.to_string(),
            offered: self.offered(),
        })
    }

    fn offered(&self) -> String {
        const SHOWN: usize = 20;
        let platforms = self
            .manifests
            .iter()
            .filter_map(|descriptor| descriptor.platform.as_ref());
        // Attestations stand in indexes as images for nobody.
        let mut names: Vec<_> = platforms
            .filter(|platform| platform.os != "unknown")
            .map(|platform| crate::http::cleaned(&platform.to_string()))
            .collect();
        names.dedup();
        let more = names.len().saturating_sub(SHOWN);
        names.truncate(SHOWN);
        match (names.is_empty(), more) {
            (true, _) => "none that says whom it is for".to_owned(),
            (false, 0) => names.join(", "),
            (false, more) => format!("{} and {more} more", names.join(", ")),
        }
    }
}

/// One or the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// An image.
    Manifest(Box<Manifest>),
    /// Several.
    Index(Index),
}

/// A manifest or index as it came.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Its type, digest and size.
    pub descriptor: Descriptor,
    /// The bytes that the digest is of.
    pub bytes: Vec<u8>,
    /// What they say.
    pub document: Document,
}

/// Reads a manifest. `told` is what the answer's `Content-Type` says.
pub(super) fn read(
    image: &str,
    told: Option<&str>,
    bytes: &[u8],
) -> Result<(String, Document), RegistryError> {
    let unusable = |why: String| RegistryError::Manifest {
        image: image.to_owned(),
        why,
    };
    // The parser quotes what it read, whatever its length.
    let not_json = |error: &serde_json::Error| {
        let said = crate::http::cut(&crate::http::cleaned(&error.to_string()), 200);
        unusable(format!("it is not the JSON it should be: {said}"))
    };
    let form: Form = serde_json::from_slice(bytes).map_err(|error| not_json(&error))?;
    if form.layers && form.manifests {
        return Err(unusable(
            "it has both `layers` and `manifests`, so it could be read as either".to_owned(),
        ));
    }
    let told = told
        .and_then(|told| told.split(';').next())
        .map(|told| told.trim().to_ascii_lowercase())
        .filter(|told| {
            !matches!(
                told.as_str(),
                "" | "application/json" | "application/octet-stream" | "text/plain"
            )
        });
    let media_type = match (told, form.media_type) {
        (Some(told), Some(own)) if told != own => {
            let (told, own) = (
                crate::http::cut(&told, 100),
                crate::http::cut(&crate::http::cleaned(&own), 100),
            );
            return Err(unusable(format!(
                "the registry calls it `{told}`, it calls itself `{own}`"
            )));
        }
        (Some(media_type), _) | (None, Some(media_type)) => media_type,
        (None, None) if form.manifests => OCI_INDEX.to_owned(),
        (None, None) => OCI_MANIFEST.to_owned(),
    };
    let document = match media_type.as_str() {
        OCI_MANIFEST | DOCKER_MANIFEST => Document::Manifest(Box::new(
            serde_json::from_slice(bytes).map_err(|error| not_json(&error))?,
        )),
        OCI_INDEX | DOCKER_LIST => {
            Document::Index(serde_json::from_slice(bytes).map_err(|error| not_json(&error))?)
        }
        _ => {
            return Err(RegistryError::MediaType {
                image: image.to_owned(),
                media_type: crate::http::cut(&crate::http::cleaned(&media_type), 100),
            });
        }
    };
    let (version, entries) = match &document {
        Document::Manifest(manifest) => (manifest.schema_version, manifest.layers.len()),
        Document::Index(index) => (index.schema_version, index.manifests.len()),
    };
    if entries > MOST_ENTRIES {
        return Err(unusable(format!(
            "it has {entries} entries; at most {MOST_ENTRIES} are read"
        )));
    }
    if version == 2 {
        Ok((media_type, document))
    } else {
        Err(unusable(format!("its schemaVersion is {version}; 2 is read")))
    }
}

/// What tells a manifest from an index.
struct Form {
    media_type: Option<String>,
    layers: bool,
    manifests: bool,
}

impl<'de> Deserialize<'de> for Form {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Fields {
            media_type: Option<String>,
            layers: Option<serde::de::IgnoredAny>,
            config: Option<serde::de::IgnoredAny>,
            manifests: Option<serde::de::IgnoredAny>,
        }
        let fields = Fields::deserialize(deserializer)?;
        Ok(Self {
            media_type: fields.media_type,
            layers: fields.layers.is_some() || fields.config.is_some(),
            manifests: fields.manifests.is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const EMPTY: &str = r#"{"mediaType":"application/vnd.oci.empty.v1+json","size":2,"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}"#;

    fn check(told: Option<&str>, text: &str, expected: &Expect) {
        let text = text.replace("EMPTY", EMPTY);
        let shown = match read("host/a", told, text.as_bytes()) {
            Ok((media_type, Document::Manifest(_))) => format!("manifest: {media_type}"),
            Ok((media_type, Document::Index(_))) => format!("index: {media_type}"),
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn what_a_manifest_is_follows_from_the_answer_and_from_itself() {
        let manifest = r#"{"schemaVersion":2,"config":EMPTY,"layers":[]}"#;
        check(
            Some(OCI_MANIFEST),
            manifest,
            &expect!["manifest: application/vnd.oci.image.manifest.v1+json"],
        );
        check(
            None,
            manifest,
            &expect!["manifest: application/vnd.oci.image.manifest.v1+json"],
        );
        let docker = format!("{DOCKER_MANIFEST}; charset=utf-8");
        check(
            Some(&docker),
            manifest,
            &expect!["manifest: application/vnd.docker.distribution.manifest.v2+json"],
        );
        let index = r#"{"schemaVersion":2,"manifests":[]}"#;
        check(
            Some("application/json"),
            index,
            &expect!["index: application/vnd.oci.image.index.v1+json"],
        );
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        check(
            None,
            r#"{"schemaVersion":2,"config":EMPTY,"layers":[],"manifests":[]}"#,
            &expect![
                "host/a: the manifest cannot be used: it has both `layers` and `manifests`, so it could be read as either"
            ],
        );
        check(
            Some(OCI_INDEX),
            r#"{"schemaVersion":2,"config":EMPTY,"layers":[]}"#,
            &expect![
                "host/a: the manifest cannot be used: it is not the JSON it should be: missing field `manifests` at line 1 column 182"
            ],
        );
        let own = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","config":EMPTY,"layers":[]}}"#);
        check(
            Some(OCI_MANIFEST),
            &own,
            &expect![
                "host/a: the manifest cannot be used: the registry calls it `application/vnd.oci.image.manifest.v1+json`, it calls itself `application/vnd.oci.image.index.v1+json`"
            ],
        );
    }

    #[test]
    fn unknown_kinds_are_named() {
        let manifest = r#"{"schemaVersion":1,"config":EMPTY,"layers":[]}"#;
        check(
            Some("application/vnd.docker.distribution.manifest.v1+prettyjws"),
            manifest,
            &expect![
                "host/a: manifests of type `application/vnd.docker.distribution.manifest.v1+prettyjws` are not read; known are OCI manifests and indexes, and Docker's of schema 2"
            ],
        );
        check(
            Some(OCI_MANIFEST),
            manifest,
            &expect!["host/a: the manifest cannot be used: its schemaVersion is 1; 2 is read"],
        );
        check(
            None,
            "<html>",
            &expect![
                "host/a: the manifest cannot be used: it is not the JSON it should be: expected value at line 1 column 1"
            ],
        );
        check(
            None,
            r#"{"schemaVersion":2,"config":EMPTY,"layers":[{"mediaType":"a","size":-1,"digest":"sha256:00"}]}"#,
            &expect![
                "host/a: the manifest cannot be used: it is not the JSON it should be: invalid value: integer `-1`, expected u64 at line 1 column 206"
            ],
        );
    }

    #[test]
    fn a_manifest_is_not_quoted_whole() {
        let text = format!(r#"{{"schemaVersion":"{}"}}"#, "x".repeat(1 << 20));
        let said = read("host/a", None, text.as_bytes()).unwrap_err().to_string();
        assert!(said.len() < 400, "{said}");
    }

    #[test]
    fn a_platform_is_chosen_or_the_others_are_listed() {
        let entry = |platform: &str| {
            format!(
                r#"{{"mediaType":"{OCI_MANIFEST}","size":1,"digest":"{}","platform":{platform}}}"#,
                Digest::sha256(platform.as_bytes())
            )
        };
        let entries = [
            r#"{"os":"linux","architecture":"amd64"}"#,
            r#"{"os":"linux","architecture":"arm64","variant":"v8"}"#,
            r#"{"os":"linux","architecture":"arm","variant":"v7"}"#,
            r#"{"os":"unknown","architecture":"unknown"}"#,
        ]
        .map(entry);
        let text = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries.join(","));
        let index: Index = serde_json::from_str(&text).unwrap();
        let chosen = |wanted: &Platform| match index.choose("host/a", wanted) {
            Ok(descriptor) => descriptor.platform.as_ref().unwrap().to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(chosen(&Platform::linux("amd64")), "linux/amd64");
        assert_eq!(chosen(&Platform::linux("arm64")), "linux/arm64/v8");
        expect![
            "host/a: there is no image for linux/arm; there are: linux/amd64, linux/arm64/v8, linux/arm/v7"
        ]
        .assert_eq(&chosen(&Platform::linux("arm")));
    }
}
