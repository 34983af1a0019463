//! Fields that are accepted and that this version does not act upon: the condition `FieldsSupported` names them.

use crate::{
    NotebookValidationJobSpec,
    build::{BuildConfig, CacheType},
    fault::Unsupported,
    meaning::Builder,
};

/// What of a spec is not acted upon, in the order of the reference.
pub fn unsupported(spec: &NotebookValidationJobSpec) -> Vec<Unsupported> {
    let mut found = Vec::new();
    let mut say = |field: &str, why| {
        found.push(Unsupported {
            field: field.to_owned(),
            why,
        });
    };
    if spec.comparison_config.is_some() && spec.golden_notebook.is_none() {
        say(
            "spec.comparisonConfig",
            "outputs are compared with those of spec.goldenNotebook, which is not set",
        );
    }
    let build = spec.pod_config.build_config.as_ref();
    if let Some(build) = build.filter(|build| build.enabled == Some(true)) {
        if is_kept_in_workspace(build) && build.strategy.and_then(Builder::of) != Some(Builder::Tekton) {
            say(
                "spec.podConfig.buildConfig.cache.type",
                "a workspace is Tekton's; the registry keeps what other strategies use again",
            );
        }
        if !build.strategy_config.is_empty() {
            say(
                "spec.podConfig.buildConfig.strategyConfig",
                "no strategy has settings of its own; see registry, packageIndex, cache and target",
            );
        }
    }
    let model = spec.model_validation.as_ref();
    if model.is_some_and(|model| model.enabled != Some(false)) {
        say(
            "spec.modelValidation",
            "this version does not ask served models; let the notebook itself ask and check them",
        );
    }
    found
}

fn is_kept_in_workspace(build: &BuildConfig) -> bool {
    let cache = build.cache.as_ref();
    cache.is_some_and(|cache| cache.enabled != Some(false) && cache.kind == Some(CacheType::Workspace))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(spec: Value, fields: &[&str]) {
        let mut whole = json!({
            "notebook": {"git": {"url": "https://example.com/a.git", "ref": "main"}, "path": "a.ipynb"},
            "podConfig": {"containerImage": "python:3.12"}
        });
        let said = spec.to_string();
        if let Value::Object(members) = spec {
            whole.as_object_mut().unwrap().extend(members);
        }
        let found = unsupported(&serde_json::from_value(whole).unwrap());
        let found: Vec<_> = found.iter().map(|field| field.field.as_str()).collect();
        assert_eq!(found, fields, "{said}");
    }

    #[test]
    fn s6_fields_that_do_not_act_are_named() {
        check(json!({}), &[]);
        check(json!({"modelValidation": {}}), &["spec.modelValidation"]);
        check(json!({"modelValidation": {"enabled": false}}), &[]);
        check(
            json!({"comparisonConfig": {"strategy": "exact"}}),
            &["spec.comparisonConfig"],
        );
        let build = |config: Value| json!({"podConfig": {"buildConfig": config}});
        check(
            build(
                json!({"enabled": true, "strategy": "job", "cache": {"type": "workspace"}, "strategyConfig": {"a": "b"}}),
            ),
            &[
                "spec.podConfig.buildConfig.cache.type",
                "spec.podConfig.buildConfig.strategyConfig",
            ],
        );
        check(
            build(json!({"enabled": true, "strategy": "tekton", "cache": {"type": "workspace"}})),
            &[],
        );
        check(
            build(json!({"enabled": false, "cache": {"type": "workspace"}})),
            &[],
        );
        check(
            build(json!({"enabled": true, "cache": {"enabled": false, "type": "workspace"}})),
            &[],
        );
    }
}
