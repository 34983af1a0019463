//! `nbvet lint --fix` and `--diff` on real files.

use std::fs;

use expect_test::expect;

use crate::sandbox::{Sandbox, notebook};

const SORTED: &str = "x = [2, 1]\nx = x.sort()\nassert x";
const SILENT: &str = "import warnings\nwarnings.filterwarnings('ignore')\nassert warnings";

#[test]
fn a_diff_shows_the_cells_lines_and_changes_nothing() {
    let text = notebook(&["y = 1", SORTED, SILENT]);
    let sandbox = Sandbox::new()
        .file("a.ipynb", &text)
        .file("b.ipynb", &notebook(&["assert 1 < x"]));
    sandbox.check(
        &["lint", "--diff", "."],
        &expect![[r#"
            exit 1
            --- stdout
            --- a.ipynb:cell 1
            +++ a.ipynb:cell 1
            @@ -1,3 +1,3 @@
             x = [2, 1]
            -x = x.sort()
            +x.sort()
             assert x
            --- stderr
            would mend: 1 finding in 1 notebook (NB401 1)
            not mended: 1 finding that `--unsafe-fixes` would mend
        "#]],
    );
    sandbox.check(
        &["lint", "--diff", "--unsafe-fixes", "a.ipynb"],
        &expect![[r#"
            exit 1
            --- stdout
            --- a.ipynb:cell 1
            +++ a.ipynb:cell 1
            @@ -1,3 +1,3 @@
             x = [2, 1]
            -x = x.sort()
            +x.sort()
             assert x
            --- a.ipynb:cell 2
            +++ a.ipynb:cell 2
            @@ -1,3 +1,3 @@
             import warnings
            -warnings.filterwarnings('ignore')
            +warnings.filterwarnings('once')
             assert warnings
            --- stderr
            would mend: 2 findings in 1 notebook (NB206 1, NB401 1)
        "#]],
    );
    assert_eq!(fs::read_to_string(sandbox.path("a.ipynb")).unwrap(), text);
    assert_eq!(
        sandbox.output(&["lint", "--diff", "b.ipynb"]).status.code(),
        Some(0)
    );
}

#[test]
fn a_fix_changes_its_line_of_the_file_and_the_verdict_is_that_of_the_mended_notebook() {
    let text = notebook(&[SORTED, SILENT]);
    let sandbox = Sandbox::new().file("a.ipynb", &text);
    sandbox.check(
        &["lint", "--fix", "a.ipynb"],
        &expect![[r#"
            exit 0
            --- stdout
            ✓ Passed a.ipynb  at development · not run
            1 notebook: 1 passed · 1 note · [s]
            -v shows the notes
            --- stderr
            mended: 1 finding in 1 notebook (NB401 1)
            not mended: 1 finding that `--unsafe-fixes` would mend
        "#]],
    );
    let mended = text.replace("x = x.sort()", "x.sort()");
    assert_eq!(fs::read_to_string(sandbox.path("a.ipynb")).unwrap(), mended);
    let output = sandbox.output(&["lint", "--fix", "--unsafe-fixes", "a.ipynb"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        fs::read_to_string(sandbox.path("a.ipynb")).unwrap(),
        mended.replace("ignore", "once")
    );
    let again = sandbox.output(&["lint", "--fix", "--unsafe-fixes", "a.ipynb"]);
    assert!(
        again.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&again.stderr)
    );
}

#[test]
fn a_change_outside_of_the_sources_is_shown_in_the_file() {
    let text = notebook(&["assert 1 < x", "y = 1"]).replace("cell-1", "cell-0");
    let sandbox = Sandbox::new().file("a.ipynb", &text);
    sandbox.check(
        &["lint", "--diff", "a.ipynb"],
        &expect![[r#"
        exit 1
        --- stdout
        --- a.ipynb
        +++ a.ipynb
        @@ -12,7 +12,7 @@
             },
             {
               "cell_type": "code",
        -      "id": "cell-0",
        +      "id": "b8806dfb",
               "metadata": {},
               "execution_count": null,
               "outputs": [],
        --- stderr
        would mend: 1 finding in 1 notebook (NB926 1)
    "#]],
    );
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_mended_is_said_and_the_others_are_mended() {
    let text = notebook(&[SORTED]);
    let sandbox = Sandbox::new()
        .file("a.ipynb", &text)
        .file("real.ipynb", &text)
        .file("c.ipynb", "no");
    let mut permissions = fs::metadata(sandbox.path("a.ipynb")).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(sandbox.path("a.ipynb"), permissions).unwrap();
    std::os::unix::fs::symlink("real.ipynb", sandbox.path("link.ipynb")).unwrap();
    sandbox.check(
        &["lint", "--fix", "a.ipynb", "link.ipynb", "c.ipynb"],
        &expect![[r#"
            exit 2
            --- stdout
            ! No verdict a.ipynb  at development · not run

            error: a.ipynb was not mended: the file is read-only
              hint: `chmod u+w` makes it writable

            error[NB401]: `x` becomes None: `list.sort()` works in place and returns nothing
               ╭─[ a.ipynb:11 · cell 0:2:5 ]
               │
             2 │ x = x.sort()
               │     ────┬───
               │         ╰───── none-method-assigned
            ───╯
              help: call `x.sort()` on a line of its own
              fix: call it on a line of its own (`nbvet lint --fix`)

            ✓ Passed link.ipynb  at development · not run
            ✗ Failed c.ipynb  at development · not run

            error[NB921]: the file is not valid JSON: expected ident
               ╭─[ c.ipynb:1:2 ]
               │
             1 │ no
               │  ┬
               │  ╰── not-a-notebook
            ───╯

            3 notebooks: 1 passed, 1 failed, 1 without a verdict · 2 errors · [s]
            `nbvet explain NB921` tells more about a rule
            --- stderr
            warning: link.ipynb is a link; the file that it stands for was mended: [folder]/real.ipynb
            mended: 1 finding in 1 notebook (NB401 1)
        "#]],
    );
    assert_eq!(fs::read_to_string(sandbox.path("a.ipynb")).unwrap(), text);
}

#[test]
fn unsafe_fixes_alone_are_no_command() {
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&["x = 1"]));
    for arguments in [["--unsafe-fixes", "-v"], ["--fix", "--diff"]] {
        let output = sandbox.output(&[&["lint", "a.ipynb"], arguments.as_slice()].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_diff_shows_no_secret() {
    let token = format!("ghp_{}", "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6");
    let cell = format!(
        "import requests\nreply = requests.get('https://x.org', headers={{'a': '{token}'}})\nx = [2, 1]\nx = x.sort()\nprint(x)"
    );
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&[&cell]));
    let output = sandbox.output(&["lint", "--diff", "--unsafe-fixes", "a.ipynb"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("+x.sort()") && text.contains("****"), "{text}");
    assert!(!text.contains(&token), "{text}");
}

#[cfg(unix)]
#[test]
fn a_file_with_several_names_is_mended_once() {
    let source = "x = [2, 1]\nx = x.sort()\n".repeat(200) + "assert x";
    for _ in 0..5 {
        let sandbox = Sandbox::new().file("a.ipynb", &notebook(&[&source]));
        for name in ["b.ipynb", "c.ipynb", "d.ipynb"] {
            std::os::unix::fs::symlink("a.ipynb", sandbox.path(name)).unwrap();
        }
        let output = sandbox.output(&["lint", "--fix", "--jobs", "4", "."]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("200 findings in 1 notebook "), "{said}");
    }
}
