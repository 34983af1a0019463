//! Every field of the spec, at its work: what steps are told, what pods have, and that none is ignored in silence. The fields
//! and two values of each are those of `operator/api/fixtures/fields.tsv`.

use expect_test::expect;
use nbvet_operator_api::{
    ConditionType, NotebookValidationJobSpec, Reason, condition, job::CANCEL_ANNOTATION,
};
use nbvet_operator_decide::{Egress, Setting, observed::Refused, render};
use nbvet_report::step::Step;
use serde_json::{Value, json};

use crate::{
    rendering::{all, containers, pod},
    world::World,
};

/// The table: field, how, one value, another, what they are given in, tests.
const TABLE: &str = include_str!("../../../api/fixtures/fields.tsv");

fn minimal() -> Value {
    json!({
        "notebook": {"git": {"url": "https://git.example/team/notebooks", "ref": "main"}, "path": "a.ipynb"},
        "podConfig": {"containerImage": "python:3.12-slim"},
    })
}

/// RFC 7396.
fn merge(into: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        into.clone_from(patch);
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (name, value) in patch {
        if value.is_null() {
            into.as_object_mut().unwrap().remove(name);
        } else {
            merge(&mut into[name], value);
        }
    }
}

fn spec(patch: &Value) -> NotebookValidationJobSpec {
    let mut whole = minimal();
    merge(&mut whole, patch);
    serde_json::from_value(whole.clone()).unwrap_or_else(|error| panic!("{error}: {whole}"))
}

fn world(patch: &Value) -> World {
    let mut world = World::with("a", spec(patch));
    world.cluster.tekton = true;
    world
}

/// Sets the field of a path such as `spec.a.b[].c`.
fn set(whole: &mut Value, path: &str, value: &Value) {
    let path = path.strip_prefix("spec.").unwrap();
    let mut at = whole;
    for part in path.split('.') {
        at = match part.strip_suffix("[]") {
            Some(name) => {
                at[name] = json!([{"name": "x", "minValue": 0}]);
                &mut at[name][0]
            }
            None => &mut at[part],
        };
    }
    at.clone_from(value);
}

/// What goes wrong in a story.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Story {
    Well,
    StepsBreak,
    BuildsBreak,
    NothingMoves,
}

/// Everything that is done and said in a story, and when it is looked at again.
fn told(spec: &NotebookValidationJobSpec, story: Story) -> String {
    let mut world = World::with("a", spec.clone());
    world.cluster.tekton = true;
    let mut told = String::new();
    for _ in 0..60 {
        if !world.api.jobs.contains_key("a") {
            return told + "gone";
        }
        let plan = world.plan("a");
        let observed = world.observe("a", &world.api, &world.api).unwrap();
        let setting = Setting {
            job: &observed.job,
            config: &observed.config,
            cluster: observed.cluster,
        };
        for object in plan.create.iter().flat_map(|intent| render(intent, &setting)) {
            let mut object = object.clone();
            // Digests of what the object is for: not what it does.
            object.as_object_mut().unwrap().remove("metadata");
            told += &object.to_string();
        }
        let ends = format!("{:?} {}", plan.again, plan.label);
        told += &ends;
        let version = observed.job.metadata.resource_version.clone();
        world.act("a", &plan, version.as_deref(), None);
        if plan.is_idle() && !moves(&mut world, story) {
            break;
        }
    }
    let mut status = world.status("a");
    // The wish is a digest of the spec: it says nothing of what a field does.
    status.run = None;
    told + &serde_json::to_string(&status).unwrap()
}

/// Lets something happen; false: nothing will.
fn moves(world: &mut World, story: Story) -> bool {
    let children = world.api.children.iter();
    let mut running = children.filter(|(_, (_, child))| !child.state.has_ended());
    let running = running
        .next()
        .map(|(name, (_, child))| (name.clone(), child.step));
    let builds = world.build().is_some_and(|build| !build.state.has_ended());
    match (story, running) {
        (Story::NothingMoves, _) => {}
        (Story::StepsBreak, Some((name, Step::Validate))) => world.breaks_child(&name, Reason::NodeLost),
        (_, Some((name, _))) => world.child_ends_well(&name),
        (Story::BuildsBreak, None) if builds => world.build_fails(Reason::Evicted, true),
        (_, None) if builds => world.build_ends_well(),
        _ => {}
    }
    let ended = world.status("a").completion_time.is_some();
    world.now = world
        .now
        .checked_add(k8s_openapi::jiff::SignedDuration::from_secs(301))
        .unwrap();
    !ended
}

