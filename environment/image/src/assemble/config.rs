//! The configuration and the manifest of an image that is a base image with layers of wheels on it. The base's own
//! settings stay; only what finds the wheels is added. The same inputs give the same bytes.

use std::collections::BTreeMap;

use nbvet_deps::dockerfile::KERNEL_LABEL;
use serde_json::{Map, Value, json};

use crate::layer::Stored;
use crate::registry::Descriptor;
use crate::{layer, layout};

/// Why a base image's configuration cannot be built upon.
#[derive(Debug, thiserror::Error)]
pub enum BadConfig {
    /// It is no JSON object.
    #[error("the base image's configuration is no JSON object: {0}")]
    NoJson(String),
    /// A part of it is of another kind than the OCI image format says.
    #[error("the base image's configuration has no list at `{0}`")]
    NoList(&'static str),
    /// The same.
    #[error("the base image's configuration has no object at `{0}`")]
    NoObject(&'static str),
}

/// Media type of a configuration.
pub(super) const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
/// Media type of a manifest.
pub(super) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// What a base image was called; not said of ours, which would have another digest for each name of one base.
const BASE_NAME: &str = "org.opencontainers.image.base.name";

/// What is said about an image in its annotations and labels: digests, which are the same wherever it is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Labels {
    /// The base image's digest.
    pub(super) base_digest: String,
    /// The build's identity.
    pub(super) identity: String,
    /// The digest of the lock.
    pub(super) lock: String,
    /// The packages of a kernel that was added: `ipykernel==7.4.0 …`.
    pub(super) kernel: Option<String>,
}

impl Labels {
    fn all(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let always = [
            ("dev.nbvet.identity", &*self.identity),
            ("dev.nbvet.lock", &self.lock),
            ("org.opencontainers.image.base.digest", &self.base_digest),
        ];
        let kernel = self.kernel.as_deref().map(|kernel| (KERNEL_LABEL, kernel));
        always.into_iter().chain(kernel)
    }

    /// What annotations say otherwise; `None`: they are these.
    pub(super) fn unlike(&self, annotations: &BTreeMap<String, String>) -> Option<String> {
        self.all().find_map(|(name, value)| {
            let found = annotations.get(name).map(String::as_str);
            (found != Some(value)).then(|| differs(name, found, value))
        })
    }
}

/// An annotation that is not what it must be, in words.
pub(super) fn differs(name: &str, found: Option<&str>, wanted: &str) -> String {
    let shown = |text: &str| crate::http::cut(&crate::http::cleaned(text), 100);
    match found {
        Some(found) => format!("its `{name}` is {}, not {}", shown(found), shown(wanted)),
        None => format!("it has no `{name}`"),
    }
}

/// The configuration of the base image with further layers on it.
pub(super) fn config(
    base: &[u8],
    layers: &[(Stored, String)],
    labels: &Labels,
) -> Result<Vec<u8>, BadConfig> {
    let read: Result<Value, _> = serde_json::from_slice(base);
    let mut config = read.map_err(|error| BadConfig::NoJson(error.to_string()))?;
    let top = config
        .as_object_mut()
        .ok_or_else(|| BadConfig::NoJson("it is another value".to_owned()))?;
    let settings = object(top, "config")?;
    let env = list(settings, "Env")?;
    prepend(
        env,
        "PATH",
        layout::BIN,
        Some("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    );
    prepend(env, "PYTHONPATH", layout::SITE, None);
    prepend(env, "JUPYTER_PATH", layout::JUPYTER, None);
    prepend(env, "JUPYTER_CONFIG_PATH", layout::JUPYTER_CONFIG, None);
    let own = object(settings, "Labels")?;
    // That of the base's own base, whose digest makes room for the base's.
    own.remove(BASE_NAME);
    for (name, value) in labels.all() {
        own.insert(name.to_owned(), json!(value));
    }
    let rootfs = object(top, "rootfs")?;
    let diff_ids = list(rootfs, "diff_ids")?;
    diff_ids.extend(layers.iter().map(|(layer, _)| json!(layer.diff_id)));
    let history = list(top, "history")?;
    history.extend(layers.iter().map(
        |(_, what)| json!({ "created": "1970-01-01T00:00:00Z", "created_by": format!("nbvet: {what}") }),
    ));
    Ok(bytes(&config))
}

/// The manifest of an image: the base's layers, then further ones.
pub(super) fn manifest(
    config: (&str, u64),
    base_layers: &[Descriptor],
    layers: &[(Stored, String)],
    labels: &Labels,
) -> Vec<u8> {
    let further = layers.iter().map(|(layer, what)| {
        json!({
            "mediaType": layer::MEDIA_TYPE,
            "digest": layer.digest,
            "size": layer.size,
            "annotations": { "dev.nbvet.holds": what },
        })
    });
    let all: Vec<Value> = base_layers.iter().map(as_oci).chain(further).collect();
    let annotations: Map<String, Value> = labels
        .all()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    bytes(&json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": { "mediaType": CONFIG_TYPE, "digest": config.0, "size": config.1 },
        "layers": all,
        "annotations": annotations,
    }))
}

/// A layer of the base. OCI's manifests know OCI's names of what Docker calls by others.
fn as_oci(layer: &Descriptor) -> Value {
    let media_type = match layer.media_type.as_str() {
        "application/vnd.docker.image.rootfs.diff.tar" => "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.docker.image.rootfs.diff.tar.gzip" => layer::MEDIA_TYPE,
        "application/vnd.docker.image.rootfs.diff.tar.zstd" => "application/vnd.oci.image.layer.v1.tar+zstd",
        own => own,
    };
    let mut value = json!(layer);
    value["mediaType"] = json!(media_type);
    value
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// The object under a key; made where there is none or `null`.
fn object<'v>(
    of: &'v mut Map<String, Value>,
    key: &'static str,
) -> Result<&'v mut Map<String, Value>, BadConfig> {
    let value = of.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = json!({});
    }
    value.as_object_mut().ok_or(BadConfig::NoObject(key))
}

