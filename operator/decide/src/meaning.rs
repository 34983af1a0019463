//! What a job's spec comes to here: its limits and budgets, where its image is built and published, and what nothing can
//! be done with. What single fields mean is the api's to say.

use k8s_openapi::jiff::SignedDuration;
use nbvet_operator_api::{
    NotebookValidationJob, Reason,
    fault::FieldFault,
    limits::{Limit, Limits},
    meaning::{self, Build},
    pod::PodConfig,
};
use nbvet_report::{ComparisonConfig, Level, ValidationConfig, step::FetchedSource};

use crate::{config::Config, render::taken};

/// Tries after the first one, where a job names no number.
const BUILD_RETRIES: u32 = 1;
const VALIDATION_RETRIES: u32 = 3;

/// What a job comes to.
#[derive(Debug, Clone)]
pub(crate) struct Meaning {
    pub(crate) level: Level,
    /// The image that the notebook runs in, or that is built upon.
    pub(crate) image: String,
    /// What is built; `None`: nothing is.
    pub(crate) build: Option<Build>,
    /// The repository that images are built into; empty where none is.
    pub(crate) destination: String,
    /// The registry and the path in it, for what is published; empty where nothing is built.
    pub(crate) place: String,
    /// Of time.
    pub(crate) limits: Limits,
    pub(crate) max_build_retries: u32,
    pub(crate) max_validation_retries: u32,
    pub(crate) validation: ValidationConfig,
    pub(crate) comparison: ComparisonConfig,
    /// The notebook's path.
    path: String,
    /// Fields that nothing can be done with.
    pub(crate) faults: Vec<FieldFault>,
}

impl Meaning {
    /// Reads a job's spec.
    pub(crate) fn of(job: &NotebookValidationJob, config: &Config) -> Self {
        let spec = &job.spec;
        let mut faults = meaning::refused(spec, config.allow_insecure_sources);
        faults.extend(taken::faults(spec, config));
        let level = meaning::level(spec.validation_config.as_ref());
        let limits = Limits::of(spec).map_err(|found| faults.extend(found));
        let build = Build::of(&spec.pod_config, level).map_err(|found| faults.extend(found));
        let build = build.ok().flatten();
        let validation = spec.validation_config.as_ref().map(meaning::validation_config);
        let validation = validation
            .transpose()
            .map_err(|found| faults.extend(found))
            .ok()
            .flatten();
        let comparison = spec.comparison_config.as_ref().map(meaning::comparison_config);
        let comparison = comparison
            .transpose()
            .map_err(|found| faults.extend(found))
            .ok()
            .flatten();
        let place = build.as_ref().map(|build| place(job, build, config));
        let place = place
            .transpose()
            .map_err(|fault| faults.push(fault))
            .ok()
            .flatten()
            .unwrap_or_default();
        let image = image(&spec.pod_config, config).map_err(|fault| faults.push(fault));
        let retries = spec.retry_policy.as_ref();
        Self {
            level,
            image: image.unwrap_or_default(),
            destination: build
                .as_ref()
                .map(|_| format!("{place}/nbvet"))
                .unwrap_or_default(),
            place,
            build,
            limits: limits.unwrap_or_default(),
            max_build_retries: count(retries.and_then(|of| of.max_build_retries), BUILD_RETRIES),
            max_validation_retries: count(
                retries.and_then(|of| of.max_validation_retries),
                VALIDATION_RETRIES,
            ),
            validation: validation.unwrap_or_default(),
            comparison: comparison.unwrap_or_default(),
            path: spec.notebook.path.clone(),
            faults,
        }
    }

    pub(crate) fn build_limit(&self) -> SignedDuration {
        signed(self.limits.build.time)
    }

    pub(crate) fn validation_limit(&self) -> SignedDuration {
        signed(self.limits.validation.time)
    }

    /// What is said of a build that ran past its limit, as that stood when it began.
    pub(crate) fn build_timed_out(&self, limit: SignedDuration) -> String {
        let limit = as_it_stood(self.limits.build, limit).told("spec.buildTimeout");
        format!("the build did not end in time: {limit}")
    }

