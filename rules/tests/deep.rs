//! Expressions as deep as they are long: judged or refused, never the end of the program.

use nbvet_engine::{Beside, Settings, check};
use nbvet_notebook::read;
use serde_json::json;

#[test]
fn no_depth_of_a_cell_overflows_the_stack() {
    const DEPTH: usize = 60_000;
    let chains = [
        vec!["1"; DEPTH].join("+"),
        "-".repeat(DEPTH) + "1",
        "not ".repeat(DEPTH) + "1",
        "a".to_owned() + &".b".repeat(DEPTH),
        "f".to_owned() + &"()".repeat(DEPTH),
        "f".to_owned() + &"[0]".repeat(DEPTH),
        "1".to_owned() + &" if x else 1".repeat(DEPTH),
        "lambda:".repeat(DEPTH) + "1",
        "'a'if'b'else".repeat(DEPTH) + "'c'",
        "not\\\r".repeat(DEPTH) + "1",
        vec!["x"; DEPTH].join(" = "),
        vec!["x"; DEPTH].join(" ** "),
        vec!["f(1, 2)"; DEPTH].join(" + "),
    ];
    for chain in chains {
        let cells = json!([{"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null,
            "source": format!("x = {chain}")}]);
        let file = json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}).to_string();
        // A thread of the smallest stack that any of ours has.
        let judged = std::thread::Builder::new()
            .stack_size(2 * 1024 * 1024)
            .spawn(move || {
                check(
                    &read(file.as_bytes()),
                    &Beside::default(),
                    None,
                    nbvet_rules::ALL,
                    &Settings::default(),
                )
                .len()
            });
        judged.expect("it starts").join().expect("it comes to its end");
    }
}
