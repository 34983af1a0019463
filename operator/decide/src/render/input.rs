//! What the containers of a pod are told: the input file of each step. Secrets are named in pods and never stand here.

use std::collections::BTreeMap;

use nbvet_operator_api::source::NotebookSource;
use nbvet_report::{
    Literal,
    step::{
        BuildInput, BuildWish, Builder, CommandsInput, FolderSource, GitSource, IndexInput, PrepareInput,
        PublishInput, RegistryInput, STEP_VERSION, SourceFrom, SourceInput, SourceLimits, StepInput,
        ValidateInput,
    },
};
use serde_json::Value;

use super::{Setting, pod::paths};
use crate::{
    meaning::Meaning,
    plan::{BuildInputs, Task},
};

/// The key of the input, in the `ConfigMap` of a pod.
pub const INPUT_FILE: &str = "input.json";
/// The key of the lock, in the `ConfigMap` of a build.
pub const LOCK_FILE: &str = "lock.txt";

/// The input of a step's pod.
pub(super) fn step_input(task: &Task, setting: &Setting) -> StepInput {
    let meaning = setting.meaning();
    let mut input = StepInput {
        version: STEP_VERSION,
        ..StepInput::default()
    };
    match task {
        Task::Prepare { find_image } => {
            input.source = Some(source(setting, &setting.job.spec.notebook, None, &[paths::TREE]));
            input.golden = golden(setting);
            input.prepare = Some(prepare(setting, &meaning, *find_image));
        }
        Task::Validate {
            image, commit, limit, ..
        } => {
            let spec = &setting.job.spec;
            let into = [paths::TREE, paths::WORK];
            input.source = Some(source(setting, &spec.notebook, commit.clone(), &into));
            input.golden = golden(setting);
            input.validate = Some(ValidateInput {
                socket: paths::SOCKET.to_owned(),
                tree: paths::TREE.to_owned(),
                path: spec.notebook.path.clone(),
                agent_tree: paths::WORK.to_owned(),
                image: Some(image.as_str().to_owned()),
                validation: meaning.validation.clone(),
                golden: (spec.golden_notebook.as_ref())
                    .map(|golden| format!("{}/{}", paths::GOLDEN, golden.path)),
                comparison: meaning.comparison.clone(),
                parameters: parameters(&spec.parameters),
                timeout: Some(limit.as_secs().unsigned_abs().max(1)),
                build: build_wish(&meaning, false),
                ..ValidateInput::default()
            });
        }
        Task::Publish { image, reference } => {
            input.publish = Some(PublishInput {
                image: image.as_str().to_owned(),
                reference: reference.clone(),
                registry: registry(setting),
            });
        }
    }
    input
}

/// The input of a build's pod.
pub(crate) fn build_input(inputs: &BuildInputs, setting: &Setting) -> StepInput {
    let by_commands = inputs.builder == Builder::Buildah;
    let notebook = &setting.job.spec.notebook;
    let into = [paths::TREE, paths::WORK];
    StepInput {
        version: STEP_VERSION,
        source: (inputs.dockerfile.as_ref()).map(|_| source(setting, notebook, inputs.commit.clone(), &into)),
        build: Some(BuildInput {
            commands: by_commands.then(|| CommandsInput {
                dockerfile: inputs.dockerfile.clone(),
                target: inputs.target.clone(),
            }),
            base: inputs.base.clone(),
            lock_file: format!("{}/{LOCK_FILE}", paths::INPUT),
            identity: inputs.identity.clone(),
            repository: inputs.destination.clone(),
            reuse_if_exists: Some(!inputs.anew),
            compiler: (!inputs.compiler.is_empty()).then(|| paths::COMPILER.to_owned()),
            platform: None,
            registry: registry_and_index(setting, &setting.meaning()),
            index: index(setting, &setting.meaning()),
        }),
        ..StepInput::default()
    }
}

fn golden(setting: &Setting) -> Option<SourceInput> {
    let golden = setting.job.spec.golden_notebook.as_ref()?;
    Some(source(setting, golden, None, &[paths::GOLDEN]))
}