/// The table's rows that have values.
fn rows() -> impl Iterator<Item = (&'static str, &'static str, Value, Value, Value)> {
    TABLE.lines().skip(1).filter_map(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        let [path, how, one, other, given, _] = columns[..] else {
            panic!("{line}");
        };
        let json = |text: &str| {
            serde_json::from_str::<Value>(text).unwrap_or_else(|error| panic!("{path}: {error}"))
        };
        let given = if given.is_empty() { json!({}) } else { json(given) };
        (how != "group").then(|| (path, how, json(one), json(other), given))
    })
}

#[test]
fn no_field_of_a_spec_is_ignored_in_silence() {
    let mut silent = Vec::new();
    for (path, how, one, other, given) in rows() {
        let with = |value: &Value| {
            let mut whole = minimal();
            merge(&mut whole, &given);
            set(&mut whole, path, value);
            serde_json::from_value::<NotebookValidationJobSpec>(whole)
                .unwrap_or_else(|error| panic!("{path}: {error}"))
        };
        if how == "answered" {
            let mut world = World::with("a", with(&one));
            world.settle();
            let status = world.status("a");
            let said = condition(&status.conditions, ConditionType::FieldsSupported).unwrap();
            let names_it = path
                .match_indices('.')
                .map(|(at, _)| &path[..at])
                .skip(1)
                .chain([path])
                .any(|above| said.message.contains(above));
            if said.status != "False" || !names_it {
                silent.push(format!("{path}: {}", said.message));
            }
            continue;
        }
        let stories = [
            Story::Well,
            Story::StepsBreak,
            Story::BuildsBreak,
            Story::NothingMoves,
        ];
        let differ = |story: &Story| told(&with(&one), *story) != told(&with(&other), *story);
        if !stories.iter().any(differ) {
            silent.push(path.to_owned());
        }
    }
    assert_eq!(silent, Vec::<String>::new());
}

/// A golden notebook that is not there is told before anything is built: whoever prepares has to look at it.
#[test]
fn s10_what_a_job_names_is_looked_at_when_it_is_prepared() {
    let objects = all(&mut world(&json!({
        "parameters": {"alpha": 1},
        "comparisonConfig": {"strategy": "exact"},
        "goldenNotebook": {
            "git": {"url": "https://git.example/golden", "ref": "v1", "credentialsSecret": "login"},
            "path": "g.ipynb",
        },
    })));
    let told = input(&objects, "prepare");
    assert_eq!(told["golden"], input(&objects, "validate")["golden"]);
    assert_eq!(told["prepare"]["parameters"], json!({"alpha": 1}));
    assert_eq!(told["prepare"]["comparison"]["strategy"], "exact");
    let is_prepare = |object: &&Value| {
        object["kind"] == "Job" && object["metadata"]["labels"]["nbvet.mlops.dev/step"] == "prepare"
    };
    let job = objects.iter().find(is_prepare).unwrap();
    let mounts = &job["spec"]["template"]["spec"]["containers"][0]["volumeMounts"];
    let mounts = mounts.as_array().unwrap();
    for path in ["/nbvet/golden", "/nbvet/secrets/golden-git"] {
        assert!(
            mounts.iter().any(|mount| mount["mountPath"] == path),
            "{path}: {mounts:?}"
        );
    }
}

/// The input of a step as a job has it.
fn input(objects: &[Value], step: &str) -> Value {
    let of = |object: &&Value| {
        object["kind"] == "ConfigMap" && object["metadata"]["labels"]["nbvet.mlops.dev/step"] == step
    };
    let map = objects.iter().find(of).unwrap_or_else(|| panic!("no {step}"));
    serde_json::from_str(map["data"]["input.json"].as_str().unwrap()).unwrap()
}

