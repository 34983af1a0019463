//! Fields of a job at their work: what its steps find, make and judge differs by what it says. The steps run for real.

use std::fs;

use nbvet_report::{
    DependencySourceKind, Literal, Outcome, Reason,
    step::{
        BuildWish, Builder, FolderSource, PrepareInput, Prepared, SourceFrom, SourceInput, ValidateInput,
    },
};
use nbvet_testkit::Base;
use serde_json::json;

use crate::{
    ground::{Ground, TINY, requirements},
    pods::Pod,
    steps::{prepare, prepare_asked, source, wish},
    validated::{cells, is, python},
};

/// The reason, and where the requirements are from.
fn found(ground: &Ground, wish: BuildWish) -> (Reason, String, Option<Box<Prepared>>) {
    let (end, body) = prepare(ground, Some(wish));
    let source = body
        .as_ref()
        .and_then(|body| body.requirements.as_ref())
        .map(|found| {
            let source = &found.source;
            source
                .file
                .clone()
                .unwrap_or_else(|| format!("{:?}", source.kind))
        });
    (end.reason, source.unwrap_or_default(), body)
}

/// The folder of the notebook has these files beside it, and no others.
fn with(ground: &Ground, files: &[(&str, &str)]) {
    let folder = ground.path("work");
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else if !path.ends_with("nb.ipynb") {
            fs::remove_file(path).unwrap();
        }
    }
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

#[test]
fn what_a_job_says_of_its_build_decides_what_is_prepared() {
    let Some(ground) = Ground::new(Base::Plain) else {
        return;
    };
    let lock = requirements(TINY);
    let ask = |change: &dyn Fn(&mut BuildWish)| {
        let mut asked = wish(&ground);
        change(&mut asked);
        found(&ground, asked)
    };
    let text = |word: &str| Some(word.to_owned());

    with(
        &ground,
        &[
            ("other.txt", &lock),
            ("env/b.txt", &lock),
            ("requirements.txt", &lock),
        ],
    );
    assert_eq!(ask(&|_| {}).1, "requirements.txt");
    let (reason, source, _) = ask(&|wish| wish.requirements_file = text("other.txt"));
    assert_eq!((reason, &*source), (Reason::Done, "other.txt"));
    assert_eq!(
        ask(&|wish| wish.requirements_sources = vec!["env/a.txt".to_owned(), "env/b.txt".to_owned()]).1,
        "env/b.txt"
    );

    let dockerfile = "FROM scratch AS one\nCOPY nb.ipynb /\nFROM scratch AS two\nCOPY nb.ipynb /x\n";
    with(
        &ground,
        &[
            ("requirements.txt", &lock),
            ("Dockerfile", dockerfile),
            ("docker/D", dockerfile),
        ],
    );
    let builder = |prefers: Option<bool>| {
        let (_, source, body) = ask(&|wish| wish.prefer_dockerfile = prefers);
        (body.unwrap().builder, source)
    };
    assert_eq!(builder(None), (Builder::Assemble, "requirements.txt".to_owned()));
    assert_eq!(builder(Some(true)), (Builder::Buildah, "Dockerfile".to_owned()));
    let of_stage = |stage: &str| {
        let (_, _, body) = ask(&|wish| {
            wish.dockerfile = text("docker/D");
            wish.target = text(stage);
        });
        let body = body.unwrap();
        (body.dockerfile, body.identity.unwrap())
    };
    let (one, two) = (of_stage("one"), of_stage("two"));
    assert_eq!((one.0, two.0), (text("docker/D"), text("docker/D")));
    assert_ne!(one.1, two.1);

    with(&ground, &[]);
    let nothing = |change: &dyn Fn(&mut BuildWish)| {
        let (reason, source, _) = ask(change);
        (reason == Reason::RequirementsNotFound, source)
    };
    let kind = |kind: DependencySourceKind| format!("{kind:?}");
    assert_eq!(
        nothing(&|wish| wish.fallback_strategy = text("warn")),
        (false, kind(DependencySourceKind::Nothing))
    );
    assert!(nothing(&|wish| wish.fallback_strategy = text("fail")).0);
    for change in [
        (&|wish: &mut BuildWish| wish.fallback_strategy = text("auto")) as &dyn Fn(&mut BuildWish),
        &|wish| wish.auto_generate_requirements = Some(true),
    ] {
        assert_eq!(nothing(change).1, kind(DependencySourceKind::Imports));
    }

    with(&ground, &[("requirements.txt", "six==1.17.0\n")]);
    assert_eq!(
        ask(&|wish| wish.verify_hashes = Some(true)).0,
        Reason::HashMissing
    );
    with(&ground, &[("requirements.txt", "six==1.16.0\nsix==1.17.0\n")]);
    assert_eq!(
        ask(&|wish| wish.fail_on_conflict = Some(true)).0,
        Reason::DependencyConflict
    );
}

