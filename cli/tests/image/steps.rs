//! `nbvet step prepare`, `build` and `publish`: one after the other, as the controller orders them.

use std::{fs, process::Command};

use nbvet_blob::{decode, read_end};
use nbvet_report::{
    Outcome, Reason, ValidationConfig,
    step::{
        Base as PreparedBase, BuildInput, BuildWish, Builder, FolderSource, GitSource, IndexInput,
        PrepareInput, Prepared, PublishInput, RegistryInput, SourceFrom, SourceInput, SourceLimits, StepBlob,
        StepBody, StepEnd, StepInput,
    },
};
use nbvet_testkit::{Base, INDEX_PASSWORD, PASSWORD, Registry, RegistryOptions, Runtime, USER, or_skip};

use crate::{
    beside::{self, Compiler},
    bytecode::container_run,
    ground::{Ground, TEAM, TINY, json, notebook, pulled, requirements},
    private, words,
};

/// The folder of uv, which `make setup` puts there.
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.venv/bin");

/// What a step left: its end, and its result where it has one. No password is in it.
pub(crate) fn step(ground: &Ground, step: &str, input: StepInput) -> (StepEnd, Option<StepBody>) {
    let (file, log) = (ground.path("input.json"), ground.path("termination-log"));
    let input = StepInput { version: 1, ..input };
    fs::write(&file, serde_json::to_string(&input).unwrap()).unwrap();
    let mut command = ground.command(&["step", step, "--allow-file-sources", "--input"]);
    command.env("PATH", format!("{TOOLS}:{}", std::env::var("PATH").unwrap()));
    let output = command
        .arg(&file)
        .arg("--termination-log")
        .arg(&log)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*said), (Some(0), ""), "{step}");
    let end = read_end(&fs::read_to_string(&log).unwrap()).unwrap();
    let body = end
        .blob
        .as_ref()
        .map(|blob| decode::<StepBlob>(&output.stdout, blob).unwrap().body);
    assert_eq!(
        body.is_some(),
        !output.stdout.is_empty(),
        "nothing but the result is printed"
    );
    let told = format!(
        "{}{}{}",
        serde_json::to_string(&end).unwrap(),
        serde_json::to_string(&body).unwrap(),
        String::from_utf8_lossy(&output.stdout)
    );
    for secret in [
        PASSWORD,
        INDEX_PASSWORD,
        private::IN_URL,
        private::INDEX_LOGIN,
        private::REGISTRY_LOGIN,
    ] {
        assert!(!told.contains(secret), "{told}");
    }
    words::are_for_a_cluster(&told);
    (end, body)
}

fn registry(ground: &Ground) -> RegistryInput {
    RegistryInput {
        auth_files: auth_file(ground).into_iter().collect(),
        ..RegistryInput::default()
    }
}

/// Where the registry asks for a password: a mounted Secret of the type `kubernetes.io/dockerconfigjson`.
fn auth_file(ground: &Ground) -> Option<String> {
    let folder = ground.path("secret");
    folder.is_dir().then(|| folder.display().to_string())
}

fn index(ground: &Ground) -> IndexInput {
    IndexInput {
        find_links: Some(ground.wheels.display().to_string()),
        ..IndexInput::default()
    }
}

pub(crate) fn source(ground: &Ground, from: SourceFrom) -> SourceInput {
    let tree = ground.path("tree");
    // Each pod has folders of its own.
    let _ = fs::remove_dir_all(&tree);
    SourceInput {
        from,
        path: "nb.ipynb".to_owned(),
        into: vec![tree.display().to_string()],
        limits: SourceLimits::default(),
    }
}

pub(crate) fn prepare(ground: &Ground, build: Option<BuildWish>) -> (StepEnd, Option<Box<Prepared>>) {
    let from = SourceFrom::Folder(FolderSource {
        folder: ground.path("work").display().to_string(),
    });
    prepare_from(ground, from, build)
}

pub(crate) fn prepare_from(
    ground: &Ground,
    from: SourceFrom,
    build: Option<BuildWish>,
) -> (StepEnd, Option<Box<Prepared>>) {
    prepare_as(ground, from, build, &ValidationConfig::default())
}

