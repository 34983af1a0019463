//! Section 3 of the manual's tables: every field of `validationConfig` acts, from an option, from nbvet.toml and from a
//! file in the form of the custom resource.

use serde_json::{Value, json};

use crate::{
    python::python,
    sandbox::{Sandbox, notebook},
};

const LEVELS: [&str; 4] = ["learning", "development", "staging", "production"];

/// Who says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Option,
    Settings,
    File,
}

const PLACES: [Place; 3] = [Place::Option, Place::Settings, Place::File];

/// `failOnStderr` as options and nbvet.toml call it.
fn kebab(field: &str) -> String {
    let mut name = String::new();
    for character in field.chars() {
        if character.is_ascii_uppercase() {
            name.push('-');
        }
        name.push(character.to_ascii_lowercase());
    }
    name
}

struct Case<'a> {
    cells: &'a [&'a str],
    /// What is said, by the names of the custom resource.
    said: Vec<(Place, &'a str, Value)>,
    level: &'a str,
}

impl<'a> Case<'a> {
    fn new(cells: &'a [&'a str]) -> Self {
        Self {
            cells,
            said: Vec::new(),
            level: "development",
        }
    }

    fn at(self, level: &'a str) -> Self {
        Self { level, ..self }
    }

    fn says(mut self, place: Place, field: &'a str, value: impl Into<Value>) -> Self {
        self.said.push((place, field, value.into()));
        self
    }

    /// What the binary prints, with everything said where it is to be said.
    fn output(&self, command: &str, more: &[&str]) -> (Option<i32>, String) {
        let (mut options, mut settings) = (Vec::new(), String::new());
        let mut file = serde_json::Map::new();
        for (place, field, value) in &self.said {
            match place {
                Place::Option => {
                    let text = value
                        .as_str()
                        .map_or_else(|| value.to_string(), ToOwned::to_owned);
                    options.push(format!("--{}={text}", kebab(field)));
                }
                Place::Settings => settings = format!("{settings}{} = {value}\n", kebab(field)),
                Place::File => drop(file.insert((*field).to_owned(), value.clone())),
            }
        }
        let sandbox = Sandbox::new()
            .file("a.ipynb", &notebook(self.cells))
            .file("nbvet.toml", &settings)
            .file("v.json", &Value::Object(file).to_string());
        let mut all = vec![command, "a.ipynb", "--validation-config", "v.json"];
        if !self.level.is_empty() {
            all.extend(["--level", self.level]);
        }
        all.extend(more);
        all.extend(options.iter().map(String::as_str));
        let output = sandbox.output(&all);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!text.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        (output.status.code(), text)
    }

    fn report(&self, command: &str, more: &[&str]) -> Value {
        let (_, text) = self.output(command, &[&["--format", "json"], more].concat());
        serde_json::from_str::<Value>(&text).unwrap()["notebooks"][0].clone()
    }

    /// The severity of the first diagnostic of a rule whose message has a word in it, judged by reading.
    fn read(&self, rule: &str) -> String {
        severity(&self.report("lint", &[]), rule, "")
    }
}

