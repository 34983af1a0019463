//! What a request of the controller is, in words that are the same in every telling of a story.

use nbvet_operator_testkit::Seen;
use serde_json::Value;

/// What it is for: `get configmaps`, `watch jobs`, `create events`, `replace notebookvalidationjobs/status`.
pub(crate) fn kind(seen: &Seen) -> String {
    let place = Place::of(&seen.path);
    let verb = match (&*seen.method, place.name.is_some()) {
        ("GET", _) if seen.is_watch() => "watch",
        ("GET", true) => "get",
        ("GET", false) if place.resource == "discovery" => "get",
        ("GET", false) => "list",
        ("POST", _) => "create",
        ("PUT", _) => "replace",
        ("PATCH", _) => "patch",
        (other, _) => return format!("{} {}", other.to_lowercase(), place.resource),
    };
    format!("{verb} {}", place.resource)
}

/// Where a path leads.
struct Place<'a> {
    /// `jobs`, `pods/log`, `discovery`.
    resource: String,
    name: Option<&'a str>,
}

impl<'a> Place<'a> {
    fn of(path: &'a str) -> Self {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (["api", _, rest @ ..] | ["apis", _, _, rest @ ..] | rest) = parts.as_slice();
        let rest = match rest {
            ["namespaces", _, within @ ..] if !within.is_empty() => within,
            rest => rest,
        };
        let resource = match rest {
            [] => "discovery".to_owned(),
            [resource] | [resource, _] => (*resource).to_owned(),
            [resource, _, sub, ..] => format!("{resource}/{sub}"),
        };
        Self {
            resource,
            name: rest.get(1).copied(),
        }
    }
}

/// The name of a write among all of a story: `record of prepare of one`.
pub(crate) fn write(seen: &Seen, namespace: &str) -> String {
    let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = word(&body["metadata"]["name"]);
    let place = Place::of(&seen.path);
    let called = place.name.unwrap_or(&name);
    match &*kind(seen) {
        "create configmaps" if name.ends_with("-end") => format!("record of {}", step(&name)),
        "create configmaps" => format!("input of {}", step(&name)),
        "create jobs" => format!("Job of {}", step(&name)),
        "patch jobs" => format!("owners of {}", step(called)),
        "replace notebookvalidationjobs/status" => {
            let status = &body["status"];
            let message = word(&status["message"]).replace(namespace, "NAMESPACE");
            format!("status of {called}: {}, {message}", word(&status["phase"]))
        }
        "create events" => {
            let of = word(&body["regarding"]["name"]);
            let note = word(&body["note"]).replace(namespace, "NAMESPACE");
            format!("event of {of}: {}, {note}", word(&body["reason"]))
        }
        other => format!("{other} {}", step(called)),
    }
}

/// The step and the job of a name that ends in a digest.
pub(crate) fn step(name: &str) -> String {
    let name = name.trim_end_matches("-end");
    if name.starts_with("nbvet-build-") {
        return "the build".to_owned();
    }
    let parts: Vec<&str> = name.rsplitn(3, '-').collect();
    match parts.as_slice() {
        [_, step, job] => format!("{step} of {job}"),
        _ => name.to_owned(),
    }
}