/// A build from the folder beside the notebook, judged as the job says.
pub(crate) fn prepare_judged(
    ground: &Ground,
    build: BuildWish,
    validation: &ValidationConfig,
) -> (StepEnd, Option<Box<Prepared>>) {
    let from = SourceFrom::Folder(FolderSource {
        folder: ground.path("work").display().to_string(),
    });
    prepare_as(ground, from, Some(build), validation)
}

fn prepare_as(
    ground: &Ground,
    from: SourceFrom,
    build: Option<BuildWish>,
    validation: &ValidationConfig,
) -> (StepEnd, Option<Box<Prepared>>) {
    let asked = PrepareInput {
        validation: validation.clone(),
        build,
        ..PrepareInput::default()
    };
    prepare_asked(ground, source(ground, from), None, asked)
}

/// With all that a job may ask for; `golden` goes beside the source.
pub(crate) fn prepare_asked(
    ground: &Ground,
    source: SourceInput,
    golden: Option<SourceInput>,
    asked: PrepareInput,
) -> (StepEnd, Option<Box<Prepared>>) {
    let input = StepInput {
        source: Some(source),
        golden,
        prepare: Some(PrepareInput {
            image: ground.base.clone(),
            compiler: Some("/nbvet/agent/compiler".to_owned()),
            registry: registry(ground),
            index: index(ground),
            ..asked
        }),
        ..StepInput::default()
    };
    let (end, body) = step(ground, "prepare", input);
    let body = body.map(|body| match body {
        StepBody::Prepared(prepared) => prepared,
        other => unreachable!("{other:?}"),
    });
    (end, body)
}

pub(crate) fn wish(ground: &Ground) -> BuildWish {
    BuildWish {
        repository: ground.repository(TEAM),
        ..BuildWish::default()
    }
}

fn build(ground: &Ground, prepared: &Prepared) -> (StepEnd, Option<StepBody>) {
    let lock = ground.path("lock.txt");
    fs::write(&lock, prepared.lock.as_ref().unwrap()).unwrap();
    let input = BuildInput {
        base: prepared.base.clone().unwrap().image,
        lock_file: lock.display().to_string(),
        identity: prepared.identity.clone().unwrap(),
        repository: ground.repository(TEAM),
        compiler: Some(beside::socket(ground)),
        registry: registry(ground),
        index: index(ground),
        ..BuildInput::default()
    };
    step(
        ground,
        "build",
        StepInput {
            build: Some(input),
            ..StepInput::default()
        },
    )
}

fn publish(ground: &Ground, image: &str, name: &str) -> (StepEnd, Option<StepBody>) {
    let input = PublishInput {
        image: image.to_owned(),
        reference: ground.repository(name),
        registry: registry(ground),
    };
    step(
        ground,
        "publish",
        StepInput {
            publish: Some(input),
            ..StepInput::default()
        },
    )
}

fn uploads(registry: &Registry) -> usize {
    let all = registry.requests();
    all.iter().filter(|request| request.is_upload()).count()
}

