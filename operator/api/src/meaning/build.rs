//! `buildConfig` as a build is made from it: every question answered, each of two names for one thing made one.

use std::time::Duration;

use nbvet_report::Level;

use crate::{
    build::{BuildConfig, BuildStrategy, CacheType, FallbackStrategy, PackageIndex},
    duration,
    fault::FieldFault,
    pod::PodConfig,
};

/// How long a resolution is used again, where nothing is set.
const LOCK_KEPT: Duration = Duration::from_hours(168);

/// What is to be built.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own in the spec"
)]
pub struct Build {
    /// Who builds; `None`: what the cluster has.
    pub builder: Option<Builder>,
    /// What is built upon; `None`: the controller's own base image.
    pub base_image: Option<String>,
    /// A Dockerfile by its path, which has to be there.
    pub dockerfile: Option<String>,
    /// The stage of it.
    pub target: Option<String>,
    /// A dependency file by its path, which has to be there.
    pub requirements_file: Option<String>,
    /// Dependency files that are looked for before those beside the notebook.
    pub requirements_sources: Vec<String>,
    /// A Dockerfile that is found is used before a dependency file that is found.
    pub prefer_dockerfile: bool,
    /// Requirements are inferred where none are found.
    pub infers: bool,
    /// What becomes of it where nothing is found.
    pub fallback: FallbackStrategy,
    /// Whether unpinned requirements are refused.
    pub refuses_unpinned: bool,
    /// `allowUnpinned` as it was written: it decides how severe a finding is.
    pub allow_unpinned: Option<bool>,
    /// Every requirement needs a digest.
    pub verify_hashes: bool,
    /// Requirements that contradict each other are refused.
    pub fail_on_conflict: bool,
    /// Where distributions come from; `None`: the controller's own index.
    pub index: Option<PackageIndex>,
    /// The image is published for people after the validation.
    pub publishes: bool,
    /// Name of the published image.
    pub image_name: Option<String>,
    /// Tag of the published image.
    pub image_tag: Option<String>,
    /// The registry; `None`: the controller's own.
    pub registry: Option<String>,
    /// The path in it; `None`: the job's namespace.
    pub registry_namespace: Option<String>,
    /// The Secret to push with.
    pub push_secret: Option<String>,
    /// An image of the same identity is used without a build.
    pub reuses: bool,
    /// Where the cache is kept; `None`: nothing is kept.
    pub cache: Option<CacheType>,
    /// How long a resolution is used again.
    pub lock_kept: Duration,
}

/// Who builds an image. Only the first three are in this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Builder {
    /// A Job of the cluster.
    Job,
    /// A Tekton `PipelineRun`.
    Tekton,
    /// OpenShift's builds.
    Openshift,
    /// Shipwright.
    Shipwright,
    /// Kaniko.
    Kaniko,
    /// Another one.
    Custom,
}

impl Builder {
    /// The name, as `strategy` and `status.buildStatus.strategy` have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Tekton => "tekton",
            Self::Openshift => "openshift",
            Self::Shipwright => "shipwright",
            Self::Kaniko => "kaniko",
            Self::Custom => "custom",
        }
    }

    /// Whether this version has it; where not, the job ends with `StrategyNotAvailable`.
    pub const fn is_supported(self) -> bool {
        matches!(self, Self::Job | Self::Tekton | Self::Openshift)
    }

    /// The builder of a strategy; `None`: any.
    pub const fn of(strategy: BuildStrategy) -> Option<Self> {
        Some(match strategy {
            BuildStrategy::Auto => return None,
            BuildStrategy::Job => Self::Job,
            BuildStrategy::Tekton => Self::Tekton,
            BuildStrategy::S2i | BuildStrategy::Openshift => Self::Openshift,
            BuildStrategy::Shipwright => Self::Shipwright,
            BuildStrategy::Kaniko => Self::Kaniko,
            BuildStrategy::Custom => Self::Custom,
        })
    }
}

