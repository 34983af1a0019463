//! `plan` needs no cluster: what it says of manifests, as a user reads it.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use expect_test::{Expect, expect};
use serde_json::Value;

use crate::ground::told;

/// The plugin, where no cluster is known.
fn plugin(arguments: &[&str], stdin: &str) -> std::process::Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubectl-nbvet"))
        .args(arguments)
        .env("KUBECONFIG", "/dev/null")
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "as expectations are written")]
fn check(options: &[&str], manifest: &str, expected: Expect) {
    let arguments = [&["plan", "-f", "-"], options].concat();
    let output = plugin(&arguments, manifest);
    expected.assert_eq(&told(&format!("kubectl nbvet {}", arguments.join(" ")), &output));
}

fn manifest(spec: &str) -> String {
    let head =
        "apiVersion: mlops.mlops.dev/v1alpha1\nkind: NotebookValidationJob\nmetadata: {name: sales}\nspec:\n";
    let notebook =
        "  notebook: {git: {url: 'https://git.test/team/notebooks', ref: main}, path: sales.ipynb}\n";
    format!("{head}{notebook}{spec}")
}

#[test]
fn the_steps_of_a_plain_job() {
    check(
        &[],
        &manifest("  podConfig: {containerImage: 'python:3.12-slim'}\n"),
        expect![[r#"
            $ kubectl nbvet plan -f -
            sales  2 steps, supposing that each goes well
              1. prepare   fetches https://git.test/team/notebooks at main and looks for sales.ipynb
                           ConfigMap, Job
              2. validate  runs sales.ipynb in python:3.12-slim and judges it at development, at most 30m; tried
                           again up to 3 times where the notebook is not at fault
                           ConfigMap, Job
            exit code 0

        "#]],
    );
}

#[test]
fn the_steps_of_a_job_whose_image_is_built_and_published() {
    let spec = "  podConfig: {buildConfig: {enabled: true, baseImage: 'python:3.12-slim', publishToRegistry: true}}\n  \
                validationConfig: {level: staging}\n  buildTimeout: 20m\n";
    check(
        &[],
        &manifest(spec),
        expect![[r#"
            $ kubectl nbvet plan -f -
            sales  4 steps, supposing that each goes well
              1. prepare   fetches https://git.test/team/notebooks at main, finds its dependencies and judges
                           them at staging, and asks the registry whether their image is there; where it is,
                           nothing is built
                           ConfigMap, Job
              2. build     by job: from python:3.12-slim into <the controller's registry>/default/nbvet, at most
                           20m; shared by all jobs of the namespace that need the same; tried again once where a
                           machine or a server is at fault
                           Job, ConfigMap
              3. validate  runs sales.ipynb in <the controller's registry>/default/nbvet and judges it at
                           staging, at most 30m; tried again up to 3 times where the notebook is not at fault
                           ConfigMap, Job
              4. publish   gives the image the name <the controller's registry>/default/sales:<commit>
                           ConfigMap, Job
            exit code 0

        "#]],
    );
    check(
        &["--registry", "registry.test", "--tekton"],
        &manifest(&spec.replace("enabled: true", "enabled: true, strategy: tekton")),
        expect![[r#"
            $ kubectl nbvet plan -f - --registry registry.test --tekton
            sales  4 steps, supposing that each goes well
              1. prepare   fetches https://git.test/team/notebooks at main, finds its dependencies and judges
                           them at staging, and asks the registry whether their image is there; where it is,
                           nothing is built
                           ConfigMap, Job
              2. build     by tekton: from python:3.12-slim into registry.test/default/nbvet, at most 20m;
                           shared by all jobs of the namespace that need the same; tried again once where a
                           machine or a server is at fault
                           PipelineRun, ConfigMap
              3. validate  runs sales.ipynb in registry.test/default/nbvet and judges it at staging, at most
                           30m; tried again up to 3 times where the notebook is not at fault
                           ConfigMap, Job
              4. publish   gives the image the name registry.test/default/sales:<commit>
                           ConfigMap, Job
            exit code 0

        "#]],
    );
}

#[test]
fn fields_that_nothing_can_be_done_with_and_fields_that_do_not_act_are_all_named() {
    let spec = "  podConfig: {containerImage: x, buildConfig: {enabled: true, requirementsFile: ../x, cache: {type: workspace}}}\n  \
                modelValidation: {enabled: true}\n  timeout: 30m\n  unheardOf: {a: 1}\n";
    check(
        &[],
        &manifest(spec).replace("https://", "http://"),
        expect![[r#"
            $ kubectl nbvet plan -f -
            sales  would fail before its first step
              SchemeNotAllowed: spec.notebook.git.url: "http://git.test/team/notebooks" sends code and passwords
                in the clear; write https:// or ssh://
              PathNotAllowed: spec.podConfig.buildConfig.requirementsFile: "../x" leads out of the source by
                `..`; write it from the root of the source
              FieldNotSupported: spec.podConfig.buildConfig.cache.type: a workspace is Tekton's; the registry
                keeps what other strategies use again
              FieldNotSupported: spec.modelValidation: this version does not ask served models; let the notebook
                itself ask and check them
              spec.unheardOf: is no field; `kubectl apply` refuses it
            exit code 1

        "#]],
    );
}

#[test]
fn a_strategy_that_the_cluster_has_not_is_told_before_the_job_is_created() {
    let spec = "  podConfig: {containerImage: x, buildConfig: {enabled: true, strategy: tekton}}\n";
    check(
        &[],
        &manifest(spec),
        expect![[r#"
            $ kubectl nbvet plan -f -
            sales  would fail after 1 step: StrategyNotAvailable: strategy `tekton` is named and the cluster has no Tekton; install it, or leave `strategy` out
              1. prepare   fetches https://git.test/team/notebooks at main, finds its dependencies and judges
                           them at development, and asks the registry whether their image is there; where it is,
                           nothing is built
                           ConfigMap, Job
            exit code 1

        "#]],
    );
}

#[test]
fn what_the_api_server_would_refuse_is_told_with_its_field() {
    check(
        &[],
        &manifest("  podConfig: {}\n"),
        expect![[r#"
            $ kubectl nbvet plan -f -
            sales  the API server would refuse it
              spec.podConfig: containerImage is needed, unless buildConfig.enabled has an image built
            exit code 1

        "#]],
    );
    check(
        &[],
        &manifest(
            "  podConfig: {containerImage: x}\n  validationConfig: {level: severe}\n  totalTimeout: soon\n",
        ),
        expect![[r#"
            $ kubectl nbvet plan -f -
            sales  the API server would refuse it
              spec.validationConfig.level: "severe" is not one of "learning", "development", "staging",
                "production"
              spec.totalTimeout: "soon" does not match "^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
            exit code 1

        "#]],
    );
    check(
        &[],
        "kind: ConfigMap\n",
        expect![[r#"
        $ kubectl nbvet plan -f -
        stderr: error: `-` holds no NotebookValidationJob: no document in it has that kind
        stderr: 
        stderr: hint: a manifest begins with `apiVersion: mlops.mlops.dev/v1alpha1` and `kind: NotebookValidationJob`
        exit code 2

    "#]],
    );
    check(
        &[],
        "a: [\n",
        expect![[r#"
        $ kubectl nbvet plan -f -
        stderr: error: `-` holds no NotebookValidationJob: unclosed bracket '[' at line 1, column 4
        stderr: 
        stderr: hint: a manifest begins with `apiVersion: mlops.mlops.dev/v1alpha1` and `kind: NotebookValidationJob`
        exit code 2

    "#]],
    );
}

#[test]
fn a_misspelt_field_is_refused_with_the_one_that_was_meant() {
    let spec = "  podConfig: {containerImage: x, buildConfig: {enabled: true, requirementFile: a.txt}}\n";
    check(
        &[],
        &manifest(spec),
        expect![[r#"
        $ kubectl nbvet plan -f -
        sales  `kubectl apply` would refuse it for fields that are none, see below; without them 3 steps, supposing that each goes well
          1. prepare   fetches https://git.test/team/notebooks at main, finds its dependencies and judges
                       them at development, and asks the registry whether their image is there; where it is,
                       nothing is built
                       ConfigMap, Job
          2. build     by job: from x into <the controller's registry>/default/nbvet, at most 45m; shared by
                       all jobs of the namespace that need the same; tried again once where a machine or a
                       server is at fault
                       Job, ConfigMap
          3. validate  runs sales.ipynb in <the controller's registry>/default/nbvet and judges it at
                       development, at most 30m; tried again up to 3 times where the notebook is not at
                       fault
                       ConfigMap, Job
          spec.podConfig.buildConfig.requirementFile: is no field; `kubectl apply` refuses it; did you mean
            `requirementsFile`?
        exit code 1

    "#]],
    );
}

#[test]
fn a_job_without_any_image_is_told_where_to_name_one() {
    let spec = "  podConfig: {buildConfig: {enabled: true}}\n";
    check(
        &[],
        &manifest(spec),
        expect![[r#"
        $ kubectl nbvet plan -f -
        sales  would fail before its first step
          InvalidField: spec.podConfig.containerImage: "" names no image to build upon,
            spec.podConfig.buildConfig.baseImage names none either, and the controller has none of its own
            (--base-image); write one like `python:3.12-slim`
        exit code 1

    "#]],
    );
    check(
        &[],
        &manifest("  podConfig: {containerImage: ''}\n"),
        expect![[r#"
            $ kubectl nbvet plan -f -
            sales  would fail before its first step
              InvalidField: spec.podConfig.containerImage: "" names no image, and the controller has none of its
                own (--base-image); write one like `python:3.12-slim`
            exit code 1

        "#]],
    );
    let output = plugin(
        &["plan", "-f", "-", "--base-image", "python:3.12"],
        &manifest(spec),
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn what_level_learning_does_not_publish_is_told() {
    let spec = "  podConfig: {containerImage: x, buildConfig: {enabled: true, publishToRegistry: true}}\n  \
                validationConfig: {level: learning}\n";
    check(
        &[],
        &manifest(spec),
        expect![[r#"
        $ kubectl nbvet plan -f -
        sales  3 steps, supposing that each goes well
          1. prepare   fetches https://git.test/team/notebooks at main, finds its dependencies and judges
                       them at learning, and asks the registry whether their image is there; where it is,
                       nothing is built
                       ConfigMap, Job
          2. build     by job: from x into <the controller's registry>/default/nbvet, at most 45m; shared by
                       all jobs of the namespace that need the same; tried again once where a machine or a
                       server is at fault
                       Job, ConfigMap
          3. validate  runs sales.ipynb in <the controller's registry>/default/nbvet and judges it at
                       learning, at most 30m; tried again up to 3 times where the notebook is not at fault
                       ConfigMap, Job
          LevelTooLow: nothing is published at level learning, where a pass promises too little
        exit code 0

    "#]],
    );
}

#[test]
fn the_namespace_is_that_of_the_context_where_nobody_names_another() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let text = "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts:\n- {name: a, context: {cluster: c, user: u, namespace: \
                sensors}}\n- {name: b, context: {cluster: c, user: u, namespace: reports}}\n- {name: c, context: {cluster: c, \
                user: u}}\n";
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let manifest = manifest("  podConfig: {containerImage: x}\n");
    let with = manifest.replace("{name: sales}", "{name: sales, namespace: own}");
    for (options, manifest, namespace) in [
        (&["--kubeconfig", file][..], &manifest, "sensors"),
        (&["--kubeconfig", file, "--context", "b"], &manifest, "reports"),
        (&["--kubeconfig", file, "--context", "c"], &manifest, "default"),
        (&["--kubeconfig", file, "-n", "team"], &manifest, "team"),
        (&["--kubeconfig", file], &with, "own"),
        (&[], &manifest, "default"),
    ] {
        let arguments = [&["plan", "-f", "-", "-o", "json"], options].concat();
        let output = plugin(&arguments, manifest);
        let list: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            list["items"][0]["metadata"]["namespace"], namespace,
            "{options:?}"
        );
    }
    let unknown = plugin(
        &["plan", "-f", "-", "--kubeconfig", file, "--context", "nobody"],
        &manifest,
    );
    assert_eq!(unknown.status.code(), Some(2));
    let said = String::from_utf8(unknown.stderr).unwrap();
    assert!(said.contains("nobody"), "{said}");
}

#[test]
fn a_suspended_job_creates_nothing() {
    check(
        &[],
        &manifest("  podConfig: {containerImage: x}\n  suspend: true\n"),
        expect![[r#"
            $ kubectl nbvet plan -f -
            sales  suspended: nothing is created until `spec.suspend` is false
            exit code 0

        "#]],
    );
}

#[test]
fn the_objects_of_a_plan_are_those_that_the_controller_would_create() {
    let spec = "  podConfig: {buildConfig: {enabled: true, baseImage: 'python:3.12-slim', publishToRegistry: true}}\n";
    let output = plugin(&["plan", "-f", "-", "-o", "json", "-n", "team"], &manifest(spec));
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |object: &Value| {
        let step = object["metadata"]["labels"]["nbvet.mlops.dev/step"].as_str();
        format!("{} {}", object["kind"].as_str().unwrap(), step.unwrap_or("-"))
    };
    let kinds: Vec<_> = list["items"].as_array().unwrap().iter().map(of).collect();
    assert_eq!(
        kinds,
        [
            "ConfigMap prepare",
            "Job prepare",
            "Job build",
            "ConfigMap -",
            "ConfigMap validate",
            "Job validate",
            "ConfigMap publish",
            "Job publish",
        ]
    );
    let pods = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|object| object["kind"] == "Job");
    for pod in pods {
        assert_eq!(pod["metadata"]["namespace"], "team");
        assert_eq!(pod["spec"]["template"]["spec"]["restartPolicy"], "Never");
    }
}