#[test]
#[expect(clippy::too_many_lines, reason = "the whole of what is rendered, as a text")]
fn s10_what_a_validation_is_told_is_what_the_job_says() {
    let objects = all(&mut world(&json!({
        "parameters": {"alpha": 0.5, "names": ["a", null], "n": 3, "deep": {"x": true}},
        "goldenNotebook": {"git": {"url": "https://git.example/golden", "ref": "v1"}, "path": "g.ipynb"},
        "comparisonConfig": {
            "strategy": "exact", "floatingPointTolerance": "0.01", "ignoreTimestamps": false,
            "ignoreExecutionCount": false, "customTimestampPatterns": ["T[0-9]+"], "ignoreOutputTypes": ["stream"],
        },
        "validationConfig": {
            "level": "staging", "failOnStderr": true, "failOnWarnings": true, "detectSilentFailures": false,
            "requireExplicitExitCodes": true, "checkOutputTypes": true, "verifyAssertions": true,
            "educationalMode": true, "provideExamples": false, "suggestBestPractices": true, "installs": "refuse",
            "rules": {"NB211": "note"},
            "expectedOutputs": [{
                "cell": 1, "name": "x", "type": "DataFrame", "shape": "-1,2", "minValue": "0.5", "maxValue": 9,
                "notEmpty": true, "noNaN": true, "columns": ["a"], "dtypes": {"a": "int64"}, "equals": null,
                "contains": 1, "matches": "a.*", "length": 2, "monotone": "increasing", "unique": true,
                "expression": "x > 0", "tolerance": "0.1", "range": [0, 1],
            }, {"cellId": "c1"}, {"tag": "t"}],
        },
        "validationTimeout": "90s",
    })));
    let mut told = input(&objects, "validate");
    told["validate"].as_object_mut().unwrap().remove("image");
    let text = serde_json::to_string_pretty(&told).unwrap();
    expect![[r#"
        {
          "version": 1,
          "source": {
            "from": {
              "git": {
                "url": "https://git.example/team/notebooks",
                "revision": "main",
                "commit": "cccccccccccccccccccccccccccccccccccccccc"
              }
            },
            "path": "a.ipynb",
            "into": [
              "/nbvet/tree",
              "/nbvet/work"
            ],
            "limits": {
              "bytes": 1073741824,
              "files": 100000,
              "seconds": 600
            }
          },
          "golden": {
            "from": {
              "git": {
                "url": "https://git.example/golden",
                "revision": "v1"
              }
            },
            "path": "g.ipynb",
            "into": [
              "/nbvet/golden"
            ],
            "limits": {
              "bytes": 1073741824,
              "files": 100000,
              "seconds": 600
            }
          },
          "validate": {
            "socket": "/nbvet/agent/socket",
            "tree": "/nbvet/tree",
            "path": "a.ipynb",
            "agentTree": "/nbvet/work",
            "timeout": 90,
            "validation": {
              "level": "staging",
              "failOnStderr": true,
              "failOnWarnings": true,
              "detectSilentFailures": false,
              "requireExplicitExitCodes": true,
              "checkOutputTypes": true,
              "verifyAssertions": true,
              "educationalMode": true,
              "provideExamples": false,
              "suggestBestPractices": true,
              "installs": "refuse",
              "expectedOutputs": [
                {
                  "cell": 1,
                  "name": "x",
                  "type": "DataFrame",
                  "shape": [
                    -1,
                    2
                  ],
                  "minValue": 0.5,
                  "maxValue": 9,
                  "range": [
                    0,
                    1
                  ],
                  "notEmpty": true,
                  "noNaN": true,
                  "columns": [
                    "a"
                  ],
                  "dtypes": {
                    "a": "int64"
                  },
                  "equals": null,
                  "contains": 1,
                  "matches": "a.*",
                  "length": 2,
                  "monotone": "increasing",
                  "unique": true,
                  "expression": "x > 0",
                  "tolerance": 0.1
                },
                {
                  "cellId": "c1"
                },
                {
                  "tag": "t"
                }
              ],
              "rules": {
                "NB211": "note"
              }
            },
            "golden": "/nbvet/golden/g.ipynb",
            "comparison": {
              "strategy": "exact",
              "floatingPointTolerance": 0.01,
              "ignoreTimestamps": false,
              "ignoreExecutionCount": false,
              "customTimestampPatterns": [
                "T[0-9]+"
              ],
              "ignoreOutputTypes": [
                "stream"
              ]
            },
            "parameters": {
              "alpha": 0.5,
              "deep": {
                "x": true
              },
              "n": 3,
              "names": [
                "a",
                null
              ]
            }
          }
        }"#]]
    .assert_eq(&text);
}

#[test]
#[expect(clippy::too_many_lines, reason = "the whole of what is rendered, as a text")]
fn s10_what_users_say_of_their_pod_reaches_it() {
    let mut world = world(&json!({"podConfig": {
        "imagePullSecrets": [{"name": "pull"}],
        "resources": {"limits": {"memory": "2Gi", "nvidia.com/gpu": "1"}, "requests": {"cpu": "500m"}},
        "env": [{"name": "MODE", "value": "fast"}, {"name": "HOME", "value": "/data"}],
        "envFrom": [{"configMapRef": {"name": "settings"}}],
        "credentials": ["database"],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        "volumeMounts": [{"name": "data", "mountPath": "/data", "readOnly": true}],
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "nodeSelector": {"zone": "a"},
        "affinity": {"nodeAffinity": {}},
        "securityContext": {
            "runAsUser": 2000, "runAsGroup": 0, "readOnlyRootFilesystem": true, "privileged": false,
            "capabilities": {"drop": ["NET_RAW"]}, "appArmorProfile": {"type": "RuntimeDefault"},
            "seLinuxOptions": {"level": "s0:c1,c2"},
        },
        "runtimeClassName": "gvisor",
    }}));
    world.config.runtime_class = Some("kata".to_owned());
    let objects = all(&mut world);
    let pod = pod(&objects, "validate");
    let notebook = pod["containers"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "notebook")
        .unwrap();
    let text = serde_json::to_string_pretty(&json!({
        "pod": {
            "imagePullSecrets": pod["imagePullSecrets"], "tolerations": pod["tolerations"],
            "nodeSelector": pod["nodeSelector"], "affinity": pod["affinity"],
            "runtimeClassName": pod["runtimeClassName"], "volume": pod["volumes"].as_array().unwrap().last(),
        },
        "notebook": {
            "env": notebook["env"], "envFrom": notebook["envFrom"], "resources": notebook["resources"],
            "mount": notebook["volumeMounts"].as_array().unwrap().last(),
            "securityContext": notebook["securityContext"],
        },
    }))
    .unwrap();
    expect![[r#"
        {
          "pod": {
            "imagePullSecrets": [
              {
                "name": "pull"
              }
            ],
            "tolerations": [
              {
                "key": "gpu",
                "operator": "Exists"
              }
            ],
            "nodeSelector": {
              "zone": "a"
            },
            "affinity": {
              "nodeAffinity": {}
            },
            "runtimeClassName": "gvisor",
            "volume": {
              "name": "data",
              "persistentVolumeClaim": {
                "claimName": "data"
              }
            }
          },
          "notebook": {
            "env": [
              {
                "name": "HOME",
                "value": "/home/nbvet"
              },
              {
                "name": "NBVET_ASSETS",
                "value": "/nbvet/tools/assets"
              },
              {
                "name": "MODE",
                "value": "fast"
              },
              {
                "name": "HOME",
                "value": "/data"
              }
            ],
            "envFrom": [
              {
                "configMapRef": {
                  "name": "settings"
                }
              },
              {
                "secretRef": {
                  "name": "database"
                }
              }
            ],
            "resources": {
              "limits": {
                "memory": "2Gi",
                "nvidia.com/gpu": "1"
              },
              "requests": {
                "cpu": "500m"
              }
            },
            "mount": {
              "mountPath": "/data",
              "name": "data",
              "readOnly": true
            },
            "securityContext": {
              "allowPrivilegeEscalation": false,
              "runAsNonRoot": true,
              "capabilities": {
                "drop": [
                  "ALL"
                ]
              },
              "seccompProfile": {
                "type": "RuntimeDefault"
              },
              "runAsGroup": 0,
              "readOnlyRootFilesystem": true,
              "seLinuxOptions": {
                "level": "s0:c1,c2"
              },
              "appArmorProfile": {
                "type": "RuntimeDefault"
              },
              "runAsUser": 2000
            }
          }
        }"#]]
    .assert_eq(&text);
    // What is the user's is in no other container, and in no other pod.
    for container in containers(&pod).iter().filter(|one| one["name"] != "notebook") {
        let text = container.to_string();
        for word in ["MODE", "settings", "database", "/data", "gpu"] {
            assert!(!text.contains(word), "{word} in {}", container["name"]);
        }
    }
}

/// What a job of this spec is told at its end, which comes before anything was made.
fn refused(patch: &Value) -> String {
    let mut world = world(patch);
    world.config.ca_config_map = Some("authorities".to_owned());
    assert_eq!(all(&mut world), Vec::<Value>::new(), "{patch}");
    let status = world.status("a");
    let stalled = condition(&status.conditions, ConditionType::Stalled).unwrap();
    format!("{}: {}", stalled.reason, status.message.unwrap())
}

#[test]
fn s10_what_a_pod_may_not_do_ends_its_job_before_anything_is_made() {
    for (pod, field) in [
        (
            json!({"volumes": [{"name": "data", "hostPath": {"path": "/"}}]}),
            "volumes[0].hostPath",
        ),
        (
            json!({"securityContext": {"seLinuxOptions": {"type": "spc_t"}}}),
            "securityContext.seLinuxOptions.type",
        ),
        (
            json!({"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}),
            "securityContext.appArmorProfile.type",
        ),
        (
            json!({"securityContext": {"privileged": true}}),
            "securityContext.privileged",
        ),
        (
            json!({"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}}),
            "securityContext.capabilities.add",
        ),
        (
            json!({"volumeMounts": [{"name": "git", "mountPath": "/steal"}]}),
            "volumeMounts[0].name",
        ),
        (
            json!({
                "volumes": [{"name": "data", "emptyDir": {}}],
                "volumeMounts": [{"name": "data", "mountPath": "/nbvet/tools"}],
            }),
            "volumeMounts[0].mountPath",
        ),
    ] {
        let told = refused(&json!({"podConfig": pod}));
        let start = format!("InvalidField: spec.podConfig.{field}: ");
        assert!(told.starts_with(&start), "{told}");
    }
}

#[test]
fn s10_no_volume_of_a_users_takes_the_name_or_the_place_of_one_of_ours() {
    let source = json!({"git": {"url": "https://git.example/a", "ref": "main", "credentialsSecret": "one"}, "path": "a.ipynb"});
    let sources = [
        source,
        json!({"git": null, "configMap": {"name": "one"}, "path": "a.ipynb"}),
    ];
    for source in sources {
        let given = |volumes: Value, mounts: Value| {
            json!({
                "notebook": source, "goldenNotebook": source,
                "podConfig": {"serviceAccountName": "trainer", "volumes": volumes, "volumeMounts": mounts},
            })
        };
        let mut world = world(&given(json!([]), json!([])));
        world.config.ca_config_map = Some("authorities".to_owned());
        let pod = pod(&all(&mut world), "validate");
        let volumes = pod["volumes"].as_array().unwrap();
        assert_eq!(volumes.len(), 13, "{volumes:?}");
        for volume in volumes {
            let name = volume["name"].as_str().unwrap();
            let told = refused(&given(json!([{"name": name, "emptyDir": {}}]), json!([])));
            let start = format!(
                "InvalidField: spec.podConfig.volumes[0].name: \"{name}\" is the name of a volume of nbvet's own"
            );
            assert!(told.starts_with(&start), "{told}");
            let told = refused(&given(json!([]), json!([{"name": name, "mountPath": "/steal"}])));
            let start = format!("InvalidField: spec.podConfig.volumeMounts[0].name: \"{name}\" is none");
            assert!(told.starts_with(&start), "{told}");
        }
        let of_user = |one: &&&Value| one["name"] == "notebook";
        let containers = containers(&pod);
        let notebook = containers.iter().find(of_user).unwrap();
        for mount in notebook["volumeMounts"].as_array().unwrap() {
            let path = mount["mountPath"].as_str().unwrap();
            let mine = json!([{"name": "mine", "emptyDir": {}}]);
            let told = refused(&given(mine, json!([{"name": "mine", "mountPath": path}])));
            let start = format!("InvalidField: spec.podConfig.volumeMounts[0].mountPath: \"{path}\" is ");
            assert!(told.starts_with(&start), "{told}");
        }
    }
}

#[test]
fn s9_what_the_steps_of_a_build_are_told_is_what_the_job_says() {
    let objects = all(&mut world(&json!({"podConfig": {"buildConfig": {
        "enabled": true, "baseImage": "python:3.12", "allowUnpinned": false, "verifyHashes": true, "failOnConflict": true,
        "requirementsFile": "r.txt", "requirementsSources": ["s.txt"], "dockerfile": "D", "target": "last",
        "preferDockerfile": true, "autoGenerateRequirements": true, "fallbackStrategy": "fail",
        "packageIndex": {"url": "https://index.example/simple", "secret": "index", "caConfigMap": "authorities"},
        "pushSecret": "push", "cache": {"ttl": "2h"},
    }}})));
    let text = serde_json::to_string_pretty(&input(&objects, "prepare")["prepare"]).unwrap();
    expect![[r#"
        {
          "validation": {},
          "comparison": {},
          "image": "python:3.12",
          "build": {
            "repository": "registry.example/team/nbvet",
            "reuseIfExists": true,
            "requirementsFile": "r.txt",
            "requirementsSources": [
              "s.txt"
            ],
            "dockerfile": "D",
            "target": "last",
            "preferDockerfile": true,
            "autoGenerateRequirements": true,
            "fallbackStrategy": "fail",
            "allowUnpinned": false,
            "verifyHashes": true,
            "failOnConflict": true,
            "lockTtl": 7200
          },
          "compiler": "/nbvet/agent/compiler",
          "registry": {
            "authFiles": [
              "/nbvet/secrets/registry-0/.dockerconfigjson"
            ],
            "caFiles": [
              "/nbvet/index-ca/ca.crt"
            ]
          },
          "index": {
            "urls": [
              "https://index.example/simple"
            ],
            "credentials": "/nbvet/secrets/index"
          }
        }"#]]
    .assert_eq(&text);
}

#[test]
fn s9_an_index_of_the_jobs_own_has_its_secret_and_its_authorities() {
    let mut world = world(
        &json!({"podConfig": {"buildConfig": {"enabled": true, "packageIndex": {
            "url": "https://index.example/simple", "secret": "index", "caConfigMap": "authorities",
        }}}}),
    );
    world.config.ca_config_map = Some("everywhere".to_owned());
    let objects = all(&mut world);
    for step in ["prepare", "build"] {
        let pod = pod(&objects, step);
        let mounts = |path: &str| {
            let all = pod["containers"][0]["volumeMounts"].as_array().unwrap();
            let mount = all.iter().find(|mount| mount["mountPath"] == path)?;
            let volumes = pod["volumes"].as_array().unwrap();
            volumes
                .iter()
                .find(|volume| volume["name"] == mount["name"])
                .cloned()
        };
        assert_eq!(
            mounts("/nbvet/secrets/index").unwrap()["secret"]["secretName"],
            "index",
            "{step}"
        );
        assert_eq!(
            mounts("/nbvet/index-ca").unwrap()["configMap"],
            json!({"name": "authorities"}),
            "{step}"
        );
        assert_eq!(
            mounts("/nbvet/ca").unwrap()["configMap"],
            json!({"name": "everywhere", "items": [{"key": "ca.crt", "path": "ca.crt"}]}),
            "{step}: the kubelet tells where it is missing"
        );
    }
    let told = input(&objects, "prepare");
    assert_eq!(
        told["prepare"]["registry"]["caFiles"],
        json!(["/nbvet/ca/ca.crt", "/nbvet/index-ca/ca.crt"])
    );
    assert!(
        !pod(&objects, "validate").to_string().contains("index"),
        "a notebook's pod asks no index"
    );
}

#[test]
fn s10_each_source_is_mounted_where_it_is_fetched() {
    let kinds = [
        (
            json!({"configMap": {"name": "one"}}),
            json!({"configMap": {"name": "one"}}),
        ),
        (
            json!({"persistentVolumeClaim": {"claimName": "one"}}),
            json!({"persistentVolumeClaim": {"claimName": "one", "readOnly": true}}),
        ),
        (
            json!({"git": {"url": "https://git.example/a", "ref": "main", "credentialsSecret": "one"}}),
            json!({"secret": {"secretName": "one", "defaultMode": 0o440}}),
        ),
    ];
    for (source, volume) in kinds {
        for field in ["notebook", "goldenNotebook"] {
            let mut given = json!({(field): {"git": null, "path": "x.ipynb"}});
            merge(&mut given[field], &source);
            let objects = all(&mut world(&given));
            let has = |step: &str| {
                let pod = pod(&objects, step);
                let fetch = if step == "prepare" {
                    &pod["containers"]
                } else {
                    &pod["initContainers"]
                }
                .clone();
                let mut of = volume.clone();
                let found = pod["volumes"].as_array().unwrap().iter().find(|one| {
                    of["name"] = one["name"].clone();
                    **one == of
                });
                let name = found.map(|found| found["name"].clone());
                name.is_some_and(|name| {
                    fetch[0]["volumeMounts"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .any(|one| one["name"] == name)
                })
            };
            for step in ["prepare", "validate"] {
                assert!(has(step), "{step}: {field} {source}");
            }
            let pod = pod(&objects, "validate");
            for container in pod["containers"].as_array().unwrap() {
                let text = container["volumeMounts"].to_string();
                assert!(
                    !text.contains("secrets") && !text.contains("source"),
                    "{field} {text}"
                );
            }
        }
    }
}

#[test]
fn s9_a_workspace_is_a_volume_of_the_build_in_tekton() {
    let objects = all(&mut world(&json!({"podConfig": {"buildConfig": {
        "enabled": true, "strategy": "tekton", "cache": {"type": "workspace"},
    }}})));
    let run = objects
        .iter()
        .find(|object| object["kind"] == "PipelineRun")
        .unwrap();
    let volumes = &run["spec"]["pipelineSpec"]["tasks"][0]["taskSpec"]["volumes"];
    let tmp = volumes
        .as_array()
        .unwrap()
        .iter()
        .find(|volume| volume["name"] == "tmp")
        .unwrap();
    assert!(tmp["ephemeral"]["volumeClaimTemplate"].is_object(), "{tmp}");
}

#[test]
fn s9_an_image_is_published_under_the_name_and_tag_that_the_job_says() {
    let mut world = world(&json!({"podConfig": {"buildConfig": {
        "enabled": true, "publishToRegistry": true, "registry": "own.example", "registryNamespace": "a/b",
        "imageName": "report", "imageTag": "v7",
    }}}));
    let objects = all(&mut world);
    assert_eq!(
        input(&objects, "publish")["publish"]["reference"],
        "own.example/a/b/report:v7"
    );
}

#[test]
fn s9_a_published_image_is_listed_where_the_cluster_has_streams() {
    let given = json!({"podConfig": {"buildConfig": {
        "enabled": true, "publishToRegistry": true, "imageName": "reports/daily_sales", "imageTag": "v7",
    }}});
    let mut plain = world(&given);
    all(&mut plain);
    assert!(plain.streams.is_empty());
    let mut openshift = world(&given);
    openshift.cluster.image_streams = true;
    let objects = all(&mut openshift);
    let image = format!(
        "registry.example/team/reports/daily_sales@sha256:{}",
        "a".repeat(64)
    );
    assert_eq!(
        openshift.streams.clone().into_iter().collect::<Vec<_>>(),
        [("daily-sales".to_owned(), image.clone())]
    );
    let stream = objects
        .iter()
        .find(|object| object["kind"] == "ImageStream")
        .unwrap();
    let tag = &stream["spec"]["tags"][0];
    assert_eq!(
        (&tag["name"], &tag["from"]["name"]),
        (&json!("v7"), &json!(image))
    );
    assert_eq!(
        tag["annotations"]["opendatahub.io/notebook-python-dependencies"],
        "[{\"name\":\"pandas\",\"version\":\"2.2.0\"}]"
    );
    assert!(
        stream["metadata"].get("ownerReferences").is_none(),
        "it outlives the job"
    );
    // A job whose image was not published lists none.
    let mut learning = world(&given);
    learning.cluster.image_streams = true;
    learning.edit("a", |spec| {
        spec.validation_config = serde_json::from_value(json!({"level": "learning"})).unwrap();
    });
    all(&mut learning);
    assert!(learning.streams.is_empty());
}

#[test]
fn s6_what_the_api_server_refuses_of_a_job_is_told_and_tried_no_more() {
    for part in ["-validate-", "nbvet-build-"] {
        let mut world = world(&json!({"podConfig": {"buildConfig": {"enabled": true}}}));
        for _ in 0..30 {
            let plan = world.plan("a");
            if let Some(intent) = plan.create.iter().find(|intent| intent.name.contains(part)) {
                world.refused.push(Refused {
                    name: intent.name.clone(),
                    reason: Reason::InvalidField,
                    passes: false,
                    message: "spec.template.spec.containers[0].env[2].name: Invalid value".to_owned(),
                });
                break;
            }
            let version = world.api.jobs["a"].metadata.resource_version.clone();
            world.act("a", &plan, version.as_deref(), None);
            if plan.is_idle() {
                moves(&mut world, Story::Well);
            }
        }
        world.settle();
        let status = world.status("a");
        assert_eq!(
            world.condition("a", ConditionType::Stalled),
            "True InvalidField",
            "{part}"
        );
        assert!(
            status.message.unwrap().contains("env[2].name: Invalid value"),
            "{part}"
        );
    }
}

#[test]
fn s10_pods_reach_what_the_operator_was_told_and_nothing_reaches_them() {
    for strategy in ["job", "tekton"] {
        let mut world =
            world(&json!({"podConfig": {"buildConfig": {"enabled": true, "strategy": strategy}}}));
        world.config.egress = vec![
            Egress {
                cidr: "10.0.0.0/8".to_owned(),
                port: None,
            },
            Egress {
                cidr: "192.0.2.7/32".to_owned(),
                port: Some(443),
            },
        ];
        let objects = all(&mut world);
        let policies: Vec<&Value> = objects
            .iter()
            .filter(|object| object["kind"] == "NetworkPolicy")
            .collect();
        let pods = objects
            .iter()
            .filter(|object| object["kind"] == "Job" || object["kind"] == "PipelineRun");
        let names: Vec<_> = pods.map(|object| &object["metadata"]["name"]).collect();
        assert_eq!(
            policies
                .iter()
                .map(|policy| &policy["metadata"]["name"])
                .collect::<Vec<_>>(),
            names
        );
        for policy in policies {
            let selects = policy["spec"]["podSelector"]["matchLabels"].as_object().unwrap();
            assert_eq!(
                selects.values().collect::<Vec<_>>(),
                [&policy["metadata"]["name"]]
            );
            assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress", "Egress"]));
            assert!(policy["spec"].get("ingress").is_none());
            assert_eq!(
                policy["spec"]["egress"],
                json!([
                    {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]},
                    {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
                    {"to": [{"ipBlock": {"cidr": "192.0.2.7/32"}}], "ports": [{"protocol": "TCP", "port": 443}]},
                ])
            );
        }
    }
    assert!(
        !all(&mut world(&json!({})))
            .iter()
            .any(|object| object["kind"] == "NetworkPolicy")
    );
}

#[test]
fn s10_pods_have_users_of_their_own_and_a_runtime_class_where_the_operator_says_so() {
    let mut plain = world(&json!({"podConfig": {"buildConfig": {"enabled": true}}}));
    plain.config.user_namespaces = true;
    plain.config.runtime_class = Some("gvisor".to_owned());
    let objects = all(&mut plain);
    for step in ["prepare", "build", "validate"] {
        let pod = pod(&objects, step);
        assert_eq!(pod["hostUsers"], false, "{step}");
        // Where users' code runs.
        assert_eq!(
            pod.get("runtimeClassName").is_some(),
            step == "validate",
            "{step}"
        );
    }
    let text = serde_json::to_string(&all(&mut world(&json!({})))).unwrap();
    assert!(!text.contains("hostUsers") && !text.contains("runtimeClassName"));
}

#[test]
fn s10_no_object_and_no_status_holds_what_a_secret_would() {
    // Secrets are named and never read, so that nothing of them can stand anywhere; what users write into addresses is
    // refused and not repeated.
    let mut world = world(&json!({
        "notebook": {"git": {"url": "https://me:hunter2@git.example/a"}},
        "podConfig": {"buildConfig": {"enabled": true, "packageIndex": {"url": "https://me:hunter2@index.example/simple"}}},
    }));
    world.annotate("a", CANCEL_ANNOTATION, "none");
    let objects = all(&mut world);
    let said = format!(
        "{} {:?}",
        serde_json::to_string(&world.status("a")).unwrap(),
        world.events
    );
    assert!(!said.contains("hunter2"), "{said}");
    assert!(!serde_json::to_string(&objects).unwrap().contains("hunter2"));
    assert!(said.contains("InvalidField"), "{said}");
}
