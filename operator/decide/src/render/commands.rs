//! The pod of a build by commands: buildah in the container of the build, as root of it with the few capabilities that
//! Pod Security *baseline* has. *restricted* refuses it.

use serde_json::{Value, json};

use super::{
    Setting,
    pod::{self, Mounted, paths},
};
use crate::plan::BuildInputs;
use nbvet_report::step::Builder;

/// What buildah cannot do without: files of other users, and the users of the image's commands.
const CAPABILITIES: [&str; 7] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "SETFCAP",
    "SETGID",
    "SETUID",
    "SYS_CHROOT",
];

/// Gives the container of a build what commands need, where it runs some: rights, room, and the source of a Dockerfile.
pub(crate) fn allow(pod: &mut Value, inputs: &BuildInputs, setting: &Setting) {
    if inputs.builder != Builder::Buildah {
        return;
    }
    // The seccomp profile of runtimes forbids buildah its namespaces; without a word there is none.
    pod["securityContext"] = json!({});
    let container = &mut pod["containers"][0];
    container["securityContext"] = json!({
        "runAsUser": 0,
        "runAsNonRoot": false,
        "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"], "add": CAPABILITIES},
    });
    container["resources"] =
        json!({"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"memory": "4Gi"}});
    let mut mounted = Vec::new();
    if inputs.dockerfile.is_some() {
        mounted.extend([
            Mounted::empty("tree", paths::TREE),
            Mounted::empty("work", paths::WORK),
        ]);
        mounted.extend(pod::for_source(&setting.job.spec.notebook, false));
        if setting.config.allow_insecure_sources {
            push(&mut container["args"], json!("--allow-insecure-sources"));
        }
    }
    for one in &mounted {
        push(&mut container["volumeMounts"], one.mount());
    }
    for one in &mounted {
        push(&mut pod["volumes"], one.volume());
    }
}

fn push(list: &mut Value, item: Value) {
    if let Some(list) = list.as_array_mut() {
        list.push(item);
    }
}