#[test]
fn s6_a_notebook_is_prepared_built_and_published_and_the_second_time_nothing_is_built() {
    let options = RegistryOptions {
        password: true,
        ..RegistryOptions::default()
    };
    let Some(runtime) = or_skip(Runtime::find()) else {
        return;
    };
    let Some(ground) = Ground::with(Base::Plain, options) else {
        return;
    };
    let ground = ground.file("requirements.txt", &requirements(TINY));
    let Some(ground) = ground.with_kernel() else {
        return;
    };
    fs::create_dir(ground.path("secret")).unwrap();
    let auth =
        serde_json::json!({"auths": {ground.registry.host(): {"username": USER, "password": PASSWORD}}});
    fs::write(ground.path("secret/.dockerconfigjson"), auth.to_string()).unwrap();

    let (end, prepared) = prepare(&ground, Some(wish(&ground)));
    let prepared = prepared.unwrap();
    assert_eq!(
        (end.outcome, end.reason),
        (Outcome::Passed, Reason::Done),
        "{end:?}"
    );
    assert!(
        end.message
            .starts_with("nb.ipynb: from requirements.txt, by nbvet"),
        "{end:?}"
    );
    let found = prepared.requirements.clone().unwrap();
    assert_eq!((found.pinned, found.unpinned), (4, 0));
    assert!(
        found
            .looked_at
            .iter()
            .any(|look| look.taken && look.file == "requirements.txt"),
        "{found:?}"
    );
    assert_eq!((prepared.builder, &prepared.image), (Builder::Assemble, &None));
    let base = prepared.base.clone().unwrap();
    assert_eq!((&base.name, base.uid()), (&ground.base, None));
    assert!(base.python.unwrap().starts_with("3.11."));

    let compiler = Compiler::start(&runtime, Base::Plain, &ground, &prepared);
    let (end, body) = build(&ground, &prepared);
    compiler.ended();
    let Some(StepBody::Built(built)) = body else {
        unreachable!("{end:?}")
    };
    assert_eq!(
        (end.outcome, end.reason, built.cache_hit),
        (Outcome::Passed, Reason::Done, false),
        "{end:?}"
    );
    assert_eq!(
        (end.image.as_deref(), end.image_size),
        (Some(&*built.image), Some(built.size))
    );
    assert_eq!(Some(&built.identity), prepared.identity.as_ref());
    assert!(
        built.size > 1 << 20 && built.layers.iter().any(|layer| layer.what == "six 1.17.0"),
        "{built:?}"
    );

    let (end, again) = prepare(&ground, Some(wish(&ground)));
    assert_eq!(end.reason, Reason::ImageReused, "{end:?}");
    assert_eq!(again.unwrap().image.as_deref(), Some(&*built.image));
    let before = uploads(&ground.registry);
    // The container of the base comes up when all is over, and goes.
    let _ = fs::remove_dir_all(ground.path("agent"));
    fs::create_dir(ground.path("agent")).unwrap();
    let (end, _) = build(&ground, &prepared);
    assert!(ground.path("agent/compiler.finished").exists());
    assert_eq!(
        (end.reason, uploads(&ground.registry)),
        (Reason::ImageReused, before),
        "{end:?}"
    );
    let anew = BuildWish {
        reuse_if_exists: Some(false),
        ..wish(&ground)
    };
    assert_eq!(prepare(&ground, Some(anew)).1.unwrap().image, None);

    published(&ground, &built.image);
}

/// The image that `nbvet image build` makes on a laptop of the same, in a repository that has nothing of it.
fn on_a_laptop(ground: &Ground, repository: &str, further: &[&str]) -> serde_json::Value {
    let words = [&["--format", "json"], further].concat();
    json(&mut ground.build(repository, &words))
}

