//! What of a notebook's pod goes beyond Pod Security *restricted*: kinds of volumes, and security contexts that do more
//! than narrow. It is refused wherever the job is, also where the namespace enforces nothing.

use k8s_openapi::api::core::v1::{SELinuxOptions, SecurityContext, Volume};
use serde_json::Value;

use crate::{fault::FieldFault, pod::PodConfig};

/// The kinds of volumes that *restricted* allows.
const KINDS: [&str; 8] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// The types of `SELinux` that *restricted* allows, of those that every version of it knows.
const TYPES: [&str; 3] = ["container_t", "container_init_t", "container_kvm_t"];

/// The one profile of seccomp and of `AppArmor`: what stands in a file of the node may allow anything.
const PROFILE: &str = "RuntimeDefault";

/// Adds what is refused of the volumes, their mounts and the security context.
pub(super) fn check(pod: &PodConfig, faults: &mut Vec<FieldFault>) {
    for (index, volume) in pod.volumes.iter().enumerate() {
        check_volume(index, volume, faults);
    }
    check_mounts(pod, faults);
    if let Some(context) = &pod.security_context {
        check_context(context, faults);
    }
}

fn check_volume(index: usize, volume: &Volume, faults: &mut Vec<FieldFault>) {
    let Ok(Value::Object(members)) = serde_json::to_value(volume) else {
        return;
    };
    let kinds = members.keys().filter(|key| *key != "name");
    for kind in kinds.filter(|kind| !KINDS.contains(&kind.as_str())) {
        let problem = format!(
            "is a volume of a kind that Pod Security restricted forbids; allowed are {}",
            KINDS.join(", ")
        );
        let field = format!("spec.podConfig.volumes[{index}].{kind}");
        faults.push(FieldFault::invalid(field, &volume.name, problem));
    }
}

/// What is mounted is the user's: nbvet's own volumes hold what is not for notebooks.
fn check_mounts(pod: &PodConfig, faults: &mut Vec<FieldFault>) {
    let names: Vec<&str> = pod.volumes.iter().map(|volume| volume.name.as_str()).collect();
    for (index, mount) in pod.volume_mounts.iter().enumerate() {
        if names.contains(&mount.name.as_str()) {
            continue;
        }
        let there = if names.is_empty() {
            "where there are none".to_owned()
        } else {
            format!("which are {}", names.join(", "))
        };
        let problem = format!("is none of spec.podConfig.volumes, {there}");
        let field = format!("spec.podConfig.volumeMounts[{index}].name");
        faults.push(FieldFault::invalid(field, &mount.name, problem));
    }
}

fn check_context(context: &SecurityContext, faults: &mut Vec<FieldFault>) {
    let mut refuse = |name: &str, value: &str, instead: &str| {
        let problem = format!(
            "is refused: no notebook may do more than Pod Security restricted allows; {instead}, or leave it out"
        );
        faults.push(FieldFault::invalid(
            format!("spec.podConfig.securityContext.{name}"),
            value,
            problem,
        ));
    };
    if context.privileged == Some(true) {
        refuse("privileged", "true", "write false");
    }
    if context.allow_privilege_escalation == Some(true) {
        refuse("allowPrivilegeEscalation", "true", "write false");
    }
    if context.run_as_non_root == Some(false) {
        refuse("runAsNonRoot", "false", "write true");
    }
    if context.run_as_user == Some(0) {
        refuse("runAsUser", "0", "name another user than root");
    }
    let capabilities = context.capabilities.as_ref();
    for added in capabilities
        .and_then(|all| all.add.as_ref())
        .into_iter()
        .flatten()
    {
        refuse("capabilities.add", added, "add none");
    }
    let proc_mount = context.proc_mount.as_deref();
    if let Some(mount) = proc_mount.filter(|mount| !["", "Default"].contains(mount)) {
        refuse("procMount", mount, "write Default");
    }
    let seccomp = context.seccomp_profile.as_ref().map(|profile| &profile.type_);
    if let Some(profile) = seccomp.filter(|profile| *profile != PROFILE) {
        refuse("seccompProfile.type", profile, "write RuntimeDefault");
    }
    let app_armor = context.app_armor_profile.as_ref().map(|profile| &profile.type_);
    if let Some(profile) = app_armor.filter(|profile| *profile != PROFILE) {
        refuse("appArmorProfile.type", profile, "write RuntimeDefault");
    }
    if context.windows_options.is_some() {
        refuse("windowsOptions", "", "notebooks run on Linux: write none");
    }
    if let Some(options) = &context.se_linux_options {
        check_se_linux(options, refuse);
    }
}

