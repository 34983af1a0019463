//! What a setting is called where it is read: the option, or the field of a job.

use std::borrow::Cow;

use nbvet_report::Readers;

/// A setting by its field in a job's `buildConfig`.
pub(super) fn setting(field: &str, readers: Readers) -> Cow<'static, str> {
    let option = match (readers, field) {
        (Readers::Cluster, field) => return format!("`spec.podConfig.buildConfig.{field}`").into(),
        (_, "autoGenerateRequirements") => "`--auto-generate-requirements` (autoGenerateRequirements)",
        (_, "dockerfile") => "`--dockerfile`",
        (_, "fallbackStrategy") => "`--fallback-strategy` (fallbackStrategy)",
        (_, "preferDockerfile") => "`--prefer-dockerfile` (preferDockerfile)",
        (_, "requirementsFile") => "`--requirements-file` (requirementsFile)",
        (_, "requirementsSources") => "`--requirements-source` (requirementsSources)",
        (_, field) => return field.to_owned().into(),
    };
    option.into()
}
