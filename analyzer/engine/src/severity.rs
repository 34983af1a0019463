//! Which severity a rule has at which level: a table of rows, as in the manual, and what configuration and flags
//! make of it.

use std::collections::BTreeMap;

use nbvet_report::{Level, Severity};

use crate::rule::{Group, Rule};

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
    pub(crate) const fn most(self) -> [Severity; 4] {
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
}

/// The switches of a validation. Unset means what the level says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own in the manual, under this name"
)]
pub struct Flags {
    /// `failOnStderr`.
    pub fail_on_stderr: bool,
    /// `failOnWarnings`.
    pub fail_on_warnings: bool,
    /// `detectSilentFailures`; false switches that group off.
    pub detect_silent_failures: bool,
    /// `requireExplicitExitCodes`.
    pub require_explicit_exit_codes: bool,
    /// `verifyAssertions`.
    pub verify_assertions: bool,
    /// `checkOutputTypes`.
    pub check_output_types: bool,
    /// `installs: refuse`.
    pub refuse_installs: bool,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            fail_on_stderr: false,
            fail_on_warnings: false,
            detect_silent_failures: true,
            require_explicit_exit_codes: false,
            verify_assertions: false,
            check_output_types: false,
            refuse_installs: false,
        }
    }
}

impl Flags {
    /// Whether a switch makes a rule's findings errors.
    pub fn raise(self, rule: &Rule) -> bool {
        rule.meta.raised_by.is_some_and(|flag| self.is_set(flag))
            || (rule.meta.row == Row::Install && self.refuse_installs)
    }

    fn is_set(self, flag: Flag) -> bool {
        match flag {
            Flag::FailOnStderr => self.fail_on_stderr,
            Flag::FailOnWarnings => self.fail_on_warnings,
            Flag::RequireExplicitExitCodes => self.require_explicit_exit_codes,
            Flag::VerifyAssertions => self.verify_assertions,
            Flag::CheckOutputTypes => self.check_output_types,
        }
    }
}

/// Everything that decides severities, besides the notebook itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// How strict the validation is.
    pub level: Level,
    /// The switches.
    pub flags: Flags,
    /// Severities from the configuration file, by rule id.
    pub configured: BTreeMap<String, Severity>,
    /// Severities named on the command line or in the job, by rule id: stronger than the switches.
    pub named: BTreeMap<String, Severity>,
}

impl Settings {
    /// Whether a rule's findings are told at all.
    pub fn is_on(&self, rule: &Rule) -> bool {
        self.severity(rule, false, false) != Severity::Off
    }

    /// The severity of a finding of a rule: the rule's row, then the configuration file, then the switches, then
    /// what was named for this run. `lowered`: the finding itself asks to count one less.
    ///
    /// `calmed`: the run has shown that nothing went wrong there; the row then says no more than a note.
    pub(crate) fn severity(&self, rule: &Rule, lowered: bool, calmed: bool) -> Severity {
        if rule.meta.row == Row::Fault {
            return Severity::Error;
        }
        let row = rule.meta.severity_at(self.level);
        let mut severity = match (lowered, calmed) {
            (_, true) => row.min(Severity::Note),
            (true, false) => one_less(row),
            (false, false) => row,
        };
        if let Some(configured) = self.configured.get(rule.meta.id) {
            severity = *configured;
        }
        if self.flags.raise(rule) {
            severity = Severity::Error;
        }
        if !self.flags.detect_silent_failures && rule.meta.group == Group::SilentFailure {
            severity = Severity::Off;
        }
        self.named.get(rule.meta.id).copied().unwrap_or(severity)
    }
}

fn one_less(severity: Severity) -> Severity {
    match severity {
        Severity::Error => Severity::Warning,
        Severity::Warning | Severity::Note => Severity::Note,
        Severity::Off => Severity::Off,
    }
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
            Row::Advice,
        ] {
            assert!(row.severities().is_sorted(), "{row:?}");
        }
    }
}
