//! Which conditions of a job people have to know of, each with what to do about it.

use nbvet_operator_api::{
    ConditionType, NotebookValidationJobStatus, Reason, condition, condition::Holds, text,
};

use crate::output::{BOLD, CYAN, paint};

/// Bytes of a message that are shown.
const MOST: usize = 1_200;

/// The conditions of steps, in their order, and the one of fields.
const SHOWN: [ConditionType; 6] = [
    ConditionType::FieldsSupported,
    ConditionType::SourceReady,
    ConditionType::PolicyPassed,
    ConditionType::ImageBuilt,
    ConditionType::Validated,
    ConditionType::Published,
];

/// A condition that matters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Matter<'a> {
    pub(crate) kind: &'a str,
    pub(crate) status: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) message: &'a str,
}

/// What stands in the way of a job, or ended it.
pub(crate) fn matters(status: &NotebookValidationJobStatus) -> Vec<Matter<'_>> {
    let find = |kind| condition(&status.conditions, kind);
    let is = |kind, holds: Holds| find(kind).is_some_and(|one| one.status == holds.as_str());
    let mut found: Vec<Matter> = Vec::new();
    let mut say = |kind: ConditionType| {
        if let Some(one) = find(kind) {
            found.push(Matter {
                kind: kind.as_str(),
                status: &one.status,
                reason: &one.reason,
                message: &one.message,
            });
        }
    };
    let mut told = Vec::new();
    for kind in SHOWN {
        let is_asked_for = find(kind).is_some_and(|one| one.reason != Reason::NotRequired.as_str());
        if is(kind, Holds::False) && is_asked_for {
            say(kind);
            told.extend(find(kind).map(|one| one.reason.as_str()));
        }
    }
    if find(ConditionType::Validated).is_none() && is(ConditionType::ValidationComplete, Holds::False) {
        say(ConditionType::ValidationComplete);
    }
    let is_untold = find(ConditionType::Stalled).is_some_and(|one| !told.contains(&one.reason.as_str()));
    if is(ConditionType::Stalled, Holds::True) && is_untold {
        say(ConditionType::Stalled);
    }
    if find(ConditionType::Ready).is_some_and(|one| one.reason == Reason::Suspended.as_str()) {
        say(ConditionType::Ready);
    }
    found
}

/// What was odd about the source and stopped nothing.
fn warnings(status: &NotebookValidationJobStatus) -> Option<Matter<'_>> {
    let ready = condition(&status.conditions, ConditionType::SourceReady)?;
    let source = status.source.as_ref()?.told();
    let message = ready.message.strip_prefix(&source)?.strip_prefix("; ")?;
    Some(Matter {
        kind: ConditionType::SourceReady.as_str(),
        status: &ready.status,
        reason: &ready.reason,
        message,
    })
}

/// Their lines, none where there are none.
pub(crate) fn lines(status: &NotebookValidationJobStatus, width: usize) -> String {
    let mut matters = matters(status);
    matters.extend(warnings(status));
    if matters.is_empty() {
        return String::new();
    }
    let mut out = format!("{}\n", paint(BOLD, "Conditions"));
    for one in matters {
        let message = text::one_line(one.message, MOST);
        let [kind, status, reason] = [one.kind, one.status, one.reason].map(|word| text::one_line(word, 64));
        out += &wrapped(&format!("  {kind} is {status}: {reason}: {message}"), 4, width);
        if let Ok(reason) = one.reason.parse::<Reason>()
            && one.reason != Reason::Done.as_str()
        {
            let remedy = wrapped(&format!("    what to do: {}", reason.remedy()), 6, width);
            out += &remedy.replacen("what to do", &paint(CYAN, "what to do"), 1);
        }
    }
    out
}

/// A line broken at its words, further ones set in; the first keeps its own blanks.
pub(crate) fn wrapped(text: &str, indent: usize, width: usize) -> String {
    let begin = text.len() - text.trim_start().len();
    wrapped_after(&text[..begin], text, indent, width)
}

/// The same behind a beginning that stays as it is.
pub(crate) fn wrapped_after(begin: &str, text: &str, indent: usize, width: usize) -> String {
    let mut out = begin.to_owned();
    let mut column = begin.chars().count();
    let mut is_first = true;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if !is_first && column + 1 + length > width {
            out += "\n";
            out += &" ".repeat(indent);
            column = indent;
        } else if !is_first {
            out.push(' ');
            column += 1;
        }
        out += word;
        column += length;
        is_first = false;
    }
    out + "\n"
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(conditions: &[(&str, &str, &str)], expected: &[&str]) {
        let conditions: Vec<Value> = conditions
            .iter()
            .map(|(kind, status, reason)| {
                json!({
                    "type": kind, "status": status, "reason": reason, "message": "m",
                    "lastTransitionTime": "2026-03-01T08:00:00Z",
                })
            })
            .collect();
        let status = serde_json::from_value(json!({"conditions": conditions})).unwrap();
        let found: Vec<_> = matters(&status).iter().map(|one| one.kind.to_owned()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_odd_about_a_source_that_is_there_is_told_without_a_remedy() {
        let shown = |message: &str| {
            let status = json!({
                "source": {"path": "a.ipynb", "commit": "c1"},
                "conditions": [{
                    "type": "SourceReady", "status": "True", "reason": "Done", "message": message,
                    "lastTransitionTime": "2026-03-01T08:00:00Z",
                }],
            });
            lines(&serde_json::from_value(status).unwrap(), 200)
        };
        assert_eq!(shown("a.ipynb at c1"), "");
        let told = shown("a.ipynb at c1; no cell sets `x`");
        assert!(
            told.ends_with("  SourceReady is True: Done: no cell sets `x`\n"),
            "{told}"
        );
    }

    #[test]
    fn what_ended_a_job_is_told_once_and_by_its_step() {
        check(
            &[
                ("Ready", "False", "ChecksFailed"),
                ("Stalled", "True", "ChecksFailed"),
                ("ImageBuilt", "True", "NotRequired"),
                ("Validated", "False", "ChecksFailed"),
                ("ValidationComplete", "False", "ChecksFailed"),
                ("Published", "False", "NotRequired"),
            ],
            &["Validated"],
        );
    }

    #[test]
    fn an_end_that_is_of_no_step_is_told_as_what_it_is() {
        check(
            &[
                ("Stalled", "True", "Cancelled"),
                ("Validated", "Unknown", "Cancelled"),
            ],
            &["Stalled"],
        );
    }

    #[test]
    fn a_job_that_goes_well_has_nothing_to_tell() {
        check(
            &[
                ("Ready", "Unknown", "InProgress"),
                ("Stalled", "False", "InProgress"),
                ("FieldsSupported", "True", "Done"),
                ("Validated", "Unknown", "Waiting"),
            ],
            &[],
        );
    }

    #[test]
    fn fields_that_do_not_act_and_an_image_that_is_not_published_are_told_of_a_job_that_passed() {
        check(
            &[
                ("Ready", "True", "Done"),
                ("FieldsSupported", "False", "FieldNotSupported"),
                ("Published", "False", "LevelTooLow"),
            ],
            &["FieldsSupported", "Published"],
        );
    }

    #[test]
    fn lines_break_at_words_and_a_long_word_stays_whole() {
        assert_eq!(wrapped("  aa bb cc", 4, 8), "  aa bb\n    cc\n");
        assert_eq!(wrapped("  a bbbbbbbbbb", 4, 8), "  a\n    bbbbbbbbbb\n");
    }
}
