//! Which severity a finding has: the table, configuration, switches and suppressions, in their order.
#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::fmt::Write;

use expect_test::expect;
use nbvet_engine::{Beside, Flags, Settings, Standing, check};
use nbvet_report::{Diagnostic, Level, Severity, SuppressionKind};
use nbvet_rules::ALL;

fn diagnostics_of(source: &str, tags: &[&str], settings: &Settings) -> Vec<Diagnostic> {
    let cell = serde_json::json!({"cell_type": "code", "metadata": {"tags": tags}, "outputs": [],
        "execution_count": null, "source": source});
    let notebook = serde_json::json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell]});
    let reading = nbvet_notebook::read(&serde_json::to_vec(&notebook).unwrap());
    check(&reading, &Beside::default(), None, ALL, settings)
}

fn at(level: Level) -> Settings {
    Settings {
        level,
        ..Settings::default()
    }
}

fn severity_of(id: &str, source: &str, settings: &Settings) -> Option<Severity> {
    diagnostics_of(source, &[], settings)
        .into_iter()
        .find(|found| found.rule.id == id)
        .map(|found| found.severity)
}

const SWALLOWS: &str = "def load(path):\n    try:\n        return open(path).read()\n    except Exception:\n        return None\n";

#[test]
fn s2_every_rule_stands_in_its_row() {
    let mut table = String::new();
    for rule in ALL {
        let severities = rule.meta.severities().map(Severity::as_str).join(" ");
        writeln!(table, "{} {:24} {severities}", rule.meta.id, rule.meta.name).unwrap();
    }
    expect![[r#"
        NB001 uncaught-exception       error error error error
        NB002 missing-import           error error error error
        NB003 nonzero-exit             error error error error
        NB004 process-died             error error error error
        NB005 out-of-memory            error error error error
        NB006 cell-timeout             error error error error
        NB007 notebook-timeout         error error error error
        NB101 no-assertion-notebook    note note note warning
        NB102 tautological-assertion   note warning warning warning
        NB103 swallowed-assertion      note warning warning warning
        NB104 unreached-assertion      note note note note
        NB105 load-without-check       note note note note
        NB106 metric-unchecked         note note note note
        NB107 printed-check            note note note note
        NB108 float-equality-assert    note warning warning warning
        NB109 annotation-mismatch      note note note note
        NB110 expected-output          warning error error error
        NB111 invalid-expectation      warning error error error
        NB112 golden-mismatch          warning error error error
        NB113 unchecked-expectation    warning error error error
        NB201 bare-except              note warning warning warning
        NB202 except-pass              note warning error error
        NB203 except-print-only        note note warning warning
        NB204 except-return-default    note warning warning warning
        NB205 implicit-none-return     note note warning warning
        NB206 warnings-silenced        note note note warning
        NB207 shell-exit-ignored       note note warning warning
        NB208 subprocess-unchecked     note warning warning warning
        NB209 bash-cell-no-errexit     note warning warning warning
        NB210 http-status-ignored      note warning warning warning
        NB211 none-result              note error error error
        NB212 command-failed           note warning error error
        NB213 python-warning           note note note warning
        NB214 error-after-cell         note warning error error
        NB215 stderr-output            note note note note
        NB216 http-no-timeout          note note warning warning
        NB217 suppress-broad           note warning error error
        NB218 finally-return           note warning warning warning
        NB219 errors-ignore            note warning warning warning
        NB220 optional-unchecked       note note warning warning
        NB221 error-swallowed          note warning error error
        NB222 assertion-never-run      note note note note
        NB223 coroutine-never-awaited  note warning error error
        NB230 exit-without-status      note note note note
        NB301 nan-equality             note warning error error
        NB302 coerce-unaccounted       note note warning warning
        NB303 fillna-masking           note note warning warning
        NB304 dropna-unreported        note note warning warning
        NB305 bad-lines-skipped        note warning warning warning
        NB306 merge-unverified         note note warning warning
        NB307 rows-lost                note warning error error
        NB308 rows-multiplied          note warning error error
        NB309 missing-grown            note warning error error
        NB312 nan-result               note error error error
        NB313 inf-result               note error error error
        NB314 empty-plot               note note warning warning
        NB401 none-method-assigned     note error error error
        NB402 inplace-result-assigned  note error error error
        NB403 chained-assignment       note warning error error
        NB404 discarded-pure-result    note warning warning warning
        NB405 zero-grad-missing        note warning warning warning
        NB407 misplaced-cell-magic     note error error error
        NB501 fit-before-split         note warning warning warning
        NB502 train-test-overlap       note warning warning warning
        NB503 multi-test               note warning warning warning
        NB504 temporal-shuffle         note warning warning warning
        NB505 target-in-features       note warning warning warning
        NB506 predict-on-train         note warning warning warning
        NB601 undefined-name           note error error error
        NB602 used-before-defined      note error error error
        NB603 out-of-order-execution   note warning warning warning
        NB604 stale-name               note warning warning warning
        NB605 non-idempotent-update    note note warning warning
        NB606 unseeded-randomness      note warning warning warning
        NB607 absolute-path            note note warning warning
        NB608 unpinned-install         note note warning warning
        NB701 unused-suppression       note note note note
        NB801 secret-in-source         note warning warning warning
        NB802 secret-in-output         note warning warning warning
        NB921 not-a-notebook           error error error error
        NB922 nonstandard-json         note note note note
        NB923 malformed-cell           note note note note
        NB924 syntax-error             note error error error
        NB925 unsupported-language     note note note note
        NB926 duplicate-cell-id        note note note note
        NB927 unread-cell              error error error error
        NB928 nothing-to-run           note warning warning warning
        NB931 install-unsatisfied      note note warning warning
    "#]]
    .assert_eq(&table);
}

#[test]
fn s2_a_hidden_error_is_a_note_a_warning_an_error_and_an_error() {
    let passes = "for path in paths:\n    try:\n        load(path)\n    except Exception:\n        pass\n";
    let severities = Level::ALL.map(|level| severity_of("NB202", passes, &at(level)).unwrap());
    assert_eq!(
        severities,
        [
            Severity::Note,
            Severity::Warning,
            Severity::Error,
            Severity::Error
        ]
    );
}

#[test]
fn s2_a_rule_that_misses_the_gate_stands_lower_than_its_row_and_keeps_it() {
    let rule = nbvet_rules::find("NB203").unwrap();
    let [note, warning, error] = [Severity::Note, Severity::Warning, Severity::Error];
    assert_eq!(rule.meta.standing, Standing::Lower);
    assert_eq!(rule.meta.row.severities(), [note, warning, error, error]);
    assert_eq!(rule.meta.severities(), [note, note, warning, warning]);
    let prints =
        "for path in paths:\n    try:\n        load(path)\n    except Exception as e:\n        print(e)\n";
    let found = Level::ALL.map(|level| severity_of("NB203", prints, &at(level)).unwrap());
    assert_eq!(found, rule.meta.severities());
}

#[test]
fn s2_a_rule_that_is_right_less_than_95_times_in_100_gives_no_errors() {
    let rule = nbvet_rules::find("NB204").unwrap();
    let [note, warning, error] = [Severity::Note, Severity::Warning, Severity::Error];
    assert_eq!(rule.meta.standing, Standing::NoErrors);
    assert_eq!(rule.meta.row.severities(), [note, warning, error, error]);
    let severities = Level::ALL.map(|level| severity_of("NB204", SWALLOWS, &at(level)).unwrap());
    assert_eq!(severities, [note, warning, warning, warning]);
}

#[test]
fn s2_clean_up_calls_count_one_severity_less() {
    let source = "try:\n    endpoint.delete()\nexcept Exception:\n    pass\n";
    assert_eq!(
        severity_of("NB202", source, &at(Level::Staging)),
        Some(Severity::Warning)
    );
    assert_eq!(
        severity_of("NB202", source, &at(Level::Development)),
        Some(Severity::Note)
    );
}

#[test]
fn s2_the_configuration_file_is_stronger_than_the_row_and_the_command_line_stronger_than_both() {
    let mut settings = at(Level::Development);
    settings.configured.insert("NB204".to_owned(), Severity::Off);
    assert_eq!(severity_of("NB204", SWALLOWS, &settings), None);
    settings.named.insert("NB204".to_owned(), Severity::Error);
    assert_eq!(severity_of("NB204", SWALLOWS, &settings), Some(Severity::Error));
}

#[test]
fn s2_a_comment_on_the_line_switches_a_finding_off_and_keeps_its_reason() {
    let source = SWALLOWS.replace(
        "except Exception:",
        "except Exception:  # nbvet: ignore[NB204] optional file",
    );
    let found = diagnostics_of(&source, &[], &at(Level::Production));
    let found = found.iter().find(|found| found.rule.id == "NB204").unwrap();
    let suppression = found.suppression.as_ref().unwrap();
    assert_eq!(suppression.kind, SuppressionKind::Comment);
    assert_eq!(suppression.reason.as_deref(), Some("optional file"));
    assert!(!found.counts());
}

#[test]
fn s2_a_comment_of_its_own_covers_the_line_below_it() {
    let source = SWALLOWS.replace(
        "    except",
        "    # nbvet: ignore[except-return-default]\n    except",
    );
    let found = diagnostics_of(&source, &[], &at(Level::Staging));
    assert!(
        found
            .iter()
            .any(|found| found.rule.id == "NB204" && !found.counts())
    );
}

#[test]
fn s2_at_production_a_comment_needs_a_reason_and_a_tag_does_not_count() {
    let source = SWALLOWS.replace("except Exception:", "except Exception:  # nbvet: ignore[NB204]");
    let counts = |source: &str, tags: &[&str], level| {
        diagnostics_of(source, tags, &at(level))
            .iter()
            .any(|found| found.rule.id == "NB204" && found.counts())
    };
    assert!(!counts(&source, &[], Level::Staging));
    assert!(counts(&source, &[], Level::Production));
    assert!(!counts(SWALLOWS, &["nbvet-ignore-NB204"], Level::Staging));
    assert!(counts(SWALLOWS, &["nbvet-ignore-NB204"], Level::Production));
}

#[test]
fn s2_a_comment_for_another_rule_changes_nothing() {
    let source = SWALLOWS.replace(
        "except Exception:",
        "except Exception:  # nbvet: ignore[NB202] no",
    );
    assert!(
        diagnostics_of(&source, &[], &at(Level::Staging))
            .iter()
            .any(|found| found.rule.id == "NB204" && found.counts())
    );
}

#[test]
fn s2_syntax_errors_are_left_alone_in_cells_that_are_meant_to_raise_or_not_to_run() {
    for tag in ["raises-exception", "skip-execution"] {
        let found = diagnostics_of("x = = 1", &[tag], &at(Level::Production));
        assert!(found.iter().all(|found| found.rule.id != "NB924"), "{tag}");
    }
    assert!(
        diagnostics_of("x = = 1", &[], &at(Level::Development))
            .iter()
            .any(|found| found.rule.id == "NB924")
    );
}

#[test]
fn s3_detect_silent_failures_false_switches_the_group_off_and_nothing_else() {
    let mut settings = at(Level::Production);
    settings.flags = Flags {
        detect_silent_failures: false,
        ..Flags::default()
    };
    assert_eq!(severity_of("NB204", SWALLOWS, &settings), None);
    assert_eq!(
        severity_of("NB601", "print(missing)", &settings),
        Some(Severity::Error)
    );
}

#[test]
fn s3_verify_assertions_makes_a_notebook_without_any_an_error() {
    let source = "import pandas as pd\ndf = pd.read_csv('a.csv')\n";
    let mut settings = at(Level::Learning);
    assert_eq!(severity_of("NB101", source, &settings), Some(Severity::Note));
    settings.flags.verify_assertions = true;
    assert_eq!(severity_of("NB101", source, &settings), Some(Severity::Error));
}

#[test]
fn s3_verify_assertions_makes_assertions_that_cannot_fail_errors() {
    let sources = [
        ("NB102", "assert True"),
        ("NB102", "rows = []\nassert (len(rows) > 0, 'no rows')"),
        (
            "NB103",
            "rows = []\ntry:\n    assert rows\nexcept AssertionError:\n    pass",
        ),
        ("NB104", "def check(rows):\n    assert rows"),
    ];
    let mut settings = at(Level::Learning);
    for (id, source) in sources {
        assert_eq!(
            severity_of(id, source, &settings),
            Some(Severity::Note),
            "{source}"
        );
    }
    settings.flags.verify_assertions = true;
    for (id, source) in sources {
        assert_eq!(
            severity_of(id, source, &settings),
            Some(Severity::Error),
            "{source}"
        );
    }
}

#[test]
fn s3_require_explicit_exit_codes_makes_an_unread_status_an_error() {
    let mut settings = at(Level::Development);
    assert_eq!(severity_of("NB207", "!make all", &settings), Some(Severity::Note));
    settings.flags.require_explicit_exit_codes = true;
    assert_eq!(
        severity_of("NB207", "!make all", &settings),
        Some(Severity::Error)
    );
}

#[test]
fn the_status_that_the_help_tells_to_check_is_a_known_name() {
    let source = "!make all\nassert _exit_code == 0\n";
    assert_eq!(diagnostics_of(source, &[], &at(Level::Production)), []);
}

#[test]
fn a_stored_result_shows_that_a_missing_name_came_from_a_cell_that_is_gone() {
    let explained = |outputs: serde_json::Value| {
        let cell = serde_json::json!({"cell_type": "code", "metadata": {}, "outputs": outputs,
            "execution_count": 7, "source": "prices.mean()"});
        let notebook =
            serde_json::json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell]});
        let reading = nbvet_notebook::read(&serde_json::to_vec(&notebook).unwrap());
        let found = check(&reading, &Beside::default(), None, ALL, &at(Level::Development));
        let found = found.into_iter().find(|found| found.rule.id == "NB601").unwrap();
        found.explanation.unwrap().contains("deleted or changed")
    };
    let result = serde_json::json!([{"output_type": "execute_result", "execution_count": 7, "metadata": {},
        "data": {"text/plain": "3.2"}}]);
    assert!(explained(result));
    let error =
        serde_json::json!([{"output_type": "error", "ename": "NameError", "evalue": "", "traceback": []}]);
    assert!(!explained(error));
    assert!(!explained(serde_json::json!([])));
}