    /// What is said of the limit of a validation that ran past it; `None`: it is the one of the spec.
    pub(crate) fn validation_timed_out(&self, limit: Option<SignedDuration>) -> String {
        let limit = limit.unwrap_or_else(|| self.validation_limit());
        as_it_stood(self.limits.validation, limit).told("spec.validationTimeout")
    }

    /// Whether an image of the same identity is taken without a build.
    pub(crate) fn reuses(&self) -> bool {
        self.build.as_ref().is_none_or(|build| build.reuses)
    }

    /// The name for people that the image is published under, where that is asked for: by default the notebook's name,
    /// and the commit.
    pub(crate) fn published_as(&self, source: &FetchedSource) -> Option<String> {
        let build = self.build.as_ref().filter(|build| build.publishes)?;
        let name = build.image_name.clone().unwrap_or_else(|| image_name(&self.path));
        let digest = source.notebook_digest.trim_start_matches("sha256:");
        let of_source = source.commit.as_deref().unwrap_or(digest);
        let short = of_source.get(..12).unwrap_or(of_source);
        let tag = build.image_tag.as_deref().unwrap_or(short);
        Some(format!("{}/{name}:{tag}", self.place))
    }
}

/// A limit with the time that it had when a try began.
fn as_it_stood(limit: Limit, time: SignedDuration) -> Limit {
    Limit {
        time: time.unsigned_abs(),
        ..limit
    }
}

/// Fields of a job that nothing can be done with: any of them ends its run before its first step.
pub fn faults(job: &NotebookValidationJob, config: &Config) -> Vec<FieldFault> {
    Meaning::of(job, config).faults
}

pub(crate) fn signed(time: std::time::Duration) -> SignedDuration {
    SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX)
}

fn count(set: Option<i64>, default: u32) -> u32 {
    set.map_or(default, |set| u32::try_from(set.max(0)).unwrap_or(u32::MAX))
}

/// The registry of a build, else the controller's, and the path in it, else the job's namespace.
fn place(job: &NotebookValidationJob, build: &Build, config: &Config) -> Result<String, FieldFault> {
    let Some(registry) = build.registry.as_deref().or(config.registry.as_deref()) else {
        let problem = "names no registry to build into, and the controller has none of its own (--registry)";
        let field = "spec.podConfig.buildConfig.registry";
        return Err(FieldFault::new(Reason::InvalidField, field, "", problem));
    };
    let namespace = job.metadata.namespace.as_deref().unwrap_or_default();
    let path = build.registry_namespace.as_deref().unwrap_or(namespace);
    Ok(format!("{}/{path}", registry.trim_end_matches('/')))
}

/// The image of the job, else the controller's.
fn image(pod: &PodConfig, config: &Config) -> Result<String, FieldFault> {
    let build = pod.build_config.as_ref();
    let build = build.filter(|build| build.enabled == Some(true));
    let named = [
        build.and_then(|build| build.base_image.as_ref()),
        pod.container_image.as_ref(),
        config.base_image.as_ref(),
    ];
    let named = named.into_iter().flatten().find(|name| !name.is_empty());
    named.cloned().ok_or_else(|| {
        let problem = if build.is_some() {
            "names no image to build upon, spec.podConfig.buildConfig.baseImage names none either, and the controller has none \
             of its own (--base-image); write one like `python:3.12-slim`"
        } else {
            "names no image, and the controller has none of its own (--base-image); write one like `python:3.12-slim`"
        };
        FieldFault::invalid("spec.podConfig.containerImage", "", problem)
    })
}

/// A notebook's name as a repository may be named: in lower case, other characters as one dash.
fn image_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    let stem = file.strip_suffix(".ipynb").unwrap_or(file);
    let mut name = String::new();
    for character in stem.chars().flat_map(char::to_lowercase) {
        if character.is_ascii_alphanumeric() {
            name.push(character);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    let name = name.trim_end_matches('-');
    if name.is_empty() {
        "notebook".to_owned()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s9_an_image_is_named_after_its_notebook_in_lower_case_with_dashes() {
        for (path, name) in [
            ("reports/Daily Sales (v2).ipynb", "daily-sales-v2"),
            ("a.ipynb", "a"),
            ("__x__.ipynb", "x"),
            ("größe.ipynb", "gr-e"),
            ("日本.ipynb", "notebook"),
        ] {
            assert_eq!(image_name(path), name, "{path}");
        }
    }
}
