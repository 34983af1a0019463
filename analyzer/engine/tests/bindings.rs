//! Bindings and references across cells, on fixture cells: what each use of a name can mean when the notebook runs
//! from top to bottom.
#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{fmt::Write, sync::Arc};

use expect_test::{Expect, expect};
use nbvet_engine::{
    Beside, Model, ParsedNotebook,
    model::{BindingId, Reached, Resolution, ScopeId},
};

/// A notebook of code cells, separated by `# %%`.
fn read(cells: &str) -> nbvet_notebook::Reading {
    let cells: Vec<_> = cells
        .split("# %%\n")
        .map(|source| {
            serde_json::json!({"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null,
                "source": source.trim_end()})
        })
        .collect();
    let notebook = serde_json::json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells});
    nbvet_notebook::read(&serde_json::to_vec(&notebook).unwrap())
}

fn refused(cells: &str) -> String {
    let notebook = read(cells).notebook.unwrap();
    let parsed = ParsedNotebook::new(&notebook);
    let model = Model::new(&parsed);
    let mut printed = String::new();
    for (place, message) in model.refused() {
        writeln!(printed, "{} {message}", place.cell).unwrap();
    }
    printed
}

/// Prints, for each use of a name that the notebook itself may bind, the cells whose
/// bindings can reach it (`+` where others may too), or why there are none.
#[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
fn check(cells: &str, expected: Expect) {
    let reading = read(cells);
    let notebook = reading.notebook.unwrap();
    let parsed = ParsedNotebook::new(&notebook);
    let model = Model::new(&parsed);
    let mut printed = String::new();
    for (_, reference) in model.references() {
        let meaning = match &reference.resolution {
            Resolution::Builtin => continue,
            Resolution::Bindings { ids, widened } => {
                let cells: Vec<String> = ids
                    .iter()
                    .map(|id| model.binding(*id).place.cell.to_string())
                    .collect();
                let local = ids.iter().any(|id| model.binding(*id).scope != ScopeId::NOTEBOOK);
                format!(
                    "{}{}{}",
                    if local { "local " } else { "" },
                    cells.join(","),
                    if *widened { "+" } else { "" }
                )
            }
            other => format!("{other:?}").to_lowercase(),
        };
        let guard = if reference.guarded { " (guarded)" } else { "" };
        writeln!(
            printed,
            "{} {} <- {meaning}{guard}",
            reference.place.cell, reference.name
        )
        .unwrap();
    }
    for premature in model.premature_uses() {
        writeln!(printed, "{} call needs {}", premature.call.cell, premature.name).unwrap();
    }
    expected.assert_eq(&printed);
}