fn check_se_linux(options: &SELinuxOptions, mut refuse: impl FnMut(&str, &str, &str)) {
    let written = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if let Some(user) = written(&options.user) {
        refuse("seLinuxOptions.user", &user, "name none");
    }
    if let Some(role) = written(&options.role) {
        refuse("seLinuxOptions.role", &role, "name none");
    }
    if let Some(kind) = written(&options.type_).filter(|kind| !TYPES.contains(&kind.as_str())) {
        let instead = format!("write one of {}", TYPES.join(", "));
        refuse("seLinuxOptions.type", &kind, &instead);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(pod: &Value) -> Vec<String> {
        let pod = serde_json::from_value(pod.clone()).unwrap();
        let mut faults = Vec::new();
        check(&pod, &mut faults);
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn s10_volumes_are_of_the_kinds_that_restricted_allows() {
        for (kind, source) in [
            ("configMap", json!({"name": "a"})),
            ("csi", json!({"driver": "secrets-store.csi.k8s.io"})),
            ("downwardAPI", json!({})),
            ("emptyDir", json!({"medium": "Memory"})),
            ("ephemeral", json!({})),
            ("persistentVolumeClaim", json!({"claimName": "a"})),
            ("projected", json!({"sources": []})),
            ("secret", json!({"secretName": "a"})),
        ] {
            let pod = json!({"volumes": [{"name": "data", (kind): source}]});
            assert_eq!(found(&pod), [""; 0], "{kind}");
        }
        for (kind, source) in [
            ("hostPath", json!({"path": "/"})),
            ("nfs", json!({"server": "a", "path": "/"})),
            ("iscsi", json!({"targetPortal": "a", "iqn": "b", "lun": 0})),
            ("gitRepo", json!({"repository": "a"})),
            ("flexVolume", json!({"driver": "a"})),
            ("image", json!({"reference": "a"})),
            ("fc", json!({})),
            ("cephfs", json!({"monitors": []})),
            ("awsElasticBlockStore", json!({"volumeID": "a"})),
        ] {
            let pod =
                json!({"volumes": [{"name": "fine", "emptyDir": {}}, {"name": "data", (kind): source}]});
            assert_eq!(
                found(&pod),
                [format!(
                    "spec.podConfig.volumes[1].{kind}: \"data\" is a volume of a kind that Pod Security restricted \
                     forbids; allowed are configMap, csi, downwardAPI, emptyDir, ephemeral, persistentVolumeClaim, \
                     projected, secret"
                )]
            );
        }
        // Of two kinds the one that is allowed hides no other.
        let both = json!({"volumes": [{"name": "data", "emptyDir": {}, "hostPath": {"path": "/"}}]});
        assert_eq!(found(&both).len(), 1);
    }

    #[test]
    fn s10_a_mount_names_one_of_the_jobs_own_volumes() {
        let mount = json!([{"name": "git", "mountPath": "/steal"}]);
        assert_eq!(
            found(&json!({"volumeMounts": mount})),
            [
                "spec.podConfig.volumeMounts[0].name: \"git\" is none of spec.podConfig.volumes, where there are none"
            ]
        );
        let volumes = json!([{"name": "data", "emptyDir": {}}, {"name": "more", "emptyDir": {}}]);
        assert_eq!(
            found(&json!({"volumes": volumes, "volumeMounts": mount})),
            [
                "spec.podConfig.volumeMounts[0].name: \"git\" is none of spec.podConfig.volumes, which are data, more"
            ]
        );
        let mount = json!([{"name": "more", "mountPath": "/more"}]);
        assert_eq!(
            found(&json!({"volumes": volumes, "volumeMounts": mount})),
            [""; 0]
        );
    }

    #[test]
    fn s10_a_security_context_narrows_or_is_refused() {
        for fine in [
            json!({"privileged": false, "allowPrivilegeEscalation": false, "runAsNonRoot": true}),
            json!({"runAsUser": 1000, "runAsGroup": 0, "readOnlyRootFilesystem": true}),
            json!({"capabilities": {"drop": ["NET_RAW"]}, "procMount": "Default"}),
            json!({"seccompProfile": {"type": "RuntimeDefault"}, "appArmorProfile": {"type": "RuntimeDefault"}}),
            json!({"seLinuxOptions": {"type": "container_t", "level": "s0:c1,c2", "user": "", "role": ""}}),
        ] {
            assert_eq!(found(&json!({"securityContext": fine})), [""; 0], "{fine}");
        }
        for (context, field, value) in [
            (json!({"privileged": true}), "privileged", "true"),
            (
                json!({"allowPrivilegeEscalation": true}),
                "allowPrivilegeEscalation",
                "true",
            ),
            (json!({"runAsNonRoot": false}), "runAsNonRoot", "false"),
            (json!({"runAsUser": 0}), "runAsUser", "0"),
            (
                json!({"capabilities": {"add": ["SYS_ADMIN"], "drop": ["ALL"]}}),
                "capabilities.add",
                "SYS_ADMIN",
            ),
            (json!({"procMount": "Unmasked"}), "procMount", "Unmasked"),
            (
                json!({"seccompProfile": {"type": "Unconfined"}}),
                "seccompProfile.type",
                "Unconfined",
            ),
            (
                json!({"seccompProfile": {"type": "Localhost", "localhostProfile": "all.json"}}),
                "seccompProfile.type",
                "Localhost",
            ),
            (
                json!({"appArmorProfile": {"type": "Unconfined"}}),
                "appArmorProfile.type",
                "Unconfined",
            ),
            (
                json!({"appArmorProfile": {"type": "Localhost", "localhostProfile": "runc"}}),
                "appArmorProfile.type",
                "Localhost",
            ),
            (
                json!({"seLinuxOptions": {"type": "spc_t"}}),
                "seLinuxOptions.type",
                "spc_t",
            ),
            (
                json!({"seLinuxOptions": {"user": "system_u"}}),
                "seLinuxOptions.user",
                "system_u",
            ),
            (
                json!({"seLinuxOptions": {"role": "system_r"}}),
                "seLinuxOptions.role",
                "system_r",
            ),
            (
                json!({"windowsOptions": {"hostProcess": true}}),
                "windowsOptions",
                "",
            ),
        ] {
            let said = found(&json!({"securityContext": context}));
            let start = format!("spec.podConfig.securityContext.{field}: \"{value}\" is refused: ");
            assert!(
                said.len() == 1 && said[0].starts_with(&start),
                "{context}: {said:?}"
            );
            assert!(said[0].ends_with(", or leave it out"), "{said:?}");
        }
    }
}