impl Build {
    /// What is to be built for a pod at a level; `None` where no build is asked for.
    ///
    /// # Errors
    /// Fields that hold no duration, and two names for one thing that say different things.
    pub fn of(pod: &PodConfig, level: Level) -> Result<Option<Self>, Vec<FieldFault>> {
        let Some(config) = pod
            .build_config
            .as_ref()
            .filter(|build| build.enabled == Some(true))
        else {
            return Ok(None);
        };
        let mut faults = Vec::new();
        let dockerfile = dockerfile(config)
            .map_err(|fault| faults.push(fault))
            .ok()
            .flatten();
        let lock_kept = lock_kept(config)
            .map_err(|fault| faults.push(fault))
            .unwrap_or(LOCK_KEPT);
        if !faults.is_empty() {
            return Err(faults);
        }
        let cache = config.cache.as_ref();
        let cached = cache.and_then(|cache| cache.enabled).unwrap_or(true);
        let fallback = config.fallback_strategy.unwrap_or_default();
        Ok(Some(Self {
            builder: config.strategy.and_then(Builder::of),
            base_image: filled(config.base_image.as_ref()).or(filled(pod.container_image.as_ref())),
            dockerfile,
            target: config.target.clone(),
            requirements_file: filled(config.requirements_file.as_ref()),
            requirements_sources: config.requirements_sources.clone(),
            prefer_dockerfile: config.prefer_dockerfile == Some(true),
            infers: config.auto_generate_requirements == Some(true) || fallback == FallbackStrategy::Auto,
            fallback,
            refuses_unpinned: config
                .allow_unpinned
                .map_or(level == Level::Production, |allow| !allow),
            allow_unpinned: config.allow_unpinned,
            verify_hashes: config.verify_hashes == Some(true),
            fail_on_conflict: config.fail_on_conflict == Some(true),
            index: config.package_index.clone(),
            publishes: config.publish_to_registry == Some(true),
            image_name: filled(config.image_name.as_ref()),
            image_tag: filled(config.image_tag.as_ref()),
            registry: filled(config.registry.as_ref()),
            registry_namespace: filled(config.registry_namespace.as_ref()),
            push_secret: filled(config.push_secret.as_ref()),
            reuses: config.reuse_if_exists.unwrap_or(cached),
            cache: cached.then(|| cache.and_then(|cache| cache.kind).unwrap_or_default()),
            lock_kept,
        }))
    }
}

/// What is written; an empty text is nothing.
fn filled(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.is_empty()).cloned()
}

/// The Dockerfile that is named, under either name.
fn dockerfile(config: &BuildConfig) -> Result<Option<String>, FieldFault> {
    match (&config.dockerfile, &config.dockerfile_path) {
        (Some(one), Some(other)) if one != other => Err(FieldFault::invalid(
            "spec.podConfig.buildConfig.dockerfilePath",
            other,
            format!(
                "is not what `dockerfile` says (\"{one}\"), and both name the same thing; remove one of them"
            ),
        )),
        (Some(path), _) | (None, Some(path)) => Ok(Some(path.clone())),
        (None, None) => Ok(None),
    }
}

