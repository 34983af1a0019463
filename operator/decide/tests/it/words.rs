//! What users read of pods that fail: what Kubernetes says on one line, what nbvet makes of it on the next.

use expect_test::{Expect, expect};
use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{Event, Pod},
};
use nbvet_operator_decide::{observed::ChildState, read};
use serde_json::{Value, from_value, json};

/// A pod of validate.
fn pod(status: &Value) -> Pod {
    from_value(json!({
        "metadata": {"name": "p", "uid": "p1", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {
            "nodeName": "node-7",
            "runtimeClassName": "sandboxed",
            "initContainers": [{"name": "fetch", "image": "registry.example/nbvet@sha256:1"}],
            "containers": [
                {"name": "nbvet", "image": "registry.example/nbvet@sha256:1"},
                {
                    "name": "notebook", "image": "registry.example/team/a:2",
                    "resources": {"limits": {"memory": "512Mi"}},
                },
            ],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "sales"}}],
        },
        "status": status,
    }))
    .unwrap()
}

fn read(status: &Value, event: Option<(&str, &str)>, of: &str) -> String {
    let job: Job =
        from_value(json!({"metadata": {"name": "j", "uid": "j1"}, "spec": {"template": {}}})).unwrap();
    let event = event.map(|(reason, message)| {
        from_value::<Event>(json!({
            "metadata": {"name": "e"}, "reason": reason, "message": message, "lastTimestamp": "2026-01-01T00:00:01Z",
            "involvedObject": {"uid": of},
        }))
        .unwrap()
    });
    let pods = if of == "j1" { vec![] } else { vec![pod(status)] };
    match read::pod::state(&job, &pods, event.as_slice()) {
        ChildState::Starting { held: Some(held) } => format!("{}, waits: {}", held.reason, held.message),
        ChildState::Broken { fault, .. } => {
            let again = if fault.transient { ", again" } else { "" };
            format!("{}{again}: {}", fault.reason, fault.message)
        }
        state => format!("{state:?}"),
    }
}

fn check(said: &[&str], told: impl Fn(&str) -> String, expected: &Expect) {
    let lines: Vec<String> = said
        .iter()
        .map(|said| format!("{said}\n  {}\n", told(said)))
        .collect();
    expected.assert_eq(&lines.concat());
}

fn waiting(container: &str, reason: &str, message: &str) -> Value {
    json!({"phase": "Pending", "containerStatuses": [{
        "name": container, "image": "", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": reason, "message": message}},
    }]})
}

