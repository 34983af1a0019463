//! Section 2 in a cluster: a repository's nbvet.toml may raise; it lowers nothing at production and nothing that the job
//! names. By the real steps, of what runs and of what is built.

use std::{fs, process::Command};

use nbvet_report::{
    Expectation, Level, Outcome, Reason, Severity, ValidationConfig,
    step::{BuildWish, ValidateInput},
};
use nbvet_testkit::Base;

use crate::{
    ground::Ground,
    pods::{Left, Pod},
    steps::{prepare_judged, wish},
    validated::{cells, python},
};

/// It runs to its end, and has nothing in its hands: NB211, an error from development on.
const NOTHING: &str = "def load(path):
    try:
        return open(path).read()
    except FileNotFoundError:
        print('not found')

days = [load(f'data/{day}.json') for day in (1, 2)]";
/// A warning of Python: NB311 or the like of its row, a note below production.
const WARNS: &str = "import warnings
warnings.warn('this goes wrong', RuntimeWarning)
assert 1 + 1 == 2";
/// Nothing is wrong with it.
const GOOD: &str = "total = sum([1, 2, 3])
assert total == 6
print(total)";

fn at(level: Level) -> ValidationConfig {
    ValidationConfig {
        level: Some(level),
        ..ValidationConfig::default()
    }
}

fn validated(source: &str, files: &[(&str, &str)], validation: &ValidationConfig, python: &str) -> Left {
    let notebook = cells(&[source]);
    let pod = Pod::new(&[&[("a.ipynb", &*notebook)], files].concat());
    let wish = ValidateInput {
        validation: validation.clone(),
        ..pod.wish("a.ipynb")
    };
    pod.validated(wish, python)
}

/// The baseline of a notebook with everything that is found in it now.
fn baseline(source: &str, python: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.ipynb"), cells(&[source])).unwrap();
    let written = Command::new(env!("CARGO_BIN_EXE_nbvet"))
        .args([
            "validate",
            "a.ipynb",
            "--baseline",
            "known.json",
            "--write-baseline",
            "--python",
            python,
        ])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(
        written.status.success(),
        "{}",
        String::from_utf8_lossy(&written.stderr)
    );
    fs::read_to_string(folder.path().join("known.json")).unwrap()
}

#[test]
fn s2_a_repository_may_raise_in_a_cluster_what_its_notebook_is_judged_by() {
    let Some(python) = python() else { return };
    let check = |toml: &str, validation: &ValidationConfig, expected: Outcome| {
        let left = validated(WARNS, &[("nbvet.toml", toml)], validation, &python);
        assert_eq!(left.end.outcome, expected, "{toml}: {:?}", left.end);
    };
    let development = at(Level::Development);
    check("", &development, Outcome::Passed);
    check("fail-on-warnings = true\n", &development, Outcome::Failed);
    check(
        "level = \"production\"\n",
        &ValidationConfig::default(),
        Outcome::Failed,
    );
    // What the job names is the last word, upwards too.
    check("level = \"production\"\n", &development, Outcome::Passed);
    let good = |toml: &str, validation: &ValidationConfig| {
        validated(GOOD, &[("nbvet.toml", toml)], validation, &python)
            .end
            .outcome
    };
    let production = at(Level::Production);
    assert_eq!(good("", &production), Outcome::Passed);
    let expects = "[[expected-outputs]]\nname = \"total\"\nequals = 7\n";
    assert_eq!(good(expects, &production), Outcome::Failed);
}

#[test]
fn s2_a_repository_lowers_in_a_cluster_nothing_at_production() {
    let Some(python) = python() else { return };
    let known = baseline(NOTHING, &python);
    let lowering = [
        "level = \"learning\"\n",
        "[rules]\nNB211 = \"off\"\n",
        "[rules]\nnone-result = \"note\"\n",
        "ignore = [\"NB2\", \"NB3\", \"NB5\"]\n",
        "select = [\"NB5\"]\n",
        "detect-silent-failures = false\n",
        "baseline = \"known.json\"\n",
        "[[per-file]]\nfiles = [\"*.ipynb\"]\nignore = [\"ALL\"]\n",
    ];
    let judged = |toml: &str, validation: &ValidationConfig| {
        let files = [("nbvet.toml", toml), ("known.json", &*known)];
        validated(NOTHING, &files, validation, &python)
    };
    for toml in lowering {
        let left = judged(toml, &at(Level::Production));
        assert_eq!(
            (left.end.outcome, left.end.reason),
            (Outcome::Failed, Reason::ChecksFailed),
            "{toml}: {:?}",
            left.end
        );
        assert!(left.end.message.contains("(NB211)"), "{toml}: {:?}", left.end);
    }
    // Elsewhere it may, what the job does not name.
    for toml in &lowering[1..] {
        let left = judged(toml, &at(Level::Development));
        let other = left.end.message.contains("(NB211)");
        assert!(!other, "{toml}: {:?}", left.end);
    }
    assert_eq!(judged("", &at(Level::Development)).end.outcome, Outcome::Failed);
    assert_eq!(
        judged(lowering[0], &ValidationConfig::default()).end.outcome,
        Outcome::Passed
    );
}

