//! What notebooks import and install, written as text: one line an import or a command.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use nbvet_engine::{Import, Needs, Wanted, imports_of_source, needs};

/// Code cells with `# %%` between them.
fn notebook(cells: &str) -> Vec<u8> {
    let cells: Vec<_> = cells
        .split("# %%\n")
        .map(|source| {
            let tags: &[&str] = if source.starts_with("# skipped") {
                &["skip-execution"]
            } else {
                &[]
            };
            serde_json::json!({"cell_type": "code", "metadata": {"tags": tags}, "outputs": [],
                               "execution_count": null, "source": source})
        })
        .collect();
    let json = serde_json::json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells});
    json.to_string().into_bytes()
}

fn read(cells: &str, files: &[(&str, &str)]) -> Needs {
    let reading = nbvet_notebook::read(&notebook(cells));
    needs(&reading, "work/a.ipynb", &mut |file| {
        let found = files.iter().find(|(name, _)| *name == file);
        found.map(|(_, text)| text.as_bytes().to_vec())
    })
}

fn line(import: &Import) -> String {
    let mut shown = format!("{}:", import.file.as_deref().unwrap_or("."));
    if let Some(cell) = import.location.cell {
        let _ = write!(shown, "{cell}:");
    }
    let _ = write!(shown, "{} {}", import.location.line, import.module);
    if !import.names.is_empty() {
        let _ = write!(shown, " ({})", import.names.join(", "));
    }
    let _ = write!(shown, " {:?} {:?}", import.form, import.when);
    if let Some(local) = &import.local {
        let _ = write!(shown, " = {local}");
    }
    shown
}

fn shown(needs: &Needs) -> String {
    let mut shown = String::new();
    for import in &needs.imports {
        let _ = writeln!(shown, "{}", line(import));
    }
    for install in &needs.installs {
        let wanted = install.wanted.iter().map(|wanted| match wanted {
            Wanted::Requirement(text) => text.clone(),
            Wanted::File(file) => format!("-r {file}"),
            Wanted::Editable(folder) => format!("-e {folder}"),
        });
        let wanted: Vec<String> = wanted.collect();
        let cell = install.location.cell.unwrap_or_default();
        let _ = writeln!(
            shown,
            "{cell}:{} {:?} {}",
            install.location.line,
            install.tool,
            wanted.join(" ")
        );
    }
    shown
}

fn check(cells: &str, files: &[(&str, &str)], expected: &Expect) {
    expected.assert_eq(&shown(&read(cells, files)));
}

