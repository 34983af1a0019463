//! An API server alone: definitions, users, what they may do, and the record of it.

use k8s_openapi::api::{
    core::v1::{ConfigMap, Secret},
    rbac::v1::{ClusterRole, ClusterRoleBinding},
};
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use nbvet_operator_testkit::{
    Cluster, Error, PodSecurity, Tier, apply_definitions, count, create, or_skip, wait_for,
};
use serde_json::json;

use crate::LIMIT;

/// A definition with a rule in CEL over a change, a default, and a webhook that does not run here.
const WIDGETS: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.test.nbvet.dev}
spec:
  group: test.nbvet.dev
  names: {kind: Widget, plural: widgets, singular: widget}
  scope: Namespaced
  conversion:
    strategy: Webhook
    webhook:
      conversionReviewVersions: [v1]
      clientConfig: {service: {name: nobody, namespace: default}}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              size:
                type: integer
                x-kubernetes-validations: [{rule: self <= 3, message: too big}]
              colour: {type: string, default: red, maxLength: 10}
            x-kubernetes-validations: [{rule: self.colour == oldSelf.colour, message: colours stay}]
"#;

fn widget(name: &str, size: u8) -> String {
    format!(
        "{{apiVersion: test.nbvet.dev/v1, kind: Widget, metadata: {{name: {name}}}, spec: {{size: {size}}}}}"
    )
}

fn code(error: &Error) -> u16 {
    match error {
        Error::Api { source, .. } => match &**source {
            kube::Error::Api(status) => status.code,
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    }
}

async fn start() -> Option<Cluster> {
    or_skip(Cluster::start(Tier::Api).await)
}

#[tokio::test]
async fn a_definition_with_rules_in_cel_is_served_and_its_rules_are_kept() {
    let Some(cluster) = start().await else {
        return;
    };
    let admin = cluster.admin().await.unwrap();
    let file = cluster.logs().join("widgets.yaml");
    std::fs::write(&file, WIDGETS).unwrap();
    let names = apply_definitions(&admin, &file).await.unwrap();
    assert_eq!(names, ["widgets.test.nbvet.dev"]);
    let made = create(&admin, "default", &widget("fits", 3)).await.unwrap();
    assert_eq!(made[0].data["spec"], json!({"size": 3, "colour": "red"}));
    let refused = create(&admin, "default", &widget("large", 4)).await.unwrap_err();
    assert_eq!(code(&refused), 422);
    assert!(refused.to_string().contains("too big"), "{refused}");
}

#[tokio::test]
async fn a_user_may_do_what_its_role_says_and_every_call_is_on_record() {
    let Some(cluster) = start().await else {
        return;
    };
    let admin = cluster.admin().await.unwrap();
    let user = cluster.client("nbvet-operator", None).await.unwrap();
    let maps = Api::<ConfigMap>::namespaced(user.clone(), "default");
    let one: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "one"}})).unwrap();
    let refused = maps.create(&PostParams::default(), &one).await.unwrap_err();
    assert!(
        matches!(&refused, kube::Error::Api(status) if status.code == 403),
        "{refused}"
    );

    let allowed = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "list"]}]);
    let role: ClusterRole =
        serde_json::from_value(json!({"metadata": {"name": "r"}, "rules": allowed})).unwrap();
    let roles = Api::<ClusterRole>::all(admin.clone());
    roles.create(&PostParams::default(), &role).await.unwrap();
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": {"name": "r"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "nbvet-operator"}],
    }))
    .unwrap();
    let bindings = Api::<ClusterRoleBinding>::all(admin.clone());
    bindings.create(&PostParams::default(), &binding).await.unwrap();

    // What may be done is cached for a moment.
    let begin = std::time::Instant::now();
    let mut refused = 1;
    while let Err(error) = maps.create(&PostParams::default(), &one).await {
        assert!(begin.elapsed() < LIMIT, "{error}");
        refused += 1;
    }
    for _ in 0..3 {
        maps.list(&ListParams::default()).await.unwrap();
    }
    let secrets = Api::<Secret>::namespaced(user, "default");
    secrets.list(&ListParams::default()).await.unwrap_err();

    // The last line may come a moment after its answer.
    let of_user = || {
        let calls = cluster.audit();
        calls
            .into_iter()
            .filter(|call| call.user == "nbvet-operator")
            .collect::<Vec<_>>()
    };
    while of_user().len() < refused + 5 {
        assert!(begin.elapsed() < LIMIT, "{:#?}", of_user());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let calls = of_user();
    let counts: Vec<_> = count(&calls).into_iter().collect();
    let expected = [
        ("create configmaps", refused + 1),
        ("list configmaps", 3),
        ("list secrets", 1),
    ];
    assert_eq!(counts, expected.map(|(name, number)| (name.to_owned(), number)));
    let with = |status| calls.iter().filter(|call| call.status == status).count();
    assert_eq!((with(403), with(201), with(200)), (refused + 1, 1, 3));
}

#[tokio::test]
async fn kubectl_and_two_clusters_side_by_side_do_not_meet() {
    let (first, second) = tokio::join!(start(), start());
    let (Some(first), Some(second)) = (first, second) else {
        return;
    };
    let run = |cluster: &Cluster, arguments: &[&str]| {
        let output = cluster.kubectl().unwrap().args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    run(&first, &["create", "configmap", "mine", "--from-literal=a=b"]);
    assert_eq!(
        run(&first, &["get", "configmap", "mine", "-o", "jsonpath={.data.a}"]),
        "b"
    );
    assert_eq!(
        run(&second, &["get", "configmap", "mine", "--ignore-not-found"]),
        ""
    );
    let folder = first.logs().parent().unwrap().to_owned();
    assert!(folder.exists());
    drop(first);
    assert!(!folder.exists());
}

#[tokio::test]
async fn an_api_server_that_was_lost_comes_back_with_all_that_it_stored() {
    let Some(mut cluster) = start().await else {
        return;
    };
    cluster.namespace("kept", PodSecurity::Restricted).await.unwrap();
    let admin = cluster.admin().await.unwrap();
    cluster.stop_api();
    assert!(admin.apiserver_version().await.is_err());
    cluster.start_api().await.unwrap();
    let namespaces = Api::<k8s_openapi::api::core::v1::Namespace>::all(admin);
    let kept = wait_for(&namespaces, "kept", LIMIT, |_| true).await.unwrap();
    assert_eq!(
        kept.metadata.labels.unwrap()["pod-security.kubernetes.io/enforce"],
        "restricted"
    );
}

#[tokio::test]
async fn a_program_that_cannot_start_is_told_with_its_last_words_and_where_its_logs_are() {
    let Some(_) = start().await else {
        return;
    };
    let options = nbvet_operator_testkit::Options {
        api_server: vec!["--no-such-flag".to_owned()],
        ..Tier::Api.into()
    };
    let error = Cluster::start(options).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("kube-apiserver ended with exit status: 1;"),
        "{text}"
    );
    assert!(text.contains("no-such-flag"), "{text}");
    let Error::Start { logs, .. } = error else {
        panic!("{error}");
    };
    assert!(logs.join("kube-apiserver.log").is_file());
    std::fs::remove_dir_all(logs.parent().unwrap()).unwrap();
}
