//! The container of the base image beside a build, whose own Python compiles. It is somebody else's image: it has no secret,
//! no token and nothing of the build but a socket.

use serde_json::{Value, json};

use super::{
    Setting,
    pod::{self, Mounted, paths},
};
use crate::plan::BuildInputs;

/// The container that compiles.
const NAME: &str = "compiler";

/// Puts it behind the container of a build's pod, where one is needed.
pub(crate) fn add(pod: &mut Value, inputs: &BuildInputs, setting: &Setting) {
    if inputs.compiler.is_empty() {
        return;
    }
    let folder = Mounted::empty("agent", paths::AGENT);
    let container = json!({
        "name": NAME,
        "image": inputs.base,
        "command": inputs.compiler,
        "securityContext": pod::restricted(),
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"memory": "2Gi"},
        },
        "volumeMounts": [folder.mount()],
    });
    push(&mut pod["containers"][0]["volumeMounts"], folder.mount());
    push(&mut pod["containers"], container);
    push(&mut pod["volumes"], folder.volume());
    if let Some(secrets) = pull_secrets(setting) {
        pod["imagePullSecrets"] = secrets;
    }
}

/// What a private base image is pulled with.
pub(crate) fn pull_secrets(setting: &Setting) -> Option<Value> {
    let secrets = pod::registry_secrets(setting);
    let named = secrets.iter().map(|name| json!({"name": name})).collect();
    (!secrets.is_empty()).then_some(Value::Array(named))
}

fn push(list: &mut Value, item: Value) {
    if let Some(list) = list.as_array_mut() {
        list.push(item);
    }
}