#[test]
fn s2_a_repository_lowers_in_a_cluster_nothing_that_the_job_names() {
    let Some(python) = python() else { return };
    let check = |source: &str, toml: &str, validation: &ValidationConfig| {
        let known = baseline(source, &python);
        let files = [("nbvet.toml", toml), ("known.json", &*known)];
        let left = validated(source, &files, validation, &python);
        assert_eq!(
            (left.end.outcome, left.end.reason),
            (Outcome::Failed, Reason::ChecksFailed),
            "{toml}: {:?}",
            left.end
        );
    };
    let rule = ValidationConfig {
        rules: [("NB211".to_owned(), Severity::Error)].into(),
        ..at(Level::Development)
    };
    let warnings = ValidationConfig {
        fail_on_warnings: Some(true),
        ..at(Level::Development)
    };
    let everything_off = "ignore = [\"ALL\"]\n";
    let by_baseline = "baseline = \"known.json\"\n";
    for toml in [everything_off, by_baseline, "select = [\"NB5\"]\n"] {
        check(NOTHING, toml, &rule);
        check(WARNS, toml, &warnings);
    }
    check(NOTHING, "detect-silent-failures = false\n", &rule);
    check(NOTHING, "level = \"learning\"\n", &at(Level::Development));
    let expected: Expectation =
        serde_json::from_value(serde_json::json!({"cell": 0, "name": "total", "equals": 7})).unwrap();
    let expects = ValidationConfig {
        expected_outputs: vec![expected],
        ..at(Level::Development)
    };
    check(GOOD, everything_off, &expects);
}

#[test]
fn s2_a_repositorys_settings_of_dependencies_are_held_to_the_same() {
    let Some(ground) = Ground::new(Base::Plain) else {
        return;
    };
    let judged = |toml: &str, lines: &str, wish: BuildWish, validation: &ValidationConfig| {
        ground.write("nbvet.toml", toml);
        ground.write("requirements.txt", lines);
        let (end, body) = prepare_judged(&ground, wish, validation);
        assert!(body.is_some(), "{end:?}");
        (end.outcome, end.reason)
    };
    let refused = |reason| (Outcome::Failed, reason);
    let production = at(Level::Production);
    let development = at(Level::Development);
    let unpinned = refused(Reason::UnpinnedDependencies);
    for toml in [
        "[dependencies]\nallow-unpinned = true\n",
        "[rules]\nNB901 = \"off\"\n",
        "ignore = [\"NB9\"]\n",
        "level = \"learning\"\n",
    ] {
        assert_eq!(
            judged(toml, "six\n", wish(&ground), &production),
            unpinned,
            "{toml}"
        );
        // The same, named by the job.
        let named = BuildWish {
            allow_unpinned: Some(false),
            ..wish(&ground)
        };
        assert_eq!(judged(toml, "six\n", named, &development), unpinned, "{toml}");
    }
    let hashes = BuildWish {
        verify_hashes: Some(true),
        ..wish(&ground)
    };
    assert_eq!(
        judged(
            "[rules]\nNB908 = \"off\"\n",
            "six==1.17.0\n",
            hashes,
            &development
        ),
        refused(Reason::HashMissing)
    );
    let index = "--extra-index-url https://index.example/simple\nsix==1.17.0\n";
    let allowed = "[dependencies]\nallowed-indexes = [\"https://index.example/simple\"]\n";
    assert_eq!(
        judged(allowed, index, wish(&ground), &production),
        refused(Reason::PolicyRefused)
    );
    // It may raise.
    let raised = "[dependencies]\nallow-unpinned = false\n";
    assert_eq!(judged(raised, "six\n", wish(&ground), &development), unpinned);
    let raised = "[rules]\nNB901 = \"error\"\n";
    assert_eq!(judged(raised, "six\n", wish(&ground), &development), unpinned);
}
