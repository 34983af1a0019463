//! What a rule is called and how severe its findings are: a table of rows, as in the manual. What rules do is in the
//! crates that own them.

use crate::{Level, Severity};

/// Everything about a rule but what it does.
#[derive(Debug, Clone, Copy)]
pub struct RuleMeta {
    /// `NB` and three digits, never reused.
    pub id: &'static str,
    /// The pattern that is reported, in words; reads after "allow".
    pub name: &'static str,
    /// The group, as the id's first digit.
    pub group: Group,
    /// The row of the severity table.
    pub row: Row,
    /// How high it may stand in its row.
    pub standing: Standing,
    /// The switch that makes it an error.
    pub raised_by: Option<Flag>,
    /// Ids of static rules that see the same fault before the notebook runs; one diagnostic is given for both.
    pub twins: &'static [&'static str],
    /// What it reports, when not lowered, surely raises: a run in which the cell ended well disproves it.
    pub foresees_exception: bool,
    /// The version that brought it.
    pub since: &'static str,
    /// Its page, in markdown: the first line says what it reports; the examples in it are its tests.
    pub doc: &'static str,
}

impl RuleMeta {
    /// The severities at learning, development, staging and production: those of its row, or lower.
    pub fn severities(&self) -> [Severity; 4] {
        let mut severities = self.row.severities();
        for (severity, most) in severities.iter_mut().zip(self.standing.most()) {
            *severity = most.min(*severity);
        }
        severities
    }

    /// The severity at one level.
    pub fn severity_at(&self, level: Level) -> Severity {
        self.severities()[level as usize]
    }

    /// The first line of the page.
    pub fn summary(&self) -> &'static str {
        self.doc.lines().next().unwrap_or_default().trim()
    }
}

/// The groups of rules; the digit is the first of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// `NB0xx`: the notebook does not run.
    Execution = 0,
    /// `NB1xx`.
    Verification = 1,
    /// `NB2xx`.
    SilentFailure = 2,
    /// `NB3xx`.
    DataQuality = 3,
    /// `NB4xx`.
    ApiMisuse = 4,
    /// `NB5xx`.
    Leakage = 5,
    /// `NB6xx`.
    State = 6,
    /// `NB7xx`.
    Hygiene = 7,
    /// `NB8xx`.
    Security = 8,
    /// `NB9xx`: dependencies and structure.
    Structure = 9,
}

impl Group {
    /// The name in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Execution => "execution",
            Self::Verification => "verification",
            Self::SilentFailure => "silent-failure",
            Self::DataQuality => "data-quality",
            Self::ApiMisuse => "api-misuse",
            Self::Leakage => "leakage",
            Self::State => "state",
            Self::Hygiene => "hygiene",
            Self::Security => "security",
            Self::Structure => "structure",
        }
    }
}

/// A row of the severity table. Which rule stands in which row is said in the rule's own file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    /// The notebook does not run, ran out of time or is no notebook: fails at every level.
    Fault,
    /// A value is surely missing or no number; code that surely fails.
    Certain,
    /// Errors hidden, commands failed unnoticed, data lost, writes and comparisons without effect, leakage.
    Hidden,
    /// Expectations and golden comparison.
    Expectation,
    /// No assertions; Python warnings; warnings switched off wholesale.
    Unverified,
    /// Installs that the environment does not satisfy.
    Install,
    /// What is imported and no dependency file asks for: an execution fault in waiting.
    Undeclared,
    /// Lines of a dependency file that do not say exactly what is installed.
    Unpinned,
    /// Dependencies that are refused before anything is built: fails at every level, learning too.
    Refused,
    /// Covered by no other row: a note below this level, a warning from it on.
    From(Level),
    /// Advice: a note everywhere.
    Advice,
}

impl Row {
    /// The severities at learning, development, staging and production.
    #[expect(clippy::match_same_arms, reason = "one arm a row, in the order of the table")]
    pub const fn severities(self) -> [Severity; 4] {
        use Severity::{Error, Note, Warning};
        match self {
            Self::Fault => [Error, Error, Error, Error],
            Self::Certain => [Note, Error, Error, Error],
            Self::Hidden => [Note, Warning, Error, Error],
            Self::Expectation => [Warning, Error, Error, Error],
            Self::Unverified => [Note, Note, Note, Warning],
            Self::Install => [Note, Note, Warning, Warning],
            Self::Undeclared => [Note, Warning, Warning, Error],
            Self::Unpinned => [Note, Note, Warning, Error],
            Self::Refused => [Error, Error, Error, Error],
            Self::From(Level::Learning | Level::Development) => [Note, Warning, Warning, Warning],
            Self::From(Level::Staging) => [Note, Note, Warning, Warning],
            Self::From(Level::Production) => [Note, Note, Note, Warning],
            Self::Advice => [Note, Note, Note, Note],
        }
    }
}

/// How high a rule may stand: how often it is right in real notebooks decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// As high as its row.
    InRow,
    /// No error until at least 95 % of its hits in real notebooks are true.
    NoErrors,
    /// Neither: a note at development until at least 80 % of them are true.
    Lower,
}

impl Standing {
    /// The most that a rule counts at learning, development, staging and production.
    const fn most(self) -> [Severity; 4] {
        use Severity::{Error, Note, Warning};
        match self {
            Self::InRow => [Error, Error, Error, Error],
            Self::NoErrors => [Warning, Warning, Warning, Warning],
            Self::Lower => [Note, Note, Warning, Warning],
        }
    }

    /// What has to be shown before it stands in its row, in words; nothing where it does.
    pub const fn until(self) -> Option<&'static str> {
        match self {
            Self::InRow => None,
            Self::NoErrors => Some("at least 95 % of its hits in real notebooks are shown to be true"),
            Self::Lower => Some("at least 80 % of its hits in real notebooks are shown to be true"),
        }
    }
}

/// A switch that raises certain rules to error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// Text on the notebook's stderr is an error.
    FailOnStderr,
    /// Python warnings are errors (deprecations: warnings).
    FailOnWarnings,
    /// Commands whose status nobody looks at are errors.
    RequireExplicitExitCodes,
    /// No assertion, or only assertions that cannot fail, is an error.
    VerifyAssertions,
    /// Values that are not of the type that the notebook's own annotations name are errors.
    CheckOutputTypes,
    /// Lines without a hash are refused.
    VerifyHashes,
    /// Requirements that contradict each other are refused.
    FailOnConflict,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s2_no_row_but_faults_has_an_error_at_learning() {
        for row in [
            Row::Certain,
            Row::Hidden,
            Row::Expectation,
            Row::Unverified,
            Row::Install,
            Row::Undeclared,
            Row::Unpinned,
            Row::From(Level::Learning),
            Row::Advice,
        ] {
            assert!(row.severities()[0] < Severity::Error, "{row:?}");
        }
    }

    #[test]
    fn s2_severities_never_fall_as_levels_get_stricter() {
        for row in [
            Row::Certain,
            Row::Hidden,
            Row::Expectation,
            Row::Unverified,
            Row::Install,
            Row::Undeclared,
            Row::Unpinned,
            Row::Advice,
        ] {
            assert!(row.severities().is_sorted(), "{row:?}");
        }
    }
}
