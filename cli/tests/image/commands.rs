//! Images by commands, as `nbvet step build` has buildah make them: a Dockerfile of the source.

use std::{fs, process::Command};

use nbvet_report::{
    Outcome, Reason,
    step::{
        BuildInput, BuildWish, Builder, CommandsInput, FolderSource, GitSource, Prepared, SourceFrom,
        SourceInput, StepBody, StepEnd, StepInput,
    },
};
use nbvet_testkit::{Base, Run, Runtime, or_skip};

use crate::{
    ground::{Ground, TEAM, shelf},
    steps::{prepare_from, source, step, wish},
};

/// The base under a tag, which moves.
fn tagged(ground: &Ground, digest: &str) -> String {
    let (from, _) = ground.base.split_once('@').unwrap();
    let to = ground.repository("team/python");
    let copied = shelf(from)
        .repository()
        .copy_by_digest(digest, shelf(&to).repository(), "3.11");
    copied.unwrap();
    format!("{to}:3.11")
}

/// Whether this machine has buildah and can run it.
fn buildah() -> Option<Runtime> {
    let runtime = or_skip(Runtime::find())?;
    if Command::new("buildah").arg("--version").output().is_err() {
        println!("skipped: there is no buildah");
        return None;
    }
    Some(runtime)
}

fn build(
    ground: &Ground,
    prepared: &Prepared,
    from: SourceFrom,
    commands: CommandsInput,
) -> (StepEnd, Option<StepBody>) {
    let context = ground.path("context");
    let _ = fs::remove_dir_all(&context);
    let mut source = source(ground, from);
    source.into.push(context.display().to_string());
    build_from(ground, prepared, Some(source), commands)
}

fn build_from(
    ground: &Ground,
    prepared: &Prepared,
    source: Option<SourceInput>,
    commands: CommandsInput,
) -> (StepEnd, Option<StepBody>) {
    let lock = ground.path("lock.txt");
    fs::write(&lock, prepared.lock.clone().unwrap_or_default()).unwrap();
    let input = BuildInput {
        base: prepared.base.clone().unwrap().image,
        lock_file: lock.display().to_string(),
        identity: prepared.identity.clone().unwrap(),
        repository: ground.repository(TEAM),
        commands: Some(commands),
        ..BuildInput::default()
    };
    let input = StepInput {
        source,
        build: Some(input),
        ..StepInput::default()
    };
    step(ground, "build", input)
}

fn of_dockerfile(file: &str, target: Option<&str>) -> CommandsInput {
    CommandsInput {
        dockerfile: Some(file.to_owned()),
        target: target.map(str::to_owned),
    }
}

