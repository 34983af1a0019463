//! What IPython's cell syntax makes of a cell: text in, text out. `|` marks where each line of the text began in the
//! cell's source.

use expect_test::{Expect, expect};
use nbvet_notebook::magics::{CellCode, CellMagic, cell_code};

#[expect(
    clippy::needless_pass_by_value,
    reason = "a table of cases reads better without references"
)]
fn check(source: &str, expected: Expect) {
    expected.assert_eq(&shown(source));
}

fn shown(source: &str) -> String {
    match cell_code(source) {
        CellCode::Empty => "empty".to_owned(),
        CellCode::Automagic(line) => format!("automagic {line}"),
        CellCode::Foreign {
            magic,
            body_start,
            outer,
        } => {
            let outer: Vec<String> = outer.into_iter().map(|magic| magic.name).collect();
            format!(
                "foreign {outer:?} {:?} {:?} {:?}",
                magic.name,
                magic.arguments,
                &source[body_start..]
            )
        }
        CellCode::Python(text) => {
            let magic = |magic: &CellMagic| {
                format!(
                    "%% {:?} {:?} at {:?}\n",
                    magic.name,
                    magic.arguments,
                    &source[magic.span.clone()]
                )
            };
            let mut shown: String = text.cell_magics.iter().map(magic).collect();
            let mut offset = 0;
            for line in text.text.split_inclusive('\n') {
                shown.extend([format!("{:<3}|", text.source_offset(offset)).as_str(), line]);
                offset += line.len();
            }
            shown
        }
    }
}

