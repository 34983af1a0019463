//! Pairs of notebooks, a fault and its clean twin, for every rule: each fault has its
//! severity at each level and stands at its place, no twin has a diagnostic of the rule. The pairs are in
//! `fixtures/pairs`, one file a rule; half of the faults are mutants of notebooks of the corpus.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panic")]

mod examples;
mod file;
mod judge;
mod runs;
mod statics;

use std::collections::BTreeSet;

use nbvet_engine::Check;
use nbvet_report::Severity;

use crate::file::PairFile;

/// Rules on what authors write for nbvet alone, and on what has no cells: no notebook of the corpus has it.
const WITHOUT_MUTANTS: [&str; 4] = ["NB110", "NB111", "NB113", "NB928"];
/// What it tells needs a second notebook; the tests of nbvet-golden have its pairs.
const WITHOUT_PAIRS: &str = "NB112";

#[test]
fn every_rule_has_three_pairs_and_half_of_its_faults_are_mutants() {
    let files = PairFile::all();
    for rule in nbvet_rules::ALL {
        let id = rule.meta.id;
        if id == WITHOUT_PAIRS {
            continue;
        }
        let file = files.iter().find(|file| file.rule == id);
        let file = file.unwrap_or_else(|| panic!("{id} has a file in fixtures/pairs"));
        // Pairs with severities of their own show where the rule ends; they are not its faults.
        let pairs = file.pairs.iter().filter(|pair| pair.expect.is_none()).count();
        let mutants = file.mutants.len();
        assert!(pairs + mutants >= 3, "{id}: {pairs} pairs and {mutants} mutants");
        let needs_mutants = !WITHOUT_MUTANTS.contains(&id);
        assert!(
            !needs_mutants || mutants >= pairs,
            "{id}: {pairs} pairs and {mutants} mutants"
        );
        assert_eq!(file.name, format!("{id}-{}", rule.meta.name));
    }
    assert!(
        files.iter().all(|file| nbvet_rules::find(&file.rule).is_some()),
        "every file is of a rule"
    );
}

#[test]
fn names_of_pairs_are_unique_and_no_fault_is_written_twice() {
    for file in PairFile::all() {
        let names: Vec<&str> = (file.pairs.iter().map(|pair| pair.name.as_str()))
            .chain(file.mutants.iter().map(|mutant| mutant.name.as_str()))
            .collect();
        let unique: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(unique.len(), names.len(), "{}: {names:?}", file.rule);
        let faults: BTreeSet<&str> = file.pairs.iter().map(|pair| pair.fault.trim()).collect();
        assert_eq!(faults.len(), file.pairs.len(), "{}", file.rule);
    }
}

#[test]
fn no_pair_is_an_example_of_the_page_of_its_rule() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for file in PairFile::all() {
        let rule = nbvet_rules::find(&file.rule).unwrap();
        let page = words(rule.meta.doc);
        for pair in &file.pairs {
            for text in [&pair.fault, &pair.twin] {
                assert!(!page.contains(&words(text)), "{} {}", file.rule, pair.name);
            }
        }
    }
}

#[test]
fn the_severities_of_a_file_are_those_of_four_levels_and_never_fall() {
    for file in PairFile::all() {
        assert!(file.expect.is_sorted(), "{}: {:?}", file.rule, file.expect);
        let faults = file.expect == [Severity::Error; 4];
        // NB927: a cell that is none, as NB921 is a file.
        let execution = file.rule.starts_with("NB0") || ["NB921", "NB927"].contains(&file.rule.as_str());
        assert_eq!(
            execution, faults,
            "{}: only execution faults and files that are no notebook fail at learning",
            file.rule
        );
    }
}

#[test]
fn every_mutant_says_how_its_fault_was_shown_to_be_real() {
    for file in PairFile::all() {
        for mutant in &file.mutants {
            assert!(
                mutant.proof.len() > 10,
                "{} {}: {:?}",
                file.rule,
                mutant.name,
                mutant.proof
            );
        }
    }
}

/// Notebooks of the rule are read, not run.
fn is_static(file: &PairFile) -> bool {
    nbvet_rules::find(&file.rule).is_some_and(|rule| !matches!(rule.check, Check::Run(_)))
}
