//! The failures: what happens, how it is made, and what Kubernetes says of it. What nbvet says stands on the page.

use nbvet_operator_testkit::{Image, REGISTRY};
use serde_json::{Value, json};

use crate::{
    images::{self, CLOSED, DOWN},
    notebooks::{CHILD, FINE, GREEDY, NAME, WAITS, WRITES},
    stage::{COUNTED, FULL, LATER, QUOTA, Stage, TEAM},
    webhook::{DEAF, DENIED, NEVER},
};

/// What is done while a row's job runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    Nothing,
    /// The pod of validate is evicted, as `kubectl drain` does.
    Evict,
    /// The pod of validate gets a shorter deadline.
    PodDeadline,
    /// The Job of validate gets a deadline.
    JobDeadline,
    /// The Secret that is missing is made.
    MakeSecret,
    /// The job gets a limit that is over.
    Limit,
}

/// How far a row goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goes {
    /// Its run ends.
    ToItsEnd,
    /// It waits, and its message has these words.
    Waiting(&'static str),
    /// A try fails, and after the deed the next one goes well.
    On,
}

/// One failure.
pub(crate) struct Row {
    /// The name of its job.
    pub(crate) name: &'static str,
    pub(crate) namespace: &'static str,
    pub(crate) group: &'static str,
    pub(crate) happens: &'static str,
    pub(crate) made: &'static str,
    /// What Kubernetes has to say of its pods for the row to be what it is; empty: nothing, the step says it.
    pub(crate) says: &'static str,
    pub(crate) spec: Value,
    pub(crate) deed: Deed,
    pub(crate) goes: Goes,
}

const PULL: &str = "Images";
const PLACE: &str = "Places on nodes";
const ADMISSION: &str = "Admission";
const NEEDS: &str = "What pods need";
const START: &str = "Containers that do not start";
const ENDS: &str = "Memory, disk, deadlines";
/// The group of what happens to nodes.
pub(crate) const NODES: &str = "Nodes";

/// Builds a row from the parts that always differ.
fn row(
    name: &'static str,
    group: &'static str,
    happens: &'static str,
    made: &'static str,
    says: &'static str,
) -> Row {
    Row {
        name,
        namespace: TEAM,
        group,
        happens,
        made,
        says,
        spec: json!({}),
        deed: Deed::Nothing,
        goes: Goes::ToItsEnd,
    }
}

impl Row {
    fn in_namespace(self, namespace: &'static str) -> Self {
        Self { namespace, ..self }
    }

    /// Fields of `spec.podConfig`.
    fn pod(mut self, fields: &Value) -> Self {
        for (field, value) in fields.as_object().into_iter().flatten() {
            self.spec["podConfig"][field] = value.clone();
        }
        self
    }

    /// Another field of the spec.
    fn with(mut self, field: &str, value: Value) -> Self {
        self.spec[field] = value;
        self
    }

    /// Another notebook than the one that ends well at once.
    fn runs(self, notebook: &str) -> Self {
        self.with("notebook", json!({"configMap": {"name": NAME}, "path": notebook}))
    }

    fn waits(self, words: &'static str) -> Self {
        Self {
            goes: Goes::Waiting(words),
            ..self
        }
    }

    fn deed(self, deed: Deed) -> Self {
        Self { deed, ..self }
    }

    fn goes_on(self) -> Self {
        Self {
            goes: Goes::On,
            ..self
        }
    }

    /// A notebook that runs until something is done to its pod, and the next one ends well.
    fn disturbed(self, deed: Deed) -> Self {
        let map = go(self.name);
        self.runs(WAITS).deed(deed).pod(&next_is_told(&map)).goes_on()
    }

    /// The job, in the town's images.
    pub(crate) fn job(&self, base: &str) -> Value {
        let mut job = json!({
            "apiVersion": "mlops.mlops.dev/v1alpha1",
            "kind": "NotebookValidationJob",
            "metadata": {"name": self.name},
            "spec": {
                "notebook": {"configMap": {"name": NAME}, "path": FINE},
                "validationConfig": {"level": "learning"},
                "retryPolicy": {"maxValidationRetries": 1},
                "podConfig": {"containerImage": base},
            },
        });
        for (field, value) in self.spec.as_object().into_iter().flatten() {
            if field == "podConfig" {
                for (field, value) in value.as_object().into_iter().flatten() {
                    job["spec"]["podConfig"][field] = value.clone();
                }
            } else {
                job["spec"][field] = value.clone();
            }
        }
        job
    }
}