fn lock_kept(config: &BuildConfig) -> Result<Duration, FieldFault> {
    let Some(text) = config.cache.as_ref().and_then(|cache| cache.ttl.as_ref()) else {
        return Ok(LOCK_KEPT);
    };
    duration::parse(text)
        .map_err(|error| FieldFault::invalid("spec.podConfig.buildConfig.cache.ttl", text, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::BuildCache;

    fn build(config: BuildConfig, level: Level) -> Build {
        let pod = PodConfig {
            container_image: Some("python:3.12-slim".to_owned()),
            build_config: Some(BuildConfig {
                enabled: Some(true),
                ..config
            }),
            ..Default::default()
        };
        Build::of(&pod, level).unwrap().unwrap()
    }

    #[test]
    fn s9_without_enabled_nothing_is_built() {
        for enabled in [None, Some(false)] {
            let pod = PodConfig {
                build_config: Some(BuildConfig {
                    enabled,
                    cache: Some(BuildCache {
                        ttl: Some("soon".to_owned()),
                        ..Default::default()
                    }),
                    ..Default::default()
                }),
                ..Default::default()
            };
            assert_eq!(Build::of(&pod, Level::Production), Ok(None));
        }
    }

    #[test]
    fn s9_what_is_unset_has_its_default() {
        let build = build(BuildConfig::default(), Level::Development);
        assert_eq!(build.builder, None);
        assert_eq!(build.base_image.as_deref(), Some("python:3.12-slim"));
        assert_eq!(build.fallback, FallbackStrategy::Warn);
        assert_eq!(build.cache, Some(CacheType::Registry));
        assert_eq!(build.lock_kept, Duration::from_hours(168));
        let switches = [
            build.infers,
            build.prefer_dockerfile,
            build.refuses_unpinned,
            build.verify_hashes,
            build.fail_on_conflict,
            build.publishes,
        ];
        assert_eq!((switches, build.reuses), ([false; 6], true));
    }

    #[test]
    fn s9_unpinned_requirements_are_refused_by_the_field_else_by_the_level() {
        for (allow, level, refuses) in [
            (None, Level::Learning, false),
            (None, Level::Staging, false),
            (None, Level::Production, true),
            (Some(true), Level::Production, false),
            (Some(false), Level::Learning, true),
        ] {
            let config = BuildConfig {
                allow_unpinned: allow,
                ..Default::default()
            };
            assert_eq!(
                build(config, level).refuses_unpinned,
                refuses,
                "{allow:?} {level}"
            );
        }
    }

    #[test]
    fn s9_requirements_are_inferred_when_asked_for_in_either_way() {
        for (generate, fallback, infers) in [
            (None, None, false),
            (Some(false), Some(FallbackStrategy::Fail), false),
            (Some(true), None, true),
            (Some(false), Some(FallbackStrategy::Auto), true),
        ] {
            let config = BuildConfig {
                auto_generate_requirements: generate,
                fallback_strategy: fallback,
                ..Default::default()
            };
            assert_eq!(build(config, Level::Development).infers, infers);
        }
    }

    #[test]
    fn s9_an_image_is_used_again_by_the_field_else_by_the_cache() {
        for (reuse, enabled, reuses) in [
            (None, None, true),
            (None, Some(false), false),
            (Some(true), Some(false), true),
            (Some(false), Some(true), false),
        ] {
            let config = BuildConfig {
                reuse_if_exists: reuse,
                cache: Some(BuildCache {
                    enabled,
                    ..Default::default()
                }),
                ..Default::default()
            };
            assert_eq!(build(config, Level::Development).reuses, reuses);
        }
    }

    #[test]
    fn s9_two_names_of_the_dockerfile_may_not_differ() {
        let named = |dockerfile: Option<&str>, path: Option<&str>| {
            let config = BuildConfig {
                enabled: Some(true),
                dockerfile: dockerfile.map(str::to_owned),
                dockerfile_path: path.map(str::to_owned),
                ..Default::default()
            };
            let pod = PodConfig {
                build_config: Some(config),
                ..Default::default()
            };
            Build::of(&pod, Level::Development).map(|build| build.unwrap().dockerfile)
        };
        assert_eq!(named(Some("a"), None), Ok(Some("a".to_owned())));
        assert_eq!(named(None, Some("a")), Ok(Some("a".to_owned())));
        assert_eq!(named(Some("a"), Some("a")), Ok(Some("a".to_owned())));
        assert_eq!(
            named(Some("a"), Some("b")).unwrap_err()[0].to_string(),
            "spec.podConfig.buildConfig.dockerfilePath: \"b\" is not what `dockerfile` says (\"a\"), and both name the \
             same thing; remove one of them"
        );
    }

    #[test]
    fn s9_every_strategy_has_its_builder_and_s2i_is_openshift() {
        for (strategy, builder, supported) in [
            (BuildStrategy::Job, "job", true),
            (BuildStrategy::Tekton, "tekton", true),
            (BuildStrategy::S2i, "openshift", true),
            (BuildStrategy::Openshift, "openshift", true),
            (BuildStrategy::Shipwright, "shipwright", false),
            (BuildStrategy::Kaniko, "kaniko", false),
            (BuildStrategy::Custom, "custom", false),
        ] {
            let found = Builder::of(strategy).unwrap();
            assert_eq!((found.as_str(), found.is_supported()), (builder, supported));
        }
        assert_eq!(Builder::of(BuildStrategy::Auto), None);
    }
}