fn source(setting: &Setting, of: &NotebookSource, commit: Option<String>, into: &[&str]) -> SourceInput {
    let is_golden = setting.job.spec.golden_notebook.as_ref() == Some(of);
    let from = match &of.git {
        Some(git) => SourceFrom::Git(GitSource {
            url: git.url.clone(),
            revision: (!git.reference.is_empty()).then(|| git.reference.clone()),
            commit,
            credentials: git.credentials_secret.as_ref().map(|_| {
                if is_golden {
                    paths::GOLDEN_CREDENTIALS
                } else {
                    paths::CREDENTIALS
                }
                .to_owned()
            }),
            ca_file: setting
                .config
                .ca_config_map
                .as_ref()
                .map(|_| paths::CA_FILE.to_owned()),
        }),
        None => SourceFrom::Folder(FolderSource {
            folder: if is_golden {
                paths::GOLDEN_SOURCE
            } else {
                paths::SOURCE
            }
            .to_owned(),
        }),
    };
    SourceInput {
        from,
        path: of.path.clone(),
        into: into.iter().map(|&folder| folder.to_owned()).collect(),
        limits: SourceLimits::default(),
    }
}

fn prepare(setting: &Setting, meaning: &Meaning, find_image: bool) -> PrepareInput {
    PrepareInput {
        validation: meaning.validation.clone(),
        comparison: meaning.comparison.clone(),
        parameters: parameters(&setting.job.spec.parameters),
        image: meaning.image.clone(),
        platform: None,
        build: build_wish(meaning, find_image),
        compiler: meaning.build.as_ref().map(|_| paths::COMPILER.to_owned()),
        registry: registry_and_index(setting, meaning),
        index: index(setting, meaning),
    }
}

fn build_wish(meaning: &Meaning, find_image: bool) -> Option<BuildWish> {
    let build = meaning.build.as_ref()?;
    let fallback = serde_json::to_value(build.fallback).ok();
    Some(BuildWish {
        repository: meaning.destination.clone(),
        reuse_if_exists: Some(build.reuses || find_image),
        requirements_file: build.requirements_file.clone(),
        requirements_sources: build.requirements_sources.clone(),
        dockerfile: build.dockerfile.clone(),
        target: build.target.clone(),
        prefer_dockerfile: Some(build.prefer_dockerfile),
        auto_generate_requirements: Some(build.infers),
        fallback_strategy: fallback.as_ref().and_then(Value::as_str).map(str::to_owned),
        allow_unpinned: build.allow_unpinned,
        verify_hashes: Some(build.verify_hashes),
        fail_on_conflict: Some(build.fail_on_conflict),
        lock_ttl: Some(build.lock_kept.as_secs()),
    })
}

fn registry(setting: &Setting) -> RegistryInput {
    let secrets = super::pod::registry_secrets(setting);
    RegistryInput {
        auth_files: (0..secrets.len()).map(paths::auth_file).collect(),
        ca_files: setting
            .config
            .ca_config_map
            .iter()
            .map(|_| paths::CA_FILE.to_owned())
            .collect(),
        insecure_hosts: setting.config.insecure_registries.clone(),
    }
}

/// The same where the job's package index is spoken to: who vouches for that is believed as well.
fn registry_and_index(setting: &Setting, meaning: &Meaning) -> RegistryInput {
    let mut registry = registry(setting);
    let own = meaning.build.as_ref().and_then(|build| build.index.as_ref());
    if own.is_some_and(|index| index.ca_config_map.is_some()) {
        registry.ca_files.push(paths::INDEX_CA_FILE.to_owned());
    }
    registry
}

fn index(setting: &Setting, meaning: &Meaning) -> IndexInput {
    let own = meaning.build.as_ref().and_then(|build| build.index.as_ref());
    IndexInput {
        urls: match own {
            Some(index) => vec![index.url.clone()],
            None => setting.config.package_indexes.clone(),
        },
        credentials: own
            .and_then(|index| index.secret.as_ref())
            .map(|_| paths::INDEX_CREDENTIALS.to_owned()),
        find_links: None,
    }
}

fn parameters(written: &BTreeMap<String, Value>) -> BTreeMap<String, Literal> {
    written
        .iter()
        .map(|(name, value)| (name.clone(), literal(value)))
        .collect()
}

fn literal(value: &Value) -> Literal {
    match value {
        Value::Null => Literal::Null,
        Value::Bool(is) => Literal::Bool(*is),
        Value::Number(number) => {
            let whole = number.as_i64().map(Literal::Whole);
            whole.unwrap_or_else(|| Literal::Number(number.as_f64().unwrap_or(f64::NAN)))
        }
        Value::String(text) => Literal::Text(text.clone()),
        Value::Array(items) => Literal::List(items.iter().map(literal).collect()),
        Value::Object(members) => Literal::Map(
            members
                .iter()
                .map(|(name, value)| (name.clone(), literal(value)))
                .collect(),
        ),
    }
}