/// The `ConfigMap` by which the notebook of a row's next try is told to end.
pub(crate) fn go(row: &str) -> String {
    format!("go-{row}")
}

/// The environment of a notebook that ends well where the `ConfigMap` is there.
pub(crate) fn next_is_told(map: &str) -> Value {
    json!({"envFrom": [{"configMapRef": {"name": map, "optional": true}}]})
}

/// Memory for the notebook's container, so that it runs out soon.
fn little(memory: &str) -> Value {
    json!({"resources": {"limits": {"memory": memory}, "requests": {"memory": "16Mi"}}})
}

fn volume(source: Value, path: &str) -> Value {
    let mut volume = source;
    volume["name"] = json!("data");
    json!({"volumes": [volume], "volumeMounts": [{"name": "data", "mountPath": path}]})
}

fn of_images(stage: &Stage) -> Vec<Row> {
    let torn = images::torn(&stage.cluster);
    let mut unknown = Image::new("localhost/unknown:1");
    unknown.file("note", b"no node has it", 0o644);
    let unknown = images::push(&stage.cluster, &unknown, "broken/unknown");
    let image = |image: &str| json!({"containerImage": image});
    vec![
        row(
            "tag",
            PULL,
            "the registry has no such tag",
            "`containerImage` with a tag that nobody pushed",
            "",
        )
        .pod(&image(&format!("{REGISTRY}/bases/plain:no-such-tag"))),
        row(
            "login",
            PULL,
            "the registry wants credentials",
            "`containerImage` in a registry with a password, no `imagePullSecrets`",
            "",
        )
        .pod(&image(&format!("{CLOSED}/team/analysis:1"))),
        row(
            "down",
            PULL,
            "the registry is down",
            "`containerImage` at a port where nobody listens",
            "",
        )
        .pod(&image(&format!("{DOWN}/team/analysis:1"))),
        row(
            "platform",
            PULL,
            "there is no image for this kind of machine",
            "`containerImage` with one entry for s390x",
            "",
        )
        .pod(&image(&stage.elsewhere)),
        row(
            "torn",
            PULL,
            "the registry has lost a layer",
            "the file of a layer removed from the registry",
            "ErrImagePull",
        )
        .pod(&image(&torn)),
        row(
            "unknown",
            PULL,
            "the pod may not pull",
            "a webhook that sets `imagePullPolicy: Never`",
            "ErrImageNeverPull",
        )
        .in_namespace(NEVER)
        .pod(&image(&unknown)),
        row(
            "no-tag",
            PULL,
            "nbvet's own image: no such tag",
            "a controller with such an `--image`",
            "ErrImagePull",
        )
        .in_namespace("image-tag"),
        row(
            "no-login",
            PULL,
            "nbvet's own image: the registry wants credentials",
            "a controller with such an `--image`",
            "ErrImagePull",
        )
        .in_namespace("image-login"),
        row(
            "no-registry",
            PULL,
            "nbvet's own image: the registry is down",
            "a controller with such an `--image`",
            "ErrImagePull",
        )
        .in_namespace("image-down"),
        row(
            "no-platform",
            PULL,
            "nbvet's own image: none for this kind of machine",
            "a controller with such an `--image`",
            "ErrImagePull",
        )
        .in_namespace("image-platform"),
    ]
}

fn of_places() -> Vec<Row> {
    let much = json!({"resources": {"requests": {"memory": "4Ti"}, "limits": {"memory": "4Ti"}}});
    let claim = |name: &str| volume(json!({"persistentVolumeClaim": {"claimName": name}}), "/data");
    vec![
        row(
            "large",
            PLACE,
            "no node has so much memory",
            "`resources.requests.memory: 4Ti`",
            "Insufficient memory",
        )
        .pod(&much)
        .waits("Insufficient memory"),
        row(
            "limited",
            PLACE,
            "the same, and `totalTimeout` passes",
            "the same, then `totalTimeout: 1s`",
            "Insufficient memory",
        )
        .pod(&much)
        .deed(Deed::Limit),
        row(
            "selector",
            PLACE,
            "no node has the label",
            "`nodeSelector: {disk: fast}`",
            "node affinity/selector",
        )
        .pod(&json!({"nodeSelector": {"disk": "fast"}}))
        .waits("node affinity/selector"),
        row(
            "no-claim",
            PLACE,
            "the claim of a volume does not exist",
            "`volumes` with a claim of that name",
            "persistentvolumeclaim \"nowhere\" not found",
        )
        .pod(&claim("nowhere"))
        .waits("nowhere"),
        row(
            "unbound",
            PLACE,
            "the claim of a volume has no volume",
            "a claim that no volume is made for",
            "unbound",
        )
        .pod(&claim("unbound"))
        .waits("unbound"),
    ]
}