/// The list under a key; made where there is none or `null`.
fn list<'v>(of: &'v mut Map<String, Value>, key: &'static str) -> Result<&'v mut Vec<Value>, BadConfig> {
    let value = of.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = json!([]);
    }
    value.as_array_mut().ok_or(BadConfig::NoList(key))
}

/// Puts a folder before the others of a variable that lists folders. `unset`: what holds where the image does not set it.
fn prepend(env: &mut Vec<Value>, name: &str, folder: &str, unset: Option<&str>) {
    let prefix = format!("{name}=");
    let mut old = None;
    env.retain(|entry| {
        let value = entry.as_str().and_then(|entry| entry.strip_prefix(&prefix));
        // Of two entries the last one holds.
        old = value.map(ToOwned::to_owned).or_else(|| old.take());
        value.is_none()
    });
    let value = match old.as_deref().filter(|old| !old.is_empty()).or(unset) {
        Some(old) => format!("{prefix}{folder}:{old}"),
        None => format!("{prefix}{folder}"),
    };
    env.push(json!(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Labels {
        Labels {
            base_digest: "sha256:bb".to_owned(),
            identity: "id".to_owned(),
            lock: "sha256:cc".to_owned(),
            kernel: Some("ipykernel==7.4.0".to_owned()),
        }
    }

    fn layer() -> (Stored, String) {
        let stored = Stored {
            digest: "sha256:dd".to_owned(),
            diff_id: "sha256:ee".to_owned(),
            size: 7,
            uncompressed: 20,
        };
        (stored, "six 1.17.0".to_owned())
    }

    fn env_of(base: &Value) -> Vec<String> {
        let bytes = config(base.to_string().as_bytes(), &[layer()], &labels()).unwrap();
        let made: Value = serde_json::from_slice(&bytes).unwrap();
        let env = made["config"]["Env"].as_array().unwrap();
        env.iter()
            .map(|entry| entry.as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn our_folders_come_before_those_of_the_base() {
        let base = json!({"config": {"Env": ["LANG=C", "PATH=/opt/conda/bin:/bin", "PYTHONPATH=/opt/lib"]}});
        assert_eq!(
            env_of(&base),
            [
                "LANG=C",
                "PATH=/opt/nbvet/env/bin:/opt/conda/bin:/bin",
                "PYTHONPATH=/opt/nbvet/env/site:/opt/lib",
                "JUPYTER_PATH=/opt/nbvet/env/share/jupyter",
                "JUPYTER_CONFIG_PATH=/opt/nbvet/env/etc/jupyter",
            ]
        );
    }

    #[test]
    fn a_base_that_sets_nothing_keeps_the_usual_path() {
        for base in [
            json!({}),
            json!({"config": null}),
            json!({"config": {"Env": null}}),
        ] {
            assert_eq!(
                env_of(&base),
                [
                    "PATH=/opt/nbvet/env/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    "PYTHONPATH=/opt/nbvet/env/site",
                    "JUPYTER_PATH=/opt/nbvet/env/share/jupyter",
                    "JUPYTER_CONFIG_PATH=/opt/nbvet/env/etc/jupyter",
                ],
                "{base}"
            );
        }
    }

    #[test]
    fn what_the_base_says_else_stays_and_layers_are_added_behind_its_own() {
        let base = json!({"os": "linux", "x": 1, "config": {"User": "1001"}, "rootfs": {"type": "layers", "diff_ids": ["sha256:aa"]}});
        let bytes = config(base.to_string().as_bytes(), &[layer()], &labels()).unwrap();
        let made: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(made["x"], 1);
        assert_eq!(made["config"]["User"], "1001");
        assert_eq!(made["rootfs"]["diff_ids"], json!(["sha256:aa", "sha256:ee"]));
        assert_eq!(made["history"][0]["created_by"], "nbvet: six 1.17.0");
        assert_eq!(made["config"]["Labels"]["dev.nbvet.kernel"], "ipykernel==7.4.0");
    }

    #[test]
    fn the_name_of_the_bases_own_base_does_not_stand_beside_the_bases_digest() {
        let base = json!({"config": {"Labels": {"a": "b", BASE_NAME: "docker.io/library/debian:12"}}});
        let bytes = config(base.to_string().as_bytes(), &[], &labels()).unwrap();
        let made: Value = serde_json::from_slice(&bytes).unwrap();
        let expected = json!({
            "a": "b",
            "dev.nbvet.identity": "id",
            "dev.nbvet.kernel": "ipykernel==7.4.0",
            "dev.nbvet.lock": "sha256:cc",
            "org.opencontainers.image.base.digest": "sha256:bb",
        });
        assert_eq!(made["config"]["Labels"], expected);
    }

    #[test]
    fn annotations_of_another_image_are_told() {
        let labels = labels();
        let own: BTreeMap<_, _> = labels
            .all()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        assert_eq!(labels.unlike(&own), None);
        let mut moved = own.clone();
        moved.insert("dev.nbvet.identity".to_owned(), "other".to_owned());
        assert_eq!(
            labels.unlike(&moved).unwrap(),
            "its `dev.nbvet.identity` is other, not id"
        );
        assert_eq!(
            labels.unlike(&BTreeMap::new()).unwrap(),
            "it has no `dev.nbvet.identity`"
        );
    }

    #[test]
    fn layers_of_docker_are_named_as_oci_names_them() {
        let digest = nbvet_deps::Digest::sha256(b"");
        let named =
            |media_type: &str| as_oci(&Descriptor::new(media_type, digest.clone(), 1))["mediaType"].clone();
        for (docker, oci) in [("", ""), (".gzip", "+gzip"), (".zstd", "+zstd")] {
            assert_eq!(
                named(&format!("application/vnd.docker.image.rootfs.diff.tar{docker}")),
                format!("application/vnd.oci.image.layer.v1.tar{oci}")
            );
        }
        assert_eq!(named("application/x"), "application/x");
    }

    #[test]
    fn a_configuration_of_another_kind_is_refused() {
        for (base, expected) in [
            (
                "[]",
                "the base image's configuration is no JSON object: it is another value",
            ),
            (
                r#"{"config": []}"#,
                "the base image's configuration has no object at `config`",
            ),
            (
                r#"{"config": {"Env": "x"}}"#,
                "the base image's configuration has no list at `Env`",
            ),
        ] {
            let error = config(base.as_bytes(), &[], &labels()).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}
