//! What scheduler and kubelet say of a pod, put so that a user knows what is at fault, where it stands in the
//! job and how to mend it. Their own words are kept where they say more. Knows no state of a pod.

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};

use super::pod::{BEFORE, NOTEBOOK, TRUSTED};

/// Bytes of a foreign text that nothing here knows.
const MOST_UNKNOWN: usize = 300;

/// What somebody else said, in our words, and whether it may be otherwise by itself in a while.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) message: String,
    pub(super) passes: bool,
}

fn told(message: String, passes: bool) -> Told {
    Told { message, passes }
}

/// Whether a container is nbvet's own.
pub(super) fn is_trusted(container: &str) -> bool {
    container == TRUSTED || BEFORE.contains(&container)
}

fn container<'a>(pod: &'a Pod, name: &str) -> Option<&'a Container> {
    let spec = pod.spec.as_ref()?;
    let mut all = spec
        .containers
        .iter()
        .chain(spec.init_containers.iter().flatten());
    all.find(|one| one.name == name)
}

/// The name of a container's image.
fn image<'a>(pod: &'a Pod, name: &str) -> &'a str {
    let image = container(pod, name).and_then(|one| one.image.as_deref());
    image.unwrap_or("?")
}

fn runs_notebook(pod: &Pod) -> bool {
    container(pod, NOTEBOOK).is_some()
}

pub(super) fn says(text: &str, any: &[&str]) -> bool {
    any.iter().any(|words| text.contains(words))
}

/// What stands between two words of a text.
pub(super) fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(inner, _)| inner)
}

/// The last of a chain of causes `a: b: c`, without what only programs read.
fn unknown(raw: &str) -> String {
    let end = raw.rsplit(" desc = ").next().unwrap_or(raw).trim();
    nbvet_report::step::plain(end, MOST_UNKNOWN)
}

/// Why registries give no image: what they and nodes say, in lower case, what that means, whether it lasts.
const PULLS: [(&[&str], &str, Refusal); 9] = [
    (
        &["no match for platform"],
        "it is for other platforms than the node's",
        Refusal::Platform,
    ),
    (
        &["may require authorization"],
        "the registry has no such image, or gives it to others alone",
        Refusal::Credentials,
    ),
    (
        &[
            "unauthorized",
            "authentication required",
            "authorization failed",
            "no basic auth",
            "denied",
            "forbidden",
        ],
        "the registry wants other credentials",
        Refusal::Credentials,
    ),
    (
        &["not found", "manifest unknown", "name unknown", "does not exist"],
        "the registry has no such image, or not all of it",
        Refusal::Missing,
    ),
    (
        &["no such host"],
        "the registry's name is not known to the node",
        Refusal::Missing,
    ),
    (
        &["invalid reference"],
        "it is no name of an image",
        Refusal::Missing,
    ),
    (
        &["server gave http response to https client", "x509:", "tls:"],
        "the node and the registry do not agree on TLS",
        Refusal::Unreachable,
    ),
    (
        &["toomanyrequests", "too many requests"],
        "the registry has had too many requests",
        Refusal::Unreachable,
    ),
    (
        &[
            "connection refused",
            "timeout",
            "deadline exceeded",
            "no route to host",
            "connection reset",
        ],
        "the registry cannot be reached",
        Refusal::Unreachable,
    ),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Platform,
    Credentials,
    Missing,
    Unreachable,
}

/// Why the node has not an image: the kubelet's reason and its words.
pub(super) fn pull(pod: &Pod, name: &str, reason: &str, raw: &str) -> Told {
    let image = format!("the image `{}` of container `{name}`", image(pod, name));
    match reason {
        "ErrImageNeverPull" => {
            return told(
                format!(
                    "{image} is not on the node, and `imagePullPolicy: Never` forbids to pull it; nbvet sets no such policy: \
                     an administrator has to see which admission webhook or policy does"
                ),
                false,
            );
        }
        "InvalidImageName" => {
            return told(
                format!(
                    "{image} cannot be pulled: it is no name of an image; {}",
                    whose(name)
                ),
                false,
            );
        }
        _ => {}
    }
    let lower = raw.to_lowercase();
    let known = PULLS.iter().find(|(words, ..)| says(&lower, words));
    let Some((_, problem, refusal)) = known else {
        let raw = unknown(raw);
        return told(
            format!("{image} cannot be pulled: {raw}; the node tries again"),
            true,
        );
    };
    let hint = match refusal {
        Refusal::Unreachable => "the node tries again".to_owned(),
        Refusal::Credentials if is_trusted(name) => format!(
            "{}, or give the service account `default` of this namespace a Secret to pull with",
            whose(name)
        ),
        Refusal::Credentials => {
            "name a Secret of type kubernetes.io/dockerconfigjson that may pull it in spec.podConfig.imagePullSecrets"
                .to_owned()
        }
        Refusal::Platform | Refusal::Missing => whose(name),
    };
    let passes = *refusal == Refusal::Unreachable;
    told(format!("{image} cannot be pulled: {problem}; {hint}"), passes)
}

