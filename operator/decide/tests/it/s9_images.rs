//! Section 9: who builds, where to, under which name, and what cannot be had.

use nbvet_operator_api::{ConditionType, Phase, build::BuildStrategy};
use nbvet_operator_decide::{
    observed::{Body, Cluster, PodSecurity},
    plan::Work,
    strategy::StrategyName,
};
use nbvet_report::step::{Builder, Prepared, Step, StepBody};

use crate::world::{World, spec};

/// The strategy of a job in a cluster, or the end of its message.
fn strategy(
    named: Option<BuildStrategy>,
    cluster: Cluster,
    builder: Builder,
) -> Result<StrategyName, String> {
    strategy_of(named, cluster, |prepared| {
        prepared.builder = builder;
        prepared.because = (builder == Builder::Buildah).then(|| "setup.py is code".to_owned());
    })
}

/// The same of what prepare found.
fn strategy_of(
    named: Option<BuildStrategy>,
    cluster: Cluster,
    found: impl FnOnce(&mut Prepared),
) -> Result<StrategyName, String> {
    let mut world = World::with("a", spec());
    world.cluster = cluster;
    world.edit("a", |spec| {
        spec.pod_config.build_config.as_mut().unwrap().strategy = named;
    });
    world.settle();
    let child = world.child("a", Step::Prepare).unwrap();
    let mut prepared = world.prepared("a");
    found(&mut prepared);
    world.read.insert(
        child.name,
        Body::Read(Box::new(StepBody::Prepared(Box::new(prepared)))),
    );
    world.ends_well("a", Step::Prepare);
    world.pass(1);
    if let Some(build) = world.build() {
        return Ok(build.strategy);
    }
    assert_eq!(
        world.condition("a", ConditionType::ImageBuilt),
        "False StrategyNotAvailable"
    );
    assert_eq!(world.phase("a"), Phase::Failed);
    Err(world.status("a").message.unwrap())
}

#[test]
fn s9_a_job_builds_unless_another_strategy_is_named() {
    let tekton = Cluster {
        tekton: true,
        ..Cluster::default()
    };
    for named in [None, Some(BuildStrategy::Auto), Some(BuildStrategy::Job)] {
        assert_eq!(strategy(named, tekton, Builder::Assemble), Ok(StrategyName::Job));
    }
    assert_eq!(
        strategy(Some(BuildStrategy::Tekton), tekton, Builder::Assemble),
        Ok(StrategyName::Tekton)
    );
}

#[test]
fn s9_what_is_not_there_is_told_with_what_to_do() {
    let refused = |named, builder, pod_security| {
        let cluster = Cluster {
            pod_security,
            ..Cluster::default()
        };
        strategy(named, cluster, builder).unwrap_err()
    };
    let plain = PodSecurity::Privileged;
    let message = refused(Some(BuildStrategy::Tekton), Builder::Assemble, plain);
    assert!(message.contains("has no Tekton"), "{message}");
    for (named, name) in [
        (BuildStrategy::Kaniko, "kaniko"),
        (BuildStrategy::Shipwright, "shipwright"),
        (BuildStrategy::Custom, "custom"),
        (BuildStrategy::S2i, "openshift"),
        (BuildStrategy::Openshift, "openshift"),
    ] {
        let message = refused(Some(named), Builder::Assemble, plain);
        assert!(
            message.contains(&format!("strategy `{name}` is not in this version")),
            "{message}"
        );
    }
    let message = refused(None, Builder::Buildah, PodSecurity::Restricted);
    assert!(
        message.contains("setup.py is code") && message.contains("`restricted`"),
        "{message}"
    );
}

#[test]
fn s9_commands_run_in_a_job_where_the_namespace_admits_their_pod() {
    let tekton = Cluster {
        tekton: true,
        ..Cluster::default()
    };
    for named in [None, Some(BuildStrategy::Job)] {
        assert_eq!(strategy(named, tekton, Builder::Buildah), Ok(StrategyName::Job));
    }
    let message = strategy(Some(BuildStrategy::Tekton), tekton, Builder::Buildah).unwrap_err();
    assert!(message.contains("in a Job alone"), "{message}");
    // packages of conda, say.
    let nothing_to_run = |prepared: &mut Prepared| {
        prepared.builder = Builder::Buildah;
        prepared.lock = None;
    };
    let message = strategy_of(None, Cluster::default(), nothing_to_run).unwrap_err();
    assert!(
        message.contains("give a Dockerfile, or a complete lock"),
        "{message}"
    );
    let with_dockerfile = |prepared: &mut Prepared| {
        prepared.builder = Builder::Buildah;
        prepared.lock = None;
        prepared.dockerfile = Some("Dockerfile".to_owned());
    };
    assert_eq!(
        strategy_of(None, Cluster::default(), with_dockerfile),
        Ok(StrategyName::Job)
    );
}

#[test]
fn s9_builds_go_to_the_registry_and_path_of_the_job_else_of_the_controller_and_namespace() {
    for (registry, namespace, destination) in [
        (None, None, "registry.example/team/nbvet"),
        (Some("own.example:5000"), None, "own.example:5000/team/nbvet"),
        (Some("own.example/"), Some("a/b"), "own.example/a/b/nbvet"),
        (None, Some("data"), "registry.example/data/nbvet"),
    ] {
        let mut world = World::with("a", spec());
        world.edit("a", |spec| {
            let build = spec.pod_config.build_config.as_mut().unwrap();
            build.registry = registry.map(str::to_owned);
            build.registry_namespace = namespace.map(str::to_owned);
        });
        world.settle();
        world.ends_well("a", Step::Prepare);
        world.settle_until_build("a", destination);
    }
}

impl World {
    fn settle_until_build(&mut self, job: &str, destination: &str) {
        for _ in 0..5 {
            let plan = self.plan(job);
            let build = plan.create.iter().find_map(|intent| match &intent.work {
                Work::Build(build) => Some(build.destination.clone()),
                _ => None,
            });
            if let Some(build) = build {
                assert_eq!(build, destination);
                return;
            }
            let version = self.api.jobs[job].metadata.resource_version.clone();
            self.act(job, &plan, version.as_deref(), None);
        }
        panic!("no build comes");
    }
}

#[test]
fn s9_no_more_builds_and_validations_run_in_a_namespace_than_may() {
    let mut world = World::with("a", spec());
    world.config.builds_per_namespace = Some(2);
    world.config.validations_per_namespace = Some(1);
    world.load.builds = 2;
    world.settle();
    world.ends_well("a", Step::Prepare);
    world.pass(1);
    assert!(world.build().is_none());
    assert_eq!(world.condition("a", ConditionType::ImageBuilt), "Unknown Waiting");
    assert!(
        world
            .status("a")
            .step
            .unwrap()
            .waiting_for
            .unwrap()
            .contains("room")
    );
    world.load.builds = 1;
    world.load.validations = 1;
    world.pass(1);
    world.build_ends_well();
    world.pass(1);
    assert!(world.child("a", Step::Validate).is_none());
    assert_eq!(world.phase("a"), Phase::BuildComplete);
    world.load.validations = 0;
    world.pass(15);
    assert!(world.child("a", Step::Validate).is_some());
    world.is_sound();
}
