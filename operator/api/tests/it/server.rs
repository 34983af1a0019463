//! What a real API server makes of the definition and of objects in files. Skipped, with words, where the machine has no
//! API server.

use std::{
    collections::BTreeMap,
    process::Output,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use http::{Method, Request};
use kube::Client;
use nbvet_operator_api::crd;
use nbvet_operator_testkit::{Cluster, Error, PodSecurity, Tier, apply_definitions};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::{
    manifests::{Manifest, manifests},
    root,
};

const KIND: &str = "notebookvalidationjobs";
const API: &str = "/apis/mlops.mlops.dev/v1alpha1";

/// The one cluster of these tests, with the committed definition; else why there is none.
static CLUSTER: OnceCell<Result<Cluster, String>> = OnceCell::const_new();

/// A namespace of its own in the cluster.
struct Server {
    cluster: &'static Cluster,
    client: Client,
    namespace: String,
}

/// What the API server said: its object, or why it refused.
type Answer = Result<Value, String>;

async fn server() -> Option<Server> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let start = || async {
        let cluster = match Cluster::start(Tier::Api).await {
            Ok(cluster) => cluster,
            Err(error @ Error::Missing { .. }) => return Err(error.to_string()),
            Err(error) => panic!("{error}"),
        };
        let admin = cluster.admin().await.unwrap();
        apply_definitions(&admin, &root().join("operator/deploy/crd"))
            .await
            .unwrap();
        Ok(cluster)
    };
    match CLUSTER.get_or_init(start).await {
        Ok(cluster) => {
            let namespace = format!("api-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
            cluster
                .namespace(&namespace, PodSecurity::Restricted)
                .await
                .unwrap();
            let client = cluster.admin().await.unwrap();
            Some(Server {
                cluster,
                client,
                namespace,
            })
        }
        Err(why) => {
            println!("skipped: {why}");
            None
        }
    }
}

impl Server {
    fn path(&self, rest: &str) -> String {
        format!("{API}/namespaces/{}/{KIND}{rest}", self.namespace)
    }

    async fn ask(&self, method: Method, path: &str, kind: &str, body: &Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", kind)
            .body(body.to_string().into_bytes())
            .unwrap();
        self.client
            .request::<Value>(request)
            .await
            .map_err(|error| error.to_string())
    }

    /// Creates an object, refusing fields that the definition does not know.
    async fn create(&self, object: &Value) -> Answer {
        let path = self.path("?fieldValidation=Strict");
        self.ask(Method::POST, &path, "application/json", object).await
    }

    async fn patch(&self, name: &str, rest: &str, change: &Value) -> Answer {
        let path = self.path(&format!("/{name}{rest}"));
        self.ask(Method::PATCH, &path, "application/merge-patch+json", change)
            .await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, "application/json", &Value::Null)
            .await
    }

    fn kubectl(&self, arguments: &[&str]) -> Output {
        let mut command = self.cluster.kubectl().unwrap();
        let output = command
            .args(["--namespace", &self.namespace])
            .args(arguments)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }
}

fn accepted() -> impl Iterator<Item = (&'static str, Manifest)> {
    ["public", "own", "stored"].into_iter().flat_map(|folder| {
        manifests(folder)
            .into_iter()
            .map(move |manifest| (folder, manifest))
    })
}

/// An object of its folder, since two folders may have one name.
fn named(folder: &str, manifest: &Manifest) -> Value {
    let mut object = manifest.object.clone();
    object["metadata"]["name"] = json!(format!("{folder}-{}", manifest.name));
    object
}

#[tokio::test]
async fn what_goes_into_a_cluster_comes_out_as_it_was() {
    let Some(server) = server().await else {
        return;
    };
    for (folder, manifest) in accepted() {
        let object = named(folder, &manifest);
        let name = object["metadata"]["name"].as_str().unwrap();
        let made = server
            .create(&object)
            .await
            .unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(made["spec"], object["spec"], "{name}");
        let Some(status) = object.get("status") else {
            continue;
        };
        assert_eq!(made.get("status"), None, "{name}: a status is written apart");
        let patch = json!({"status": status});
        let written = server.patch(name, "/status?fieldValidation=Strict", &patch).await;
        let written = written.unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(written["status"], *status, "{name}");
        assert_eq!(written["spec"], object["spec"], "{name}");
    }
}

#[tokio::test]
async fn what_is_refused_is_told_why_by_the_server_too() {
    let Some(server) = server().await else {
        return;
    };
    for manifest in manifests("refused") {
        let expected = manifest.about.strip_prefix("refused: ").unwrap();
        let told = server.create(&manifest.object).await;
        let told = told.expect_err(&manifest.name);
        assert!(
            told.contains(expected),
            "{}: {expected} is not in {told}",
            manifest.name
        );
    }
}