#[test]
fn what_a_job_names_is_looked_at_before_anything_is_built() {
    let Some(ground) = Ground::new(Base::Plain) else {
        return;
    };
    with(&ground, &[("requirements.txt", &requirements(TINY))]);
    let mut notebook: serde_json::Value = serde_json::from_str(&cells(&["alpha = 1", "alpha"])).unwrap();
    notebook["cells"][0]["metadata"] = json!({"tags": ["parameters"]});
    fs::write(ground.path("work").join("nb.ipynb"), notebook.to_string()).unwrap();
    let from = |folder: &str| {
        SourceFrom::Folder(FolderSource {
            folder: ground.path(folder).display().to_string(),
        })
    };
    let ask = |golden: Option<&str>, asked: PrepareInput| {
        let own = source(&ground, from("work"));
        let golden = golden.map(|path| {
            let into = ground.path("golden-tree");
            let _ = fs::remove_dir_all(&into);
            SourceInput {
                from: from("golden"),
                path: path.to_owned(),
                into: vec![into.display().to_string()],
                ..own.clone()
            }
        });
        let asked = PrepareInput {
            build: Some(wish(&ground)),
            ..asked
        };
        prepare_asked(&ground, own, golden, asked)
    };
    fs::create_dir_all(ground.path("golden/reports")).unwrap();
    let golden = |name: &str, text: &str| fs::write(ground.path("golden").join(name), text).unwrap();
    golden("reports/daily.ipynb", &notebook.to_string());
    golden("text.ipynb", "not JSON");
    for (path, reason, said) in [
        (
            "reports/dialy.ipynb",
            Reason::NotebookNotFound,
            "spec.goldenNotebook: there is no notebook reports/dialy.ipynb; there is reports/daily.ipynb",
        ),
        (
            "text.ipynb",
            Reason::InvalidField,
            "spec.goldenNotebook.path: the golden file text.ipynb is no notebook: ",
        ),
        (
            "reports/daily.ipynb",
            Reason::InvalidField,
            "spec.goldenNotebook.path: the golden notebook reports/daily.ipynb cannot be used: ",
        ),
    ] {
        let (end, body) = ask(Some(path), PrepareInput::default());
        assert_eq!((end.outcome, end.reason, body), (Outcome::Error, reason, None));
        assert!(end.message.starts_with(said), "{}", end.message);
    }
    let given = |name: &str| PrepareInput {
        parameters: [(name.to_owned(), Literal::Whole(2))].into(),
        ..PrepareInput::default()
    };
    let warnings = |asked| ask(None, asked).1.unwrap().warnings;
    let odd = |warnings: Vec<String>| -> Vec<String> {
        let odd = warnings.into_iter().filter(|one| one.contains("parameters"));
        odd.collect()
    };
    assert_eq!(odd(warnings(given("alpha"))), Vec::<String>::new());
    assert_eq!(
        odd(warnings(given("alhpa"))),
        ["spec.parameters: the cell tagged `parameters` sets no `alhpa`; did you mean `alpha`?"]
    );
    let (end, _) = ask(None, given("1x"));
    assert_eq!(end.reason, Reason::InvalidField, "{}", end.message);
}

#[test]
fn what_a_job_says_of_its_validation_decides_the_verdict() {
    let Some(python) = python() else { return };
    let mut source: serde_json::Value = serde_json::from_str(&cells(&["n = 1", "assert n == 3"])).unwrap();
    source["cells"][0]["metadata"] = json!({"tags": ["parameters"]});
    let with_parameters = source.to_string();
    let plain = cells(&["x = 1"]);
    let slow = cells(&["import time\ntime.sleep(120)"]);
    let expects = |level: &str| {
        let config = json!({"level": level, "expectedOutputs": [{"name": "x", "equals": 2}]});
        ValidateInput {
            validation: serde_json::from_value(config).unwrap(),
            ..ValidateInput::default()
        }
    };
    let parameters = [("n".to_owned(), Literal::Whole(3))];
    let rows = [
        (
            &with_parameters,
            ValidateInput::default(),
            Outcome::Failed,
            Reason::NotebookFailed,
        ),
        (
            &with_parameters,
            ValidateInput {
                parameters: parameters.into(),
                ..ValidateInput::default()
            },
            Outcome::Passed,
            Reason::Done,
        ),
        (&plain, expects("learning"), Outcome::Passed, Reason::Done),
        (&plain, expects("staging"), Outcome::Failed, Reason::ChecksFailed),
        (
            &slow,
            ValidateInput {
                timeout: Some(3),
                ..ValidateInput::default()
            },
            Outcome::TimedOut,
            Reason::ValidationTimedOut,
        ),
    ];
    for (source, said, outcome, reason) in rows {
        let pod = Pod::new(&[("a.ipynb", source)]);
        let wish = ValidateInput {
            validation: said.validation,
            parameters: said.parameters,
            timeout: said.timeout,
            ..pod.wish("a.ipynb")
        };
        let left = pod.validated(wish, &python);
        is(&left, outcome, reason, "");
    }
}