#[test]
fn plain_code_stays_as_it_is() {
    check(
        "x = 1\nprint(x)\n",
        expect![[r#"
            0  |x = 1
            6  |print(x)
        "#]],
    );
    check(
        "def f():\n    return 1",
        expect![[r#"
            0  |def f():
            9  |    return 1"#]],
    );
}

#[test]
fn white_space_alone_is_an_empty_cell() {
    check("", expect!["empty"]);
    check(" \n\t\n\u{c}", expect!["empty"]);
}

#[test]
fn an_indentation_of_the_whole_cell_is_taken_away() {
    check(
        "\n    x = 1\n    if x:\n        y = 2\n",
        expect![[r#"
            5  |x = 1
            15 |if x:
            25 |    y = 2
        "#]],
    );
    check(
        "    x = 1\ny = 2\n",
        expect![[r#"
            4  |x = 1
            10 |y = 2
        "#]],
    );
    check(
        "    # note\n  y = 2\n  z = 3",
        expect![[r#"
            4  |# note
            13 |y = 2
            21 |z = 3"#]],
    );
    check(
        "\tx = 1\n\ty = 2",
        expect![[r#"
            1  |x = 1
            8  |y = 2"#]],
    );
}

#[test]
fn prompts_pasted_with_the_code_are_taken_away() {
    check(
        ">>> x = 1\n>>> if x:\n...     y = 2\n",
        expect![[r#"
            4  |x = 1
            14 |if x:
            24 |    y = 2
        "#]],
    );
    check(
        "x = 1\n>>> y = 2",
        expect![[r#"
            0  |x = 1
            10 |y = 2"#]],
    );
    check(
        "In [12]: x = 1\n   ...: y = 2",
        expect![[r#"
            9  |x = 1
            23 |y = 2"#]],
    );
    check("[nav] In [1]: x = 1", expect!["14 |x = 1"]);
    check(
        "  >>> x = 1\n  >>> y = 2",
        expect![[r#"
            6  |x = 1
            18 |y = 2"#]],
    );
}

#[test]
fn examples_within_texts_keep_their_prompts() {
    check(
        "def f():\n    \"\"\"\n    >>> f()\n    \"\"\"\n    ...\n",
        expect![[r#"
            0  |def f():
            9  |    """
            17 |    >>> f()
            29 |    """
            37 |    ...
        "#]],
    );
    check(
        "\"\"\"\n>>> f()\n... x\n\"\"\"\n",
        expect![[r#"
            0  |"""
            4  |>>> f()
            12 |... x
            18 |"""
        "#]],
    );
    check(
        "class A:\n    ...\n",
        expect![[r#"
            0  |class A:
            9  |    ...
        "#]],
    );
}

#[test]
fn python_bodied_cell_magics_show_their_body() {
    check(
        "%%time\nx = 1\n",
        expect![[r#"
            %% "time" "" at "%%time"
            7  |x = 1
        "#]],
    );
    check(
        "\n\n%%capture out --no-stderr\nx = 1",
        expect![[r#"
            %% "capture" "out --no-stderr" at "%%capture out --no-stderr"
            28 |x = 1"#]],
    );
    check(
        "%%timeit -n 10 -r3 x = 1\ny = x",
        expect![[r#"
            %% "timeit" "-n 10 -r3 x = 1" at "%%timeit -n 10 -r3 x = 1"
            19 |x = 1
            25 |y = x"#]],
    );
    check(
        "%%time x = 1",
        expect![[r#"
            %% "time" "x = 1" at "%%time x = 1"
            7  |x = 1
        "#]],
    );
    check(
        "%%prun -s cumulative f()\ng()",
        expect![[r#"
            %% "prun" "-s cumulative f()" at "%%prun -s cumulative f()"
            21 |f()
            25 |g()"#]],
    );
    check(
        "%%timeit -n 10",
        expect![[r#"
        %% "timeit" "-n 10" at "%%timeit -n 10"
    "#]],
    );
}

#[test]
fn cell_magics_on_one_another_are_all_seen() {
    check(
        "%%capture out\n%%time\nx = 1",
        expect![[r#"
            %% "capture" "out" at "%%capture out"
            %% "time" "" at "%%time"
            21 |x = 1"#]],
    );
    check(
        "%%capture out\n\n    %%time\n    x = 1",
        expect![[r#"
            %% "capture" "out" at "%%capture out"
            %% "time" "" at "%%time"
            30 |x = 1"#]],
    );
    check(
        "%%capture out\n%%bash\nls",
        expect![[r#"foreign ["capture"] "bash" "" "ls""#]],
    );
}

#[test]
fn other_cell_magics_are_foreign() {
    check("%%bash -e\nls\n", expect![[r#"foreign [] "bash" "-e" "ls\n""#]]);
    check(
        "%%writefile a.py\nx =",
        expect![[r#"foreign [] "writefile" "a.py" "x =""#]],
    );
    check("%%html", expect![[r#"foreign [] "html" "" """#]]);
    check("%% time\nx", expect![[r#"foreign [] "" "time" "x""#]]);
    check("%%sql\tselect", expect![[r#"foreign [] "sql\tselect" "" """#]]);
}

#[test]
fn help_on_a_cell_magic_is_left_to_the_parser() {
    check("%%time?", expect!["0  |%%time?"]);
    check(
        "%%time??\nx = 1",
        expect![[r#"
            0  |%%time??
            9  |x = 1"#]],
    );
}

#[test]
fn line_magics_without_their_sign_are_seen_in_cells_of_one_line() {
    for line in [
        "pip install x",
        "ls",
        "ls -la",
        "ls *.csv",
        "cd ..",
        "cd /tmp",
        "cd /",
        "cd -",
        "cd ~/data",
        "time f()",
        "  who  ",
        "matplotlib inline",
        "run script.py",
        "cat 'a b.txt'",
        "mkdir x && ls",
        "\npip list\n",
        "conda install -y x",
    ] {
        assert_eq!(shown(line), format!("automagic {}", line.trim()));
    }
}

#[test]
fn code_that_reads_as_python_is_python() {
    for line in [
        "ls = 5",
        "ls, x = 1, 2",
        "time.time()",
        "time()",
        "time - start",
        "run(x)",
        "config['a']",
        "history.history",
        "env if env else 1",
        "time in x",
        "page == 2",
        "page += 1",
        "save: int = 3",
        "pip_install x",
        "# a\npip install x",
        "pip install x\n\n",
        "pip install x\npip install y",
        "install x",
        "load // 2",
        "page != 2",
        "ls (1)",
        "precision",
        "run # the results",
    ] {
        let CellCode::Python(_) = cell_code(line) else {
            panic!("{line:?} is {}", shown(line))
        };
    }
}

#[test]
fn what_stands_within_lines_is_left_to_the_parser() {
    for line in [
        "x = !ls",
        "x = %pwd",
        "foo?",
        "?foo",
        "foo??",
        "!ls",
        "!!ls",
        "%pip install x",
        ";f a b",
        ",f a b",
        "/f a b",
    ] {
        assert_eq!(shown(line), format!("0  |{line}"));
    }
}

#[test]
fn lines_end_as_python_says() {
    assert_eq!(
        shown("  x = 1\r\n  y = 2\r  z = 3"),
        "2  |x = 1\r\n11 |y = 2\rz = 3"
    );
    check(
        "%%time f()\u{1d}g()",
        expect![[r#"
        %% "time" "f()" at "%%time f()"
        7  |f()
        11 |g()"#]],
    );
    check("  a = 1\u{2028}  b = 2", expect!["2  |a = 1 b = 2"]);
}

#[test]
fn thousands_of_cell_magics_on_one_another_end() {
    let source = "%%time\n".repeat(10_000);
    let CellCode::Foreign { outer, .. } = cell_code(&source) else {
        panic!("the stack has an end")
    };
    assert_eq!(outer.len(), 32);
}

#[test]
fn offsets_never_leave_the_source() {
    let source = "\n  >>> é = 1\n  >>> b = 2";
    let CellCode::Python(text) = cell_code(source) else {
        panic!("this is Python")
    };
    assert_eq!(text.text, "é = 1\nb = 2");
    assert_eq!(
        &source[text.source_offset(text.text.find('b').unwrap())..],
        "b = 2"
    );
    assert_eq!(text.source_offset(text.text.len()), source.len());
    assert_eq!(text.source_offset(usize::MAX), source.len());
}