/// Who named the image of a container.
fn whose(name: &str) -> String {
    if is_trusted(name) {
        "it is the operator's own: an administrator has to see to its --image".to_owned()
    } else {
        "see spec.podConfig.containerImage and the registry".to_owned()
    }
}

/// Why no node takes a pod.
pub(super) fn unschedulable(pod: &Pod, raw: &str) -> String {
    // What follows is of no use to anybody: of preemption, and of claims of devices.
    let ends = [". no new claims", ". not found", " preemption:"];
    let end = ends.iter().filter_map(|end| raw.find(end)).min();
    let own = raw[..end.unwrap_or(raw.len())].trim_end_matches(['.', ' ']);
    let mut hints: Vec<String> = Vec::new();
    if own.contains("Insufficient") {
        hints.push(if runs_notebook(pod) {
            "ask for less in spec.podConfig.resources, or add nodes".to_owned()
        } else {
            "the cluster needs more room, or more nodes".to_owned()
        });
    }
    if own.contains("node affinity/selector") {
        hints.push("see spec.podConfig.nodeSelector and affinity against the labels of nodes".to_owned());
    }
    if own.contains("taint") {
        hints.push("see spec.podConfig.tolerations against the taints of nodes".to_owned());
    }
    if own.contains("persistentvolumeclaim") {
        hints.push("create the claim in this namespace, or mend its name in the job".to_owned());
    }
    if own.contains("unbound") {
        let claims = claims(pod.spec.as_ref());
        hints.push(format!(
            "a claim has no volume yet ({}): see its events, its size and its storage class",
            claims.join(", ")
        ));
    }
    let mut message = format!("no node takes the pod: {own}");
    for hint in hints {
        message.push_str("; ");
        message.push_str(&hint);
    }
    message
}

/// The claims that a pod mounts.
fn claims(spec: Option<&PodSpec>) -> Vec<String> {
    let volumes = spec.and_then(|spec| spec.volumes.as_ref()).into_iter().flatten();
    let claims = volumes.filter_map(|volume| volume.persistent_volume_claim.as_ref());
    claims.map(|claim| format!("`{}`", claim.claim_name)).collect()
}

/// The volume of what the operator has all its pods trust.
const CA: &str = "ca";

/// Where the job names what a volume of its pods holds.
fn field_of(volume: &str) -> &'static str {
    match volume {
        "git" => "spec.notebook.git.credentialsSecret",
        "golden-git" => "spec.goldenNotebook.git.credentialsSecret",
        "source" => "spec.notebook",
        "golden-source" => "spec.goldenNotebook",
        "index" => "spec.podConfig.buildConfig.packageIndex.secret",
        "index-ca" => "spec.podConfig.buildConfig.packageIndex.caConfigMap",
        "token" => "spec.podConfig.serviceAccountName",
        CA => "the operator's --ca-config-map",
        _ if volume.starts_with("registry-") => {
            "spec.podConfig.imagePullSecrets or spec.podConfig.buildConfig.pushSecret"
        }
        _ => "spec.podConfig.volumes",
    }
}

/// The volume that a kubelet speaks of.
pub(super) fn volume_of(raw: &str) -> Option<&str> {
    between(raw, "for volume \"", "\"")
}

