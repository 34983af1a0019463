//! Jobs that ask for what cannot be, and what becomes of secrets: under the role that is shipped, on a real API server.

use std::time::{Duration, Instant};

use k8s_openapi::api::{
    authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec},
    batch::v1::Job,
    core::v1::{ConfigMap, Event, Pod},
    networking::v1::NetworkPolicy,
};
use kube::{
    Api, ResourceExt as _,
    api::{ApiResource, DynamicObject, ListParams, PostParams},
};
use nbvet_operator_api::NotebookValidationJob;
use nbvet_operator_testkit::{PodSecurity, create};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    ground::{Ground, LIMIT, USER},
    program::Program,
};

/// What stands in every Secret of the test.
const SECRET: &str = "hunter2-is-in-no-other-place";

/// Jobs that cannot be, and words of what is said of each.
fn impossible() -> Vec<(&'static str, Value, &'static str)> {
    let pod = |more: Value| {
        let mut pod = json!({"containerImage": "python:3.12-slim"});
        for (name, value) in more.as_object().unwrap() {
            pod[name] = value.clone();
        }
        json!({"podConfig": pod})
    };
    let git = |url: &str, reference: &str, path: &str| json!({"notebook": {"git": {"url": url, "ref": reference}, "path": path}});
    let fine = "https://git.test/team/notebooks";
    vec![
        (
            "env",
            pod(json!({"env": [{"name": "1=2", "value": "x"}]})),
            "env[2].name",
        ),
        (
            "volume",
            pod(json!({"volumes": [{"name": "work", "emptyDir": {}}]})),
            "\"work\" is the name of a volume of nbvet's own",
        ),
        (
            "mount",
            pod(json!({"volumeMounts": [{"name": "none", "mountPath": "/x"}]})),
            "\"none\" is none of spec.podConfig.volumes",
        ),
        (
            "steal",
            pod(json!({"volumeMounts": [{"name": "input", "mountPath": "/steal"}]})),
            "\"input\" is none of spec.podConfig.volumes",
        ),
        (
            "over",
            pod(json!({
                "volumes": [{"name": "x", "emptyDir": {}}],
                "volumeMounts": [{"name": "x", "mountPath": "/nbvet/tools"}],
            })),
            "spec.podConfig.volumeMounts[0].mountPath",
        ),
        (
            "node-disk",
            pod(json!({"volumes": [{"name": "host", "hostPath": {"path": "/"}}]})),
            "spec.podConfig.volumes[0].hostPath",
        ),
        (
            "spc",
            pod(json!({"securityContext": {"seLinuxOptions": {"type": "spc_t"}}})),
            "spec.podConfig.securityContext.seLinuxOptions.type",
        ),
        (
            "account",
            pod(json!({"serviceAccountName": "A B"})),
            "serviceAccountName",
        ),
        ("node", pod(json!({"nodeSelector": {"a b": "c"}})), "nodeSelector"),
        (
            "more-than-limit",
            pod(json!({"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}})),
            "must be less than or equal to memory limit",
        ),
        (
            "option",
            git(fine, "--upload-pack=touch /tmp/x", "a.ipynb"),
            "spec.notebook.git.ref",
        ),
        (
            "proxy",
            git("ssh://-oProxyCommand=touch/x", "main", "a.ipynb"),
            "spec.notebook.git.url",
        ),
        (
            "password",
            git(&format!("https://me:{SECRET}@git.test/a"), "main", "a.ipynb"),
            "me:***@git.test",
        ),
        (
            "outside",
            git(fine, "main", "../../etc/passwd.ipynb"),
            "spec.notebook.path",
        ),
        (
            "image",
            pod(
                json!({"buildConfig": {"enabled": true, "publishToRegistry": true, "imageName": "../others/x"}}),
            ),
            "spec.podConfig.buildConfig.imageName",
        ),
        (
            "index",
            pod(
                json!({"buildConfig": {"enabled": true, "packageIndex": {"url": format!("https://{SECRET}@index.test/simple")}}}),
            ),
            "spec.podConfig.buildConfig.packageIndex.url",
        ),
    ]
}

/// A job with secrets wherever one can be named.
fn with_secrets() -> Value {
    json!({
        "containerImage": "python:3.12-slim",
        "imagePullSecrets": [{"name": "push"}],
        "env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "git", "key": "token"}}}],
        "envFrom": [{"secretRef": {"name": "git"}}],
        "credentials": ["git"],
        "volumes": [{"name": "mine", "secret": {"secretName": "git"}}],
        "volumeMounts": [{"name": "mine", "mountPath": "/mine"}],
        "buildConfig": {
            "enabled": true, "pushSecret": "push",
            "packageIndex": {"url": "https://index.test/simple", "secret": "git", "caConfigMap": "authorities"},
        },
    })
}

/// Everything of a kind, as text.
async fn text_of<K>(api: Api<K>) -> String
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug + Serialize,
{
    let all = api.list(&ListParams::default()).await.unwrap();
    serde_json::to_string(&all.items).unwrap()
}

/// Whether the controller's user may do something.
async fn may(client: &kube::Client, verb: &str, group: &str, resource: &str) -> bool {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                verb: Some(verb.to_owned()),
                group: Some(group.to_owned()),
                resource: Some(resource.to_owned()),
                subresource: Some(subresource.to_owned()),
                namespace: Some("team".to_owned()),
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let api = Api::<SelfSubjectAccessReview>::all(client.clone());
    let answer = api.create(&PostParams::default(), &review).await.unwrap();
    answer.status.unwrap().allowed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_jobs_are_told_why_and_nothing_of_a_secret_stands_anywhere() {
    let Some(ground) = Ground::start().await else {
        return;
    };
    ground.define().await;
    ground.namespace("team").await;
    for name in ["git", "push"] {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
            "stringData": {"token": SECRET, "password": SECRET, ".dockerconfigjson": format!("{{\"auths\": {{\"r\": {{\"auth\": \"{SECRET}\"}}}}}}")},
        });
        create(&ground.admin, "team", &secret.to_string()).await.unwrap();
    }
    let options = ["--egress", "10.0.0.0/8", "--egress", "192.0.2.7/32:443"];
    let program = Program::start(&ground.cluster, ground.folder.path(), "one", &options);
    ground.create("team", "secret-built", &with_secrets()).await;
    for (name, spec, _) in impossible() {
        let pod = spec
            .get("podConfig")
            .cloned()
            .unwrap_or_else(|| json!({"containerImage": "python:3.12-slim"}));
        ground.create_with("team", name, &pod, &spec).await;
    }
    let ended = ground.ended("team", "secret-built").await;
    let phase = ended.status.as_ref().unwrap().phase;
    assert_eq!(
        phase,
        Some(nbvet_operator_api::Phase::Succeeded),
        "{:?}",
        ended.status
    );
    for (name, _, words) in impossible() {
        let job = ground.ended("team", name).await;
        let status = job.status.unwrap();
        let stalled = status
            .conditions
            .iter()
            .find(|one| one.type_ == "Stalled")
            .unwrap();
        let message = status.message.unwrap();
        assert!(
            ["InvalidField", "PathNotAllowed"].contains(&&*stalled.reason) && message.contains(words),
            "{name}: {}: {message}",
            stalled.reason
        );
        let ran = ground.children("team", &format!("{name}-validate")).await;
        assert!(ran.is_empty(), "{name}");
    }

    // Every pod has its policy.
    let policies = Api::<NetworkPolicy>::namespaced(ground.admin.clone(), "team");
    let policies = policies.list(&ListParams::default()).await.unwrap();
    let names: Vec<String> = policies.iter().map(kube::ResourceExt::name_any).collect();
    let steps = ground.children("team", "secret-built").await;
    let builds = ground.children("team", "nbvet-build-").await;
    assert_eq!((steps.len(), builds.len()), (2, 1));
    for job in steps.iter().chain(&builds) {
        assert!(names.contains(&job.name_any()), "{} {names:?}", job.name_any());
    }
    assert_eq!(ground.refused(), Vec::<String>::new());

    // Whatever the controller made, wrote and said. The two jobs whose users wrote it into an address have it there.
    let admin = &ground.admin;
    let jobs = Api::<NotebookValidationJob>::namespaced(admin.clone(), "team");
    let jobs = jobs.list(&ListParams::default()).await.unwrap();
    let statuses: Vec<_> = jobs.iter().map(|job| &job.status).collect();
    let written = [
        serde_json::to_string(&statuses).unwrap(),
        text_of(Api::<Pod>::namespaced(admin.clone(), "team")).await,
        text_of(Api::<Job>::namespaced(admin.clone(), "team")).await,
        text_of(Api::<ConfigMap>::namespaced(admin.clone(), "team")).await,
        text_of(Api::<Event>::namespaced(admin.clone(), "team")).await,
        program.log(),
        program.get("/metrics").unwrap().1,
    ];
    for text in written {
        assert!(text.len() > 100, "{text}");
        let at = text.find(SECRET);
        assert_eq!(at.map(|at| &text[at.saturating_sub(300)..at]), None);
    }

    may_do_no_more(&ground).await;
}

/// What the shipped role does not let its user do.
async fn may_do_no_more(ground: &Ground) {
    let client = ground.cluster.client(USER, None).await.unwrap();
    for (verb, group, resource) in [
        ("get", "", "secrets"),
        ("list", "", "secrets"),
        ("watch", "", "secrets"),
        ("create", "", "secrets"),
        ("create", "", "pods"),
        ("create", "", "pods/exec"),
        ("create", "", "pods/attach"),
        ("create", "", "serviceaccounts/token"),
        ("create", "rbac.authorization.k8s.io", "rolebindings"),
        ("escalate", "rbac.authorization.k8s.io", "clusterroles"),
        ("use", "security.openshift.io", "securitycontextconstraints"),
        ("update", "security.openshift.io", "securitycontextconstraints"),
        ("update", "mlops.mlops.dev", "notebookvalidationjobs"),
        ("create", "mlops.mlops.dev", "notebookvalidationjobs"),
        ("delete", "", "namespaces"),
        ("get", "", "nodes"),
        ("*", "*", "*"),
    ] {
        assert!(
            !may(&client, verb, group, resource).await,
            "{verb} {group}/{resource}"
        );
    }
    assert!(may(&client, "create", "batch", "jobs").await);
}

/// Posts text as it is: what no type here can hold.
async fn post(ground: &Ground, path: &str, object: String) {
    let request = http::Request::post(path)
        .header("content-type", "application/json")
        .body(object.into_bytes())
        .unwrap();
    ground.admin.request_text(request).await.unwrap();
}

/// Objects that the API server takes and that cannot be read: a warning, a Job of Kubernetes, a job.
async fn unreadable(ground: &Ground, name: &str) {
    // It is served as a day of the year 10000.
    let never = "9999-12-31T23:59:59-23:00";
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": name}, "lastTimestamp": never, "type": "Warning",
        "involvedObject": {"kind": "Pod", "namespace": "others", "name": "x"},
        "reason": "FailedMount", "message": SECRET,
    });
    post(ground, "/api/v1/namespaces/others/events", event.to_string()).await;
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "nbvet-operator"}},
        "spec": {"suspend": true, "template": {
            "metadata": {"creationTimestamp": never},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a", "env": [{"name": "A", "value": SECRET}]}]},
        }},
    });
    post(ground, "/apis/batch/v1/namespaces/others/jobs", job.to_string()).await;
    let deep = format!("{}\"{SECRET}\"{}", "[".repeat(200), "]".repeat(200));
    let job = json!({
        "apiVersion": "mlops.mlops.dev/v1alpha1", "kind": "NotebookValidationJob", "metadata": {"name": name},
        "spec": {
            "notebook": {"git": {"url": "https://git.test/a", "ref": "main"}, "path": "a.ipynb"},
            "podConfig": {"containerImage": "python:3.12-slim"},
            "parameters": {"a": "DEEP"},
        },
    });
    let job = job.to_string().replace("\"DEEP\"", &deep);
    let jobs = "/apis/mlops.mlops.dev/v1alpha1/namespaces/others/notebookvalidationjobs";
    post(ground, jobs, job).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_in_one_namespace_holds_no_other_up() {
    let Some(ground) = Ground::start().await else {
        return;
    };
    ground.define().await;
    ground.namespace("team").await;
    ground
        .cluster
        .namespace("others", PodSecurity::Privileged)
        .await
        .unwrap();
    let image = json!({"containerImage": "python:3.12-slim"});
    unreadable(&ground, "before").await;
    ground.create("team", "good", &image).await;
    let program = Program::start(&ground.cluster, ground.folder.path(), "one", &[]);
    program.is(200, "leader: all is seen");
    let kinds = ["events", "jobs", "notebookvalidationjobs"];
    let counted = |text: &str, kind: &str| {
        let line = format!("notebook_validation_unreadable_objects_total{{kind=\"{kind}\"}} ");
        text.lines().any(|all| all.starts_with(&line))
    };
    let text = program.get("/metrics").unwrap().1;
    for kind in kinds {
        assert!(counted(&text, kind), "{kind}: {text}");
    }
    let ended = ground.ended("team", "good").await.status.unwrap();
    assert_eq!(
        ended.phase,
        Some(nbvet_operator_api::Phase::Succeeded),
        "{ended:?}"
    );

    // The same while it works.
    unreadable(&ground, "while").await;
    ground.create("team", "good-too", &image).await;
    let ended = ground.ended("team", "good-too").await.status.unwrap();
    assert_eq!(
        ended.phase,
        Some(nbvet_operator_api::Phase::Succeeded),
        "{ended:?}"
    );
    program.is(200, "leader: all is seen");
    for (kind, name) in kinds.iter().flat_map(|kind| [(kind, "before"), (kind, "while")]) {
        let is_it = |line: &&str| {
            line.contains("cannot be read")
                && line.contains(&format!("kind=\"{kind}\""))
                && line.contains(&format!("namespace=\"others\" name=\"{name}\""))
        };
        let begin = Instant::now();
        while program.log().lines().filter(is_it).count() != 1 {
            assert!(begin.elapsed() < LIMIT, "{kind} {name}:\n{}", program.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    assert!(!program.log().contains(SECRET));

    // Each owner is told once, by whichever controller.
    drop(program);
    let next = Program::start(&ground.cluster, ground.folder.path(), "two", &[]);
    next.is(200, "leader: all is seen");
    unreadable(&ground, "last").await;
    for name in ["before", "while", "last"] {
        let begin = Instant::now();
        let told = loop {
            let told = told_of(&ground, name).await;
            if !told.is_empty() {
                break told;
            }
            assert!(begin.elapsed() < LIMIT, "{name}:\n{}", next.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert_eq!(told.len(), 1, "{told:?}");
        for words in [
            "InvalidField",
            "Warning",
            "this job cannot be read",
            "at spec.parameters.a",
            "mend or remove",
        ] {
            assert!(told[0].contains(words) && !told[0].contains(SECRET), "{told:?}");
        }
    }
}

/// The events of a job that cannot be read itself, among others that cannot.
async fn told_of(ground: &Ground, name: &str) -> Vec<String> {
    let kind = ApiResource::erase::<Event>(&());
    let all = Api::<DynamicObject>::namespaced_with(ground.admin.clone(), "others", &kind);
    let of = format!("involvedObject.kind=NotebookValidationJob,involvedObject.name={name}");
    let found = all.list(&ListParams::default().fields(&of)).await.unwrap();
    let job = Api::<DynamicObject>::namespaced_with(
        ground.admin.clone(),
        "others",
        &ApiResource::erase::<NotebookValidationJob>(&()),
    );
    let uid = job.get_metadata(name).await.unwrap().uid();
    let of_it = |event: &DynamicObject| event.data["involvedObject"]["uid"].as_str() == uid.as_deref();
    found
        .items
        .iter()
        .filter(|event| of_it(event))
        .map(|event| event.data.to_string())
        .collect()
}