#[test]
fn a_pull_that_failed_names_image_container_and_cause() {
    for (container, expected) in [
        (
            "notebook",
            expect![[r#"
        failed to pull and unpack image "r.example/a:2": failed to resolve reference "r.example/a:2": r.example/a:2: not found
          ImagePullFailed: the image `registry.example/team/a:2` of container `notebook` cannot be pulled: the registry has no such image, or not all of it; see spec.podConfig.containerImage and the registry
        failed to resolve reference "r.example/a:2": unexpected status from HEAD request to https://r.example/v2/a/manifests/2: 401 Unauthorized
          ImagePullFailed: the image `registry.example/team/a:2` of container `notebook` cannot be pulled: the registry wants other credentials; name a Secret of type kubernetes.io/dockerconfigjson that may pull it in spec.podConfig.imagePullSecrets
        failed to resolve reference "r.example/a:2": failed to do request: Head "https://r.example/v2/a": dial tcp 192.0.2.1:443: connect: connection refused
          ImagePullFailed, waits: the image `registry.example/team/a:2` of container `notebook` cannot be pulled: the registry cannot be reached; the node tries again
        rpc error: code = NotFound desc = failed to pull and unpack image "r.example/a:2": no match for platform in manifest: not found
          ImagePullFailed: the image `registry.example/team/a:2` of container `notebook` cannot be pulled: it is for other platforms than the node's; see spec.podConfig.containerImage and the registry
        toomanyrequests: You have reached your pull rate limit
          ImagePullFailed, waits: the image `registry.example/team/a:2` of container `notebook` cannot be pulled: the registry has had too many requests; the node tries again
        unexpected status code 503 Service Unavailable
          ImagePullFailed, waits: the image `registry.example/team/a:2` of container `notebook` cannot be pulled: unexpected status code 503 Service Unavailable; the node tries again
    "#]],
        ),
        (
            "nbvet",
            expect![[r#"
        failed to pull and unpack image "r.example/a:2": failed to resolve reference "r.example/a:2": r.example/a:2: not found
          ImagePullFailed: the image `registry.example/nbvet@sha256:1` of container `nbvet` cannot be pulled: the registry has no such image, or not all of it; it is the operator's own: an administrator has to see to its --image
        failed to resolve reference "r.example/a:2": unexpected status from HEAD request to https://r.example/v2/a/manifests/2: 401 Unauthorized
          ImagePullFailed: the image `registry.example/nbvet@sha256:1` of container `nbvet` cannot be pulled: the registry wants other credentials; it is the operator's own: an administrator has to see to its --image, or give the service account `default` of this namespace a Secret to pull with
        failed to resolve reference "r.example/a:2": failed to do request: Head "https://r.example/v2/a": dial tcp 192.0.2.1:443: connect: connection refused
          ImagePullFailed, waits: the image `registry.example/nbvet@sha256:1` of container `nbvet` cannot be pulled: the registry cannot be reached; the node tries again
        rpc error: code = NotFound desc = failed to pull and unpack image "r.example/a:2": no match for platform in manifest: not found
          ImagePullFailed: the image `registry.example/nbvet@sha256:1` of container `nbvet` cannot be pulled: it is for other platforms than the node's; it is the operator's own: an administrator has to see to its --image
        toomanyrequests: You have reached your pull rate limit
          ImagePullFailed, waits: the image `registry.example/nbvet@sha256:1` of container `nbvet` cannot be pulled: the registry has had too many requests; the node tries again
        unexpected status code 503 Service Unavailable
          ImagePullFailed, waits: the image `registry.example/nbvet@sha256:1` of container `nbvet` cannot be pulled: unexpected status code 503 Service Unavailable; the node tries again
    "#]],
        ),
    ] {
        check(
            &[
                r#"failed to pull and unpack image "r.example/a:2": failed to resolve reference "r.example/a:2": r.example/a:2: not found"#,
                r#"failed to resolve reference "r.example/a:2": unexpected status from HEAD request to https://r.example/v2/a/manifests/2: 401 Unauthorized"#,
                r#"failed to resolve reference "r.example/a:2": failed to do request: Head "https://r.example/v2/a": dial tcp 192.0.2.1:443: connect: connection refused"#,
                r#"rpc error: code = NotFound desc = failed to pull and unpack image "r.example/a:2": no match for platform in manifest: not found"#,
                "toomanyrequests: You have reached your pull rate limit",
                "unexpected status code 503 Service Unavailable",
            ],
            |said| read(&waiting(container, "ErrImagePull", said), None, "p1"),
            &expected,
        );
    }
    check(
        &[r#"Container image "r.example/a:2" is not present with pull policy of Never"#],
        |said| read(&waiting("notebook", "ErrImageNeverPull", said), None, "p1"),
        &expect![[r#"
            Container image "r.example/a:2" is not present with pull policy of Never
              ImagePullFailed: the image `registry.example/team/a:2` of container `notebook` is not on the node, and `imagePullPolicy: Never` forbids to pull it; nbvet sets no such policy: an administrator has to see which admission webhook or policy does
        "#]],
    );
}

#[test]
fn a_notebooks_image_that_does_not_come_is_told_while_its_host_runs() {
    let mut status = waiting("notebook", "ErrImagePull", "r.example/a:2: not found");
    let host = json!({
        "name": "nbvet", "image": "", "imageID": "", "ready": true, "restartCount": 0,
        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
    });
    status["containerStatuses"].as_array_mut().unwrap().push(host);
    status["phase"] = json!("Running");
    assert!(read(&status, None, "p1").starts_with("ImagePullFailed: "));
}

#[test]
fn a_pod_that_no_node_takes_says_what_to_change() {
    check(
        &[
            "0/3 nodes are available: 3 Insufficient memory. no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
            "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
            r#"0/3 nodes are available: persistentvolumeclaim "sales" not found. not found"#,
            "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found",
            "no nodes available to schedule pods",
        ],
        |said| {
            let condition = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": said});
            read(
                &json!({"phase": "Pending", "conditions": [condition]}),
                None,
                "p1",
            )
        },
        &expect![[r#"
            0/3 nodes are available: 3 Insufficient memory. no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.
              Unschedulable, waits: no node takes the pod: 0/3 nodes are available: 3 Insufficient memory; ask for less in spec.podConfig.resources, or add nodes
            0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.
              Unschedulable, waits: no node takes the pod: 0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 node(s) didn't match Pod's node affinity/selector; see spec.podConfig.nodeSelector and affinity against the labels of nodes; see spec.podConfig.tolerations against the taints of nodes
            0/3 nodes are available: persistentvolumeclaim "sales" not found. not found
              Unschedulable, waits: no node takes the pod: 0/3 nodes are available: persistentvolumeclaim "sales" not found; create the claim in this namespace, or mend its name in the job
            0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found
              Unschedulable, waits: no node takes the pod: 0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims; a claim has no volume yet (`sales`): see its events, its size and its storage class
            no nodes available to schedule pods
              Unschedulable, waits: no node takes the pod: no nodes available to schedule pods
        "#]],
    );
}

#[test]
fn what_admission_refuses_is_told_without_the_name_of_the_pod() {
    check(
        &[
            r#"Error creating: pods "a-validate-x-y-q2x5z" is forbidden: violates PodSecurity "restricted:latest": restricted volume types (volume "data" uses restricted volume type "hostPath")"#,
            r#"Error creating: pods "a" is forbidden: exceeded quota: team, requested: limits.memory=2Gi,pods=1, used: limits.memory=3Gi,pods=0, limited: limits.memory=4Gi,pods=9"#,
            r#"Error creating: pods "a" is forbidden: exceeded quota: team, requested: limits.memory=2Gi, used: limits.memory=0, limited: limits.memory=1000M"#,
            r#"Error creating: pods "a" is forbidden: exceeded quota: team, requested: requests.cpu=200m, used: requests.cpu=0, limited: requests.cpu=1"#,
            r#"Error creating: pods "a" is forbidden: failed quota: team: must specify limits.cpu for: fetch,install"#,
            r#"Error creating: pods "a" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi"#,
            r#"Error creating: admission webhook "policy.example" denied the request: pods need a label"#,
            r#"Error creating: Internal error occurred: failed calling webhook "policy.example": failed to call webhook: Post "https://10.0.0.7:443/?timeout=10s": dial tcp 10.0.0.7:443: connect: connection refused"#,
            r#"Error creating: pods "a" is forbidden: pod rejected: RuntimeClass "missing" not found"#,
            r#"Error creating: pods "a-" is forbidden: error looking up service account team/missing: serviceaccount "missing" not found"#,
        ],
        |said| read(&json!({}), Some(("FailedCreate", said)), "j1"),
        &expect![[r#"
            Error creating: pods "a-validate-x-y-q2x5z" is forbidden: violates PodSecurity "restricted:latest": restricted volume types (volume "data" uses restricted volume type "hostPath")
              AdmissionRefused: Pod Security `restricted:latest` of this namespace refuses the pod: restricted volume types (volume "data" uses restricted volume type "hostPath"); change what it names, or let an administrator allow it here
            Error creating: pods "a" is forbidden: exceeded quota: team, requested: limits.memory=2Gi,pods=1, used: limits.memory=3Gi,pods=0, limited: limits.memory=4Gi,pods=9
              Waiting, waits: the quota `team` of this namespace has no room: asked for limits.memory=2Gi,pods=1, used: limits.memory=3Gi,pods=0, limited: limits.memory=4Gi,pods=9; it goes on when others are done, or an administrator raises it
            Error creating: pods "a" is forbidden: exceeded quota: team, requested: limits.memory=2Gi, used: limits.memory=0, limited: limits.memory=1000M
              AdmissionRefused: the quota `team` of this namespace has no room: asked for limits.memory=2Gi, used: limits.memory=0, limited: limits.memory=1000M; it is more than the whole quota: ask for less, or let an administrator raise it
            Error creating: pods "a" is forbidden: exceeded quota: team, requested: requests.cpu=200m, used: requests.cpu=0, limited: requests.cpu=1
              Waiting, waits: the quota `team` of this namespace has no room: asked for requests.cpu=200m, used: requests.cpu=0, limited: requests.cpu=1; it goes on when others are done, or an administrator raises it
            Error creating: pods "a" is forbidden: failed quota: team: must specify limits.cpu for: fetch,install
              AdmissionRefused: the quota `team` of this namespace wants limits.cpu to be said for every container (fetch,install); an administrator gives defaults by a LimitRange
            Error creating: pods "a" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi
              AdmissionRefused: the cluster refuses it: maximum memory usage per Container is 1Gi, but limit is 2Gi; change what it names, or let an administrator allow it here
            Error creating: admission webhook "policy.example" denied the request: pods need a label
              AdmissionRefused: admission webhook "policy.example" refuses it: pods need a label; change what it names, or let an administrator allow it here
            Error creating: Internal error occurred: failed calling webhook "policy.example": failed to call webhook: Post "https://10.0.0.7:443/?timeout=10s": dial tcp 10.0.0.7:443: connect: connection refused
              Waiting, waits: the admission webhook `policy.example` does not answer (connection refused); it is tried again, or an administrator has to see to it
            Error creating: pods "a" is forbidden: pod rejected: RuntimeClass "missing" not found
              AdmissionRefused: spec.podConfig.runtimeClassName names the RuntimeClass `missing`, which this cluster has not; mend the name, or let an administrator create it
            Error creating: pods "a-" is forbidden: error looking up service account team/missing: serviceaccount "missing" not found
              Waiting, waits: spec.podConfig.serviceAccountName names the ServiceAccount `missing`, which is not in this namespace; create it, or mend the name
        "#]],
    );
}

#[test]
fn what_is_missing_is_named_with_the_field_that_names_it() {
    let pending = waiting("nbvet", "ContainerCreating", "");
    check(
        &[
            r#"MountVolume.SetUp failed for volume "git" : secret "token" not found"#,
            r#"MountVolume.SetUp failed for volume "golden-source" : configmap "golden" not found"#,
            r#"MountVolume.SetUp failed for volume "registry-0" : secret "pull" not found"#,
            r#"MountVolume.SetUp failed for volume "index-ca" : references non-existent config key: ca.crt"#,
            r#"MountVolume.SetUp failed for volume "ca" : configmap "nbvet-ca" not found"#,
            r#"MountVolume.SetUp failed for volume "ca" : configmap references non-existent config key: ca.crt"#,
            r#"MountVolume.SetUp failed for volume "input" : configmap "a-prepare-x" not found"#,
            r#"MountVolume.SetUp failed for volume "data" : mount failed: exit status 32"#,
            "Unable to attach or mount volumes: unmounted volumes=[git], unattached volumes=[]: timed out waiting for the condition",
        ],
        |said| read(&pending, Some(("FailedMount", said)), "p1"),
        &expect![[r#"
            MountVolume.SetUp failed for volume "git" : secret "token" not found
              InvalidField, waits: spec.notebook.git.credentialsSecret names the Secret `token`, which is not in this namespace; create it, or mend the name
            MountVolume.SetUp failed for volume "golden-source" : configmap "golden" not found
              InvalidField, waits: spec.goldenNotebook names the ConfigMap `golden`, which is not in this namespace; create it, or mend the name
            MountVolume.SetUp failed for volume "registry-0" : secret "pull" not found
              InvalidField, waits: spec.podConfig.imagePullSecrets or spec.podConfig.buildConfig.pushSecret names the Secret `pull`, which is not in this namespace; create it, or mend the name
            MountVolume.SetUp failed for volume "index-ca" : references non-existent config key: ca.crt
              InvalidField, waits: spec.podConfig.buildConfig.packageIndex.caConfigMap names something that has no key `ca.crt` (volume `index-ca`); add it, or mend the key
            MountVolume.SetUp failed for volume "ca" : configmap "nbvet-ca" not found
              InvalidField, waits: the operator's --ca-config-map names the ConfigMap `nbvet-ca`, which is not in this namespace; create it, with the authorities to trust under the key ca.crt
            MountVolume.SetUp failed for volume "ca" : configmap references non-existent config key: ca.crt
              InvalidField, waits: the operator's --ca-config-map names something that has no key `ca.crt` (volume `ca`); add it, or mend the key
            MountVolume.SetUp failed for volume "input" : configmap "a-prepare-x" not found
              InvalidField, waits: nbvet's own ConfigMap of this step is gone; ask for another run (annotation nbvet.mlops.dev/rerun)
            MountVolume.SetUp failed for volume "data" : mount failed: exit status 32
              InvalidField, waits: the volume `data` of spec.podConfig.volumes is not mounted: mount failed: exit status 32
            Unable to attach or mount volumes: unmounted volumes=[git], unattached volumes=[]: timed out waiting for the condition
              InvalidField, waits: a volume of the pod is not mounted: Unable to attach or mount volumes: unmounted volumes=[git], unattached volumes=[]: timed out waiting for the condition
        "#]],
    );
    check(
        &[
            r#"secret "s3" not found"#,
            r#"configmap "settings" not found"#,
            "couldn't find key token in Secret team/s3",
            "container has runAsNonRoot and image will run as root (pod: \"p_team(1)\", container: notebook)",
            "something new",
        ],
        |said| {
            read(
                &waiting("notebook", "CreateContainerConfigError", said),
                None,
                "p1",
            )
        },
        &expect![[r#"
            secret "s3" not found
              InvalidField, waits: container `notebook`: spec.podConfig.env, envFrom or credentials names the Secret `s3`, which is not in this namespace; create it, or mend the name
            configmap "settings" not found
              InvalidField, waits: container `notebook`: spec.podConfig.env, envFrom or credentials names the ConfigMap `settings`, which is not in this namespace; create it, or mend the name
            couldn't find key token in Secret team/s3
              InvalidField, waits: container `notebook`: spec.podConfig.env wants the key `token` of the Secret `s3`, which has none of that name; add it, or mend the key
            container has runAsNonRoot and image will run as root (pod: "p_team(1)", container: notebook)
              InvalidField, waits: container `notebook` would run as root, which nbvet's pods never do: take an image with another user, or set spec.podConfig.securityContext.runAsUser
            something new
              InvalidField, waits: container `notebook` cannot be made: something new
        "#]],
    );
    check(
        &[
            r#"Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox runtime: no runtime for "kata" is configured"#,
            "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox \"1\": no IP addresses",
        ],
        |said| read(&pending, Some(("FailedCreatePodSandBox", said)), "p1"),
        &expect![[r#"
            Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox runtime: no runtime for "kata" is configured
              InvalidField, waits: the node has no runtime `kata`, which the RuntimeClass `sandboxed` stands for; see spec.podConfig.runtimeClassName, or let an administrator install it
            Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "1": no IP addresses
              NodeLost, waits: the node cannot make the pod's sandbox: failed to setup network for sandbox "1": no IP addresses
        "#]],
    );
}

/// What is said of a pod whose volumes are not mounted, by what its node said at these seconds.
fn unmounted(told: &[(u32, &str)]) -> String {
    let job: Job = from_value(json!({"metadata": {"uid": "j1"}, "spec": {"template": {}}})).unwrap();
    let event = |(second, message): &(u32, &str)| {
        let (minute, second) = (second / 60, second % 60);
        from_value::<Event>(json!({
            "metadata": {"name": "e"}, "reason": "FailedMount", "message": message,
            "lastTimestamp": format!("2026-01-01T00:{minute:02}:{second:02}Z"), "involvedObject": {"uid": "p1"},
        }))
        .unwrap()
    };
    let events: Vec<Event> = told.iter().map(event).collect();
    let pending = pod(&waiting("nbvet", "ContainerCreating", ""));
    let ChildState::Starting { held: Some(held) } = read::pod::state(&job, &[pending], &events) else {
        panic!("it waits");
    };
    held.message
}

const NO_TOKEN: &str = r#"MountVolume.SetUp failed for volume "git" : secret "token" not found"#;

#[test]
fn of_two_events_the_one_that_names_the_volume_is_told() {
    let several = "Unable to attach or mount volumes: unmounted volumes=[git]: timed out";
    let told = unmounted(&[(1, NO_TOKEN), (9, several)]);
    assert!(told.contains("`token`"), "{told}");
}

#[test]
fn all_volumes_that_are_not_mounted_are_told_at_once_and_none_that_is_by_now() {
    let of = |volume: &str, secret: &str| {
        format!(r#"MountVolume.SetUp failed for volume "{volume}" : secret "{secret}" not found"#)
    };
    let (data, ca) = (of("data", "numbers"), of("trusted", "roots"));
    let all = unmounted(&[(1, NO_TOKEN), (2, &ca), (3, &data), (70, &ca), (71, NO_TOKEN)]);
    let names = ["`numbers`", "`token`", "`roots`"];
    assert!(names.iter().all(|name| all.contains(name)), "{all}");
    // Whichever was told last, the sentence is the same: else the status would change each time.
    assert_eq!(all, unmounted(&[(1, NO_TOKEN), (2, &ca), (3, &data)]));
    let later = unmounted(&[(1, NO_TOKEN), (2, &data), (400, &data)]);
    assert!(
        later.contains("`numbers`") && !later.contains("`token`"),
        "{later}"
    );
}

#[test]
fn what_the_kubelet_itself_is_behind_with_is_not_told_beside_what_is_missing() {
    let late = r#"MountVolume.SetUp failed for volume "source" : failed to sync configmap cache: timed out waiting for the condition"#;
    assert_eq!(
        unmounted(&[(1, late), (2, NO_TOKEN)]),
        unmounted(&[(2, NO_TOKEN)])
    );
    assert!(unmounted(&[(1, late)]).contains("failed to sync"));
}

#[test]
fn a_container_that_cannot_start_says_why_and_whether_it_is_the_jobs_fault() {
    for (container, expected) in [
        (
            "notebook",
            expect![[r#"
                failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "nbvet": executable file not found in $PATH: unknown
                  InvalidField: container `notebook` of the image `registry.example/team/a:2` cannot start: exec: "nbvet": executable file not found in $PATH; see spec.podConfig.containerImage and the registry
                failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: error mounting "/var/lib/kubelet/pods/1/volumes/data" to rootfs at "/etc/passwd/data": open /run/containerd/io.containerd.runtime.v2.task/k8s.io/078bb3d50c39cd7266f3cfce6a00d5ad6c1f9498a825149a078bb3d50c39cd7266f3cfce6a00d5ad6c1f9498a825149a/rootfs/etc/passwd/data: not a directory: unknown
                  InvalidField: container `notebook` of the image `registry.example/team/a:2` cannot start: nothing can be mounted at `/etc/passwd/data`: not a directory; see spec.podConfig.volumeMounts
                failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec /bin/x: exec format error: unknown
                  InvalidField: container `notebook` of the image `registry.example/team/a:2` cannot start: exec /bin/x: exec format error; its programs are for another architecture than the node's; see spec.podConfig.containerImage and the registry
                failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: container init was OOM-killed (memory limit too low?): unknown
                  OutOfMemory: container `notebook` needs more memory than its limit of 512Mi even to start; raise spec.podConfig.resources.limits.memory
                failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: error setting cgroup config for procHooks process: unable to set memory limit to 1048576 (current usage: 2613248, peak usage: 2793472): unknown
                  OutOfMemory: container `notebook` needs more memory than its limit of 512Mi even to start; raise spec.podConfig.resources.limits.memory
                failed to create shim task: context deadline exceeded: unknown
                  ReportLost, again: container `notebook` of the image `registry.example/team/a:2` cannot start: failed to create shim task: context deadline exceeded
            "#]],
        ),
        (
            "nbvet",
            expect![[r#"
                failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "nbvet": executable file not found in $PATH: unknown
                  InternalError: container `nbvet` of the image `registry.example/nbvet@sha256:1` cannot start: exec: "nbvet": executable file not found in $PATH; it is the operator's own: an administrator has to see to its --image
                failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: error mounting "/var/lib/kubelet/pods/1/volumes/data" to rootfs at "/etc/passwd/data": open /run/containerd/io.containerd.runtime.v2.task/k8s.io/078bb3d50c39cd7266f3cfce6a00d5ad6c1f9498a825149a078bb3d50c39cd7266f3cfce6a00d5ad6c1f9498a825149a/rootfs/etc/passwd/data: not a directory: unknown
                  InternalError: container `nbvet` of the image `registry.example/nbvet@sha256:1` cannot start: nothing can be mounted at `/etc/passwd/data`: not a directory; see spec.podConfig.volumeMounts
                failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec /bin/x: exec format error: unknown
                  InternalError: container `nbvet` of the image `registry.example/nbvet@sha256:1` cannot start: exec /bin/x: exec format error; its programs are for another architecture than the node's; it is the operator's own: an administrator has to see to its --image
                failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: container init was OOM-killed (memory limit too low?): unknown
                  ReportLost, again: container `nbvet` of the image `registry.example/nbvet@sha256:1` cannot start: container init was OOM-killed (memory limit too low?)
                failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: error setting cgroup config for procHooks process: unable to set memory limit to 1048576 (current usage: 2613248, peak usage: 2793472): unknown
                  ReportLost, again: container `nbvet` of the image `registry.example/nbvet@sha256:1` cannot start: error during container init: error setting cgroup config for procHooks process: unable to set memory limit to 1048576 (current usage: 2613248, peak usage: 2793472)
                failed to create shim task: context deadline exceeded: unknown
                  ReportLost, again: container `nbvet` of the image `registry.example/nbvet@sha256:1` cannot start: failed to create shim task: context deadline exceeded
            "#]],
        ),
    ] {
        check(
            &[
                r#"failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "nbvet": executable file not found in $PATH: unknown"#,
                r#"failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: error mounting "/var/lib/kubelet/pods/1/volumes/data" to rootfs at "/etc/passwd/data": open /run/containerd/io.containerd.runtime.v2.task/k8s.io/078bb3d50c39cd7266f3cfce6a00d5ad6c1f9498a825149a078bb3d50c39cd7266f3cfce6a00d5ad6c1f9498a825149a/rootfs/etc/passwd/data: not a directory: unknown"#,
                "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec /bin/x: exec format error: unknown",
                "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: container init was OOM-killed (memory limit too low?): unknown",
                "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: error setting cgroup config for procHooks process: unable to set memory limit to 1048576 (current usage: 2613248, peak usage: 2793472): unknown",
                "failed to create shim task: context deadline exceeded: unknown",
            ],
            |said| {
                let status = json!({"phase": "Running", "containerStatuses": [{
                    "name": container, "image": "", "imageID": "", "ready": false, "restartCount": 0,
                    "state": {"terminated": {"exitCode": 128, "reason": "StartError", "message": said}},
                }]});
                read(&status, None, "p1")
            },
            &expected,
        );
    }
}

#[test]
fn what_a_node_does_to_a_pod_is_told_with_the_nodes_name() {
    check(
        &[
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: 40Mi.",
            r#"Usage of EmptyDir volume "data" exceeds the limit "8Mi". "#,
            "Pod ephemeral local storage usage exceeds the total limit of containers 20Mi. ",
            r#"Container notebook exceeded its local ephemeral storage limit "20Mi". "#,
            "",
        ],
        |said| {
            read(
                &json!({"phase": "Failed", "reason": "Evicted", "message": said}),
                None,
                "p1",
            )
        },
        &expect![[r#"
            The node was low on resource: memory. Threshold quantity: 100Mi, available: 40Mi.
              Evicted, again: node `node-7` put the pod out: The node was low on resource: memory. Threshold quantity: 100Mi, available: 40Mi
            Usage of EmptyDir volume "data" exceeds the limit "8Mi". 
              Evicted: the node put the pod out: Usage of EmptyDir volume "data" exceeds the limit "8Mi"; raise it in spec.podConfig.volumes (emptyDir.sizeLimit), or let the notebook write less
            Pod ephemeral local storage usage exceeds the total limit of containers 20Mi. 
              Evicted: the node put the pod out: Pod ephemeral local storage usage exceeds the total limit of containers 20Mi; raise it in spec.podConfig.resources.limits.ephemeral-storage, or let the notebook write less
            Container notebook exceeded its local ephemeral storage limit "20Mi". 
              Evicted: the node put the pod out: Container notebook exceeded its local ephemeral storage limit "20Mi"; raise it in spec.podConfig.resources.limits.ephemeral-storage, or let the notebook write less

              Evicted, again: node `node-7` put the pod out
        "#]],
    );
    for (reason, expected) in [
        (
            "EvictionByEvictionAPI",
            expect![[r#"
            Eviction API: evicting
              Evicted, again: the pod was evicted from node `node-7` through the API: the node is drained, or somebody asked for it
            Taint manager: deleting due to NoExecute taint
              Evicted, again: node `node-7` put the pod out: Taint manager: deleting due to NoExecute taint
            PodGC: node no longer exists
              Evicted, again: node `node-7` put the pod out: PodGC: node no longer exists
        "#]],
        ),
        (
            "DeletionByTaintManager",
            expect![[r#"
            Eviction API: evicting
              NodeLost, again: node `node-7` went away with the pod: Eviction API: evicting
            Taint manager: deleting due to NoExecute taint
              NodeLost, again: node `node-7` does not answer or is tainted, and its pods are given up
            PodGC: node no longer exists
              NodeLost, again: node `node-7` was taken out of the cluster, with the pod on it
        "#]],
        ),
        (
            "DeletionByPodGC",
            expect![[r#"
            Eviction API: evicting
              NodeLost, again: node `node-7` went away with the pod: Eviction API: evicting
            Taint manager: deleting due to NoExecute taint
              NodeLost, again: node `node-7` does not answer or is tainted, and its pods are given up
            PodGC: node no longer exists
              NodeLost, again: node `node-7` was taken out of the cluster, with the pod on it
        "#]],
        ),
    ] {
        check(
            &[
                "Eviction API: evicting",
                "Taint manager: deleting due to NoExecute taint",
                "PodGC: node no longer exists",
            ],
            |said| {
                let target =
                    json!({"type": "DisruptionTarget", "status": "True", "reason": reason, "message": said});
                read(&json!({"phase": "Failed", "conditions": [target]}), None, "p1")
            },
            &expected,
        );
    }
}

#[test]
fn s8_a_pod_on_a_node_that_does_not_answer_is_over_when_it_should_have_ended() {
    let job: Job = from_value(json!({"metadata": {"uid": "j1"}, "spec": {"template": {}}})).unwrap();
    let target = json!({"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"});
    let running = json!({
        "name": "nbvet", "image": "", "imageID": "", "ready": true, "restartCount": 0,
        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
    });
    let mut lost = pod(&json!({"phase": "Running", "conditions": [target], "containerStatuses": [running]}));
    let state = |lost: &Pod| read::pod::state(&job, std::slice::from_ref(lost), &[]);
    assert!(matches!(state(&lost), ChildState::Running { .. }));
    lost.metadata.deletion_timestamp = from_value(json!("2026-01-01T00:05:30Z")).unwrap();
    let ChildState::Broken { at, fault } = state(&lost) else {
        panic!("{:?}", state(&lost));
    };
    assert_eq!(
        (at.to_string(), fault.transient),
        ("2026-01-01T00:05:30Z".to_owned(), true)
    );
}

#[test]
fn s8_the_word_of_the_host_counts_when_the_notebooks_container_has_ended() {
    let job: Job = from_value(json!({"metadata": {"uid": "j1"}, "spec": {"template": {}}})).unwrap();
    let word = nbvet_blob::write_end(&nbvet_report::step::StepEnd::new(
        nbvet_report::step::Step::Validate,
        nbvet_report::Outcome::Failed,
        nbvet_report::Reason::NotebookFailed,
        "cell 2: its process was killed",
    ));
    let of = |notebook: &Value| {
        let one = |name: &str, state: &Value| json!({"name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state});
        let host = json!({"terminated": {
            "exitCode": 1, "reason": "Error", "message": word, "finishedAt": "2026-01-01T00:01:00Z",
        }});
        let both = [one("nbvet", &host), one("notebook", notebook)];
        let pod = pod(&json!({"phase": "Running", "containerStatuses": both}));
        read::pod::state(&job, &[pod], &[])
    };
    let runs = of(&json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}}));
    assert!(matches!(runs, ChildState::Running { .. }), "{runs:?}");
    let ended = of(&json!({"terminated": {"exitCode": 0, "reason": "OOMKilled"}}));
    let ChildState::Said { end, .. } = ended else {
        panic!("{ended:?}");
    };
    assert_eq!(
        end.message,
        "a process of the notebook was killed: container `notebook` used more memory than its limit of 512Mi; raise \
         spec.podConfig.resources.limits.memory, or let the notebook hold less at once (cell 2: its process was killed)"
    );
}

#[test]
fn s7_why_a_host_was_told_to_end_is_for_the_node_or_the_cluster_to_say() {
    let of_reason = |reason: nbvet_report::Reason, message: &str, more: Value, job: Value| {
        let word = nbvet_blob::write_end(&nbvet_report::step::StepEnd::new(
            nbvet_report::step::Step::Validate,
            nbvet_report::Outcome::Error,
            reason,
            message,
        ));
        let one = |name: &str, message: Option<&str>| {
            json!({
                "name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": {
                    "exitCode": 0, "reason": "Completed", "message": message,
                    "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:01:00Z",
                }},
            })
        };
        let mut status = more;
        status["containerStatuses"] = json!([one("nbvet", Some(&word)), one("notebook", None)]);
        let job: Job =
            from_value(json!({"metadata": {"uid": "j1"}, "spec": {"template": {}}, "status": job})).unwrap();
        let event: Event = from_value(json!({
            "metadata": {"name": "e"}, "reason": "Evicted", "lastTimestamp": "2026-01-01T00:00:59Z",
            "message": "Usage of EmptyDir volume \"data\" exceeds the limit \"8Mi\". ",
            "involvedObject": {"uid": if status["evicted"] == true { "p1" } else { "another" }},
        }))
        .unwrap();
        match read::pod::state(&job, &[pod(&status)], &[event]) {
            ChildState::Broken { fault, .. } => format!("{}: {}", fault.reason, fault.message),
            ChildState::Said { end, .. } => format!("{}: {}", end.reason, end.message),
            state => format!("{state:?}"),
        }
    };
    let of = |more, job| of_reason(nbvet_report::Reason::Evicted, "interrupted at cell 0", more, job);
    let no_agent = |more, job| of_reason(nbvet_report::Reason::AgentLost, "no agent answers", more, job);
    assert_eq!(
        of(
            json!({"phase": "Failed", "reason": "DeadlineExceeded"}),
            json!({})
        ),
        "ValidationTimedOut: the notebook ran past the pod's deadline, and its host did not end it before"
    );
    let target = json!({"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "Eviction API: evicting"});
    assert_eq!(
        of(json!({"phase": "Succeeded", "conditions": [target]}), json!({})),
        "Evicted: the pod was evicted from node `node-7` through the API: the node is drained, or somebody asked for it"
    );
    assert_eq!(
        of(json!({"phase": "Succeeded"}), json!({})),
        "Evicted: node `node-7` put the pod out: it was deleted (interrupted at cell 0)"
    );
    let told = of(json!({"phase": "Succeeded", "evicted": true}), json!({}));
    assert!(
        told.contains("exceeds the limit \"8Mi\"; raise it in spec.podConfig.volumes"),
        "{told}"
    );
    // Not before the kubelet has had its word.
    assert!(of(json!({"phase": "Running"}), json!({})).starts_with("Running"));
    let ends = |kind: &str| {
        json!({"conditions": [{
            "type": kind, "status": "True", "reason": "DeadlineExceeded", "lastTransitionTime": "2026-01-01T00:01:00Z",
        }]})
    };
    assert!(of(json!({"phase": "Failed"}), ends("FailureTarget")).starts_with("Running"));
    let told = of(json!({"phase": "Failed"}), ends("Failed"));
    assert!(
        told.starts_with("ReportLost: the Job's `activeDeadlineSeconds`"),
        "{told}"
    );
    // An agent may be told to end before its host is.
    let told = no_agent(json!({"phase": "Failed"}), ends("Failed"));
    assert!(
        told.starts_with("ReportLost: the Job's `activeDeadlineSeconds`"),
        "{told}"
    );
    assert_eq!(
        no_agent(json!({"phase": "Failed"}), json!({})),
        "AgentLost: no agent answers"
    );
}
