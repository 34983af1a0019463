//! What a notebook does well: assertions, seeds, statuses that are looked at. Told at level learning; no verdict
//! depends on it.

use std::collections::BTreeMap;

use nbvet_engine::{
    Beside, Model,
    ast::{Expr, ExprCall, Ranged as _, TextRange, Visitor, visitor, with_stack},
    with_model,
};
use nbvet_notebook::Reading;
use nbvet_report::{Strength, StrengthKind};

use crate::{
    analysis::assertions::{self, Assertion},
    verification::{float_equality_assert, unreached_assertion},
};

const SEEDING: &[&str] = &[
    "numpy.random.seed",
    "random.seed",
    "tensorflow.random.set_seed",
    "tensorflow.keras.utils.set_random_seed",
    "keras.utils.set_random_seed",
    "torch.manual_seed",
    "transformers.set_seed",
    "numpy.random.default_rng",
    "numpy.random.RandomState",
];
const CHECKING: &[&str] = &["subprocess.check_call", "subprocess.check_output"];

/// Each kind that the notebook has, with its first place.
pub fn strengths(reading: &Reading, beside: &Beside) -> Vec<Strength> {
    with_model(reading, beside, of_model).unwrap_or_default()
}

fn of_model(model: &Model<'_>) -> Vec<Strength> {
    let mut collector = Collector {
        model,
        position: 0,
        found: BTreeMap::new(),
    };
    for assertion in assertions::all(model) {
        if is_sound(model, &assertion) {
            collector.position = assertion.position;
            collector.add(StrengthKind::Assertion, assertion.statement.range());
        }
    }
    for (position, cell) in model.parsed().cells().iter().enumerate() {
        if cell.is_valid() && !cell.is_skipped() {
            collector.position = position;
            collector.visit_body(cell.body());
        }
    }
    let found = collector.found.into_iter();
    found
        .map(|(kind, (count, position, range))| Strength {
            kind,
            count,
            first: model.location(position, range),
        })
        .collect()
}

/// No rule complains of it.
fn is_sound<'a>(model: &Model<'a>, assertion: &Assertion<'a>) -> bool {
    let condition = &assertion.statement.test;
    assertion.swallowed_by.is_none()
        && assertions::tautology(condition).is_none()
        && float_equality_assert::inexact(model, condition).is_none()
        && !unreached_assertion::is_unreached(model, assertion)
}

struct Collector<'a, 'm> {
    model: &'m Model<'a>,
    position: usize,
    /// How often, and the first place.
    found: BTreeMap<StrengthKind, (u32, usize, TextRange)>,
}

impl<'a> Collector<'a, '_> {
    fn add(&mut self, kind: StrengthKind, range: TextRange) {
        let place = (0, self.position, range);
        self.found.entry(kind).or_insert(place).0 += 1;
    }

    fn kind(&self, call: &'a ExprCall) -> Option<StrengthKind> {
        let arguments = &call.arguments;
        let has = |name| arguments.find_keyword(name).is_some();
        let is_fixed = |name| {
            let keyword = arguments.find_keyword(name);
            keyword.is_some_and(|keyword| !keyword.value.is_none_literal_expr())
        };
        if let Some(name) = self.model.qualified_name(&call.func) {
            if name.is_any(SEEDING) && !arguments.is_empty() {
                return Some(StrengthKind::Seed);
            }
            let package = name.segments().get(..2);
            if package.is_some_and(|parts| matches!(parts, ["numpy" | "pandas", "testing"])) {
                return Some(StrengthKind::Assertion);
            }
            let is_checked = name.is("subprocess.run")
                && (arguments.find_keyword("check")).is_some_and(|check| is_true(&check.value));
            if is_checked || name.is_any(CHECKING) {
                return Some(StrengthKind::CheckedStatus);
            }
        }
        let method = call.func.as_attribute_expr().map(|method| method.attr.as_str());
        match method {
            Some("raise_for_status") => Some(StrengthKind::CheckedStatus),
            Some("merge" | "join") if has("validate") => Some(StrengthKind::ValidatedJoin),
            _ if is_fixed("random_state") => Some(StrengthKind::Seed),
            _ => None,
        }
    }
}

impl<'a> Visitor<'a> for Collector<'a, '_> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Call(call) = expression
            && let Some(kind) = self.kind(call)
        {
            self.add(kind, call.range());
        }
        with_stack(|| visitor::walk_expr(self, expression));
    }
}

fn is_true(value: &Expr) -> bool {
    matches!(value, Expr::BooleanLiteral(literal) if literal.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cells: &[&str]) -> Vec<(StrengthKind, u32, u32)> {
        let cells: Vec<_> = cells
            .iter()
            .map(|source| {
                serde_json::json!({"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null,
                    "source": source})
            })
            .collect();
        let notebook =
            serde_json::json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells});
        let reading = nbvet_notebook::read(&serde_json::to_vec(&notebook).unwrap());
        strengths(&reading, &Beside::default())
            .into_iter()
            .map(|found| (found.kind, found.count, found.first.cell.unwrap()))
            .collect()
    }

    #[test]
    fn assertions_that_can_fail_count_and_others_do_not() {
        assert_eq!(
            check(&[
                "assert True\ntry:\n    assert x\nexcept Exception:\n    pass",
                "x = 1",
                "assert x > 0\nassert x < 2",
            ]),
            [(StrengthKind::Assertion, 2, 2)]
        );
        assert_eq!(
            check(&[
                "def check(rows):\n    assert rows\n    assert len(rows) > 1",
                "total = sum([0.1, 0.2])\nassert total == 0.3",
                "if False:\n    assert total > 0",
            ]),
            []
        );
        assert_eq!(check(&["assert"]), []);
    }

    #[test]
    fn seeds_statuses_and_joins_are_seen() {
        assert_eq!(
            check(&[
                "import numpy as np, subprocess, requests\nnp.random.seed(0)\nrng = np.random.default_rng()",
                "subprocess.run(['make'], check=True)\nsubprocess.run(['make'])",
                "requests.get('https://example.org', timeout=3).raise_for_status()",
                "a.merge(b, on='key', validate='one_to_one')\na.merge(b)",
                "split(x, random_state=1)\nsplit(x, random_state=None)",
            ]),
            [
                (StrengthKind::Seed, 2, 0),
                (StrengthKind::CheckedStatus, 2, 1),
                (StrengthKind::ValidatedJoin, 1, 3),
            ]
        );
    }
}
