//! Plans as objects, and objects read back: what passes Pod Security *restricted*, and what the user's container has not.

use k8s_openapi::api::{batch::v1::Job, core::v1::ConfigMap};
use nbvet_operator_decide::{
    Setting,
    observed::Body,
    read, render,
    strategy::{Around, StrategyName},
};
use nbvet_report::step::{Builder, SourceFrom, Step, StepBody, StepInput};
use serde_json::Value;

use crate::world::{World, spec};

/// The objects of everything that a job's plans create on its way to the end.
pub(crate) fn all(world: &mut World) -> Vec<Value> {
    let mut objects = Vec::new();
    for _ in 0..20 {
        let plan = world.plan("a");
        let observed = world.observe("a", &world.api, &world.api).unwrap();
        let setting = Setting {
            job: &observed.job,
            config: &observed.config,
            cluster: observed.cluster,
        };
        objects.extend(plan.create.iter().flat_map(|intent| render(intent, &setting)));
        let version = observed.job.metadata.resource_version.clone();
        world.act("a", &plan, version.as_deref(), None);
        if plan.is_idle() {
            let running = world
                .api
                .children
                .iter()
                .find(|(_, (_, child))| !child.state.has_ended());
            if let Some(name) = running.map(|(name, _)| name.clone()) {
                world.child_ends_well(&name);
            } else if world.build().is_some_and(|build| !build.state.has_ended()) {
                world.build_ends_well();
            } else {
                break;
            }
        }
    }
    objects
}

fn everything() -> Vec<Value> {
    let mut wanted = spec();
    wanted.notebook.git.as_mut().unwrap().credentials_secret = Some("git-token".to_owned());
    let build = wanted.pod_config.build_config.as_mut().unwrap();
    build.publish_to_registry = Some(true);
    build.push_secret = Some("push".to_owned());
    let mut world = World::with("a", wanted);
    world.config.ca_config_map = Some("ca".to_owned());
    let objects = all(&mut world);
    assert_eq!(world.phase("a"), nbvet_operator_api::Phase::Succeeded);
    objects
}

pub(crate) fn pod(objects: &[Value], step: &str) -> Value {
    let of = |object: &&Value| {
        object["kind"] == "Job" && object["metadata"]["labels"]["nbvet.mlops.dev/step"] == step
    };
    objects.iter().find(of).unwrap_or_else(|| panic!("no {step}"))["spec"]["template"]["spec"].clone()
}

pub(crate) fn containers(pod: &Value) -> Vec<&Value> {
    let of = |field: &str| pod[field].as_array().into_iter().flatten();
    of("initContainers").chain(of("containers")).collect()
}

#[test]
fn s10_every_pod_passes_pod_security_restricted() {
    let objects = everything();
    for step in ["prepare", "build", "validate", "publish"] {
        let pod = pod(&objects, step);
        assert_eq!(pod["automountServiceAccountToken"], false, "{step}");
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["restartPolicy"], "Never");
        assert!(pod["activeDeadlineSeconds"].as_i64().unwrap() > 0);
        assert!(pod.get("hostNetwork").is_none() && pod.get("hostPID").is_none());
        for container in containers(&pod) {
            let context = &container["securityContext"];
            assert_eq!(
                context["allowPrivilegeEscalation"], false,
                "{step} {}",
                container["name"]
            );
            assert_eq!(context["runAsNonRoot"], true);
            assert_eq!(context["capabilities"]["drop"][0], "ALL");
            assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault");
        }
        for volume in pod["volumes"].as_array().unwrap() {
            let kinds: Vec<_> = volume
                .as_object()
                .unwrap()
                .keys()
                .filter(|key| *key != "name")
                .collect();
            assert!(
                ["emptyDir", "configMap", "secret"].contains(&kinds[0].as_str()),
                "{volume}"
            );
        }
    }
}