#[test]
fn a_name_is_what_the_last_cell_above_made_it() {
    check(
        "x = 1\n# %%\nx = 2\n# %%\nprint(x)\n",
        expect![[r#"
        2 x <- 1
    "#]],
    );
}

#[test]
fn a_name_that_is_bound_on_one_path_keeps_what_it_was_on_the_other() {
    check(
        "x = 1\n# %%\nif flag():\n    x = 2\n# %%\nx\n",
        expect![[r#"
        1 flag <- unbound
        2 x <- 1,0
    "#]],
    );
}

#[test]
fn both_branches_of_an_if_hide_what_was_before() {
    check(
        "x = 1\n# %%\nif True == 1:\n    x = 2\nelse:\n    x = 3\nx\n",
        expect![[r#"
        1 x <- 1,1
    "#]],
    );
}

#[test]
fn del_takes_the_name_away() {
    check(
        "x = 1\n# %%\ndel x\n# %%\nx\n",
        expect![[r#"
        1 x <- 0
        2 x <- deleted
    "#]],
    );
}

#[test]
fn a_comprehension_has_a_scope_of_its_own() {
    check(
        "rows = [1]\n# %%\n[row for row in rows if row]\nrow\n",
        expect![[r#"
        1 rows <- 0
        1 row <- local 1
        1 row <- local 1
        1 row <- unbound
    "#]],
    );
}

#[test]
fn the_walrus_binds_outside_its_comprehension() {
    check(
        "any((last := n) > 1 for n in [1, 2])\nlast\n",
        expect![[r#"
        0 n <- local 0
        0 last <- 0
    "#]],
    );
}

#[test]
fn a_function_sees_what_is_bound_below_it() {
    check(
        "def f():\n    return rate\n# %%\nrate = 2\n# %%\nf()\n",
        expect![[r#"
        2 f <- 0
        0 rate <- 1
    "#]],
    );
}

#[test]
fn a_function_called_before_its_names_are_bound_is_noted() {
    check(
        "def f():\n    return rate\n# %%\nf()\n# %%\nrate = 2\n",
        expect![[r#"
        1 f <- 0
        0 rate <- 2
        1 call needs rate
    "#]],
    );
}

#[test]
fn a_function_used_before_its_cell_is_unbound_there() {
    check(
        "f()\n# %%\ndef f():\n    pass\n",
        expect![[r#"
        0 f <- unbound
    "#]],
    );
}

#[test]
fn what_a_called_function_calls_is_looked_at_too() {
    check(
        "def inner():\n    return rate\ndef outer():\n    return inner()\n# %%\nouter()\n# %%\nrate = 1\n",
        expect![[r#"
        1 outer <- 0
        0 rate <- 2
        0 inner <- 0
        1 call needs rate
    "#]],
    );
}

#[test]
fn a_local_name_hides_the_notebooks() {
    check(
        "x = 1\n# %%\ndef f(x):\n    y = x\n    return y\n",
        expect![[r#"
        1 x <- local 1
        1 y <- local 1
    "#]],
    );
}

#[test]
fn global_binds_in_the_notebook() {
    check(
        "def load():\n    global data\n    data = [1]\n# %%\nload()\n# %%\ndata\n",
        expect![[r#"
        1 load <- 0
        2 data <- unknown
    "#]],
    );
}

#[test]
fn names_of_a_class_body_are_not_seen_in_its_methods() {
    check(
        "class A:\n    size = 1\n    double = size * 2\n    def f(self):\n        return size\n",
        expect![[r#"
        0 size <- local 0
        0 size <- unbound
    "#]],
    );
}

#[test]
fn capture_binds_the_name_it_is_given() {
    check(
        "%%capture out\nprint(1)\n# %%\nout.show()\n",
        expect![[r#"
        1 out <- 0
    "#]],
    );
}

#[test]
fn only_a_restoring_store_binds() {
    check(
        "%store -r model\n%store kept\n%load helpers.py\n# %%\nmodel\nkept\n",
        expect![[r#"
            1 model <- 0
            1 kept <- unbound
        "#]],
    );
}

#[test]
fn a_cell_in_another_language_binds_what_its_options_say() {
    check(
        "%%bash --out listing\nls\n# %%\nlisting\n# %%\n%%bigquery frame\nSELECT 1\n# %%\nframe\n",
        expect![[r#"
        1 listing <- 0
        3 frame <- 2
    "#]],
    );
}

#[test]
fn the_result_of_a_command_is_bound() {
    check(
        "files = !ls\n# %%\nfiles[0]\n",
        expect![[r#"
        1 files <- 0
    "#]],
    );
}

#[test]
fn time_runs_its_code_in_the_notebook_and_timeit_does_not() {
    check(
        "%time x = 1\n%timeit y = 2\n# %%\nx\ny\n",
        expect![[r#"
        1 x <- 0
        1 y <- unbound
    "#]],
    );
}

#[test]
fn after_pylab_or_run_any_name_may_be_there() {
    check(
        "%pylab inline\n# %%\nplot([1])\n",
        expect![[r#"
        1 plot <- unknown
    "#]],
    );
}

#[test]
fn after_a_star_import_any_name_may_be_there() {
    check(
        "before\n# %%\nfrom math import *\n# %%\nsin(1)\n",
        expect![[r#"
        0 before <- unbound
        2 sin <- unknown
    "#]],
    );
}

#[test]
fn names_of_ipython_are_known() {
    check(
        "_ + _3\nget_ipython()\ndisplay(In)\n",
        expect![[r#"
        0 _ <- kernel
        0 _3 <- kernel
        0 get_ipython <- kernel
        0 display <- kernel
        0 In <- kernel
    "#]],
    );
}

#[test]
fn annotations_are_not_evaluated_below_the_import_from_the_future() {
    check(
        "def early(x: Missing): ...\n# %%\nfrom __future__ import annotations\n# %%\nclass Layout:\n    def next(self) -> Layout:\n        y: Grid = 1\n",
        expect![[r#"
        0 Missing <- unbound
        2 Layout <- unbound (guarded)
    "#]],
    );
}

#[test]
fn a_missing_name_that_is_expected_is_guarded() {
    check(
        "try:\n    unicode\nexcept NameError:\n    unicode = str\n# %%\nif 'cache' not in globals():\n    cache = {}\ncache\n",
        expect![[r#"
        0 unicode <- unbound (guarded)
        1 cache <- 1 (guarded)
    "#]],
    );
}

#[test]
fn a_handler_sees_what_the_try_may_have_bound() {
    check(
        "try:\n    x = 1\n    y = f()\nexcept ValueError as error:\n    print(x, error)\nerror\n",
        expect![[r#"
        0 f <- unbound
        0 x <- 0
        0 error <- 0
        0 error <- deleted
    "#]],
    );
}

#[test]
fn a_name_of_a_loop_lives_on_and_may_come_round() {
    check(
        "for i in range(3):\n    if i:\n        previous\n    previous = i\n# %%\ni, previous\n",
        expect![[r#"
        0 i <- 0
        0 previous <- unknown
        0 i <- 0
        1 i <- 0
        1 previous <- 0+
    "#]],
    );
}

#[test]
fn what_is_bound_before_a_break_is_kept() {
    check(
        "while True:\n    found = look()\n    if found:\n        best = found\n        break\nbest\n",
        expect![[r#"
        0 look <- unbound
        0 found <- 0
        0 found <- 0
        0 best <- 0
    "#]],
    );
}

#[test]
fn nothing_after_an_unconditional_exit_is_reached() {
    check(
        "import sys\nsys.exit()\nx\n# %%\ny\n",
        expect![[r#"
        0 sys <- 0
        0 x <- unreachable
        1 y <- unreachable
    "#]],
    );
}

#[test]
fn a_broken_cell_does_not_silence_the_others() {
    check(
        "x = = 1\n# %%\ny = 2\n# %%\ny\nz\n",
        expect![[r#"
        2 y <- 1
        2 z <- unbound
    "#]],
    );
}

#[test]
fn decorators_and_defaults_run_where_they_stand() {
    check(
        "@cached\ndef f(a=limit):\n    return a\n# %%\nlimit = 1\n",
        expect![[r#"
        0 cached <- unbound
        0 limit <- unbound
        0 a <- local 0
    "#]],
    );
}

#[test]
fn a_lambda_and_a_nested_function_see_the_scopes_around_them() {
    check(
        "def f(a):\n    b = 1\n    def g():\n        return a + b\n    return lambda c: g() + c\n",
        expect![[r#"
        0 a <- local 0
        0 b <- local 0
        0 g <- local 0
        0 c <- local 0
    "#]],
    );
}

#[test]
fn match_captures_are_bound() {
    check(
        "match [1, 2]:\n    case [first, *rest]:\n        pass\nfirst, rest\n",
        expect![[r#"
        0 first <- 0
        0 rest <- 0
    "#]],
    );
}

#[test]
fn unpacking_binds_each_name() {
    check(
        "a, (b, *c) = load = 1, (2, 3)\n# %%\na, b, c, load\n",
        expect![[r#"
        1 a <- 0
        1 b <- 0
        1 c <- 0
        1 load <- 0
    "#]],
    );
}

#[test]
fn a_return_outside_a_function_and_a_break_outside_a_loop_are_refused() {
    let cells = "def f():\n    return 1\nfor i in []:\n    break\n# %%\nif True:\n    return 1\n# %%\nclass A:\n    for i in []:\n        continue\n# %%\nbreak\n";
    let refused = refused(cells);
    expect!["1 'return' outside function\n3 'break' outside loop\n"].assert_eq(&refused);
}

/// Prints what each use means in the notebook, with files beside it.
#[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
fn check_beside(cells: &str, files: &[(&str, Vec<u8>)], expected: Expect) {
    let reading = read(cells);
    let beside = Beside::of(&reading, |wanted| {
        let found = files.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, bytes)| bytes.clone())
    });
    let notebook = reading.notebook.unwrap();
    let parsed = ParsedNotebook::with_others(&notebook, &beside);
    let model = Model::new(&parsed);
    let mut printed = String::new();
    for (_, reference) in model.references() {
        let meaning = match &reference.resolution {
            Resolution::Builtin => continue,
            Resolution::Bindings { widened, .. } => format!("bound{}", if *widened { "+" } else { "" }),
            other => format!("{other:?}").to_lowercase(),
        };
        writeln!(
            printed,
            "{} {} <- {meaning}",
            reference.place.cell, reference.name
        )
        .unwrap();
    }
    expected.assert_eq(&printed);
}

fn file(cells: &str) -> Vec<u8> {
    let sources: Vec<_> = cells.split("# %%\n").collect();
    let cells: Vec<_> = sources
        .iter()
        .map(|source| {
            serde_json::json!({"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null,
                "source": source})
        })
        .collect();
    serde_json::json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells})
        .to_string()
        .into_bytes()
}

#[test]
fn a_notebook_that_is_run_binds_its_names_and_no_others() {
    let helpers = file("import numpy as np\n# %%\ndef load(path):\n    inner = path\n    return inner\n");
    check_beside(
        "%run helpers.ipynb\n# %%\nload('x')\nnp.zeros(3)\ninner\n",
        &[("helpers.ipynb", helpers)],
        expect![[r#"
            1 load <- bound
            1 np <- bound
            1 inner <- unbound
        "#]],
    );
}

#[test]
fn a_script_is_run_with_options_quotes_and_without_its_ending() {
    for line in [
        "%run -i utils",
        "%run 'utils.py'",
        "%run -n -e utils.py --fast",
        "run utils",
    ] {
        check_beside(
            &format!("{line}\n# %%\nwidth\nheight\n"),
            &[("utils.py", b"width = 3\n".to_vec())],
            expect![[r#"
                1 width <- bound
                1 height <- unbound
            "#]],
        );
    }
}

#[test]
fn what_a_file_runs_itself_is_followed_and_a_circle_ends() {
    check_beside(
        "%run a.ipynb\n# %%\nx\ny\nz\n",
        &[
            ("a.ipynb", file("%run b.ipynb\nx = 1\n")),
            ("b.ipynb", file("y = 2\n")),
        ],
        expect![[r#"
            1 x <- bound
            1 y <- bound
            1 z <- unbound
        "#]],
    );
    check_beside(
        "%run a.ipynb\n# %%\nx\nz\n",
        &[("a.ipynb", file("%run a.ipynb\nx = 1\n"))],
        expect![[r#"
            1 x <- bound+
            1 z <- unknown
        "#]],
    );
}

#[test]
fn a_file_that_is_not_there_or_does_not_parse_may_bind_anything() {
    for (line, bytes) in [
        ("%run gone.ipynb", b"".to_vec()),
        ("%run {folder}/a.py", b"".to_vec()),
        ("%run -m package.module", b"".to_vec()),
        ("%run bad.py", b"x = (\n".to_vec()),
        ("%run stars.py", b"from numpy import *\n".to_vec()),
        ("%run none.ipynb", b"{}".to_vec()),
    ] {
        let files = [
            ("bad.py", bytes.clone()),
            ("stars.py", bytes.clone()),
            ("none.ipynb", bytes),
        ];
        check_beside(
            &format!("{line}\n# %%\nname\n"),
            &files,
            expect![[r#"
                1 name <- unknown
            "#]],
        );
    }
}

#[test]
fn bodies_that_see_every_binding_of_a_name_share_one_list() {
    let many: String = (0..40).fold(String::new(), |mut text, number| {
        writeln!(text, "x = {number}\ndef f{number}():\n    return x").unwrap();
        text
    });
    let notebook = read(&many).notebook.unwrap();
    let parsed = ParsedNotebook::new(&notebook);
    let model = Model::new(&parsed);
    let lists: Vec<&Arc<[BindingId]>> = model
        .references_named("x")
        .map(|reference| match &reference.resolution {
            Resolution::Bindings {
                ids: Reached::Shared(ids),
                ..
            } => ids,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!((lists.len(), lists[0].len()), (40, 40));
    assert!(lists.iter().all(|list| Arc::ptr_eq(list, lists[0])));
    let (first, _) = model.bindings().find(|(_, binding)| binding.name == "x").unwrap();
    assert_eq!(model.uses_of(first).count(), 40);
}

#[test]
fn a_name_that_a_thousand_ifs_bind_is_followed_so_far_and_then_open() {
    let many: String = (0..1000).fold(String::new(), |mut text, number| {
        writeln!(text, "if input():\n    x = {number}").unwrap();
        text
    });
    let notebook = read(&format!("x = 0\n{many}x\n")).notebook.unwrap();
    let parsed = ParsedNotebook::new(&notebook);
    let model = Model::new(&parsed);
    let last = model.references_named("x").last().unwrap();
    match &last.resolution {
        Resolution::Bindings { ids, widened } => assert_eq!((ids.len(), *widened), (128, true)),
        other => panic!("{other:?}"),
    }
}
