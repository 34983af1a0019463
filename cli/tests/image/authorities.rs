//! The steps against a registry and an index with an authority and passwords of their own: each reaches the steps that need
//! it, out of mounted files, and nothing repeats it.

use std::{fs, path::Path};

use nbvet_report::{
    Outcome, Reason,
    step::{
        BuildInput, FolderSource, IndexInput, PrepareInput, Prepared, PublishInput, RegistryInput,
        SourceFrom, StepBody, StepEnd, StepInput,
    },
};
use nbvet_testkit::{Base, INDEX_PASSWORD, PASSWORD, Runtime, USER, or_skip};

use crate::{
    beside::{self, Compiler},
    ground::{TEAM, uv},
    private::Private,
    steps::{source, step, wish},
};

/// Secrets as the kubelet mounts them.
fn secrets(private: &Private) {
    let written = |folder: &str, name: &str, text: &str| {
        let folder = private.ground.path(folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), text).unwrap();
    };
    let host = private.ground.registry.host();
    let auth = serde_json::json!({"auths": {host: {"username": USER, "password": PASSWORD}}});
    written("secret/registry", ".dockerconfigjson", &auth.to_string());
    written("secret/index", "username", USER);
    written("secret/index", "password", INDEX_PASSWORD);
}

fn registry(private: &Private) -> RegistryInput {
    RegistryInput {
        auth_files: vec![private.ground.path("secret/registry").display().to_string()],
        ca_files: vec![private.authority.clone()],
        ..RegistryInput::default()
    }
}

fn index(private: &Private) -> IndexInput {
    IndexInput {
        urls: vec![private.index.url("")],
        credentials: Some(private.ground.path("secret/index").display().to_string()),
        find_links: None,
    }
}

fn prepare(
    private: &Private,
    registry: RegistryInput,
    index: IndexInput,
) -> (StepEnd, Option<Box<Prepared>>) {
    let ground = &private.ground;
    let from = SourceFrom::Folder(FolderSource {
        folder: ground.path("work").display().to_string(),
    });
    // What was found before answers for nobody who is not believed.
    let _ = fs::remove_dir_all(ground.path("cache"));
    let input = StepInput {
        source: Some(source(ground, from)),
        prepare: Some(PrepareInput {
            image: ground.base.clone(),
            build: Some(wish(ground)),
            compiler: Some("/nbvet/agent/compiler".to_owned()),
            registry,
            index,
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

#[test]
fn s10_an_index_and_a_registry_with_their_own_authority_and_passwords_serve_every_step_that_needs_them() {
    let (Some(runtime), Some(_)) = (or_skip(Runtime::find()), uv()) else {
        return;
    };
    let Some(private) = Private::new() else { return };
    let ground = &private.ground;
    secrets(&private);
    // Not pinned: uv asks the index too. A version that is pinned is looked up there as well.
    ground.write(
        "requirements.txt",
        "attrs\njsonpointer\nplatformdirs\nsix==1.17.0\n",
    );
    let (end, prepared) = prepare(&private, registry(&private), index(&private));
    let prepared = prepared.unwrap_or_else(|| unreachable!("{end:?}"));
    assert_eq!(
        (end.outcome, end.reason),
        (Outcome::Passed, Reason::Done),
        "{end:?}"
    );
    // The index has another ipykernel than nbvet's lock names. Nobody asked for one.
    let warnings = prepared.warnings.join("\n");
    assert!(
        warnings.contains("no kernel for Jupyter: ipykernel 7."),
        "{warnings}"
    );
    let lock = ground.path("lock.txt");
    fs::write(&lock, prepared.lock.as_ref().unwrap()).unwrap();
    let build = |registry: RegistryInput, index: IndexInput| {
        let _ = fs::remove_dir_all(ground.path("cache"));
        let input = BuildInput {
            base: prepared.base.clone().unwrap().image,
            lock_file: lock.display().to_string(),
            identity: prepared.identity.clone().unwrap(),
            repository: ground.repository(TEAM),
            compiler: Some(beside::socket(ground)),
            registry,
            index,
            ..BuildInput::default()
        };
        let input = StepInput {
            build: Some(input),
            ..StepInput::default()
        };
        step(ground, "build", input)
    };
    fs::create_dir_all(ground.path("agent")).unwrap();
    let (end, _) = build(
        registry(&private),
        IndexInput {
            credentials: None,
            ..index(&private)
        },
    );
    assert_eq!(
        (end.reason, end.transient),
        (Reason::AuthenticationFailed, false),
        "{end:?}"
    );
    let compiler = Compiler::start(&runtime, Base::Plain, ground, &prepared);
    let (end, body) = build(registry(&private), index(&private));
    compiler.ended();
    assert_eq!(
        (end.outcome, end.reason),
        (Outcome::Passed, Reason::Done),
        "{end:?}"
    );
    assert!(matches!(body, Some(StepBody::Built(_))));
    let image = end.image.unwrap();
    let publish = |registry: RegistryInput| {
        let input = PublishInput {
            image: image.clone(),
            reference: ground.repository("team/analysis:1"),
            registry,
        };
        let input = StepInput {
            publish: Some(input),
            ..StepInput::default()
        };
        step(ground, "publish", input).0
    };
    let end = publish(RegistryInput {
        ca_files: Vec::new(),
        ..registry(&private)
    });
    assert_eq!(
        (end.reason, end.transient),
        (Reason::Unreachable, false),
        "{end:?}"
    );
    assert!(end.message.contains("certificate is not believed"), "{end:?}");
    let end = publish(registry(&private));
    assert_eq!(
        (end.outcome, end.reason),
        (Outcome::Passed, Reason::Done),
        "{end:?}"
    );
    // Everything that was written and sent, but for the mounted secrets themselves.
    fs::remove_dir_all(ground.path("secret")).unwrap();
    private.search();
}

#[test]
fn s10_whom_nobody_vouches_for_and_who_wants_another_password_is_told_and_not_tried_again() {
    let (Some(private), Some(_)) = (Private::new(), uv()) else {
        return;
    };
    secrets(&private);
    let ground = &private.ground;
    ground.write("requirements.txt", "six\n");
    let check = |registry: RegistryInput, index: IndexInput, reason: Reason, said: &str| {
        let (end, _) = prepare(&private, registry, index);
        assert_eq!(
            (end.outcome, end.reason, end.transient),
            (Outcome::Error, reason, false),
            "{end:?}"
        );
        assert!(end.message.contains(said), "{end:?}");
    };
    let without_authority = RegistryInput {
        ca_files: Vec::new(),
        ..registry(&private)
    };
    check(
        without_authority,
        index(&private),
        Reason::Unreachable,
        "certificate is not believed",
    );
    let nobody = RegistryInput {
        auth_files: Vec::new(),
        ..registry(&private)
    };
    check(nobody, index(&private), Reason::AuthenticationFailed, "no access");
    let without_password = IndexInput {
        credentials: None,
        ..index(&private)
    };
    check(
        registry(&private),
        without_password,
        Reason::AuthenticationFailed,
        "credentials",
    );
    fs::write(ground.path("secret/index/password"), "hunter2").unwrap();
    check(
        registry(&private),
        index(&private),
        Reason::AuthenticationFailed,
        "credentials",
    );
    let missing = IndexInput {
        credentials: Some("/no/such/secret".to_owned()),
        ..index(&private)
    };
    check(
        registry(&private),
        missing,
        Reason::InvalidField,
        "/no/such/secret/username",
    );
    assert!(!Path::new("/no/such/secret").exists());
}