#[test]
fn s10_every_mount_has_its_volume_and_every_name_is_there_once() {
    let objects = everything();
    for object in objects.iter().filter(|object| object["kind"] == "Job") {
        let pod = &object["spec"]["template"]["spec"];
        let mut volumes: Vec<&str> = pod["volumes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|volume| volume["name"].as_str().unwrap())
            .collect();
        volumes.sort_unstable();
        let count = volumes.len();
        volumes.dedup();
        assert_eq!(volumes.len(), count, "{volumes:?}");
        for container in containers(pod) {
            for mount in container["volumeMounts"].as_array().unwrap() {
                assert!(
                    volumes.contains(&mount["name"].as_str().unwrap()),
                    "{} {mount}",
                    container["name"]
                );
            }
        }
        // The API server's types take it, and it is read back as what it is.
        let job: Job = serde_json::from_value(object.clone()).unwrap();
        assert!(job.metadata.name.unwrap().len() <= 58);
    }
}

#[test]
fn s10_the_users_container_has_no_input_no_secret_and_no_token() {
    let objects = everything();
    let pod = pod(&objects, "validate");
    let notebook = pod["containers"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "notebook")
        .unwrap();
    let mounts: Vec<&str> = notebook["volumeMounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mount| mount["name"].as_str().unwrap())
        .collect();
    assert_eq!(mounts, ["work", "tools", "agent", "home", "user-tmp"]);
    assert_eq!(notebook["image"], crate::world::image('a'));
    let env: Vec<_> = notebook["env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(env, ["HOME", "NBVET_ASSETS"]);
    assert!(pod.get("serviceAccountName").is_none());
    let host = pod["containers"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "nbvet")
        .unwrap();
    let text = host.to_string();
    assert!(
        !text.contains("secrets/git") && !text.contains("registry-0"),
        "credentials are where something is fetched"
    );
}

#[test]
fn s10_a_service_account_that_is_named_is_the_users_container_alone() {
    let mut wanted = spec();
    wanted.pod_config.service_account_name = Some("trainer".to_owned());
    let objects = all(&mut World::with("a", wanted));
    let pod = pod(&objects, "validate");
    assert_eq!(
        (&pod["serviceAccountName"], &pod["automountServiceAccountToken"]),
        (&"trainer".into(), &false.into())
    );
    for container in containers(&pod) {
        let has = container["volumeMounts"].to_string().contains("serviceaccount");
        assert_eq!(has, container["name"] == "notebook", "{}", container["name"]);
    }
}

#[test]
fn s10_on_openshift_its_constraints_choose_the_users() {
    let mut world = World::with("a", spec());
    world.cluster.openshift = true;
    let objects = all(&mut world);
    assert!(!serde_json::to_string(&objects).unwrap().contains("runAsUser"));
    assert!(
        serde_json::to_string(&everything())
            .unwrap()
            .contains("\"runAsUser\":10001")
    );
}

#[test]
fn s9_the_base_image_compiles_beside_a_build_and_sees_nothing_but_a_socket() {
    let objects = everything();
    let pod = pod(&objects, "build");
    let all = containers(&pod);
    let [build, compiler] = all[..] else {
        panic!("{pod}")
    };
    assert_eq!(build["name"], "nbvet");
    assert_eq!(
        compiler["command"],
        serde_json::json!(["python3", "/nbvet/agent/compiler"])
    );
    assert!(compiler["image"].as_str().unwrap().contains("@sha256:"));
    assert_eq!(
        compiler["volumeMounts"],
        serde_json::json!([{"name": "agent", "mountPath": "/nbvet/agent", "readOnly": false}])
    );
    assert!(compiler.get("env").is_none() && compiler.get("envFrom").is_none());
    let mounts = build["volumeMounts"].as_array().unwrap();
    assert!(mounts.contains(&compiler["volumeMounts"][0]));
    // The base may be private.
    assert_eq!(pod["imagePullSecrets"], serde_json::json!([{"name": "push"}]));
    let input = objects.iter().find_map(|object| {
        let input: StepInput = serde_json::from_str(object["data"]["input.json"].as_str()?).unwrap();
        input.build
    });
    assert_eq!(input.unwrap().compiler.as_deref(), Some("/nbvet/agent/compiler"));
}

#[test]
fn s9_commands_get_a_pod_that_baseline_admits_with_the_source_and_nothing_else() {
    let mut wanted = spec();
    wanted.notebook.git.as_mut().unwrap().credentials_secret = Some("git-token".to_owned());
    let mut world = World::with("a", wanted);
    world.settle();
    let child = world.child("a", Step::Prepare).unwrap();
    let mut prepared = world.prepared("a");
    prepared.builder = Builder::Buildah;
    prepared.compiler = Vec::new();
    prepared.dockerfile = Some("docker/Dockerfile".to_owned());
    let body = StepBody::Prepared(Box::new(prepared));
    world.read.insert(child.name, Body::Read(Box::new(body)));
    let objects = all(&mut world);
    let pod = pod(&objects, "build");
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert!(pod.get("hostNetwork").is_none() && pod.get("hostPID").is_none());
    assert_eq!(
        pod["securityContext"],
        serde_json::json!({}),
        "no seccomp profile is named"
    );
    let all = containers(&pod);
    let [container] = all[..] else { panic!("{pod}") };
    let context = &container["securityContext"];
    assert_eq!(context["allowPrivilegeEscalation"], false);
    assert!(context.get("privileged").is_none() && context.get("seccompProfile").is_none());
    // What *baseline* lets a container add.
    let baseline = [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ];
    assert_eq!(context["capabilities"]["drop"], serde_json::json!(["ALL"]));
    for added in context["capabilities"]["add"].as_array().unwrap() {
        assert!(baseline.contains(&added.as_str().unwrap()), "{added}");
    }
    let input = objects.iter().find_map(|object| {
        let input: StepInput = serde_json::from_str(object["data"]["input.json"].as_str()?).unwrap();
        input.build.is_some().then_some(input)
    });
    let StepInput { source, build, .. } = input.unwrap();
    let source = source.unwrap();
    assert_eq!(source.into.len(), 2);
    let SourceFrom::Git(git) = source.from else {
        panic!("{:?}", source.from)
    };
    assert_eq!(git.commit, Some("c".repeat(40)));
    let commands = build.unwrap().commands.unwrap();
    assert_eq!(commands.dockerfile.as_deref(), Some("docker/Dockerfile"));
    let mounted: Vec<&str> = (container["volumeMounts"].as_array().unwrap().iter())
        .map(|mount| mount["mountPath"].as_str().unwrap())
        .collect();
    for folder in source.into.iter().chain(&git.credentials) {
        assert!(mounted.contains(&&**folder), "{folder}: {mounted:?}");
    }
}

#[test]
fn s9_a_build_in_tekton_is_one_inline_task_that_hands_its_end_back() {
    let mut wanted = spec();
    wanted.pod_config.build_config.as_mut().unwrap().strategy =
        Some(nbvet_operator_api::build::BuildStrategy::Tekton);
    wanted.pod_config.build_config.as_mut().unwrap().push_secret = Some("push".to_owned());
    let mut world = World::with("a", wanted);
    world.cluster.tekton = true;
    let objects = all(&mut world);
    let run = objects
        .iter()
        .find(|object| object["kind"] == "PipelineRun")
        .unwrap();
    let task = &run["spec"]["pipelineSpec"]["tasks"][0]["taskSpec"];
    let step = &task["steps"][0];
    assert_eq!(step["command"], serde_json::json!(["nbvet", "step", "build"]));
    let args = serde_json::json!([
        "--input",
        "/nbvet/input/input.json",
        "--termination-log",
        "$(results.END.path)",
        "--image-url",
        "$(results.IMAGE_URL.path)",
        "--image-digest",
        "$(results.IMAGE_DIGEST.path)"
    ]);
    assert_eq!(step["args"], args);
    assert_eq!(run["spec"]["timeouts"]["pipeline"], "2700s");
    // JSON without a type would be taken for an object, and a build that fails names no image.
    let results = task["results"].as_array().unwrap();
    assert!(
        results.iter().all(|result| result["type"] == "string"),
        "{results:?}"
    );
    let of_run: Vec<_> = run["spec"]["pipelineSpec"]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| (&result["name"], &result["type"]))
        .collect();
    assert_eq!(of_run, [(&"END".into(), &"string".into())]);
    assert_eq!(step["computeResources"]["limits"]["memory"], "2Gi");
    // The base image compiles beside it there too.
    let beside = &task["sidecars"][0];
    assert!(beside["image"].as_str().unwrap().contains("@sha256:"), "{beside}");
    assert!(beside.get("resources").is_none() && beside["computeResources"].is_object());
    assert_eq!(task["sidecars"].as_array().unwrap().len(), 1);
    let template = &run["spec"]["taskRunTemplate"]["podTemplate"];
    assert_eq!(
        template["imagePullSecrets"],
        serde_json::json!([{"name": "push"}])
    );
    let volumes: Vec<&Value> = task["volumes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|volume| &volume["name"])
        .collect();
    for mount in step["volumeMounts"].as_array().unwrap() {
        assert!(volumes.contains(&&mount["name"]), "{mount}");
    }
    let read = read::build(&with_time(run), StrategyName::Tekton, true, &Around::default()).unwrap();
    assert_eq!(read.identity, "a".repeat(64));
    world.is_sound();
}

fn with_time(object: &Value) -> Value {
    let mut object = object.clone();
    object["metadata"]["creationTimestamp"] = "2026-01-01T00:00:01Z".into();
    object
}

#[test]
fn what_a_pod_is_told_can_be_read_by_its_steps() {
    let objects = everything();
    let mut steps = 0;
    for map in objects.iter().filter(|object| object["kind"] == "ConfigMap") {
        if let Some(input) = map["data"]["input.json"].as_str() {
            let input: StepInput = serde_json::from_str(input).unwrap();
            steps += [
                input.prepare.is_some(),
                input.build.is_some(),
                input.validate.is_some(),
                input.publish.is_some(),
            ]
            .into_iter()
            .filter(|is| *is)
            .count();
        }
    }
    assert_eq!(steps, 4);
}

#[test]
fn a_record_is_read_back_as_it_was_written() {
    let mut world = World::with("a", spec());
    let objects = all(&mut world);
    let uid = "uid-a";
    let read: Vec<_> = objects
        .iter()
        .filter(|object| object["kind"] == "ConfigMap")
        .filter_map(|object| read::record(&serde_json::from_value::<ConfigMap>(object.clone()).unwrap(), uid))
        .collect();
    assert_eq!(
        read.iter().map(|record| record.step).collect::<Vec<_>>(),
        [Step::Prepare, Step::Validate]
    );
    for record in &read {
        let (_, kept) = &world.api.records[&nbvet_operator_decide::names::record(&record.child)];
        assert_eq!(
            (&record.body, &record.run, record.at, record.started),
            (&kept.body, &kept.run, kept.at, kept.started)
        );
    }
    let stranger = serde_json::from_value::<ConfigMap>(
        objects
            .iter()
            .find(|one| one["data"].get("end.json").is_some())
            .unwrap()
            .clone(),
    )
    .unwrap();
    assert_eq!(read::record(&stranger, "another"), None);
    // All that names it has to agree, and no number is one that no job comes to.
    let of = |path: &str, value: &str| {
        let mut other = serde_json::to_value(&stranger).unwrap();
        *other.pointer_mut(path).unwrap() = value.into();
        read::record(&serde_json::from_value::<ConfigMap>(other).unwrap(), uid)
    };
    assert!(of("/metadata/namespace", "anywhere").is_some());
    for (path, value) in [
        ("/metadata/name", "another-end"),
        ("/metadata/ownerReferences/0/name", "another"),
        ("/metadata/annotations/nbvet.mlops.dev~1inputs", "others"),
        ("/metadata/annotations/nbvet.mlops.dev~1attempt", "2"),
        ("/metadata/annotations/nbvet.mlops.dev~1attempt", "4294967295"),
        ("/metadata/annotations/nbvet.mlops.dev~1run-number", "2"),
        (
            "/metadata/annotations/nbvet.mlops.dev~1run-number",
            "18446744073709551615",
        ),
    ] {
        assert_eq!(of(path, value), None, "{path}: {value}");
    }
}

#[test]
fn a_build_is_read_back_with_who_joined_it() {
    let mut world = World::with("a", spec());
    let objects = all(&mut world);
    let is_build = |one: &&Value| one["metadata"]["labels"]["nbvet.mlops.dev/step"] == "build";
    let object = with_time(objects.iter().find(is_build).unwrap());
    let build = read::build(&object, StrategyName::Job, true, &Around::default()).unwrap();
    let kept = &world.api.builds[&build.name];
    assert!(build.ours);
    assert_eq!(
        (&build.identity, &build.destination, build.attempt),
        (&kept.identity, &kept.destination, kept.attempt)
    );
    assert_eq!(build.owners, ["uid-a"]);
    assert_eq!(build.joined[0].job, "uid-a");
    assert_eq!(
        Some(build.joined[0].run.clone()),
        world.status("a").run.map(|run| run.id)
    );
}

#[test]
fn s6_the_digest_of_a_report_is_that_of_its_record_whoever_compressed_what_the_log_had() {
    let mut wanted = spec();
    wanted
        .pod_config
        .build_config
        .as_mut()
        .unwrap()
        .publish_to_registry = Some(false);
    let mut world = World::with("a", wanted);
    let objects = all(&mut world);
    let status = world.api.jobs["a"].status.clone().unwrap();
    let place = status.report.unwrap();
    let is_it = |object: &&Value| object["metadata"]["name"] == *place.config_map.as_deref().unwrap();
    let record = objects.iter().find(is_it).unwrap();
    let end = nbvet_blob::read_end(record["data"]["end.json"].as_str().unwrap()).unwrap();
    let digest = format!("sha256:{}", end.blob.unwrap().sha256);
    assert_eq!(place.digest, Some(digest));
    assert!(
        status.step.unwrap().elapsed.is_some(),
        "how long the last step took"
    );
}
