//! What configuration and flags make of the severity that a rule has at a level.

use std::collections::BTreeMap;

use nbvet_report::{Flag, Group, Level, Readers, Row, RuleMeta, Severity};

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
    /// `allowUnpinned`; unset: as the level says.
    pub allow_unpinned: Option<bool>,
    /// `verifyHashes`.
    pub verify_hashes: bool,
    /// `failOnConflict`.
    pub fail_on_conflict: bool,
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
            allow_unpinned: None,
            verify_hashes: false,
            fail_on_conflict: false,
        }
    }
}

impl Flags {
    /// Whether a switch makes a rule's findings errors.
    pub fn raise(self, rule: &RuleMeta) -> bool {
        rule.raised_by.is_some_and(|flag| self.is_set(flag))
            || (rule.row == Row::Install && self.refuse_installs)
            || (rule.row == Row::Unpinned && self.allow_unpinned == Some(false))
    }

    fn is_set(self, flag: Flag) -> bool {
        match flag {
            Flag::FailOnStderr => self.fail_on_stderr,
            Flag::FailOnWarnings => self.fail_on_warnings,
            Flag::RequireExplicitExitCodes => self.require_explicit_exit_codes,
            Flag::VerifyAssertions => self.verify_assertions,
            Flag::CheckOutputTypes => self.check_output_types,
            Flag::VerifyHashes => self.verify_hashes,
            Flag::FailOnConflict => self.fail_on_conflict,
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
    /// Who reads what mends a finding.
    pub readers: Readers,
}

impl Settings {
    /// Whether a rule's findings are told at all.
    pub fn is_on(&self, rule: &RuleMeta) -> bool {
        self.severity(rule, false, false) != Severity::Off
    }

    /// The severity of a finding of a rule: the rule's row, then the configuration file, then the switches, then
    /// what was named for this run. `lowered`: the finding itself asks to count one less.
    ///
    /// `calmed`: the run has shown that nothing went wrong there; the row then says no more than a note.
    pub fn severity(&self, rule: &RuleMeta, lowered: bool, calmed: bool) -> Severity {
        if rule.row == Row::Fault {
            return Severity::Error;
        }
        let row = rule.severity_at(self.level);
        let mut severity = match (lowered, calmed) {
            (_, true) => row.min(Severity::Note),
            (true, false) => one_less(row),
            (false, false) => row,
        };
        if rule.row == Row::Unpinned && self.flags.allow_unpinned == Some(true) {
            severity = severity.min(Severity::Note);
        }
        if let Some(configured) = self.configured.get(rule.id) {
            severity = *configured;
        }
        if self.flags.raise(rule) {
            severity = Severity::Error;
        }
        if !self.flags.detect_silent_failures && rule.group == Group::SilentFailure {
            severity = Severity::Off;
        }
        self.named.get(rule.id).copied().unwrap_or(severity)
    }
}

fn one_less(severity: Severity) -> Severity {
    match severity {
        Severity::Error => Severity::Warning,
        Severity::Warning | Severity::Note => Severity::Note,
        Severity::Off => Severity::Off,
    }
}