#[tokio::test]
async fn a_null_is_nothing_but_where_it_is_a_value() {
    let Some(server) = server().await else {
        return;
    };
    let spec = json!({
        "notebook": {"git": {"url": "https://git.example.com/a.git", "ref": "main"}, "configMap": null, "path": "a.ipynb"},
        "podConfig": {"containerImage": "python:3.12", "env": null},
        "validationConfig": {"level": null, "expectedOutputs": [{"cell": 1, "tag": null, "equals": null}]},
        "timeout": null
    });
    let object = json!({
        "apiVersion": "mlops.mlops.dev/v1alpha1", "kind": "NotebookValidationJob", "metadata": {"name": "nulls"},
        "spec": spec
    });
    let made = server.create(&object).await.unwrap();
    let expected = json!({
        "notebook": {"git": {"url": "https://git.example.com/a.git", "ref": "main"}, "path": "a.ipynb"},
        "podConfig": {"containerImage": "python:3.12"},
        "validationConfig": {"expectedOutputs": [{"cell": 1, "equals": null}]}
    });
    assert_eq!(made["spec"], expected);
}

#[tokio::test]
async fn lists_show_what_became_of_jobs_and_can_be_asked_for_some() {
    let Some(server) = server().await else {
        return;
    };
    let all = manifests("stored");
    for name in ["own", "succeeded"] {
        let manifest = all.iter().find(|manifest| manifest.name == name).unwrap();
        server.create(&manifest.object).await.unwrap();
        let status = json!({"status": manifest.object["status"]});
        server.patch(name, "/status", &status).await.unwrap();
    }
    let text = |output: Output| String::from_utf8(output.stdout).unwrap();
    let table = text(server.kubectl(&["get", "nvj"]));
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows[0],
        ["NAME", "PHASE", "REASON", "VERDICT", "LEVEL", "NOTEBOOK", "AGE"]
    );
    assert_eq!(
        rows[1][..6],
        [
            "own",
            "Failed",
            "ChecksFailed",
            "Failed",
            "staging",
            "notebooks/report.ipynb"
        ]
    );
    let wide = text(server.kubectl(&["get", "nvjob", "own", "--output", "wide"]));
    assert!(wide.contains("IMAGE") && wide.contains("MESSAGE"), "{wide}");
    assert!(
        wide.contains("nbvet@sha256:") && wide.contains("holds 2 None"),
        "{wide}"
    );
    let everything = text(server.kubectl(&["get", "all", "--output", "name"]));
    assert!(
        everything.contains("notebookvalidationjob.mlops.mlops.dev/own"),
        "{everything}"
    );
    for (selector, names) in [
        ("status.phase=Succeeded", vec!["succeeded"]),
        ("status.verdict.outcome=Failed", vec!["own"]),
        ("spec.validationConfig.level=staging", vec!["own"]),
        (
            "spec.notebook.path=notebooks/report.ipynb",
            vec!["own", "succeeded"],
        ),
        ("status.phase=Building", vec![]),
    ] {
        let some = text(server.kubectl(&["get", "nvj", "--field-selector", selector, "--output", "name"]));
        let found: Vec<_> = some.lines().filter_map(|line| line.rsplit('/').next()).collect();
        assert_eq!(found, names, "{selector}");
    }
}

#[tokio::test]
async fn every_field_is_explained_by_the_server() {
    let Some(server) = server().await else {
        return;
    };
    let explained = server.kubectl(&["explain", "nvj.spec.podConfig.buildConfig.allowUnpinned"]);
    let explained = String::from_utf8(explained.stdout).unwrap();
    assert!(
        explained.contains("without an exact version may be built"),
        "{explained}"
    );
    let published = server
        .get("/openapi/v3/apis/mlops.mlops.dev/v1alpha1")
        .await
        .unwrap();
    let schemas = published["components"]["schemas"].as_object().unwrap();
    let ours = schemas
        .iter()
        .find(|(name, _)| name.ends_with(".NotebookValidationJob"))
        .unwrap()
        .1;
    let mut silent = Vec::new();
    for part in ["spec", "status"] {
        describe(part, &ours["properties"][part], &mut silent);
    }
    assert!(silent.is_empty(), "no word on {silent:?}");
}

fn describe(path: &str, schema: &Value, silent: &mut Vec<String>) {
    let properties = schema["properties"].as_object().into_iter().flatten();
    for (name, below) in properties {
        let path = format!("{path}.{name}");
        if below["description"].as_str().unwrap_or_default().is_empty() {
            silent.push(path.clone());
        }
        describe(&path, below, silent);
    }
    for below in ["items", "additionalProperties"] {
        if schema[below].is_object() {
            describe(path, &schema[below], silent);
        }
    }
}

