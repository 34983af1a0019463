//! From notebooks to proposals: cells on the left, the `requirements.in` on the right.

mod notebooks;

use std::str::FromStr as _;

use expect_test::{Expect, expect};
use nbvet_deps::inference::{Asked, At, Imported, InBase, Inference, Need, Origin, Request, infer};
use pep508_rs::PackageName;

use notebooks::{asked, imported};

const MINOR: u8 = 12;

/// Code cells with `# %%` between them.
fn notebook(cells: &str) -> Vec<u8> {
    let cells = cells.split("# %%\n").map(|source| {
        serde_json::json!({"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null,
                           "source": source})
    });
    let cells: Vec<_> = cells.collect();
    let json = serde_json::json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells});
    json.to_string().into_bytes()
}

fn base() -> Vec<InBase> {
    let one = |name: &str, modules: &[&str]| InBase {
        name: PackageName::from_str(name).expect("it is a name"),
        version: "1.0".to_owned(),
        modules: modules.iter().map(|module| (*module).to_owned()).collect(),
    };
    vec![
        one("pandas", &["pandas"]),
        one("opencv-python", &["cv2"]),
        one("google-auth", &["google"]),
        one("in-house", &["house"]),
    ]
}

fn inferred(cells: &str, base: &[InBase]) -> Inference {
    let needs = notebooks::needs_of(&notebook(cells), |file| {
        (file == "work/helpers.py").then(|| b"import lxml, pandas\n".to_vec())
    });
    infer(&imported(&needs), &asked(&needs), &|_| false, base, MINOR)
}

fn check(cells: &str, base: &[InBase], expected: &Expect) {
    let proposal = inferred(cells, base).proposal("work/a.ipynb");
    notebooks::read_back(&proposal);
    expected.assert_eq(&proposal);
}

