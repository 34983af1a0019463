//! Pairs of static rules: notebooks are read, not run.

use crate::{
    file::{PairFile, corpus},
    is_static,
    judge::Expected,
};

#[test]
fn every_fault_of_a_static_rule_has_its_severities_and_no_twin_has_any() {
    let mut wrong: Vec<String> = Vec::new();
    for file in PairFile::all().iter().filter(|file| is_static(file)) {
        for pair in &file.pairs {
            let expected = Expected::of_pair(file, pair);
            wrong.extend(expected.faults_of(&pair.fault(), None));
            wrong.extend(expected.faults_of_twin(&pair.twin(), None));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_mutant_of_a_static_rule_has_its_severities_and_the_unmutated_notebook_none() {
    let Some(corpus) = corpus() else {
        println!("skipped: no corpus");
        return;
    };
    let mut wrong: Vec<String> = Vec::new();
    for file in PairFile::all().iter().filter(|file| is_static(file)) {
        for mutant in &file.mutants {
            let expected = Expected::of_mutant(file, mutant);
            wrong.extend(expected.faults_of(&mutant.fault(&corpus), None));
            wrong.extend(expected.faults_of_twin(&mutant.twin(&corpus), None));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