/// Why a volume is not mounted.
pub(super) fn mount(raw: &str) -> String {
    let Some(volume) = volume_of(raw) else {
        return format!("a volume of the pod is not mounted: {}", unknown(raw));
    };
    let field = field_of(volume);
    if volume == "input" {
        return "nbvet's own ConfigMap of this step is gone; ask for another run (annotation nbvet.mlops.dev/rerun)"
            .to_owned();
    }
    if let Some((kind, name)) = missing_object(raw) {
        let mends = if volume == CA {
            "create it, with the authorities to trust under the key ca.crt"
        } else {
            "create it, or mend the name"
        };
        return format!("{field} names the {kind} `{name}`, which is not in this namespace; {mends}");
    }
    if let Some(key) = raw.split("references non-existent ").nth(1) {
        let key = key.rsplit(": ").next().unwrap_or(key).trim();
        return format!(
            "{field} names something that has no key `{key}` (volume `{volume}`); add it, or mend the key"
        );
    }
    format!(
        "the volume `{volume}` of {field} is not mounted: {}",
        last_cause(raw)
    )
}

/// The Secret or `ConfigMap` that is not there.
fn missing_object(raw: &str) -> Option<(&'static str, &str)> {
    let kinds = [("secret \"", "Secret"), ("configmap \"", "ConfigMap")];
    kinds.into_iter().find_map(|(before, kind)| {
        let name = between(raw, before, "\"")?;
        raw.contains(&format!("{before}{name}\" not found"))
            .then_some((kind, name))
    })
}

/// Why the kubelet cannot make a container out of its description.
pub(super) fn configuration(name: &str, raw: &str) -> String {
    let fields = "spec.podConfig.env, envFrom or credentials";
    if let Some((kind, missing)) = missing_object(raw) {
        return format!(
            "container `{name}`: {fields} names the {kind} `{missing}`, which is not in this namespace; create it, or mend \
             the name"
        );
    }
    if let Some(rest) = raw.split("couldn't find key ").nth(1)
        && let Some((key, of)) = rest.split_once(" in ")
    {
        // `Secret NAMESPACE/NAME`.
        let (kind, place) = of.split_once(' ').unwrap_or(("object", of));
        let object = place.rsplit('/').next().unwrap_or(place).trim();
        return format!(
            "container `{name}`: spec.podConfig.env wants the key `{key}` of the {kind} `{object}`, which has none of that \
             name; add it, or mend the key"
        );
    }
    if raw.contains("runAsNonRoot") {
        return format!(
            "container `{name}` would run as root, which nbvet's pods never do: take an image with another user, or set \
             spec.podConfig.securityContext.runAsUser"
        );
    }
    format!("container `{name}` cannot be made: {}", last_cause(raw))
}

/// What was behind it, of a chain of what programs said.
pub(super) fn last_cause(raw: &str) -> String {
    let marks = [
        "unable to start container process: ",
        "runc create failed: ",
        "failed to generate spec: ",
        " desc = ",
        " : ",
    ];
    let cause = marks
        .iter()
        .find_map(|mark| raw.split_once(mark))
        .map_or(raw, |(_, rest)| rest);
    let cause = cause.trim().trim_end_matches(": unknown");
    nbvet_report::step::plain(cause, MOST_UNKNOWN)
}

/// What keeps a program from starting whoever tries again.
const LASTING: [&str; 8] = [
    "executable file not found",
    "no such file or directory",
    "exec format error",
    "permission denied",
    "not a directory",
    "is a directory",
    "read-only file system",
    "mounting",
];

/// Why a container did not start.
pub(super) fn start(pod: &Pod, name: &str, raw: &str) -> Told {
    let cause = last_cause(raw);
    let passes = !says(raw, &LASTING);
    let (cause, hint) = if let Some(path) = between(raw, "to rootfs at \"", "\"") {
        let why = raw.trim_end_matches(": unknown").rsplit(": ").next();
        let why = unknown(why.unwrap_or_default());
        let cause = format!("nothing can be mounted at `{path}`: {why}");
        (cause, "see spec.podConfig.volumeMounts".to_owned())
    } else if cause.contains("exec format error") {
        let hint = "its programs are for another architecture than the node's";
        (cause, format!("{hint}; {}", whose(name)))
    } else {
        (cause, whose(name))
    };
    let mut message = format!(
        "container `{name}` of the image `{}` cannot start: {cause}",
        image(pod, name)
    );
    if !passes {
        message.push_str("; ");
        message.push_str(&hint);
    }
    told(message, passes)
}

