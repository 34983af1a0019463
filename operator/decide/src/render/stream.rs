//! A published image in the list of OpenShift's images, where the dashboard of OpenShift AI finds it.

use serde_json::{Value, json};

use super::Setting;
use crate::{names, plan::StreamWork};

/// Packages that are named: an annotation has to hold them.
const MAX_PACKAGES: usize = 200;

/// The stream with this one tag. It outlives the job: no owner takes it away.
pub(super) fn object(name: &str, work: &StreamWork, setting: &Setting) -> Value {
    let packages: Vec<Value> = work
        .packages
        .iter()
        .take(MAX_PACKAGES)
        .map(|(name, version)| json!({"name": name, "version": version}))
        .collect();
    let mut annotations = json!({
        "opendatahub.io/notebook-python-dependencies": Value::from(packages).to_string(),
    });
    if let Some(commit) = &work.commit {
        annotations["opendatahub.io/notebook-build-commit"] = json!(commit);
    }
    json!({
        "apiVersion": "image.openshift.io/v1",
        "kind": "ImageStream",
        "metadata": {
            "name": name,
            "namespace": setting.namespace(),
            "labels": {
                (names::MANAGED_BY.0): names::MANAGED_BY.1,
                "opendatahub.io/dashboard": "true",
                "opendatahub.io/notebook-image": "true",
            },
            "annotations": {
                "opendatahub.io/notebook-image-name": name,
                "opendatahub.io/notebook-image-desc": format!("The environment in which {} was validated", work.notebook),
            },
        },
        "spec": {
            "lookupPolicy": {"local": true},
            "tags": [{
                "name": work.tag,
                "from": {"kind": "DockerImage", "name": work.image},
                "referencePolicy": {"type": "Source"},
                "annotations": annotations,
            }],
        },
    })
}
