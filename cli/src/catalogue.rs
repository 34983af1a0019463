//! The rules by the names that people give them.

use nbvet_engine::Rule;
use nbvet_render::RuleInfo;

use crate::usage::nearest;

/// All rules, in the order of their ids.
pub(crate) fn all() -> Vec<&'static Rule> {
    let mut rules: Vec<&Rule> = nbvet_rules::ALL.iter().collect();
    rules.sort_by_key(|rule| rule.meta.id);
    rules
}

/// The rule with this id or name, or the names that resemble it.
pub(crate) fn find(word: &str) -> Result<&'static Rule, Vec<String>> {
    let is_named = |rule: &&&Rule| rule.meta.id.eq_ignore_ascii_case(word) || rule.meta.name == word;
    let rules = all();
    rules
        .iter()
        .find(is_named)
        .copied()
        .ok_or_else(|| nearest(word, rules.iter().flat_map(|rule| [rule.meta.id, rule.meta.name])))
}

/// What the renderers say about rules.
pub(crate) fn infos() -> Vec<RuleInfo<'static>> {
    all()
        .into_iter()
        .map(|rule| RuleInfo {
            id: rule.meta.id,
            name: rule.meta.name,
            summary: rule.meta.summary(),
            page: page(rule),
        })
        .collect()
}

/// A rule's page. It is written as doc comments, whose lines begin with a space.
pub(crate) fn page(rule: &Rule) -> String {
    rule.meta
        .doc
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned() + "\n")
        .collect()
}