fn of_admission() -> Vec<Row> {
    let host = volume(json!({"hostPath": {"path": "/"}}), "/data");
    vec![
        row(
            "security",
            ADMISSION,
            "a volume is of a kind that Pod Security *restricted* forbids",
            "a `hostPath`",
            "",
        )
        .pod(&host),
        row(
            "quota",
            ADMISSION,
            "a quota is smaller than the pod",
            "a `ResourceQuota` of 1 GiB of memory",
            "exceeded quota",
        )
        .in_namespace(QUOTA),
        row(
            "full",
            ADMISSION,
            "a quota is used up",
            "a `ResourceQuota` of one pod, and a pod",
            "exceeded quota",
        )
        .in_namespace(FULL)
        .waits("quota"),
        row(
            "counted",
            ADMISSION,
            "a quota has no room for a Job",
            "a `ResourceQuota` of no Jobs",
            "",
        )
        .in_namespace(COUNTED),
        row(
            "denied",
            ADMISSION,
            "a webhook refuses the pod",
            "a webhook that answers so",
            "denied the request",
        )
        .in_namespace(DENIED),
        row(
            "deaf",
            ADMISSION,
            "a webhook does not answer",
            "a webhook at a port where nobody listens",
            "failed calling webhook",
        )
        .in_namespace(DEAF)
        .waits("does not answer"),
        row(
            "class",
            ADMISSION,
            "there is no such RuntimeClass",
            "`runtimeClassName: missing`",
            "RuntimeClass \"missing\" not found",
        )
        .pod(&json!({"runtimeClassName": "missing"})),
        row(
            "account",
            ADMISSION,
            "there is no such ServiceAccount",
            "`serviceAccountName: missing`",
            "serviceaccount \"missing\" not found",
        )
        .pod(&json!({"serviceAccountName": "missing"}))
        .waits("ServiceAccount"),
    ]
}