#[test]
fn s9_a_step_and_a_laptop_give_one_identity_and_one_digest_kernel_and_byte_code_in_it() {
    let Some(runtime) = or_skip(Runtime::find()) else {
        return;
    };
    let (run, variables) = container_run(&runtime);
    for base in [Base::Plain, Base::Venv] {
        let Some(ground) = Ground::new(base) else { return };
        let ground = ground.file("requirements.txt", &requirements(TINY));
        let Some(ground) = ground.with_kernel() else {
            return;
        };
        let (end, prepared) = prepare(&ground, Some(wish(&ground)));
        let prepared = prepared.unwrap_or_else(|| unreachable!("{end:?}"));
        let compiler = Compiler::start(&runtime, base, &ground, &prepared);
        let (end, body) = build(&ground, &prepared);
        compiler.ended();
        let Some(StepBody::Built(built)) = body else {
            unreachable!("{end:?}")
        };
        assert!(!built.cache_hit);
        assert_eq!(
            built.layers.iter().any(|layer| layer.what.contains("ipykernel")),
            base == Base::Plain,
            "{built:?}"
        );
        // Kept until the build has ended: only its runtime's storage is asked.
        let _base = pulled(&runtime, base, &ground.registry, &ground.base);
        let mut command = ground.build(
            "team/other",
            &["--format", "json", "--bytecode", "base", "--container-run", &run],
        );
        let there = json(command.envs(variables.clone()));
        let digest = built.image.split_once('@').map(|(_, digest)| digest);
        assert_eq!(
            (there["identity"].as_str(), there["digest"].as_str()),
            (Some(&*built.identity), digest)
        );
        assert_eq!(there["reused"], false);
        let words = [
            "image",
            "plan",
            "--format",
            "json",
            "--repository",
            &built.image[..built.image.find('@').unwrap()],
            "--bytecode",
            "base",
        ];
        let plan: Vec<&str> = words.into_iter().chain(["--container-run", &*run]).collect();
        let sources = ground.sources();
        let mut plan =
            ground.command(&[&plan[..], &sources.iter().map(String::as_str).collect::<Vec<_>>()].concat());
        assert_eq!(json(plan.envs(variables.clone()))["image"], *built.image);
        // By default it is a Python of this machine, of the base's very version where there is one.
        if host_has("3.11.2") {
            let by_default = on_a_laptop(&ground, "team/third", &[]);
            assert_eq!(by_default["digest"].as_str(), digest);
        }
        let without = on_a_laptop(&ground, "team/fourth", &["--bytecode", "off"]);
        assert_ne!(without["digest"].as_str(), digest);
    }
}

/// Whether this machine has a Python of a version where `nbvet image build` looks for one.
fn host_has(version: &str) -> bool {
    let asked = ["/usr/bin/python3.11", "/usr/bin/python3"].map(|python| {
        let program = "import platform; print(platform.python_version())";
        let output = Command::new(python).args(["-c", program]).output();
        output.map(|output| output.stdout).unwrap_or_default()
    });
    asked
        .iter()
        .any(|told| String::from_utf8_lossy(told).trim() == version)
}

fn published(ground: &Ground, image: &str) {
    let (_, digest) = image.split_once('@').unwrap();
    let first = publish(ground, image, "team/analysis:1");
    let Some(StepBody::Published(published)) = first.1 else {
        unreachable!("{:?}", first.0)
    };
    assert_eq!(
        (&*published.digest, &*published.tag, published.previous_digest),
        (digest, "1", None)
    );
    assert_eq!(
        first.0.image,
        Some(format!("{}@{digest}", ground.repository("team/analysis")))
    );
    let base = ground.base.clone();
    let (end, body) = publish(ground, &base, "team/analysis:1");
    let Some(StepBody::Published(moved)) = body else {
        unreachable!("{end:?}")
    };
    assert_eq!(
        moved.previous_digest.as_deref(),
        Some(digest),
        "a tag that moves tells where it was"
    );
    let (end, _) = publish(ground, "registry.example/team/x:latest", "team/analysis:1");
    assert_eq!(end.reason, Reason::InvalidField, "{end:?}");
    let gone = format!("{}@sha256:{}", ground.repository(TEAM), "0".repeat(64));
    let (end, _) = publish(ground, &gone, "team/analysis:1");
    assert_eq!(
        (end.reason, end.transient),
        (Reason::PublishFailed, false),
        "{end:?}"
    );
}

