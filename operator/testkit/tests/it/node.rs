//! A whole node: pods run, see the API server and the registry, and keep to Pod Security's strictest level.

use std::{fs, process::Command};

use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{Api, Client, ResourceExt as _, api::ListParams};
use nbvet_operator_testkit::{Cluster, Image, PodSecurity, REGISTRY, Tier, create, logs, or_skip, wait_for};

use crate::LIMIT;

/// As nbvet runs a notebook: what the user wrote in one container, what judges it in another, a socket between them.
const SOCKET: &str = r#"
apiVersion: batch/v1
kind: Job
metadata: {name: socket}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      dnsPolicy: Default
      securityContext:
        runAsNonRoot: true
        runAsUser: 10001
        runAsGroup: 10001
        fsGroup: 10001
        seccompProfile: {type: RuntimeDefault}
      volumes: [{name: shared, emptyDir: {}}]
      containers:
      - name: server
        image: localhost/busybox:1
        imagePullPolicy: Never
        command: [sh, -c, 'socat UNIX-LISTEN:/shared/s.sock SYSTEM:"cat; echo and back"']
        volumeMounts: [{name: shared, mountPath: /shared}]
        securityContext: &strict
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities: {drop: [ALL]}
      - name: client
        image: localhost/busybox:1
        imagePullPolicy: Never
        command:
        - sh
        - -c
        - |
          until [ -S /shared/s.sock ]; do sleep 0.1; done
          echo there | socat -t 5 - UNIX-CONNECT:/shared/s.sock
          id -u
          grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status
          touch /x 2>&1
          printf '{"rows": 42}' >/dev/termination-log
        volumeMounts: [{name: shared, mountPath: /shared}]
        securityContext: *strict
"#;

/// Reaches what a pod may reach: the API server under its own account, and the registry.
fn reaching(image: &str) -> String {
    format!(
        r#"
apiVersion: batch/v1
kind: Job
metadata: {{name: reach}}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      dnsPolicy: Default
      containers:
      - name: only
        image: {image}
        command:
        - sh
        - -c
        - |
          printf 'GET /v2/_catalog HTTP/1.0\r\n\r\n' | socat -t 5 - TCP:{REGISTRY} | tail -n 1
          printf '' | socat -t 5 - TCP:$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT && echo connected
          test -s /var/run/secrets/kubernetes.io/serviceaccount/token && echo token
          cat /note
"#
    )
}

fn has_ended(job: &Job) -> bool {
    let status = job.status.clone().unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    conditions
        .iter()
        .any(|one| matches!(&*one.type_, "Complete" | "Failed") && one.status == "True")
}

/// Waits for the end of a job; its pod.
async fn run(client: &Client, namespace: &str, yaml: &str) -> Pod {
    let made = create(client, namespace, yaml).await.unwrap();
    let name = made[0].name_any();
    let jobs = Api::<Job>::namespaced(client.clone(), namespace);
    let ended = wait_for(&jobs, &name, LIMIT, has_ended).await;
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let all = pods
        .list(&ListParams::default().labels(&format!("job-name={name}")))
        .await
        .unwrap();
    let seen = nbvet_operator_testkit::events(client, namespace).await.unwrap();
    assert!(ended.is_ok(), "{ended:#?} {seen:#?}");
    all.items.into_iter().next().unwrap()
}

#[tokio::test]
async fn two_containers_speak_over_a_socket_under_the_strictest_level() {
    let Some(cluster) = or_skip(Cluster::start(Tier::Node).await) else {
        return;
    };
    let admin = cluster.admin().await.unwrap();
    cluster
        .namespace("strict", PodSecurity::Restricted)
        .await
        .unwrap();
    let pod = run(&admin, "strict", SOCKET).await;
    let printed = logs(&admin, "strict", &pod.name_any(), "client").await.unwrap();
    let lines: Vec<_> = printed
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let expected = [
        "there",
        "and back",
        "10001",
        "CapEff: 0000000000000000",
        "NoNewPrivs: 1",
        "Seccomp: 2",
        "touch: /x: Read-only file system",
    ];
    assert_eq!(lines, expected);
    let statuses = pod.status.unwrap().container_statuses.unwrap();
    let client = statuses.iter().find(|status| status.name == "client").unwrap();
    let end = client.state.as_ref().unwrap().terminated.as_ref().unwrap();
    assert_eq!(end.message.as_deref(), Some(r#"{"rows": 42}"#));
}

#[tokio::test]
async fn a_pod_runs_an_image_of_the_registry_and_reaches_the_api_server() {
    let Some(cluster) = or_skip(Cluster::start(Tier::Node).await) else {
        return;
    };
    let admin = cluster.admin().await.unwrap();
    let registry = cluster.registry().unwrap();
    let mut image = Image::busybox().unwrap();
    image.file("note", b"from the registry\n", 0o644);
    let archive = cluster.logs().join("image.tar");
    image.write(&archive).unwrap();
    let mut skopeo = Command::new("skopeo");
    skopeo.args(["--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false"]);
    skopeo.arg(format!("oci-archive:{}", archive.display()));
    skopeo.arg(format!("docker://{}/team/pushed:1", registry.host()));
    let output = skopeo.env("NO_PROXY", "*").output().unwrap();
    assert!(output.status.success(), "{output:?}");

    let pod = run(&admin, "default", &reaching(&format!("{REGISTRY}/team/pushed:1"))).await;
    let printed = logs(&admin, "default", &pod.name_any(), "only").await.unwrap();
    let expected = "{\"repositories\":[\"team/pushed\"]}\nconnected\ntoken\nfrom the registry\n";
    assert_eq!(printed, expected);
    let statuses = pod.status.unwrap().container_statuses.unwrap();
    assert!(
        statuses[0]
            .image_id
            .starts_with(&format!("{REGISTRY}/team/pushed@sha256:")),
        "{statuses:?}"
    );
    // The machine's own network has none of the node's.
    let links = fs::read_dir("/sys/class/net")
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    assert!(!links.into_iter().any(|name| name == "cni0"));
}