#[tokio::test]
async fn a_status_is_written_apart_from_the_spec() {
    let Some(server) = server().await else {
        return;
    };
    let manifest = manifests("stored")
        .into_iter()
        .find(|manifest| manifest.name == "pending")
        .unwrap();
    let made = server.create(&manifest.object).await.unwrap();
    let both = json!({"spec": {"suspend": true}, "status": {"phase": "Failed"}});
    let spec = server.patch("pending", "", &both).await.unwrap();
    assert_eq!(
        (&spec["spec"]["suspend"], spec.get("status")),
        (&json!(true), None)
    );
    assert_eq!(
        spec["metadata"]["generation"],
        json!(made["metadata"]["generation"].as_i64().unwrap() + 1)
    );
    let both = json!({"spec": {"suspend": false}, "status": {"phase": "Building"}});
    let status = server.patch("pending", "/status", &both).await.unwrap();
    assert_eq!(
        (&status["spec"]["suspend"], &status["status"]["phase"]),
        (&json!(true), &json!("Building"))
    );
    assert_eq!(status["metadata"]["generation"], spec["metadata"]["generation"]);
    let unknown = json!({"status": {"phase": "Lost"}});
    let told = server.patch("pending", "/status", &unknown).await.unwrap_err();
    assert!(told.contains("status.phase"), "{told}");
}

/// The definition without bounds and rules, as the public operator's has none.
fn unbounded() -> Value {
    fn strip(schema: &mut Value) {
        if let Some(members) = schema.as_object_mut() {
            for bound in [
                "maxLength",
                "maxItems",
                "maxProperties",
                "maximum",
                "minimum",
                "x-kubernetes-validations",
            ] {
                // A bound, and not a field of that name.
                if !members.get(bound).is_some_and(Value::is_object) {
                    members.remove(bound);
                }
            }
            members.values_mut().for_each(strip);
        }
    }
    let mut definition = serde_json::to_value(crd::definition()).unwrap();
    let schema = definition
        .pointer_mut("/spec/versions/0/schema/openAPIV3Schema")
        .unwrap();
    strip(schema);
    definition
}

#[tokio::test]
async fn stored_objects_that_are_out_of_bounds_can_still_be_updated() {
    // Its own cluster, since the definition changes.
    let cluster = match Cluster::start(Tier::Api).await {
        Ok(cluster) => cluster,
        Err(error @ Error::Missing { .. }) => {
            println!("skipped: {error}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let client = cluster.admin().await.unwrap();
    let file = cluster.logs().join("unbounded.yaml");
    std::fs::write(&file, unbounded().to_string()).unwrap();
    apply_definitions(&client, &file).await.unwrap();
    let cluster: &'static Cluster = Box::leak(Box::new(cluster));
    let server = Server {
        cluster,
        client: client.clone(),
        namespace: "default".to_owned(),
    };
    let mut object = manifests("public")
        .into_iter()
        .find(|manifest| manifest.name == "golden")
        .unwrap()
        .object;
    // More digits than anybody needs, and more Secrets than anybody has.
    object["spec"]["comparisonConfig"]["floatingPointTolerance"] = json!(format!("0.{}1", "0".repeat(80)));
    let secrets: Vec<String> = (0..1_200).map(|number| format!("secret-{number}")).collect();
    object["spec"]["podConfig"]["credentials"] = json!(secrets);
    server.create(&object).await.unwrap();
    apply_definitions(&client, &root().join("operator/deploy/crd"))
        .await
        .unwrap();

    // The new definition is served a moment later; every try is another value.
    let mut refused = None;
    for number in 0..100 {
        let secrets = vec![format!("other-{number}"); 1_100];
        refused = server
            .patch(
                "golden",
                "",
                &json!({"spec": {"podConfig": {"credentials": secrets}}}),
            )
            .await
            .err();
        if refused.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let refused = refused.expect("a new value is held to the bounds");
    assert!(refused.contains("spec.podConfig.credentials"), "{refused}");

    let labels = json!({"metadata": {"labels": {"team": "ml"}}});
    server.patch("golden", "", &labels).await.unwrap();
    let status = json!({"status": {"phase": "Succeeded", "message": "as it was"}});
    server.patch("golden", "/status", &status).await.unwrap();
    let level = json!({"spec": {"validationConfig": {"level": "staging"}}});
    server.patch("golden", "", &level).await.unwrap();
}

#[tokio::test]
async fn jobs_of_all_folders_can_be_read_by_the_types() {
    let Some(server) = server().await else {
        return;
    };
    let mut specs = BTreeMap::new();
    for (folder, manifest) in accepted() {
        let object = named(folder, &manifest);
        server.create(&object).await.unwrap();
        specs.insert(
            object["metadata"]["name"].as_str().unwrap().to_owned(),
            object["spec"].clone(),
        );
    }
    let jobs = kube::Api::<nbvet_operator_api::NotebookValidationJob>::namespaced(
        server.client.clone(),
        &server.namespace,
    );
    let listed = jobs.list(&kube::api::ListParams::default()).await.unwrap();
    assert_eq!(listed.items.len(), specs.len());
    for job in listed {
        let name = job.metadata.name.clone().unwrap();
        assert_eq!(serde_json::to_value(&job.spec).unwrap(), specs[&name], "{name}");
    }
}
