//! The last lines: how many notebooks, what came of them, and where to read on.

use nbvet_report::{Outcome, Report, Severity};

use super::{
    Notes, TextOptions,
    style::{BOLD, DIM, GREEN, RED, YELLOW, count, paint, seconds},
};

/// `2 notebooks: 1 passed, 1 failed · 3 errors, 1 warning, 4 notes · 0.4 s`, and a hint below where one helps.
pub(super) fn summary(report: &Report, options: &TextOptions) -> String {
    let mut parts = vec![verdicts(report)];
    parts.extend(Some(findings(report)).filter(|text| !text.is_empty()));
    parts.extend(options.seconds.map(seconds));
    format!("{}\n{}", parts.join(" · "), hint(report, options))
}

fn verdicts(report: &Report) -> String {
    let of = |outcome| {
        let found = report
            .notebooks
            .iter()
            .filter(|notebook| notebook.verdict.outcome == outcome)
            .count();
        u32::try_from(found).unwrap_or(u32::MAX)
    };
    let total = u32::try_from(report.notebooks.len()).unwrap_or(u32::MAX);
    let parts: Vec<String> = [
        (of(Outcome::Passed), "passed", GREEN),
        (of(Outcome::Failed), "failed", RED),
        (of(Outcome::TimedOut), "timed out", RED),
        (of(Outcome::Error), "without a verdict", YELLOW),
    ]
    .into_iter()
    .filter(|(number, ..)| *number > 0)
    .map(|(number, word, colour)| paint(colour, &format!("{number} {word}")))
    .collect();
    format!("{}: {}", paint(BOLD, &count(total, "notebook")), parts.join(", "))
}

fn findings(report: &Report) -> String {
    let mut sums = [0; 5];
    for notebook in &report.notebooks {
        let verdict = &notebook.verdict;
        let counts = [
            verdict.errors,
            verdict.warnings,
            verdict.notes,
            verdict.suppressed,
            verdict.baselined,
        ];
        for (sum, number) in sums.iter_mut().zip(counts) {
            *sum += number;
        }
    }
    let [errors, warnings, notes, suppressed, baselined] = sums;
    let parts = [(errors, "error"), (warnings, "warning"), (notes, "note")];
    let mut parts: Vec<String> = parts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, noun)| count(number, noun))
        .collect();
    parts.extend((suppressed > 0).then(|| format!("{suppressed} suppressed")));
    parts.extend((baselined > 0).then(|| format!("{baselined} in the baseline")));
    parts.join(", ")
}

/// What to type next: to see folded notes, and to read about a rule that was shown.
fn hint(report: &Report, options: &TextOptions) -> String {
    let mut hints = Vec::new();
    let counting = || {
        report
            .notebooks
            .iter()
            .flat_map(|n| &n.diagnostics)
            .filter(|found| found.counts())
    };
    if options.notes == Notes::Folded && counting().any(|found| found.severity == Severity::Note) {
        hints.push("-v shows the notes".to_owned());
    }
    let shown = |severity| options.notes == Notes::Shown || severity > Severity::Note;
    if let Some(worst) = counting()
        .filter(|found| shown(found.severity))
        .max_by_key(|found| found.severity)
    {
        hints.push(format!(
            "`nbvet explain {}` tells more about a rule",
            worst.rule.id
        ));
    }
    if hints.is_empty() {
        String::new()
    } else {
        paint(DIM, &hints.join("; ")) + "\n"
    }
}
