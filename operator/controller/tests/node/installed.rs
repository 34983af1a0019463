//! The manifests give an operator that works, by the strictest level of Pod Security and with no more than it needs.

use std::{
    fs::{self, File},
    time::{Duration, SystemTime},
};

use crate::town::{SYSTEM, newer_than_image, run, town};

#[tokio::test]
async fn the_manifests_give_an_operator_that_is_ready_and_tells_its_metrics() {
    let Some(town) = town().await else { return };
    let kubectl = |words: &[&str]| {
        let mut kubectl = town.cluster.kubectl().unwrap();
        run(kubectl.args(words)).unwrap()
    };
    let level = kubectl(&["get", "namespace", SYSTEM, "--output=jsonpath={.metadata.labels}"]);
    assert!(
        level.contains(r#""pod-security.kubernetes.io/enforce":"restricted""#),
        "{level}"
    );
    let pod = kubectl(&[
        "get",
        "pods",
        "--namespace",
        SYSTEM,
        "--output=jsonpath={.items[*].metadata.name}",
    ]);
    assert_eq!(pod.split(' ').count(), 1, "{pod}");
    let path = format!("/api/v1/namespaces/{SYSTEM}/pods/{pod}:8081/proxy");
    let ready = kubectl(&["get", "--raw", &format!("{path}/readyz")]);
    assert!(ready.contains("all is seen"), "{ready}");
    let metrics = kubectl(&["get", "--raw", &format!("{path}/metrics")]);
    assert!(metrics.contains("\nnotebook_validation_leader 1\n"), "{metrics}");
    let lease = kubectl(&[
        "get",
        "lease",
        "--namespace",
        SYSTEM,
        "--output=jsonpath={.items[*].spec.holderIdentity}",
    ]);
    // A pod, and one start of its program.
    assert_eq!(
        lease.split_once('_').map(|(holder, _)| holder),
        Some(&*pod),
        "{lease}"
    );
    // Nothing was refused to it, and nothing in its way is a warning.
    let refused: Vec<_> = town
        .cluster
        .audit()
        .into_iter()
        .filter(|call| {
            call.user == format!("system:serviceaccount:{SYSTEM}:nbvet-operator") && call.status == 403
        })
        .collect();
    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn an_image_that_is_older_than_a_source_of_its_programs_is_told_of() {
    let target = tempfile::tempdir().unwrap();
    let at = |name: &str| target.path().join(name);
    let begin = SystemTime::now();
    let write = |name: &str, text: &str, minute: u64| {
        fs::create_dir_all(at(name).parent().unwrap()).unwrap();
        fs::write(at(name), text).unwrap();
        let file = File::options().write(true).open(at(name)).unwrap();
        file.set_modified(begin + Duration::from_mins(minute)).unwrap();
    };
    let programs = "x86_64-unknown-linux-musl/unoptimised";
    for (program, source) in [("nbvet", "cli.rs"), ("nbvet-operator", "controller.rs")] {
        write(source, "", 1);
        let files = format!(
            "{}: {} {}\n",
            program,
            at("gone.rs").display(),
            at(source).display()
        );
        write(&format!("{programs}/{program}.d"), &files, 1);
    }
    assert_eq!(newer_than_image(target.path()), None, "no image");
    write("nbvet-image/index.json", "{}", 2);
    assert_eq!(newer_than_image(target.path()), None);
    write("controller.rs", "", 3);
    assert_eq!(newer_than_image(target.path()), Some(at("controller.rs")));
    write("nbvet-image/index.json", "{}", 4);
    assert_eq!(newer_than_image(target.path()), None);
}