#[test]
fn each_import_is_a_line_with_its_places() {
    check(
        "import os, numpy as np\nimport sklearn.svm\nfrom google.cloud import storage, bigquery\n# %%\nimport sklearn\nimport helpers\n",
        &[],
        &expect![[r#"
            # From the imports of work/a.ipynb, as nbvet reads them. Look at it, then pin it:
            #   uv pip compile requirements.in --generate-hashes -o requirements.txt

            google-cloud-bigquery  # import google.cloud.bigquery (cell 0)
            google-cloud-storage  # import google.cloud.storage (cell 0)
            lxml  # import lxml (work/helpers.py:1)
            numpy  # import numpy (cell 0)
            pandas  # import pandas (work/helpers.py:1)
            scikit-learn  # import sklearn (cell 0, cell 1)
        "#]],
    );
}

#[test]
fn what_the_base_image_has_is_not_proposed_unless_the_notebook_wants_a_version() {
    check(
        "import pandas, cv2, house, google.auth\nfrom google.cloud import storage\n# %%\n!pip install google-auth pandas==2.2.3\n",
        &base(),
        &expect![[r#"
            # From the imports of work/a.ipynb, as nbvet reads them. Look at it, then pin it:
            #   uv pip compile requirements.in --generate-hashes -o requirements.txt

            google-cloud-storage  # import google.cloud.storage (cell 0)
            pandas==2.2.3  # pip install (cell 1)

            # Not proposed:
            #   import cv2 (cell 0): the base image has opencv-python 1.0
            #   import google.auth (cell 0): the base image has google-auth 1.0
            #   import house (cell 0): the base image has in-house 1.0
        "#]],
    );
}

#[test]
fn several_distributions_are_shown_and_the_usual_one_is_proposed() {
    check(
        "import cv2, bert\n%load_ext sql\nimport tensorflow\n",
        &[],
        &expect![[r#"
            # From the imports of work/a.ipynb, as nbvet reads them. Look at it, then pin it:
            #   uv pip compile requirements.in --generate-hashes -o requirements.txt

            opencv-python-headless  # import cv2 (cell 0)
            #   without windows; starts on servers and in containers. Instead of it:
            #   opencv-python: with windows (`cv2.imshow`); needs libGL of the system
            #   opencv-contrib-python-headless: with the extra modules (`cv2.aruco` of old, `cv2.xfeatures2d`)
            tensorflow  # import tensorflow (cell 0)

            # Several distributions have these: take the `#` from one line each.
            # import bert (cell 0)
            #bert-for-tf2  # BERT as layers of Keras
            #bert-tensorflow  # Google's code for TensorFlow 1
            # import sql (cell 0)
            #jupysql  # `%load_ext sql`, maintained
            #ipython-sql  # `%load_ext sql`, the old one
        "#]],
    );
}

#[test]
fn the_notebooks_own_installs_choose_and_pin() {
    check(
        "%pip install -q 'pandas==2.2.3' opencv-python tensorflow-cpu jupysql my_tool 'sklearn==0.0' openpyxl\n\
         !pip install git+https://github.com/Kaggle/learntools.git git+https://h.example/x/tool_two@v1 pip\n\
         !pip install https://user:secret@h.example/t.whl ./local.whl -r other.txt -e .\n%conda install -y gdal\n# %%\n\
         import pandas, cv2, tensorflow, my_tool, sklearn, learntools, tool_two\n%load_ext sql\n# %%\n!pip install pandas\n",
        &[],
        &expect![[r#"
            # From the imports of work/a.ipynb, as nbvet reads them. Look at it, then pin it:
            #   uv pip compile requirements.in --generate-hashes -o requirements.txt

            jupysql  # pip install (cell 0); import sql (cell 1)
            learntools @ git+https://github.com/Kaggle/learntools.git  # pip install (cell 0); import learntools (cell 1)
            my-tool  # pip install (cell 0); import my_tool (cell 1)
            opencv-python  # pip install (cell 0); import cv2 (cell 1)
            openpyxl  # pip install (cell 0)
            pandas==2.2.3  # pip install (cell 0, cell 2); import pandas (cell 1)
            scikit-learn  # pip install sklearn==0.0 (cell 0); import sklearn (cell 1)
            tensorflow-cpu  # pip install (cell 0); import tensorflow (cell 1)
            tool-two @ git+https://h.example/x/tool_two@v1  # pip install (cell 0); import tool_two (cell 1)

            # Not proposed:
            #   pip install https://****@h.example/t.whl (cell 0): it holds credentials: name the distribution without them
            #   pip install ./local.whl (cell 0): a path, or no requirement
            #   pip install -r other.txt (cell 0): a file of its own: read it too
            #   pip install -e . (cell 0): a folder, no distribution
            #   conda install gdal (cell 0): conda packages are not read as distributions
        "#]],
    );
}

#[test]
fn what_no_index_has_and_what_nobody_knows_is_told_and_never_guessed() {
    check(
        "import foo, google.nothing\nfrom azure import strange\nfrom google.colab import drive\nimport distutils, imp, urllib2\nimport pkg_resources\n",
        &[],
        &expect![[r##"
            # From the imports of work/a.ipynb, as nbvet reads them. Look at it, then pin it:
            #   uv pip compile requirements.in --generate-hashes -o requirements.txt

            setuptools<82  # import pkg_resources (cell 0)

            # nbvet does not know which distribution has these: add its name as a line. It is not always
            # the module's, and a distribution of that name may be somebody else's.
            #   import azure.strange (cell 0)
            #   import foo (cell 0)
            #   import google.nothing (cell 0)

            # Not proposed:
            #   import distutils (cell 0): Python 3.12 does not have it (gone in 3.12); use `shutil`, `sysconfig`, or the `packaging` distribution for `LooseVersion`
            #   import google.colab (cell 0): Google Colab has it, and nothing else: run such lines only there (`if "google.colab" in sys.modules:`)
            #   import imp (cell 0): Python 3.12 does not have it (gone in 3.12); use `importlib`
            #   import urllib2 (cell 0): a module of Python 2; now `urllib.request`
        "##]],
    );
}

#[test]
fn what_a_run_can_do_without_says_so_and_what_only_types_need_is_left_out() {
    check(
        "try:\n    import torch\nexcept ImportError:\n    torch = None\nif TYPE_CHECKING:\n    import polars\n",
        &[],
        &expect![[r#"
            # From the imports of work/a.ipynb, as nbvet reads them. Look at it, then pin it:
            #   uv pip compile requirements.in --generate-hashes -o requirements.txt

            torch  # import torch (cell 0), goes on without
        "#]],
    );
}

#[test]
fn nothing_of_a_notebook_leaves_its_comment_and_no_credential_is_shown() {
    let at = At {
        file: Some("a\nevil.py".into()),
        location: nbvet_report::Location::file_start(),
    };
    let words = [
        "six; os_name == 'a\nevil'",
        "six\nevil",
        "z @ file:///etc/x",
        "z @ https://user:secret@h.example/z.whl",
        "https://user:secret@h.example/z.whl#egg=z",
        "git+ssh://git@h.example/x/tool.git#subdirectory=part",
        "git+https://user:secret@h.example/x/t.git#ssh://git@",
        "git+https://h.example/x/y.git#egg=a\nevil",
        "$HOME/x",
        "https://h.example/a-1.0-py3-none-any.whl",
        "https://h.example/a.tar.gz",
        "fine>=1 ; python_version > '3'",
        &"x".repeat(2000),
    ];
    let asked = words.map(|word| Asked {
        request: Request::Pip(word.to_owned()),
        at: at.clone(),
    });
    let import = Imported {
        module: "x\nevil".to_owned(),
        names: vec!["y\nevil".to_owned()],
        need: Need::Needed,
        local: None,
        at: at.clone(),
    };
    let found = infer(&[import], &asked, &|_| false, &[], MINOR);
    let text = found.proposal("a\nevil");
    notebooks::read_back(&text);
    for line in text.lines() {
        assert!(!line.starts_with("evil") && !line.contains("secret"), "{text}");
    }
    expect![[r#"
        # From the imports of a?evil, as nbvet reads them. Look at it, then pin it:
        #   uv pip compile requirements.in --generate-hashes -o requirements.txt

        a @ https://h.example/a-1.0-py3-none-any.whl  # pip install (a?evil.py:1)
        fine>=1 ; python_full_version >= '3.1'  # pip install (a?evil.py:1)
        tool @ git+ssh://git@h.example/x/tool.git#subdirectory=part  # pip install (a?evil.py:1)

        # nbvet does not know which distribution has these: add its name as a line. It is not always
        # the module's, and a distribution of that name may be somebody else's.
        #   import x?evil (a?evil.py:1)

        # Not proposed:
        #   pip install six; os_name == 'a evil' (a?evil.py:1): no requirement
        #   pip install six evil (a?evil.py:1): no requirement
        #   pip install z @ file:///etc/x (a?evil.py:1): a path
        #   pip install z @ https://****@h.example/z.whl (a?evil.py:1): it holds credentials: name the distribution without them
        #   pip install https://****@h.example/z.whl#egg=z (a?evil.py:1): it holds credentials: name the distribution without them
        #   pip install git+https://****@ (a?evil.py:1): it holds credentials: name the distribution without them
        #   pip install git+https://h.example/x/y.git#egg=a evil (a?evil.py:1): no requirement
        #   pip install $HOME/x (a?evil.py:1): it holds a variable
        #   pip install https://h.example/a.tar.gz (a?evil.py:1): an address that does not tell the distribution's name
        #   pip install xx (a?evil.py:1): no requirement
    "#]].assert_eq(&text.replace(&"x".repeat(2000), "xx"));
}

#[test]
fn the_repository_comes_before_the_table() {
    let needs = notebooks::needs_of(&notebook("import datasets, utils\n"), |_| None);
    let found = infer(&imported(&needs), &[], &|module| module == "datasets", &[], MINOR);
    let origins: Vec<&Origin> = found.modules.iter().map(|module| &module.origin).collect();
    assert_eq!(origins, [&Origin::Local(None), &Origin::Unknown]);
}

#[test]
fn what_a_file_asks_for_is_known_to_be_what_a_module_is_of() {
    let found = inferred(
        "import cv2, tensorflow, foo_bar, os, google.cloud.storage, sklearn\n",
        &[],
    );
    let of = |name: &str| {
        let name = PackageName::from_str(name).expect("it is a name");
        let modules = found
            .modules
            .iter()
            .filter(|module| module.possible().contains(&name));
        modules.map(|module| module.module.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(of("opencv-python"), ["cv2"]);
    assert_eq!(of("tensorflow-cpu"), ["tensorflow"]);
    assert_eq!(of("foo-bar"), ["foo_bar"]);
    assert_eq!(of("google-cloud-storage"), ["google.cloud.storage"]);
    assert_eq!(of("scikit-learn"), ["sklearn"]);
    assert!(of("os").is_empty() && of("pandas").is_empty());
}