#[test]
fn s9_what_the_policy_refuses_ends_before_anything_is_sent_and_tells_what_was_found() {
    let Some(ground) = Ground::new(Base::Plain) else {
        return;
    };
    let ground = ground.file("requirements.txt", "six\n");
    let before = uploads(&ground.registry);
    let refused = |wish: BuildWish| prepare(&ground, Some(wish));
    let (end, body) = refused(BuildWish {
        allow_unpinned: Some(false),
        ..wish(&ground)
    });
    assert_eq!(
        (end.outcome, end.reason),
        (Outcome::Failed, Reason::UnpinnedDependencies),
        "{end:?}"
    );
    assert!(end.message.contains("requirements.txt:1: "), "{end:?}");
    let body = body.unwrap();
    assert_eq!((body.requirements.unwrap().unpinned, body.identity), (1, None));
    assert!(body.diagnostics.iter().any(|found| found.rule.id == "NB901"));
    let (end, _) = refused(BuildWish {
        requirements_file: Some("missing.txt".to_owned()),
        ..wish(&ground)
    });
    assert_eq!(
        (end.outcome, end.reason),
        (Outcome::Failed, Reason::RequirementsNotFound),
        "{end:?}"
    );
    let (end, _) = refused(BuildWish {
        fallback_strategy: Some("maybe".to_owned()),
        ..wish(&ground)
    });
    assert_eq!(
        (end.outcome, end.reason),
        (Outcome::Error, Reason::InvalidField),
        "{end:?}"
    );
    if fs::exists(format!("{TOOLS}/uv")).unwrap() {
        ground.write("requirements.txt", "six==0.0.1\n");
        let (end, body) = refused(wish(&ground));
        assert_eq!(
            (end.outcome, end.reason),
            (Outcome::Failed, Reason::DependencyConflict),
            "{end:?}"
        );
        assert!(body.is_some());
    } else {
        println!("skipped: there is no uv (`make setup` installs it)");
    }
    // What is kept of a base image is no image.
    let images = ground.registry.requests();
    let named = |path: &str| path.contains("/manifests/nbvet-");
    assert!(
        !images.iter().any(|one| one.is_upload() && named(&one.path)),
        "{before}"
    );
}

#[test]
fn s10_a_path_that_leads_out_of_the_source_is_refused_and_nothing_else_is_taken_in_its_place() {
    let Some(ground) = Ground::new(Base::Plain) else {
        return;
    };
    let work = ground.path("work");
    fs::write(ground.path("outside.txt"), "six\n").unwrap();
    std::os::unix::fs::symlink("../outside.txt", work.join("requirements.txt")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", work.join("other.txt")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", work.join("Containerfile")).unwrap();
    std::os::unix::fs::symlink("..", work.join("up")).unwrap();
    let named = |file: &str| BuildWish {
        requirements_file: Some(file.to_owned()),
        ..wish(&ground)
    };
    let dockerfile = BuildWish {
        dockerfile: Some("Containerfile".to_owned()),
        ..wish(&ground)
    };
    for (wish, what) in [
        (wish(&ground), "requirements.txt"),
        (named("other.txt"), "other.txt"),
        (named("up/outside.txt"), "up/outside.txt"),
        (named("../outside.txt"), "../outside.txt"),
        (named("/etc/hostname"), "/etc/hostname"),
        (dockerfile, "Containerfile"),
    ] {
        let (end, body) = prepare(&ground, Some(wish));
        assert_eq!(
            (end.outcome, end.reason, end.transient),
            (Outcome::Failed, Reason::PathNotAllowed, false),
            "{what}: {end:?}"
        );
        assert!(end.message.contains(what), "{end:?}");
        assert_eq!(body.unwrap().identity, None, "{what}");
    }
    // The notebook and the golden one as well, before anything is run.
    std::os::unix::fs::symlink("../outside.txt", work.join("out.ipynb")).unwrap();
    let from = || {
        SourceFrom::Folder(FolderSource {
            folder: work.display().to_string(),
        })
    };
    let golden = |path: &str, golden: &str| {
        let into = ground.path("golden");
        let _ = fs::remove_dir_all(&into);
        let mut input = StepInput {
            source: Some(source(&ground, from())),
            golden: Some(source(&ground, from())),
            ..StepInput::default()
        };
        if let Some(source) = &mut input.source {
            path.clone_into(&mut source.path);
        }
        if let Some(source) = &mut input.golden {
            golden.clone_into(&mut source.path);
            source.into = vec![into.display().to_string()];
        }
        let file = ground.path("input.json");
        fs::write(
            &file,
            serde_json::to_string(&StepInput { version: 1, ..input }).unwrap(),
        )
        .unwrap();
        let log = ground.path("termination-log");
        let mut command = ground.command(&["step", "fetch", "--input"]);
        let status = command.arg(&file).arg("--termination-log").arg(&log).status();
        let end = read_end(&fs::read_to_string(&log).unwrap()).unwrap();
        (status.unwrap().code(), end.reason, end.message)
    };
    assert_eq!(golden("nb.ipynb", "nb.ipynb").0, Some(0));
    for (path, other) in [
        ("out.ipynb", "nb.ipynb"),
        ("nb.ipynb", "out.ipynb"),
        ("nb.ipynb", "up/x.ipynb"),
    ] {
        let (code, reason, message) = golden(path, other);
        assert_eq!((code, reason), (Some(1), Reason::PathNotAllowed), "{message}");
        assert!(message.contains("leads out of the tree"), "{message}");
    }
}