#[test]
fn s9_a_dockerfile_of_a_commit_is_built_by_buildah_and_its_image_found_again() {
    let (Some(runtime), Some(ground)) = (buildah(), Ground::new(Base::Plain)) else {
        return;
    };
    let digest = ground.base.split_once('@').unwrap().1.to_owned();
    let base = tagged(&ground, &digest);
    let dockerfile = format!(
        "FROM {base} AS made\nCOPY --chmod=644 data.csv /data/\n\
         RUN [\"/usr/bin/python3\", \"-c\", \"open('/data/made', 'w').write(str(6 * 7))\"]\n\
         FROM made AS other\nRUN [\"/no/such/program\"]\n"
    );
    let ground = ground
        .file("docker/Dockerfile", &dockerfile)
        .file("data.csv", "a,b");
    std::os::unix::fs::symlink("/etc/hostname", ground.path("work/link")).unwrap();
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        git.current_dir(ground.path("work"))
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org"]);
        let output = git.args(words).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "first"]);
    let commit = git(&["rev-parse", "HEAD"]);
    let from = |commit: Option<&str>| {
        SourceFrom::Git(GitSource {
            url: format!("file://{}", ground.path("work").display()),
            revision: Some("main".to_owned()),
            commit: commit.map(str::to_owned),
            ..GitSource::default()
        })
    };
    let asked = BuildWish {
        dockerfile: Some("docker/Dockerfile".to_owned()),
        target: Some("made".to_owned()),
        ..wish(&ground)
    };
    let (end, prepared) = prepare_from(&ground, from(None), Some(asked.clone()));
    let prepared = prepared.unwrap_or_else(|| unreachable!("{end:?}"));
    assert_eq!(prepared.builder, Builder::Buildah, "{end:?}");
    assert_eq!(prepared.source.commit.as_deref(), Some(&*commit));
    // What is committed later is not built.
    ground.write("data.csv", "later");
    git(&["commit", "--quiet", "--all", "--message", "second"]);
    let made = || of_dockerfile("docker/Dockerfile", Some("made"));
    let (end, body) = build(&ground, &prepared, from(Some(&commit)), made());
    let Some(StepBody::Built(built)) = body else {
        unreachable!("{end:?}")
    };
    assert_eq!(
        (end.outcome, end.reason),
        (Outcome::Passed, Reason::Done),
        "{end:?}"
    );
    assert!(!built.cache_hit && built.size > 1 << 20, "{built:?}");
    assert_eq!(Some(&built.identity), prepared.identity.as_ref());
    let (end, body) = build(&ground, &prepared, from(Some(&commit)), made());
    let Some(StepBody::Built(again)) = body else {
        unreachable!("{end:?}")
    };
    assert_eq!((end.reason, &again.image), (Reason::ImageReused, &built.image));
    let (end, found) = prepare_from(&ground, from(Some(&commit)), Some(asked));
    assert_eq!(end.reason, Reason::ImageReused, "{end:?}");
    assert_eq!(found.unwrap().image.as_deref(), Some(&*built.image));

    let image = runtime.pull(&ground.registry, &built.image).unwrap();
    let program = "import os; print(open('/data/made').read(), open('/data/data.csv').read(), os.path.exists('/data/.git'))";
    let said = image.python(&Run::default(), "python3", program).unwrap();
    assert_eq!(said, "42 a,b False\n");

    // The commit of now is another image, and so is another stage: what prepare named is built, or nothing.
    let (end, _) = build(&ground, &prepared, from(None), made());
    assert_eq!(
        (end.outcome, end.reason),
        (Outcome::Error, Reason::BuildFailed),
        "{end:?}"
    );
    assert!(
        end.message.contains("is another one than when it was prepared"),
        "{end:?}"
    );
    let (end, _) = build(
        &ground,
        &prepared,
        from(Some(&commit)),
        of_dockerfile("docker/Dockerfile", Some("other")),
    );
    assert!(end.message.contains("is another one"), "{end:?}");
    // Nor from a base image that was moved under its name.
    let Some(other) = or_skip(Base::Venv.push(&ground.registry)) else {
        return;
    };
    let (from_other, digest) = other.split_once('@').unwrap();
    let to = shelf(&ground.repository("team/python"));
    let moved = shelf(from_other)
        .repository()
        .copy_by_digest(digest, to.repository(), "3.11");
    assert!(moved.unwrap().moved_from.is_some());
    let (end, _) = build(&ground, &prepared, from(Some(&commit)), made());
    assert!(end.message.contains("is another one"), "{end:?}");
}

#[test]
fn s8_a_command_that_fails_ends_the_build_with_what_it_said_and_is_not_tried_again() {
    let (Some(_), Some(ground)) = (buildah(), Ground::new(Base::Plain)) else {
        return;
    };
    let failing = format!(
        "FROM {}\nRUN [\"/usr/bin/python3\", \"-c\", \"raise SystemExit('no such wheel')\"]\n",
        ground.base
    );
    let ground = ground.file("Dockerfile", &failing);
    let from = || {
        SourceFrom::Folder(FolderSource {
            folder: ground.path("work").display().to_string(),
        })
    };
    let (end, prepared) = prepare_from(
        &ground,
        from(),
        Some(BuildWish {
            dockerfile: Some("Dockerfile".to_owned()),
            ..wish(&ground)
        }),
    );
    let prepared = prepared.unwrap_or_else(|| unreachable!("{end:?}"));
    let (end, body) = build(&ground, &prepared, from(), of_dockerfile("Dockerfile", None));
    assert_eq!(
        (end.outcome, end.reason, end.transient, body),
        (Outcome::Error, Reason::BuildFailed, false, None),
        "{end:?}"
    );
    assert!(end.message.contains("no such wheel"), "{end:?}");
    let requests = ground.registry.requests();
    let named = |path: &str| path.contains("/manifests/nbvet-");
    assert!(!requests.iter().any(|one| one.is_upload() && named(&one.path)));
    let (end, _) = build_from(&ground, &prepared, None, of_dockerfile("Dockerfile", None));
    assert_eq!(end.reason, Reason::InternalError, "{end:?}");
}
