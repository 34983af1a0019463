//! An admission webhook that somebody has set up: it refuses pods in one namespace, and changes them in another.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use nbvet_operator_testkit::{Cluster, NODE_ADDRESS, create};
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use serde_json::{Value, json};

/// Where pods are refused.
pub(crate) const DENIED: &str = "denied";
/// Where pods may pull nothing.
pub(crate) const NEVER: &str = "never";
/// Where nobody answers.
pub(crate) const DEAF: &str = "deaf";

const PORT: u16 = 9443;
/// Nobody listens there.
const SILENT: u16 = 9444;

/// Starts the webhook for the rest of the process, and registers it.
pub(crate) async fn start(cluster: &Cluster) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![NODE_ADDRESS.to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    let listener = cluster.listen(PORT).unwrap();
    thread::spawn(move || serve(&listener, &Arc::new(config)));
    let authority = STANDARD.encode(certificate.pem());
    let admin = cluster.admin().await.unwrap();
    for object in [
        registration("ValidatingWebhookConfiguration", DENIED, PORT, &authority),
        registration("MutatingWebhookConfiguration", NEVER, PORT, &authority),
        registration("ValidatingWebhookConfiguration", DEAF, SILENT, &authority),
    ] {
        create(&admin, "default", &object.to_string()).await.unwrap();
    }
}

fn registration(kind: &str, namespace: &str, port: u16, authority: &str) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": namespace},
        "webhooks": [{
            "name": format!("{namespace}.policy.example"),
            "clientConfig": {"url": format!("https://{NODE_ADDRESS}:{port}/"), "caBundle": authority},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "rules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"],
            }],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "timeoutSeconds": 10,
        }],
    })
}

fn serve(listener: &TcpListener, config: &Arc<ServerConfig>) {
    for stream in listener.incoming().flatten() {
        let config = Arc::clone(config);
        // An API server that goes away is none of it.
        thread::spawn(move || answer(stream, config));
    }
}

/// Answers one request.
fn answer(stream: TcpStream, config: Arc<ServerConfig>) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_mins(1))).ok()?;
    let mut stream = StreamOwned::new(ServerConnection::new(config).ok()?, stream);
    let mut request = Vec::new();
    let mut piece = [0; 16384];
    let review: Value = loop {
        let length = stream.read(&mut piece).ok().filter(|length| *length > 0)?;
        request.extend_from_slice(&piece[..length]);
        let body = request
            .windows(4)
            .position(|end| end == b"\r\n\r\n")
            .map(|at| at + 4);
        if let Some(review) = body.and_then(|body| serde_json::from_slice(&request[body..]).ok()) {
            break review;
        }
    };
    let text = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": response(&review["request"]),
    })
    .to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(text.as_bytes()).ok()?;
    stream.conn.send_close_notify();
    stream.flush().ok()
}

fn response(request: &Value) -> Value {
    if request["namespace"] == DENIED {
        let status = json!({"message": "pods need the label `cost-centre`"});
        return json!({"uid": request["uid"], "allowed": false, "status": status});
    }
    let containers = request["object"]["spec"]["containers"].as_array();
    let patch: Vec<Value> = (0..containers.map_or(0, Vec::len))
        .filter(|at| request["object"]["spec"]["containers"][at]["name"] == "notebook")
        .map(|at| {
            let path = format!("/spec/containers/{at}/imagePullPolicy");
            json!({"op": "add", "path": path, "value": "Never"})
        })
        .collect();
    let patch = STANDARD.encode(json!(patch).to_string());
    json!({"uid": request["uid"], "allowed": true, "patchType": "JSONPatch", "patch": patch})
}