#[test]
fn s9_a_dockerfile_is_built_by_commands_and_known_by_every_file_of_the_tree() {
    let Some(ground) = Ground::new(Base::Plain) else {
        return;
    };
    let ground = ground
        .file("Dockerfile", "FROM scratch\nCOPY data.csv /\n")
        .file("data.csv", "1");
    let wish = BuildWish {
        dockerfile: Some("Dockerfile".to_owned()),
        ..wish(&ground)
    };
    let identity = || {
        let (end, body) = prepare(&ground, Some(wish.clone()));
        let body = body.unwrap_or_else(|| unreachable!("{end:?}"));
        assert_eq!(
            (body.builder, body.dockerfile.as_deref()),
            (Builder::Buildah, Some("Dockerfile")),
            "{end:?}"
        );
        body.identity.unwrap()
    };
    let first = identity();
    assert_eq!(identity(), first);
    ground.write("data.csv", "2");
    assert_ne!(identity(), first);
}

#[test]
fn s6_without_a_build_the_image_is_named_by_digest_and_the_commit_is_told() {
    let Some(ground) = Ground::new(Base::Venv) else {
        return;
    };
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        git.current_dir(ground.path("work"))
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org"]);
        assert!(git.args(words).status().unwrap().success());
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "first"]);
    let from = |revision: &str| {
        SourceFrom::Git(GitSource {
            url: format!("file://{}", ground.path("work").display()),
            revision: Some(revision.to_owned()),
            ..GitSource::default()
        })
    };
    let (end, body) = prepare_from(&ground, from("main"), None);
    let body = body.unwrap_or_else(|| unreachable!("{end:?}"));
    let commit = body.source.commit.unwrap();
    assert_eq!(
        (commit.len(), end.reason, body.builder),
        (40, Reason::Done, Builder::None)
    );
    assert!(
        end.message.contains(&format!("of commit {}", &commit[..12])),
        "{end:?}"
    );
    assert_eq!(end.image, Some(ground.base.clone()));
    assert_eq!(body.base.as_ref().and_then(PreparedBase::uid), Some(1001));
    let (end, body) = prepare_from(&ground, from("nowhere"), None);
    assert_eq!(
        (end.outcome, end.reason, body),
        (Outcome::Error, Reason::RefNotFound, None)
    );
}

#[test]
fn s8_a_registry_that_is_down_may_come_back_and_an_image_that_is_not_there_will_not() {
    let Some(mut ground) = Ground::new(Base::Plain) else {
        return;
    };
    let known = std::mem::replace(&mut ground.base, "127.0.0.1:1/bases/plain:latest".to_owned());
    let (end, _) = prepare(&ground, None);
    assert_eq!(
        (end.reason, end.transient),
        (Reason::Unreachable, true),
        "{end:?}"
    );
    ground.base = format!("{}/bases/none:latest", ground.registry.host());
    for wish in [None, Some(wish(&ground))] {
        let (end, _) = prepare(&ground, wish);
        assert_eq!(
            (end.reason, end.transient),
            (Reason::BaseImageNotFound, false),
            "{end:?}"
        );
    }
    ground.base = known;
    ground.write("nb.ipynb", "no notebook");
    let (end, _) = prepare(&ground, Some(wish(&ground)));
    assert_eq!(
        (end.outcome, end.reason),
        (Outcome::Failed, Reason::NotebookFailed),
        "{end:?}"
    );
    ground.write("nb.ipynb", &notebook("1"));
}
