//! The wish: what a spec asks for, as one digest. A changed wish ends a run and begins the next, so that nothing may
//! change it but what changes the outcome - also not a newer version of this program, which would run every finished
//! job again. The digests in the tests below are therefore a format: they never change.

use std::{collections::BTreeMap, fmt::Write as _};

use nbvet_report::{ComparisonStrategy, InstallPolicy};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    NotebookValidationJobSpec,
    build::{BuildCache, BuildConfig, BuildStrategy, CacheType, FallbackStrategy},
    meaning::{env_from, level, validation::only_true},
    number::Quoted,
    pod::PodConfig,
    source::NotebookSource,
    validation::{ComparisonConfig, ExpectedOutput, ValidationConfig},
};

/// What of a spec decides what a run does, each thing said in one way only. Fields that are added later have to be left
/// out where they are unset.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Meaning<'a> {
    notebook: &'a NotebookSource,
    #[serde(skip_serializing_if = "Option::is_none")]
    golden: Option<&'a NotebookSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<ComparisonConfig>,
    parameters: &'a BTreeMap<String, Value>,
    pod: PodConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    build: Option<BuildConfig>,
    validation: ValidationConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    rerun: Option<&'a str>,
}

/// The digest of what a spec asks for, with the value of the annotation [`RERUN_ANNOTATION`](crate::job::RERUN_ANNOTATION).
///
/// In it: notebook, golden notebook and how it is compared, parameters, pod, build, validation. Not in it: limits of
/// time, retries, `suspend`, `ttlSecondsAfterFinished`, and what this version does not act upon.
pub fn wish(spec: &NotebookValidationJobSpec, rerun: Option<&str>) -> String {
    let golden = spec.golden_notebook.as_ref();
    let meaning = Meaning {
        notebook: &spec.notebook,
        golden,
        comparison: golden.map(|_| comparison(spec.comparison_config.clone().unwrap_or_default())),
        parameters: &spec.parameters,
        pod: pod(&spec.pod_config),
        build: build(&spec.pod_config),
        validation: validation(spec.validation_config.as_ref()),
        rerun,
    };
    let json = serde_json::to_value(&meaning).unwrap_or_default();
    let mut text = String::new();
    canonical(&json, &mut text);
    let digest = Sha256::digest(text.as_bytes());
    let mut name = String::from("sha256:");
    for byte in digest {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

fn pod(written: &PodConfig) -> PodConfig {
    let mut pod = written.clone();
    pod.env_from = env_from(written);
    pod.credentials = Vec::new();
    pod.build_config = None;
    // Older controllers stored it as their default.
    pod.service_account_name = pod.service_account_name.filter(|name| name != "default");
    pod
}

fn build(pod: &PodConfig) -> Option<BuildConfig> {
    let mut build = pod
        .build_config
        .clone()
        .filter(|build| build.enabled == Some(true))?;
    build.strategy = match build.strategy {
        Some(BuildStrategy::Auto) => None,
        Some(BuildStrategy::S2i) => Some(BuildStrategy::Openshift),
        other => other,
    };
    build.dockerfile = build.dockerfile.or(build.dockerfile_path.take());
    build.dockerfile_path = build
        .dockerfile_path
        .filter(|path| build.dockerfile.as_ref() != Some(path));
    build.auto_generate_requirements = only_true(build.auto_generate_requirements);
    build.prefer_dockerfile = only_true(build.prefer_dockerfile);
    build.fallback_strategy = build
        .fallback_strategy
        .filter(|fallback| *fallback != FallbackStrategy::Warn);
    build.verify_hashes = only_true(build.verify_hashes);
    build.fail_on_conflict = only_true(build.fail_on_conflict);
    build.publish_to_registry = only_true(build.publish_to_registry);
    let mut cache = build.cache.take().unwrap_or_default();
    cache.enabled = cache.enabled.filter(|enabled| !enabled);
    cache.kind = cache.kind.filter(|kind| *kind != CacheType::Registry);
    build.reuse_if_exists = build
        .reuse_if_exists
        .filter(|reuse| *reuse != cache.enabled.unwrap_or(true));
    build.cache = (cache != BuildCache::default()).then_some(cache);
    build.strategy_config.clear();
    build.timeout = None;
    Some(build)
}

fn validation(written: Option<&ValidationConfig>) -> ValidationConfig {
    let mut validation = written.cloned().unwrap_or_default();
    validation.level = Some(level(written));
    validation.strict_mode = None;
    for switch in [
        &mut validation.fail_on_stderr,
        &mut validation.fail_on_warnings,
        &mut validation.require_explicit_exit_codes,
        &mut validation.check_output_types,
        &mut validation.verify_assertions,
    ] {
        *switch = only_true(*switch);
    }
    validation.detect_silent_failures = validation.detect_silent_failures.filter(|detect| !detect);
    validation.installs = validation
        .installs
        .filter(|installs| *installs != InstallPolicy::Check);
    validation.expected_outputs.iter_mut().for_each(expected);
    validation
}

fn expected(output: &mut ExpectedOutput) {
    for switch in [&mut output.not_empty, &mut output.no_nan, &mut output.unique] {
        *switch = only_true(*switch);
    }
    let numbers = [
        &mut output.min_value,
        &mut output.max_value,
        &mut output.tolerance,
    ];
    let bounds = output.range.iter_mut().flatten();
    numbers.into_iter().flatten().chain(bounds).for_each(plain);
}

fn comparison(mut comparison: ComparisonConfig) -> ComparisonConfig {
    comparison.strategy = comparison
        .strategy
        .filter(|strategy| *strategy != ComparisonStrategy::Normalized);
    comparison.ignore_execution_count = comparison.ignore_execution_count.filter(|ignore| !ignore);
    comparison.floating_point_tolerance.iter_mut().for_each(plain);
    comparison
}

/// `"0.10"` and `"0.1"`, `"1"` and `1` are one number.
fn plain(number: &mut Quoted) {
    if let Some(value) = number.value() {
        *number = Quoted::Text(value.to_string());
    }
}

/// JSON with its members in the order of their names.
fn canonical(json: &Value, text: &mut String) {
    match json {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|one, other| one.0.cmp(other.0));
            text.push('{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                canonical(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                canonical(item, text);
            }
            text.push(']');
        }
        one => text.push_str(&one.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    /// A spec with these fields in the place of, or beside, those of a small one. A path names a field in it.
    fn spec(changes: &[(&str, Value)]) -> NotebookValidationJobSpec {
        let mut spec = json!({
            "notebook": {"git": {"url": "https://example.com/a.git", "ref": "main"}, "path": "a.ipynb"},
            "podConfig": {"containerImage": "python:3.12", "buildConfig": {"enabled": true}},
            "goldenNotebook": {"git": {"url": "https://example.com/a.git", "ref": "main"}, "path": "golden.ipynb"},
            "validationConfig": {"expectedOutputs": [{"cell": 1, "minValue": "0.1"}]}
        });
        for (path, value) in changes {
            let place = path
                .split('.')
                .fold(&mut spec, |place, name| match name.parse::<usize>() {
                    Ok(index) => &mut place[index],
                    Err(_) => &mut place[name],
                });
            *place = value.clone();
        }
        serde_json::from_value(spec).unwrap()
    }

    fn of(changes: &[(&str, Value)]) -> String {
        wish(&spec(changes), None)
    }

    #[test]
    fn s5_limits_retries_suspension_and_clean_up_are_no_part_of_the_wish() {
        for (path, value) in [
            ("timeout", json!("1h")),
            ("buildTimeout", json!("1h")),
            ("validationTimeout", json!("1h")),
            ("totalTimeout", json!("1h")),
            ("podConfig.buildConfig.timeout", json!("1h")),
            ("retryPolicy", json!({"maxBuildRetries": 5})),
            ("suspend", json!(true)),
            ("ttlSecondsAfterFinished", json!(60)),
            ("modelValidation", json!({"platform": "kserve"})),
            ("podConfig.buildConfig.strategyConfig", json!({"a": "b"})),
        ] {
            assert_eq!(of(&[(path, value)]), of(&[]), "{path}");
        }
    }

    #[test]
    fn s5_what_says_nothing_new_does_not_change_the_wish() {
        for (path, value) in [
            ("validationConfig.level", json!("development")),
            ("validationConfig.strictMode", json!(false)),
            ("validationConfig.failOnStderr", json!(false)),
            ("validationConfig.detectSilentFailures", json!(true)),
            ("validationConfig.installs", json!("check")),
            ("validationConfig.expectedOutputs.0.notEmpty", json!(false)),
            ("validationConfig.expectedOutputs.0.minValue", json!("0.10")),
            (
                "comparisonConfig",
                json!({"strategy": "normalized", "ignoreExecutionCount": true}),
            ),
            ("podConfig.serviceAccountName", json!("default")),
            ("podConfig.credentials", json!([])),
            ("podConfig.buildConfig.strategy", json!("auto")),
            ("podConfig.buildConfig.preferDockerfile", json!(false)),
            ("podConfig.buildConfig.fallbackStrategy", json!("warn")),
            ("podConfig.buildConfig.reuseIfExists", json!(true)),
            (
                "podConfig.buildConfig.cache",
                json!({"enabled": true, "type": "registry"}),
            ),
        ] {
            assert_eq!(of(&[(path, value)]), of(&[]), "{path}");
        }
    }

    #[test]
    fn s5_two_ways_to_say_one_thing_are_one_wish() {
        for (one, other) in [
            (
                vec![("validationConfig.strictMode", json!(true))],
                vec![("validationConfig.level", json!("production"))],
            ),
            (
                vec![("podConfig.credentials", json!(["s3"]))],
                vec![("podConfig.envFrom", json!([{"secretRef": {"name": "s3"}}]))],
            ),
            (
                vec![("podConfig.buildConfig.strategy", json!("s2i"))],
                vec![("podConfig.buildConfig.strategy", json!("openshift"))],
            ),
            (
                vec![("podConfig.buildConfig.dockerfile", json!("Dockerfile"))],
                vec![("podConfig.buildConfig.dockerfilePath", json!("Dockerfile"))],
            ),
            (
                vec![("validationConfig.expectedOutputs.0.minValue", json!("1.0"))],
                vec![("validationConfig.expectedOutputs.0.minValue", json!(1))],
            ),
            (
                vec![("parameters", json!({"a": 1, "b": {"d": 2, "c": 3}}))],
                vec![("parameters", json!({"b": {"c": 3, "d": 2}, "a": 1}))],
            ),
        ] {
            assert_eq!(of(&one), of(&other), "{one:?}");
            assert_ne!(of(&one), of(&[]), "{one:?}");
        }
    }

    #[test]
    fn s5_what_changes_the_outcome_is_another_wish() {
        let changes = [
            ("notebook.path", json!("b.ipynb")),
            ("notebook.git.ref", json!("dev")),
            ("notebook.git.credentialsSecret", json!("git")),
            ("goldenNotebook", json!(null)),
            ("goldenNotebook.path", json!("other.ipynb")),
            ("comparisonConfig", json!({"strategy": "exact"})),
            ("comparisonConfig", json!({"floatingPointTolerance": "0.1"})),
            ("parameters", json!({"alpha": 1})),
            ("parameters", json!({"alpha": 1.0})),
            ("podConfig.containerImage", json!("python:3.13")),
            ("podConfig.serviceAccountName", json!("runner")),
            ("podConfig.env", json!([{"name": "A", "value": "b"}])),
            ("podConfig.resources", json!({"limits": {"memory": "1Gi"}})),
            ("podConfig.buildConfig", json!(null)),
            ("podConfig.buildConfig.requirementsFile", json!("r.txt")),
            ("podConfig.buildConfig.allowUnpinned", json!(false)),
            ("podConfig.buildConfig.allowUnpinned", json!(true)),
            ("podConfig.buildConfig.publishToRegistry", json!(true)),
            ("podConfig.buildConfig.cache", json!({"enabled": false})),
            ("podConfig.buildConfig.strategy", json!("job")),
            ("validationConfig.level", json!("staging")),
            ("validationConfig.failOnStderr", json!(true)),
            ("validationConfig.detectSilentFailures", json!(false)),
            ("validationConfig.educationalMode", json!(false)),
            ("validationConfig.rules", json!({"NB202": "off"})),
            ("validationConfig.expectedOutputs", json!([])),
            ("validationConfig.expectedOutputs.0.equals", json!(null)),
            ("validationConfig.expectedOutputs.0.minValue", json!("0.2")),
        ];
        let mut seen = vec![of(&[])];
        for (path, value) in changes {
            let wish = of(&[(path, value.clone())]);
            assert!(!seen.contains(&wish), "{path}: {value}");
            seen.push(wish);
        }
    }

    #[test]
    fn s5_the_annotation_asks_for_another_run() {
        let spec = spec(&[]);
        let wishes = [None, Some(""), Some("1"), Some("2")].map(|rerun| wish(&spec, rerun));
        for (index, one) in wishes.iter().enumerate() {
            assert!(!wishes[..index].contains(one));
        }
    }

    /// Objects in clusters carry these digests: whoever has to change one makes every finished job run again.
    #[test]
    fn s5_the_digest_of_a_wish_never_changes() {
        let check = |changes: &[(&str, Value)], digest: Expect| digest.assert_eq(&of(changes));
        check(
            &[],
            expect!["sha256:5c3960f96b3b72706c1c4bf8a543c5c780b5fce18b76c58b8e2458f9ea8ea46b"],
        );
        check(
            &[
                ("podConfig.buildConfig", json!(null)),
                ("goldenNotebook", json!(null)),
                ("parameters", json!({"alpha": 0.5, "text": "ünïcode\n"})),
                ("validationConfig.strictMode", json!(true)),
                (
                    "validationConfig.expectedOutputs.0.equals",
                    json!({"a": [1, 2.5, null]}),
                ),
            ],
            expect!["sha256:26fe4e8f6b15bfba71a21cebb79aba76572ac455be949e89a6280b6bbb937710"],
        );
        check(
            &[
                ("podConfig.buildConfig.strategy", json!("tekton")),
                (
                    "podConfig.buildConfig.cache",
                    json!({"type": "workspace", "ttl": "24h"}),
                ),
                ("podConfig.credentials", json!(["s3"])),
                ("podConfig.resources", json!({"limits": {"memory": "1Gi"}})),
            ],
            expect!["sha256:a698a0307bff5584eca4f348649a5ef2e62e906fa763221e5ec4805db2d84c7e"],
        );
    }
}
