//! Expressions as deep as they are long, and chains of functions: judged or refused, never the end of the program.

mod notebook;

use std::time::{Duration, Instant};

use nbvet_engine::{Beside, Settings, check};

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
        judge(&[format!("x = {chain}")]);
    }
}

#[test]
fn functions_that_call_one_another_are_followed_in_linear_time_and_without_recursion() {
    let many = |one: fn(usize) -> String| (1..8000).map(one).collect::<Vec<_>>();
    let called = many(|i| format!("def f{i}(x):\n    return f{}(x)", i + 1));
    let incomplete = many(|i| format!("def t{i}(x):\n    u{i}\n    t{}(x)\n", i + 1));
    let inherited = many(|i| format!("class c{i}(c{}):\n    def f(self): v{i}\n", i - 1));
    let since = Instant::now();
    judge(&called);
    judge(&[incomplete.concat()]);
    judge(&[inherited.concat()]);
    assert!(since.elapsed() < Duration::from_mins(1));
}

#[test]
fn many_functions_assertions_and_findings_cost_no_search_each() {
    let many = |one: fn(usize) -> String| (1..10_000).map(one).collect::<Vec<_>>();
    let since = Instant::now();
    judge(&many(|i| format!("def f{i}(x):\n    if x: return f{}(x)", i - 1)));
    judge(&many(|i| {
        format!(
            "class A{i}:\n    def f{i}(self, x):\n        if x: return self.f{}(x)",
            i - 1
        )
    }));
    judge(&many(|i| {
        format!("def t{i}(x):\n    t{}(x)\n    assert x", i + 1)
    }));
    judge(&[many(|i| format!("print(u{i});")).concat()]);
    assert!(since.elapsed() < Duration::from_secs(50));
}

#[test]
fn many_requests_and_matches_in_one_cell_cost_no_search_each() {
    let many = |one: fn(usize) -> String| (0..10_000).map(one).collect::<String>();
    let sends = many(|i| format!("r{i} = s.get('http://a/{i}')\nopen('{i}', 'wb').write(r{i}.content)\n"));
    let matches = many(|i| format!("m{i} = re.match('a', x)\nprint(m{i}.group(0))\n"));
    let since = Instant::now();
    judge(&[format!("import requests\ns = requests.Session()\n{sends}")]);
    judge(&[format!("import re\n{matches}")]);
    assert!(since.elapsed() < Duration::from_secs(30));
}

/// Judges a notebook of these cells in a thread of the smallest stack that any of ours has.
fn judge(cells: &[String]) {
    let reading = notebook::reading(cells.iter().map(|source| notebook::code(source)));
    let judged = std::thread::Builder::new()
        .stack_size(2 * 1024 * 1024)
        .spawn(move || {
            check(
                &reading,
                &Beside::default(),
                None,
                nbvet_rules::ALL,
                &Settings::default(),
            )
            .len()
        });
    judged.expect("it starts").join().expect("it comes to its end");
}
