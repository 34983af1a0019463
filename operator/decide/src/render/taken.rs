//! What a notebook's pod has of nbvet's own, whose place no volume of a user's may take: its volumes by their names, and
//! its folders in the user's container.

use nbvet_operator_api::{NotebookValidationJobSpec, fault::FieldFault};

use super::{
    pod::{self, Mounted, paths},
    steps,
};
use crate::config::Config;

/// The volumes that the pod of every notebook has.
const ALWAYS: [&str; 9] = [
    "input", "tree", "work", "golden", "tools", "agent", "tmp", "home", "user-tmp",
];

/// What is refused of the volumes and mounts of a job.
pub(crate) fn faults(spec: &NotebookValidationJobSpec, config: &Config) -> Vec<FieldFault> {
    let names = names(spec, config);
    let volumes = spec.pod_config.volumes.iter().enumerate();
    let of_volumes = volumes
        .filter(|(_, volume)| names.contains(&volume.name))
        .map(|(index, volume)| {
            let field = format!("spec.podConfig.volumes[{index}].name");
            let problem = format!(
                "is the name of a volume of nbvet's own in this pod, which has {}; name it otherwise",
                names.join(", ")
            );
            FieldFault::invalid(field, &volume.name, problem)
        });
    let mounts = spec.pod_config.volume_mounts.iter().enumerate();
    let of_mounts = mounts.filter_map(|(index, mount)| {
        let field = format!("spec.podConfig.volumeMounts[{index}].mountPath");
        let problem = problem(&mount.mount_path, steps::has_token(spec))?;
        Some(FieldFault::invalid(field, &mount.mount_path, problem))
    });
    of_volumes.chain(of_mounts).collect()
}

/// The names of our volumes in the notebook's pod.
fn names(spec: &NotebookValidationJobSpec, config: &Config) -> Vec<String> {
    let golden = spec.golden_notebook.as_ref();
    let sources = [
        pod::for_source(&spec.notebook, false),
        golden.and_then(|golden| pod::for_source(golden, true)),
        pod::authorities(config),
    ];
    let mut names: Vec<String> = ALWAYS.map(str::to_owned).to_vec();
    names.extend(sources.into_iter().flatten().map(Mounted::into_name));
    if steps::has_token(spec) {
        names.push(steps::TOKEN.to_owned());
    }
    names
}

/// Why nothing of a user's may be mounted at a path.
fn problem(path: &str, has_token: bool) -> Option<String> {
    let path = plain(path);
    let is_within = |folder: &str| {
        path.strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_below = |folder: &str| path != folder && is_within(folder);
    if path == "/" {
        return Some("is the root of the container; name a folder".to_owned());
    }
    if is_within(paths::OWN) && !is_below(paths::WORK) {
        return Some(format!(
            "is in the folder of nbvet's own; name another, or one below {}, which the notebook runs in",
            paths::WORK
        ));
    }
    if [paths::HOME, paths::TMP].contains(&path.as_str()) {
        return Some("is a folder that every notebook gets; name another, or one below it".to_owned());
    }
    (has_token && is_within(paths::TOKEN)).then(|| {
        "is where the token of spec.podConfig.serviceAccountName is; name another, or no service account"
            .to_owned()
    })
}

/// A path as the kubelet takes it: from the root, each folder once.
fn plain(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_nothing_is_mounted_over_what_is_nbvets_own() {
        for path in [
            "/",
            "",
            "..",
            "/nbvet",
            "/nbvet/",
            "/nbvet/tools",
            "/nbvet/agent/socket",
            "/nbvet/work",
            "/nbvet/work/.",
            "/nbvet/work/../tools",
            "//nbvet//tools",
            "/x/../nbvet/secrets/git",
            "nbvet/tools",
            "/tmp",
            "/tmp/",
            "/home/nbvet",
        ] {
            assert!(problem(path, false).is_some(), "{path}");
        }
        for path in [
            "/data",
            "/nbvet/work/data",
            "/nbvet2",
            "/tmp/cache",
            &format!("{}/.cache", paths::HOME),
            "/home",
            "/home/jovyan",
        ] {
            assert_eq!(problem(path, true), None, "{path}");
        }
        for path in [
            paths::TOKEN,
            "/var/run/secrets/kubernetes.io/serviceaccount/token",
        ] {
            assert_eq!(
                (problem(path, true).is_some(), problem(path, false)),
                (true, None),
                "{path}"
            );
        }
    }
}
