//! The rules of dependencies: one a file, with its page and its examples, which are its tests.

mod arbitrary_equality;
mod base_image_tag;
mod conflicting_constraint;
mod conflicting_requirement;
mod inapplicable_requirement;
mod incomplete_lock;
mod local_path;
mod malformed_hash;
mod missing_hash;
mod moving_revision;
mod no_dependency_file;
mod no_wheel;
mod other_version;
mod outside_repository;
mod pre_release;
mod shadowed_package;
mod stale_lock;
mod undeclared_import;
mod unpinned_requirement;
mod unreadable_dependencies;
mod unsafe_option;
mod url_without_hash;
mod wildcard_pin;
mod withdrawn_version;

use nbvet_report::Readers;

use crate::{
    detection::Refused,
    policy::{Finding, PolicyRule, Review},
    requirements::Fault,
};

/// All rules of dependencies, by id.
pub static ALL: &[PolicyRule] = &[
    unreadable_dependencies::RULE,
    unpinned_requirement::RULE,
    wildcard_pin::RULE,
    arbitrary_equality::RULE,
    url_without_hash::RULE,
    moving_revision::RULE,
    local_path::RULE,
    outside_repository::RULE,
    missing_hash::RULE,
    malformed_hash::RULE,
    unsafe_option::RULE,
    conflicting_requirement::RULE,
    conflicting_constraint::RULE,
    incomplete_lock::RULE,
    withdrawn_version::RULE,
    inapplicable_requirement::RULE,
    no_wheel::RULE,
    pre_release::RULE,
    shadowed_package::RULE,
    base_image_tag::RULE,
    stale_lock::RULE,
    no_dependency_file::RULE,
    undeclared_import::RULE,
    other_version::RULE,
];

pub use no_dependency_file::none_found;
pub use undeclared_import::undeclared;

/// What the rules find in a dependency file, by rule, each in the order of the file.
pub fn review(cx: &Review<'_>) -> Vec<Finding> {
    ALL.iter().flat_map(|rule| (rule.check)(cx)).collect()
}

/// The finding for files that could not be read.
pub fn of_fault(fault: &Fault) -> Finding {
    outside_repository::of_fault(fault)
        .or_else(|| malformed_hash::of_fault(fault))
        .unwrap_or_else(|| unreadable_dependencies::of_fault(fault))
}

/// The finding for a file that was asked for, or found first, and cannot be used.
pub fn of_refused(refused: &Refused, readers: Readers) -> Finding {
    unreadable_dependencies::of_refused(refused, readers)
}

/// The rule with this id or name.
pub fn find(word: &str) -> Option<&'static PolicyRule> {
    ALL.iter()
        .find(|rule| rule.meta.id.eq_ignore_ascii_case(word) || rule.meta.name == word)
}

#[cfg(test)]
mod tests;
