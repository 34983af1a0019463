//! `nbvet step prepare`, `build` and `publish`: one after the other, as the controller orders them.

use std::{fs, process::Command};

use nbvet_blob::{decode, read_end};
use nbvet_report::{
    Outcome, Reason,
    step::{
        Base as PreparedBase, BuildInput, BuildWish, Builder, FolderSource, GitSource, IndexInput,
        PrepareInput, Prepared, PublishInput, RegistryInput, SourceFrom, SourceInput, SourceLimits, StepBlob,
        StepBody, StepEnd, StepInput,
    },
};
use nbvet_testkit::{Base, PASSWORD, Registry, RegistryOptions, USER};

use crate::ground::{Ground, TEAM, TINY, notebook, requirements};

/// The folder of uv, which `make setup` puts there.
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.venv/bin");

/// What a step left: its end, and its result where it has one.
fn step(ground: &Ground, step: &str, input: StepInput) -> (StepEnd, Option<StepBody>) {
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

fn source(ground: &Ground, from: SourceFrom) -> SourceInput {
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

fn prepare(ground: &Ground, build: Option<BuildWish>) -> (StepEnd, Option<Box<Prepared>>) {
    let from = SourceFrom::Folder(FolderSource {
        folder: ground.path("work").display().to_string(),
    });
    prepare_from(ground, from, build)
}

fn prepare_from(
    ground: &Ground,
    from: SourceFrom,
    build: Option<BuildWish>,
) -> (StepEnd, Option<Box<Prepared>>) {
    let input = StepInput {
        source: Some(source(ground, from)),
        prepare: Some(PrepareInput {
            image: ground.base.clone(),
            build,
            registry: registry(ground),
            index: index(ground),
            ..PrepareInput::default()
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

fn wish(ground: &Ground) -> BuildWish {
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
    let Some(ground) = Ground::with(Base::Plain, options) else {
        return;
    };
    let ground = ground.file("requirements.txt", &requirements(TINY));
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

    let (end, body) = build(&ground, &prepared);
    let Some(StepBody::Built(built)) = body else {
        unreachable!("{end:?}")
    };
    assert_eq!(
        (end.outcome, end.reason, built.cache_hit),
        (Outcome::Passed, Reason::Done, false),
        "{end:?}"
    );
    assert_eq!(end.image.as_deref(), Some(&*built.image));
    assert_eq!(Some(&built.identity), prepared.identity.as_ref());
    assert!(
        built.size > 1 << 20 && built.layers.iter().any(|layer| layer.what == "six 1.17.0"),
        "{built:?}"
    );

    let (end, again) = prepare(&ground, Some(wish(&ground)));
    assert_eq!(end.reason, Reason::ImageReused, "{end:?}");
    assert_eq!(again.unwrap().image.as_deref(), Some(&*built.image));
    let before = uploads(&ground.registry);
    let (end, _) = build(&ground, &prepared);
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
