//! What a repository's own settings may say where somebody else orders its validation, as in a cluster: they may raise; they
//! lower nothing at production, and nothing that the order names.

use std::collections::BTreeMap;

use nbvet_engine::Flags;
use nbvet_golden::Tolerance;
use nbvet_protocol::InstallPolicy;
use nbvet_report::{ComparisonStrategy, Level, Row, RuleMeta, Severity};

use super::{Config, comparison::ComparisonConfig, dependencies::DependencyConfig};

/// What an order names, as far as a repository may not lower it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'n> {
    /// How strict the validation is.
    pub(crate) level: Level,
    /// The switches of the order alone.
    pub(crate) flags: Flags,
    /// It expects values of the notebook.
    pub(crate) expects: bool,
    /// It names a golden notebook.
    pub(crate) golden: bool,
    /// The rules whose severities it names, by id.
    pub(crate) rules: &'n BTreeMap<String, Severity>,
}

impl Named<'_> {
    /// Whether a rule stays at least where the order puts it.
    pub(crate) fn holds(&self, rule: &RuleMeta) -> bool {
        self.level == Level::Production || self.asks_for(rule)
    }

    /// Whether the order itself asks for a rule's findings.
    pub(crate) fn asks_for(&self, rule: &RuleMeta) -> bool {
        let is_expected = rule.row == Row::Expectation && (self.expects || self.golden);
        is_expected || self.flags.raise(rule) || self.rules.contains_key(rule.id)
    }

    /// The severity of the settings that counts.
    pub(crate) fn severity(&self, rule: &RuleMeta, configured: Option<Severity>) -> Option<Severity> {
        let least = rule.severity_at(self.level);
        configured.filter(|severity| !self.holds(rule) || *severity >= least)
    }

    /// The settings without what would lower something.
    pub(crate) fn without_what_lowers(&self, mut config: Config) -> Config {
        if self.golden {
            config.comparison = stricter(config.comparison);
        }
        if self.level < Level::Production {
            return config;
        }
        config.flags.detect_silent_failures = config.flags.detect_silent_failures.filter(|is_on| *is_on);
        config.stderr_allow.clear();
        config.baseline = None;
        config.installs = config.installs.filter(|policy| *policy != InstallPolicy::Run);
        config.dependencies = DependencyConfig {
            allow_unpinned: config
                .dependencies
                .allow_unpinned
                .filter(|is_allowed| !is_allowed),
            allow_sdist: None,
            allowed_indexes: None,
            allowed_hosts: None,
            ..config.dependencies
        };
        config
    }
}

/// A comparison as far as it is no laxer than where nothing is said.
fn stricter(config: ComparisonConfig) -> ComparisonConfig {
    let default = Tolerance::default();
    ComparisonConfig {
        golden: config.golden,
        strategy: config
            .strategy
            .filter(|strategy| *strategy == ComparisonStrategy::Exact),
        relative: config.relative.filter(|share| share.is_within(default.relative)),
        absolute: config.absolute.filter(|share| share.is_within(default.absolute)),
        ignore_timestamps: config.ignore_timestamps.filter(|ignored| !ignored),
        ignore_execution_count: config.ignore_execution_count.filter(|ignored| !ignored),
        ..ComparisonConfig::default()
    }
}
