//! Who asked the API server for what, from its own audit log.

use std::{collections::BTreeMap, fs, path::Path};

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// By the name in the certificate, or `system:serviceaccount:NAMESPACE:NAME`.
    pub user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// `pods`, `jobs/status`; empty where it was for no resource, as `/readyz` is.
    pub resource: String,
    /// Empty where there is none.
    pub namespace: String,
    /// Empty where there is none.
    pub name: String,
    /// Of the answer; 0 while it has not ended.
    pub status: u16,
    /// As the program said.
    pub agent: String,
    /// When it came, in microseconds.
    pub received: Timestamp,
    /// When it was answered; of a watch that goes on, when it began.
    pub answered: Timestamp,
}

impl Call {
    /// It changed something, or asked to.
    pub fn is_write(&self) -> bool {
        !matches!(&*self.verb, "get" | "list" | "watch")
    }
}

/// How many of these calls there are of each `verb resource`.
///
/// ```
/// # let calls: Vec<nbvet_operator_testkit::Call> = Vec::new();
/// let writes = calls.iter().filter(|call| call.user == "nbvet-operator" && call.is_write());
/// assert_eq!(nbvet_operator_testkit::count(writes).get("create jobs"), None);
/// ```
pub fn count<'a>(calls: impl IntoIterator<Item = &'a Call>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts
            .entry(format!("{} {}", call.verb, call.resource))
            .or_default() += 1;
    }
    counts
}

/// All requests in the order in which they were first told of.
pub(crate) fn read(log: &Path) -> Vec<Call> {
    let text = fs::read_to_string(log).unwrap_or_default();
    let mut calls: Vec<Call> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    // The last line may be half written.
    for event in text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
    {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let time = |value: &Value| {
            let time = value.as_str().and_then(|text| text.parse().ok());
            time.unwrap_or(Timestamp::UNIX_EPOCH)
        };
        let about = &event["objectRef"];
        let resource = match about["subresource"].as_str() {
            Some(sub) => format!("{}/{sub}", word(&about["resource"])),
            None => word(&about["resource"]),
        };
        let ended = event["stage"] != "ResponseStarted";
        let status = event["responseStatus"]["code"].as_u64().filter(|_| ended);
        let call = Call {
            user: word(&event["user"]["username"]),
            verb: word(&event["verb"]),
            resource,
            namespace: word(&about["namespace"]),
            name: word(&about["name"]),
            status: status.and_then(|code| code.try_into().ok()).unwrap_or_default(),
            agent: word(&event["userAgent"]),
            received: time(&event["requestReceivedTimestamp"]),
            answered: time(&event["stageTimestamp"]),
        };
        // A watch is told of twice under one number.
        let place = *places.entry(word(&event["auditID"])).or_insert(calls.len());
        match calls.get_mut(place) {
            Some(begun) => *begun = call,
            None => calls.push(call),
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_is_one_call_and_half_a_line_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("audit.log");
        let watch = r#""auditID":"1","verb":"watch","user":{"username":"a"},"objectRef":{"resource":"pods"}"#;
        let text = format!(
            "{{\"stage\":\"ResponseStarted\",{watch},\"responseStatus\":{{\"code\":200}}}}\n\
             {{\"stage\":\"ResponseComplete\",\"auditID\":\"2\",\"verb\":\"patch\",\"user\":{{\"username\":\"a\"}},\
             \"objectRef\":{{\"resource\":\"jobs\",\"subresource\":\"status\"}},\"responseStatus\":{{\"code\":409}}}}\n\
             {{\"stage\":\"ResponseComplete\",{watch},\"responseStatus\":{{\"code\":200}}}}\n{{\"stage\":"
        );
        fs::write(&log, text).unwrap();
        let calls = read(&log);
        let seen: Vec<_> = calls
            .iter()
            .map(|call| (&*call.resource, call.status, call.is_write()))
            .collect();
        assert_eq!(seen, [("pods", 200, false), ("jobs/status", 409, true)]);
        let counts = count(&calls);
        assert_eq!(counts["watch pods"] + counts["patch jobs/status"], 2);
    }
}
