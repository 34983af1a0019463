//! Kubeconfig files: one cluster, one user, everything inline, so that a file can be given to any program.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::certificates::Identity;

/// For a user with a certificate. JSON, which every reader of YAML takes.
pub(crate) fn text(url: &str, authority: &str, identity: &Identity) -> String {
    let cluster = json!({"server": url, "certificate-authority-data": STANDARD.encode(authority)});
    let user = json!({
        "client-certificate-data": STANDARD.encode(&identity.certificate),
        "client-key-data": STANDARD.encode(&identity.key),
    });
    whole(&cluster, &user)
}

/// For a server on loopback that asks for nothing.
pub(crate) fn plain(url: &str) -> String {
    whole(&json!({"server": url}), &json!({}))
}

fn whole(cluster: &serde_json::Value, user: &serde_json::Value) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    })
    .to_string()
}
