//! What admission says of an object that it does not take, put so that a user knows what is against it and whether it
//! passes by itself: quotas, Pod Security, webhooks, policies. Knows no pod.

use super::words::{between, last_cause, says};

/// Why the cluster does not take a pod or a Job.
pub fn admission(raw: &str) -> Admission {
    let raw = raw.trim_start_matches("Error creating: ");
    let own = without_name(raw);
    if own.contains("exceeded quota") {
        let too_small = asks_for_more_than_there_is(own);
        let quota = between(own, "exceeded quota: ", ",").unwrap_or_default();
        let rest = own.split_once("requested: ").map_or(own, |(_, rest)| rest);
        let hint = if too_small {
            "it is more than the whole quota: ask for less, or let an administrator raise it"
        } else {
            "it goes on when others are done, or an administrator raises it"
        };
        return Admission {
            message: format!("the quota `{quota}` of this namespace has no room: asked for {rest}; {hint}"),
            passes: !too_small,
        };
    }
    if own.contains("failed calling webhook") {
        let name = between(own, "failed calling webhook \"", "\"").unwrap_or("?");
        return Admission {
            message: format!(
                "the admission webhook `{name}` does not answer ({}); it is tried again, or an administrator has to see to it",
                last_cause(own.rsplit(": ").next().unwrap_or(own))
            ),
            passes: true,
        };
    }
    if let Some(name) = between(own, "serviceaccount \"", "\"") {
        return Admission {
            message: format!(
                "spec.podConfig.serviceAccountName names the ServiceAccount `{name}`, which is not in this namespace; create \
                 it, or mend the name"
            ),
            passes: true,
        };
    }
    let passes = says(own, &["timeout", "connection refused", "serviceaccount"]);
    Admission {
        message: refused(own),
        passes,
    }
}

/// That the cluster does not take an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// For people.
    pub message: String,
    /// It may be taken later as it is.
    pub passes: bool,
}

/// A refusal that stays until somebody changes something.
fn refused(own: &str) -> String {
    if let Some(level) = between(own, "violates PodSecurity \"", "\"") {
        let what = own.split_once("\": ").map_or(own, |(_, what)| what);
        return format!(
            "Pod Security `{level}` of this namespace refuses the pod: {what}; change what it names, or let an administrator \
             allow it here"
        );
    }
    if let Some((head, why)) = own.split_once(" denied the request: ") {
        return format!(
            "{head} refuses it: {why}; change what it names, or let an administrator allow it here"
        );
    }
    if let Some(class) = between(own, "RuntimeClass \"", "\" not found") {
        return format!(
            "spec.podConfig.runtimeClassName names the RuntimeClass `{class}`, which this cluster has not; mend the name, or \
             let an administrator create it"
        );
    }
    if let Some(quota) = between(own, "failed quota: ", ": must specify") {
        let (_, what) = own.split_once("must specify ").unwrap_or_default();
        let (what, containers) = what.split_once(" for: ").unwrap_or((what, "all"));
        return format!(
            "the quota `{quota}` of this namespace wants {what} to be said for every container ({containers}); an \
             administrator gives defaults by a LimitRange"
        );
    }
    format!("the cluster refuses it: {own}; change what it names, or let an administrator allow it here")
}

/// A refusal without the name of the pod that was to be: it says nothing to anybody.
fn without_name(raw: &str) -> &str {
    raw.split_once("\" is forbidden: ").map_or(raw, |(_, own)| own)
}

/// Whether a quota would not do even if nothing else were there.
fn asks_for_more_than_there_is(own: &str) -> bool {
    let part = |name: &str| {
        let rest = own.split_once(name).map(|(_, rest)| rest).unwrap_or_default();
        let end = rest.find(", ").unwrap_or(rest.len());
        let items = rest[..end].split(',').filter_map(|item| item.split_once('='));
        items
            .filter_map(|(name, amount)| Some((name.to_owned(), amount_of(amount)?)))
            .collect::<Vec<_>>()
    };
    let limited = part("limited: ");
    part("requested: ")
        .iter()
        .any(|(name, wanted)| limited.iter().any(|(of, most)| of == name && wanted > most))
}

/// A quantity of Kubernetes as a number.
fn amount_of(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 12] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("m", 0.001),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("", 1.0),
    ];
    let text = text.trim();
    UNITS
        .iter()
        .find_map(|(unit, of)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * of))
}