/// A container of nbvet's that ended and left no result.
pub(super) fn silence(pod: &Pod, name: &str, code: i32) -> String {
    format!(
        "container `{name}` of the image `{}` ended with status {code} and said nothing that can be read; `kubectl nbvet logs` \
         shows what it printed",
        image(pod, name)
    )
}

/// Whether a container had no room even to begin in.
pub(super) fn has_no_room(raw: &str) -> bool {
    says(
        raw,
        &[
            "memory limit too low",
            "unable to set memory limit",
            "OOM-killed",
            "cannot allocate memory",
        ],
    )
}

/// What the notebook's container may use.
fn limit(pod: &Pod) -> String {
    let resources = container(pod, NOTEBOOK).and_then(|one| one.resources.as_ref());
    let limit = resources.and_then(|all| all.limits.as_ref()?.get("memory").cloned());
    limit.map_or_else(
        || "it may".to_owned(),
        |limit| format!("its limit of {}", limit.0),
    )
}

/// A notebook's container that had not memory enough to begin.
pub(super) fn no_memory_to_start(pod: &Pod) -> String {
    format!(
        "container `{NOTEBOOK}` needs more memory than {} even to start; raise spec.podConfig.resources.limits.memory",
        limit(pod)
    )
}

/// A notebook's container that used more than it may.
pub(super) fn out_of_memory(pod: &Pod) -> String {
    let limit = limit(pod);
    format!(
        "a process of the notebook was killed: container `{NOTEBOOK}` used more memory than {limit}; raise \
         spec.podConfig.resources.limits.memory, or let the notebook hold less at once"
    )
}

/// A pod that was put out for no fault of its own.
pub(super) fn put_out(pod: &Pod, raw: &str) -> String {
    let node = node(pod);
    match raw.trim().trim_end_matches('.') {
        "" => format!("{node} put the pod out"),
        raw if raw.contains("Eviction API") => {
            format!(
                "the pod was evicted from {node} through the API: the node is drained, or somebody asked for it"
            )
        }
        raw => format!("{node} put the pod out: {}", unknown(raw)),
    }
}

/// A pod whose node went away.
pub(super) fn node_lost(pod: &Pod, raw: &str) -> String {
    let node = node(pod);
    match raw.trim() {
        "" => format!("{node} went away with the pod"),
        raw if raw.contains("aint manager") => {
            format!("{node} does not answer or is tainted, and its pods are given up")
        }
        raw if raw.contains("GC") || raw.contains("no longer exists") => {
            format!("{node} was taken out of the cluster, with the pod on it")
        }
        raw => format!("{node} went away with the pod: {}", unknown(raw)),
    }
}

/// The node of a pod, by name.
fn node(pod: &Pod) -> String {
    let name = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    name.map_or_else(|| "its node".to_owned(), |name| format!("node `{name}`"))
}

/// What a pod used up that was its own: the kubelet's words of an eviction, and where the limit stands.
pub(super) fn own_limit(raw: &str) -> Option<String> {
    let field = if raw.contains("EmptyDir volume") {
        "spec.podConfig.volumes (emptyDir.sizeLimit)"
    } else if says(
        raw,
        &[
            "local ephemeral storage limit",
            "ephemeral local storage usage exceeds",
        ],
    ) {
        "spec.podConfig.resources.limits.ephemeral-storage"
    } else {
        return None;
    };
    let raw = raw.trim().trim_end_matches('.');
    Some(format!(
        "the node put the pod out: {raw}; raise it in {field}, or let the notebook write less"
    ))
}

/// Why the node cannot make what a pod's containers live in.
pub(super) fn sandbox(pod: &Pod, raw: &str) -> Told {
    if let Some(handler) = between(raw, "no runtime for \"", "\"") {
        let class = pod
            .spec
            .as_ref()
            .and_then(|spec| spec.runtime_class_name.as_deref());
        return told(
            format!(
                "the node has no runtime `{handler}`, which the RuntimeClass `{}` stands for; see \
                 spec.podConfig.runtimeClassName, or let an administrator install it",
                class.unwrap_or_default()
            ),
            false,
        );
    }
    told(
        format!("the node cannot make the pod's sandbox: {}", unknown(raw)),
        true,
    )
}