#[test]
fn imports_are_found_in_every_form_with_their_places() {
    check(
        "import os, numpy as np\nfrom google.cloud import storage as s, bigquery\n# %%\n%%time\nx = 1\nimport importlib\n\
         m = importlib.import_module('yaml')\n__import__('six')\n%time import pandas\nimportlib.import_module(name)\n",
        &[],
        &expect![[r#"
            .:0:1 os Statement Always
            .:0:1 numpy Statement Always
            .:0:2 google.cloud (storage, bigquery) Statement Always
            .:1:3 importlib Statement Always
            .:1:4 yaml Call Always
            .:1:5 six Call Always
            .:1:6 pandas Statement Always
        "#]],
    );
}

#[test]
fn magics_that_import_count() {
    check(
        "%matplotlib inline\n%load_ext autoreload\n%load_ext tensorboard\n%load_ext rpy2.ipython # R\n%pylab\n\
         get_ipython().run_line_magic('load_ext', 'sql')\n# %%\nload_ext dotenv\n",
        &[],
        &expect![[r#"
            .:0:1 matplotlib Magic Always
            .:0:3 tensorboard Extension Always
            .:0:4 rpy2.ipython Extension Always
            .:0:5 matplotlib Magic Always
            .:0:5 numpy Magic Always
            .:0:6 sql Extension Always
            .:1:1 dotenv Extension Always
        "#]],
    );
}

#[test]
fn when_an_import_is_done_is_told() {
    check(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\nelse:\n    import b\ntry:\n    import c\n\
         except ImportError:\n    import d\nelse:\n    import e\ntry:\n    import f\nexcept ValueError:\n    pass\n\
         def g():\n    import h\n    try:\n        import i\n    except:\n        pass\nwith x:\n    import j\n",
        &[],
        &expect![[r#"
            .:0:1 typing (TYPE_CHECKING) Statement Always
            .:0:3 a Statement TypeChecking
            .:0:5 b Statement Always
            .:0:7 c Statement Guarded
            .:0:9 d Statement Guarded
            .:0:11 e Statement Always
            .:0:13 f Statement Always
            .:0:17 h Statement Called
            .:0:19 i Statement Guarded
            .:0:23 j Statement Always
        "#]],
    );
}

#[test]
fn what_does_not_run_as_python_is_not_read_and_a_bad_cell_silences_only_itself() {
    check(
        "import a\ndef (:\n# %%\n%%bash\nimport b\npip install b\n# %%\n# skipped\nimport c\n# %%\n%%R\nimport d\n# %%\nimport e\n",
        &[],
        &expect![[r#"
            .:4:1 e Statement Always
        "#]],
    );
}

#[test]
fn installs_are_found_in_every_form() {
    check(
        "%pip install -q 'six>=1' # why\n!pip3 install a==1 && pip install b\nout = !python -m pip install c\n\
         !uv pip install -r req.txt\n%conda install -y d\nimport os\nos.system('pip install e')\n\
         for x in y:\n    !pip install $x f\n# %%\npip install g\n# %%\n%%capture\n!pip install h \\\n   i\n",
        &[],
        &expect![[r#"
            .:0:6 os Statement Always
            0:1 Pip six>=1
            0:2 Pip a==1
            0:2 Pip b
            0:3 Pip c
            0:4 Pip -r req.txt
            0:5 Conda d
            0:7 Pip e
            0:9 Pip f
            1:1 Pip g
            2:2 Pip h i
        "#]],
    );
}

#[test]
fn installs_by_a_list_of_words_are_found() {
    check(
        "subprocess.check_call([sys.executable, '-m', 'pip', 'install', 'six==1', package])\n\
         subprocess.run(['pip', 'install', '-r', 'req.txt'], check=True)\n\
         subprocess.run(['ls', 'install'])\nsubprocess.run(words)\nsubprocess.run([tool, 'install', 'six'])\n",
        &[],
        &expect![[r#"
            0:1 Pip six==1
            0:2 Pip -r req.txt
        "#]],
    );
}

#[test]
fn modules_of_the_tree_are_found_as_the_notebook_finds_them_and_read_too() {
    check(
        "import sys\nsys.path.append('../lib')\nimport near, far, pandas\nfrom pkg import part\nfrom pkg.deep.leaf import x\n\
         import above, insrc\nimport namespace.inner\n",
        &[
            ("work/near.py", "import numpy\nimport near\nimport insrc\n"),
            ("lib/far.py", "!ls\nimport scipy\n"),
            (
                "work/pkg/__init__.py",
                "from .deep import leaf\nfrom . import nothing\n",
            ),
            ("work/pkg/part.py", "import yaml\n"),
            (
                "work/pkg/deep/leaf.py",
                "from ..part import z\nfrom ...outside import q\n",
            ),
            ("above.py", "import six\n"),
            ("src/insrc.py", "import attr\n"),
            ("work/namespace/inner.py", ""),
            ("pandas/readme.txt", ""),
        ],
        &expect![[r#"
            .:0:1 sys Statement Always
            .:0:3 near Statement Always = work/near.py
            .:0:3 far Statement Always = lib/far.py
            .:0:3 pandas Statement Always
            .:0:4 pkg (part) Statement Always = work/pkg/__init__.py
            .:0:5 pkg.deep.leaf (x) Statement Always = work/pkg/deep/leaf.py
            .:0:6 above Statement Always = above.py
            .:0:6 insrc Statement Always = src/insrc.py
            .:0:7 namespace.inner Statement Always = work/namespace/inner.py
            work/near.py:1 numpy Statement Always
            work/near.py:2 near Statement Always = work/near.py
            work/near.py:3 insrc Statement Always = src/insrc.py
            lib/far.py:2 scipy Statement Always
            work/pkg/part.py:1 yaml Statement Always
            above.py:1 six Statement Always
            src/insrc.py:1 attr Statement Always
        "#]],
    );
}

#[test]
fn files_that_run_or_are_written_count_and_none_outside_the_tree() {
    let other =
        String::from_utf8(notebook("import numpy\n%run a.ipynb\n%run other.ipynb\n")).expect("it is text");
    check(
        "%run other.ipynb\n%run -i script\n%run ../../../etc/x.py\nimport made\n# %%\n%%writefile made.py\nimport yaml\n",
        &[
            ("work/other.ipynb", &other),
            ("work/script.py", "import scipy\n"),
            ("../etc/x.py", "import bad\n"),
            ("/etc/x.py", "import bad\n"),
        ],
        &expect![[r#"
            .:0:4 made Statement Always = work/made.py
            work/made.py:1 yaml Statement Always
            work/other.ipynb:0:1 numpy Statement Always
            work/script.py:1 scipy Statement Always
        "#]],
    );
}

#[test]
fn a_files_imports_are_read_alone() {
    let found = imports_of_source("import a.b\nfrom .c import d\nfrom e import f\n");
    let lines: Vec<String> = found.iter().map(line).collect();
    expect![[r#"
        .:1 a.b Statement Always
        .:3 e (f) Statement Always"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn very_many_modules_and_files_end() {
    let mut imports = String::new();
    for index in 0..5000 {
        let _ = writeln!(imports, "import m{index}");
    }
    let reading = nbvet_notebook::read(&notebook(&imports));
    let mut loads = 0;
    let found = needs(&reading, "a/b/c/d/e.ipynb", &mut |_| {
        loads += 1;
        None
    });
    assert_eq!(found.imports.len(), 5000);
    assert!(loads <= 4000, "{loads}");
    let mut loads = 0;
    let found = needs(&reading, "a.ipynb", &mut |file| {
        loads += 1;
        Some(format!("import next_{}\n", file.len()).into_bytes())
    });
    assert!(found.imports.len() < 6000 && loads < 4000, "{loads}");
}
