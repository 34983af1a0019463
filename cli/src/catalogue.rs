//! The rules by the names that people give them: those that read notebooks and those that read dependency files.

use nbvet_render::RuleInfo;
use nbvet_report::RuleMeta;

use crate::usage::nearest;

/// All rules, in the order of their ids.
pub(crate) fn all() -> Vec<&'static RuleMeta> {
    let mut rules: Vec<_> = nbvet_rules::ALL.iter().map(|rule| &rule.meta).collect();
    rules.extend(nbvet_deps::rules::ALL.iter().map(|rule| &rule.meta));
    rules.sort_by_key(|rule| rule.id);
    rules
}

/// The rule with this id or name, or the names that resemble it.
pub(crate) fn find(word: &str) -> Result<&'static RuleMeta, Vec<String>> {
    let is_named = |rule: &&&RuleMeta| rule.id.eq_ignore_ascii_case(word) || rule.name == word;
    let rules = all();
    rules
        .iter()
        .find(is_named)
        .copied()
        .ok_or_else(|| nearest(word, rules.iter().flat_map(|rule| [rule.id, rule.name])))
}

/// What the renderers say about rules.
pub(crate) fn infos() -> Vec<RuleInfo<'static>> {
    all()
        .into_iter()
        .map(|rule| RuleInfo {
            id: rule.id,
            name: rule.name,
            summary: rule.summary(),
            page: page(rule),
        })
        .collect()
}

/// A rule's page. It is written as doc comments, whose lines begin with a space.
pub(crate) fn page(rule: &RuleMeta) -> String {
    rule.doc
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned() + "\n")
        .collect()
}