fn severity(report: &Value, rule: &str, word: &str) -> String {
    let found = report["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .find(|found| found["rule"]["id"] == rule && found["message"].as_str().unwrap().contains(word));
    found
        .map_or("-", |found| found["severity"].as_str().unwrap())
        .to_owned()
}

#[test]
fn s3_names_of_options_and_settings_follow_from_those_of_the_resource() {
    assert_eq!(kebab("detectSilentFailures"), "detect-silent-failures");
}

/// A switch that raises: unset it is as the level says, `true` is an error wherever it is said, `false` is unset.
fn check_raised(field: &str, rule: &str, cells: &[&str], unset: [&str; 4]) {
    let severities = LEVELS.map(|level| Case::new(cells).at(level).read(rule));
    assert_eq!(severities, unset, "{field} unset");
    for place in PLACES {
        assert_eq!(
            Case::new(cells).says(place, field, true).read(rule),
            "error",
            "{field} by {place:?}"
        );
        assert_eq!(
            Case::new(cells).says(place, field, false).read(rule),
            unset[1],
            "{field} false by {place:?}"
        );
        let learning = Case::new(cells)
            .at("learning")
            .says(place, field, true)
            .read(rule);
        assert_eq!(learning, "error", "{field} by {place:?} at learning");
    }
    let lowered = Case::new(cells)
        .says(Place::Settings, field, true)
        .says(Place::File, field, false);
    assert_eq!(
        lowered.says(Place::Option, field, false).read(rule),
        "error",
        "false lowers nothing"
    );
}

#[test]
fn s3_require_explicit_exit_codes_raises_commands_that_nobody_looks_at() {
    let cells = ["!mkdir -p out && cp missing.csv out/\nprint('done')"];
    check_raised(
        "requireExplicitExitCodes",
        "NB207",
        &cells,
        ["note", "note", "warning", "warning"],
    );
}

#[test]
fn s3_require_explicit_exit_codes_wants_a_number_for_an_exit() {
    for leaves in ["import sys\nsys.exit()", "from sys import exit\nexit()", "quit()"] {
        let cells = [leaves];
        check_raised("requireExplicitExitCodes", "NB230", &cells, ["note"; 4]);
    }
    for leaves in [
        "import sys\nsys.exit(0)",
        "class A:\n    def exit(self): pass\nA().exit()",
    ] {
        let cells = [leaves];
        assert_eq!(
            Case::new(&cells)
                .says(Place::Option, "requireExplicitExitCodes", true)
                .read("NB230"),
            "-"
        );
    }
}

#[test]
fn s3_verify_assertions_raises_missing_assertions_and_those_that_cannot_fail() {
    let loads = ["import pandas as pd\nframe = pd.read_csv('x.csv')\nprint(frame.mean())"];
    check_raised(
        "verifyAssertions",
        "NB101",
        &loads,
        ["note", "note", "note", "warning"],
    );
    let computes = ["print(1 + 1)"];
    check_raised("verifyAssertions", "NB101", &computes, ["-"; 4]);
    let cannot_fail = ["x = 1\nassert (x == 2, 'no')"];
    check_raised(
        "verifyAssertions",
        "NB102",
        &cannot_fail,
        ["note", "warning", "warning", "warning"],
    );
}

#[test]
fn s3_detect_silent_failures_false_turns_the_group_off_and_nothing_else() {
    let cells = [
        "import pandas as pd\ntry:\n    f = pd.read_csv('x.csv')\nexcept Exception:\n    pass\nx = [1].sort()\nprint(f, x)",
    ];
    assert_eq!(Case::new(&cells).read("NB202"), "warning");
    for place in PLACES {
        let off = Case::new(&cells)
            .at("production")
            .says(place, "detectSilentFailures", false);
        assert_eq!(
            (&*off.read("NB202"), &*off.read("NB401")),
            ("-", "error"),
            "{place:?}"
        );
        assert_eq!(
            Case::new(&cells)
                .says(place, "detectSilentFailures", true)
                .read("NB202"),
            "warning"
        );
    }
    let stronger = Case::new(&cells)
        .says(Place::Settings, "detectSilentFailures", false)
        .says(Place::File, "detectSilentFailures", true);
    assert_eq!(stronger.read("NB202"), "warning", "the file wins over nbvet.toml");
}

#[test]
fn s3_strict_mode_is_level_production_and_wins_over_a_level_beside_it() {
    let cells = ["import pandas as pd\nprint(pd.read_csv('x.csv'))"];
    let level = |case: Case<'_>| {
        case.report("lint", &[])["verdict"]["level"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let unset = || Case::new(&cells).at("");
    assert_eq!(level(unset()), "development");
    assert_eq!(level(unset().says(Place::File, "level", "staging")), "staging");
    assert_eq!(
        level(unset().says(Place::Settings, "level", "staging")),
        "staging"
    );
    let both = || {
        unset()
            .says(Place::File, "level", "learning")
            .says(Place::File, "strictMode", true)
    };
    assert_eq!(level(both()), "production");
    assert_eq!(
        level(
            unset()
                .says(Place::File, "strictMode", false)
                .says(Place::File, "level", "staging")
        ),
        "staging"
    );
    assert_eq!(
        level(
            unset()
                .says(Place::Settings, "strict", true)
                .says(Place::File, "level", "staging")
        ),
        "staging"
    );
    // An option wins over every file.
    assert_eq!(level(both().at("staging")), "staging");
}

#[test]
fn s3_a_rule_that_is_named_wins_over_switches_and_the_command_line_over_the_file() {
    let cells = ["import pandas as pd\nprint(pd.read_csv('x.csv'))"];
    let file = || {
        Case::new(&cells)
            .says(Place::Option, "verifyAssertions", true)
            .says(Place::File, "rules", json!({"no-assertion-notebook": "warning"}))
    };
    assert_eq!(file().read("NB101"), "warning");
    assert_eq!(
        severity(&file().report("lint", &["--rule", "NB101=note"]), "NB101", ""),
        "note"
    );
    assert_eq!(
        severity(&file().report("lint", &["--select", "NB1"]), "NB101", ""),
        "warning"
    );
    assert_eq!(
        severity(&file().report("lint", &["--ignore", "NB101"]), "NB101", ""),
        "-"
    );
}

#[test]
fn s3_educational_mode_explains_and_changes_no_outcome() {
    let cells = ["x = [3, 1].sort()\nprint(x)"];
    let explained = |case: Case<'_>| {
        let report = case.report("lint", &[]);
        let found = report["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .find(|found| found["rule"]["id"] == "NB401");
        let found = found.unwrap().clone();
        (
            found.get("explanation").is_some(),
            found.get("example").is_some(),
            report["verdict"]["errors"].clone(),
        )
    };
    let at = |level| Case::new(&cells).at(level);
    assert_eq!(explained(at("learning")), (true, true, json!(0)));
    assert_eq!(explained(at("development")), (false, false, json!(1)));
    for place in PLACES {
        let on = at("development").says(place, "educationalMode", true);
        assert_eq!(explained(on), (true, true, json!(1)), "{place:?}");
        let off = at("learning").says(place, "educationalMode", false);
        assert_eq!(explained(off), (false, false, json!(0)), "{place:?}");
        let examples = at("development").says(place, "provideExamples", true);
        assert_eq!(explained(examples), (false, true, json!(1)), "{place:?}");
        let none = at("learning").says(place, "provideExamples", false);
        assert_eq!(explained(none), (true, false, json!(0)), "{place:?}");
    }
}

#[test]
fn s3_an_example_is_the_notebooks_own_line_mended() {
    let cells = ["x = [3, 1]\nx = x.sort()\nprint(x)"];
    let report = Case::new(&cells).at("learning").report("lint", &[]);
    let found = report["diagnostics"].as_array().unwrap();
    let examples: Vec<&str> = found
        .iter()
        .filter_map(|found| found["example"].as_str())
        .collect();
    assert_eq!(examples, ["x.sort()"]);
    let (_, text) = Case::new(&cells).at("learning").output("lint", &[]);
    assert!(text.contains("  mended: x.sort()\n"), "{text}");
}

#[test]
fn s3_suggest_best_practices_shows_notes() {
    let cells = ["import pandas as pd\nprint(pd.read_csv('x.csv'))"];
    let shows = |case: Case<'_>| case.output("lint", &[]).1.contains("note[NB101]");
    assert!(shows(Case::new(&cells).at("learning")));
    assert!(!shows(Case::new(&cells)));
    for place in PLACES {
        assert!(
            shows(Case::new(&cells).says(place, "suggestBestPractices", true)),
            "{place:?}"
        );
        let off = Case::new(&cells)
            .at("learning")
            .says(place, "suggestBestPractices", false);
        assert!(!shows(off), "{place:?}");
        let educational = Case::new(&cells).says(place, "educationalMode", true);
        assert!(shows(educational), "{place:?}");
    }
}

const NOISY: &str = "\
import sys, warnings
warnings.simplefilter('always')
warnings.warn('close to the edge', RuntimeWarning)
warnings.warn('old', DeprecationWarning)
";

#[test]
fn s3_fail_on_warnings_raises_warnings_and_deprecations_one_less() {
    let Some(python) = python() else { return };
    let cells = [NOISY];
    let told = |case: Case<'_>| {
        let report = case.report("validate", &["--python", &python]);
        [
            severity(&report, "NB213", "close"),
            severity(&report, "NB213", "old"),
        ]
        .join(" ")
    };
    let unset = LEVELS.map(|level| told(Case::new(&cells).at(level)));
    assert_eq!(unset, ["note note", "note note", "note note", "warning note"]);
    for place in PLACES {
        assert_eq!(
            told(Case::new(&cells).says(place, "failOnWarnings", true)),
            "error warning",
            "{place:?}"
        );
    }
    assert_eq!(
        told(Case::new(&cells).says(Place::File, "failOnWarnings", false)),
        "note note"
    );
}

#[test]
fn s3_fail_on_stderr_raises_what_is_neither_a_progress_bar_nor_allowed() {
    let Some(python) = python() else { return };
    let loud = ["import sys\nprint('INFO loaded', file=sys.stderr)\nprint('sensor 3 lost', file=sys.stderr)"];
    let told = |cells: &[&str], places: &[Place], allow: Option<Value>| {
        let mut case = Case::new(cells);
        for place in places {
            case = case.says(*place, "failOnStderr", true);
        }
        if let Some(allow) = allow {
            case = case.says(Place::Settings, "stderrAllow", allow);
        }
        severity(&case.report("validate", &["--python", &python]), "NB215", "")
    };
    assert_eq!(told(&loud, &[], None), "note");
    for place in PLACES {
        assert_eq!(told(&loud, &[place], None), "error", "{place:?}");
    }
    assert_eq!(told(&loud, &[Place::File], Some(json!(["^INFO"]))), "error");
    assert_eq!(
        told(
            &loud,
            &[Place::File],
            Some(json!(["^INFO", "sensor [0-9]+ lost"]))
        ),
        "-"
    );
    let bars = [
        "import sys\nfor done in range(3):\n    print(f'\\r {done}/2 [00:0{done}<00:01, 1.0it/s]', end='', file=sys.stderr)",
    ];
    assert_eq!(told(&bars, &[Place::Option], None), "-");
}

#[test]
fn s3_installs_are_checked_or_refused() {
    let Some(python) = python() else { return };
    let cells = ["%pip install nbvet-there-is-no-such-package==9.9"];
    let told = |case: Case<'_>| severity(&case.report("validate", &["--python", &python]), "NB931", "");
    let unset = LEVELS.map(|level| told(Case::new(&cells).at(level)));
    assert_eq!(unset, ["note", "note", "warning", "warning"]);
    for place in PLACES {
        assert_eq!(
            told(Case::new(&cells).says(place, "installs", "refuse")),
            "error",
            "{place:?}"
        );
    }
    let weaker = Case::new(&cells)
        .says(Place::Settings, "installs", "refuse")
        .says(Place::File, "installs", "check");
    assert_eq!(told(weaker), "note", "the file wins over nbvet.toml");
}