fn of_needs() -> Vec<Row> {
    let key = json!({"env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "present", "key": "token"}}}]});
    vec![
        row("git-secret", NEEDS, "the Secret of the source does not exist", "`credentialsSecret` of that name", "FailedMount")
            .with("notebook", json!({"git": {"url": "https://10.96.0.1:8443/a.git", "ref": "main", "credentialsSecret": "missing"}, "path": FINE})),
        row("source", NEEDS, "the ConfigMap of the source does not exist", "`notebook.configMap` of that name", "FailedMount")
            .with("notebook", json!({"configMap": {"name": "missing"}, "path": FINE})),
        row("pull-secret", NEEDS, "the Secret to pull with does not exist", "`imagePullSecrets` of that name", "FailedMount")
            .pod(&json!({"imagePullSecrets": [{"name": "missing"}]})),
        row("volume", NEEDS, "the Secret of a volume does not exist", "`volumes` of that name", "FailedMount")
            .pod(&volume(json!({"secret": {"secretName": "missing"}}), "/data")),
        row("environment", NEEDS, "the Secret of environment variables does not exist", "`credentials` of that name", "CreateContainerConfigError")
            .pod(&json!({"credentials": ["missing"]})),
        row("key", NEEDS, "the Secret has no such key", "`env` with a key that the Secret has not", "CreateContainerConfigError").pod(&key),
        row("later", NEEDS, "a Secret comes later", "`credentials`, and the Secret once its lack was told", "CreateContainerConfigError")
            .in_namespace(LATER)
        .pod(&json!({"credentials": ["later"]}))
            .deed(Deed::MakeSecret)
            .goes_on(),
        row("runtime", NEEDS, "the node lacks the runtime of a RuntimeClass", "a `RuntimeClass` with another handler", "FailedCreatePodSandBox")
            .pod(&json!({"runtimeClassName": "sandboxed"})),
    ]
}

fn of_starts() -> Vec<Row> {
    vec![
        row(
            "program",
            START,
            "the image has no such program",
            "a controller whose `--image` is not nbvet's",
            "StartError",
        )
        .in_namespace("image-program"),
        row(
            "foreign",
            START,
            "the program is for another kind of machine",
            "a controller whose `--image` holds one of aarch64",
            "Error",
        )
        .in_namespace("image-foreign"),
        row(
            "over-file",
            START,
            "a volume cannot be mounted where it should be",
            "a volume mounted over `/etc/passwd/data`",
            "StartError",
        )
        .pod(&volume(json!({"emptyDir": {}}), "/etc/passwd/data")),
        row(
            "tiny",
            START,
            "there is no memory even to start",
            "`limits.memory: 1Mi`",
            "",
        )
        .pod(&json!({"resources": {"limits": {"memory": "1Mi"}, "requests": {"memory": "1Mi"}}})),
    ]
}

fn of_ends() -> Vec<Row> {
    vec![
        row(
            "greedy",
            ENDS,
            "the notebook's process is killed for memory, the container's first one lives",
            "a notebook that takes memory, `limits.memory: 192Mi`",
            "OOMKilled",
        )
        .runs(GREEDY)
        .pod(&little("192Mi")),
        row(
            "child",
            ENDS,
            "a process that the notebook started is killed for memory, and the notebook goes on",
            "the same in a process of its own",
            "OOMKilled, exit code 0",
        )
        .runs(CHILD)
        .pod(&little("192Mi")),
        row(
            "first",
            ENDS,
            "there is memory to start the container, and none to run Python",
            "`limits.memory: 6Mi`",
            "OOMKilled",
        )
        .pod(&json!({"resources": {"limits": {"memory": "6Mi"}, "requests": {"memory": "6Mi"}}})),
        row(
            "writes",
            ENDS,
            "the pod writes more than its limit",
            "a notebook that writes 64 MiB into an `emptyDir` with `sizeLimit: 8Mi`",
            "Evicted",
        )
        .runs(WRITES)
        .pod(&volume(json!({"emptyDir": {"sizeLimit": "8Mi"}}), "/data")),
        row(
            "evicted",
            ENDS,
            "the pod is evicted",
            "the API of evictions",
            "EvictionByEvictionAPI",
        )
        .disturbed(Deed::Evict),
        row(
            "deadline",
            ENDS,
            "the pod's deadline passes",
            "`activeDeadlineSeconds` of the pod lowered while the notebook runs",
            "DeadlineExceeded",
        )
        .runs(WAITS)
        .deed(Deed::PodDeadline),
        row(
            "job-deadline",
            ENDS,
            "the Job gets a deadline that nbvet did not give it",
            "`activeDeadlineSeconds` of the Job set while the notebook runs",
            "DeadlineExceeded",
        )
        .disturbed(Deed::JobDeadline),
    ]
}

/// All that happens while the node lives.
pub(crate) fn all(stage: &Stage) -> Vec<Row> {
    let mut rows = of_images(stage);
    rows.extend(of_places());
    rows.extend(of_admission());
    rows.extend(of_needs());
    rows.extend(of_starts());
    rows.extend(of_ends());
    rows
}

/// What rows need besides their jobs, by namespace.
pub(crate) fn objects() -> Vec<(&'static str, Value)> {
    let quota = |hard: Value| json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "limits"}, "spec": {"hard": hard}});
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "unbound"},
        "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": "",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    });
    let present = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "present"}, "stringData": {"password": "x"},
    });
    let class = json!({
        "apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "sandboxed"}, "handler": "kata",
    });
    vec![
        (QUOTA, quota(json!({"limits.memory": "1Gi"}))),
        (FULL, quota(json!({"pods": "1"}))),
        (COUNTED, quota(json!({"count/jobs.batch": "0"}))),
        (TEAM, claim),
        (TEAM, present),
        (TEAM, class),
    ]
}

/// A pod that takes the one place of a quota.
pub(crate) fn occupant() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "occupant"},
        "spec": {
            "securityContext": {"runAsNonRoot": true, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "only", "image": Image::BUSYBOX, "command": ["sleep", "3600"],
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
            "terminationGracePeriodSeconds": 0,
        },
    })
}

/// What happens to a node: its job waits for the deed of somebody else.
pub(crate) fn of_node(
    name: &'static str,
    happens: &'static str,
    made: &'static str,
    says: &'static str,
) -> Row {
    row(name, NODES, happens, made, says)
}

impl Row {
    /// A notebook that runs until the `ConfigMap` is there when it begins.
    pub(crate) fn until(self, map: &str, pod: &Value) -> Self {
        self.runs(WAITS).pod(&next_is_told(map)).pod(pod).goes_on()
    }

    /// It waits with these words.
    pub(crate) fn waiting(self, words: &'static str) -> Self {
        self.waits(words)
    }
}
