//! A report names a secret's place and never shows it, whatever reports the line and in whichever format.

use serde_json::json;

use crate::{
    python::python,
    sandbox::{Sandbox, notebook},
};

/// Put together here, so that scanners of repositories do not take this file for a leak.
fn token() -> String {
    ["ghp", "q7RkZ2mVb9TxLc4HnWs8JdYf3GpAe6UoKiQv"].join("_")
}

/// Another one, that is nowhere but in an output.
fn printed_token() -> String {
    let letters: String = token()[4..].chars().rev().collect();
    ["gho", &letters].join("_")
}

const PASSWORD: &str = "v8Kq2mXw71bT";

fn leaking() -> String {
    let token = token();
    let cells = [
        format!("import os\nos.environ[\"TOKEN\"] = \"{token}\"\n"),
        // Another rule draws the line and quotes the call.
        format!("tokens = [\"{token}\"].sort()\nprint(tokens)\n"),
        format!("!curl -H \"Authorization: Bearer {token}\" https://api.github.com\n"),
        format!("%env DATABASE_URL=postgresql://report:{PASSWORD}@db.acme.io/sales\n"),
        // A fault of syntax is drawn too.
        format!("login(\"{token}\"\n"),
    ];
    let sources: Vec<&str> = cells.iter().map(String::as_str).collect();
    let mut file: serde_json::Value = serde_json::from_str(&notebook(&sources)).unwrap();
    let shown = format!("{{'token': '{}'}}\n", printed_token());
    let printed = json!({"output_type": "stream", "name": "stdout", "text": [shown]});
    file["cells"][1]["outputs"] = json!([printed]);
    let text = json!({"cell_type": "markdown", "metadata": {}, "source": format!("The key is `{token}`.")});
    file["cells"].as_array_mut().unwrap().push(text);
    serde_json::to_string_pretty(&file).unwrap()
}

fn assert_hidden(text: &str, name: &str) {
    for secret in [&token()[4..16], &printed_token()[4..16], PASSWORD] {
        assert!(!text.contains(secret), "{name} shows {secret}:\n{text}");
    }
}

#[test]
fn no_format_shows_a_secret() {
    let sandbox = Sandbox::new().file("a.ipynb", &leaking());
    for format in ["text", "json", "github", "sarif", "junit", "markdown", "html"] {
        for level in ["learning", "development", "production"] {
            let arguments = [
                "lint",
                "--verbose",
                "--level",
                level,
                "--format",
                format,
                "a.ipynb",
            ];
            let output = sandbox.output(&arguments);
            let told = [&*output.stdout, &*output.stderr].concat();
            let text = String::from_utf8(told).unwrap();
            assert!(
                text.contains("NB801") && text.contains("NB802"),
                "{format}: {text}"
            );
            assert_hidden(&text, format);
        }
    }
}

#[test]
fn every_place_of_a_secret_is_told() {
    let sandbox = Sandbox::new().file("a.ipynb", &leaking());
    let output = sandbox.output(&["lint", "--format", "json", "a.ipynb"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = report["notebooks"][0]["diagnostics"].as_array().unwrap();
    let places: Vec<(u64, &str)> = found
        .iter()
        .map(|found| {
            (
                found["location"]["cell"].as_u64().unwrap(),
                found["rule"]["id"].as_str().unwrap(),
            )
        })
        .filter(|(_, id)| id.starts_with("NB8"))
        .collect();
    let wanted = [
        (0, "NB801"),
        (1, "NB802"),
        (1, "NB801"),
        (2, "NB801"),
        (3, "NB801"),
        (4, "NB801"),
        (5, "NB801"),
    ];
    assert_eq!(places, wanted);
}

#[test]
fn a_page_masks_what_a_run_has_put_out() {
    let Some(python) = python() else { return };
    let tail = &token()[4..];
    let cells = [
        format!("print('ghp' + '_{tail}')"),
        format!("from IPython.display import HTML\nHTML('<b>ghp' + '_{tail}</b>')"),
        format!("raise ValueError('ghp' + '_{tail}')"),
    ];
    let sources: Vec<&str> = cells.iter().map(String::as_str).collect();
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&sources));
    sandbox.output(&["report", "a.ipynb", "-o", "page.html", "--python", &python]);
    let page = std::fs::read_to_string(sandbox.path("page.html")).unwrap();
    assert!(page.contains("<b>") && page.contains("ValueError"), "{page}");
    assert!(!page.contains(&format!("ghp_{tail}")), "{page}");
}

/// All that the formats tell of a notebook.
fn told(file: &str) -> String {
    let sandbox = Sandbox::new().file("a.ipynb", file);
    let tell = |arguments: &[&str]| {
        let output = sandbox.output(arguments);
        String::from_utf8([&*output.stdout, &*output.stderr].concat()).unwrap()
    };
    ["text", "json", "github", "sarif", "junit", "markdown", "html"]
        .into_iter()
        .map(|format| {
            tell(&[
                "lint",
                "--verbose",
                "--level",
                "production",
                "--format",
                format,
                "a.ipynb",
            ])
        })
        .collect()
}

#[test]
fn what_is_cut_is_masked_before() {
    let token = token();
    let sources = [
        format!("import re\nre.search('a', f('{token}',\n 'b')).group(0)\n"),
        format!(
            "import pandas as pd\ndf = pd.read_csv('a')\ndf[(df['t'] == '{token}') & (df['b'] == 3333333)]['c'] = 1\n"
        ),
    ];
    let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
    let mut file: serde_json::Value = serde_json::from_str(&notebook(&sources)).unwrap();
    file["cells"][0]["execution_count"] = json!(token);
    let text = told(&file.to_string());
    for rule in ["NB220", "NB403", "NB923"] {
        assert!(text.contains(rule), "{rule}: {text}");
    }
    assert_hidden(&text, "a quotation");
}

#[test]
fn reasons_and_ids_are_masked() {
    let token = token();
    let source = format!("try:\n    f()\nexcept:  # nbvet: ignore[NB201,NB202] uses {token}\n    pass\n");
    let mut file: serde_json::Value = serde_json::from_str(&notebook(&[&source, "x = 1\n"])).unwrap();
    for index in [0, 1] {
        file["cells"][index]["id"] = json!(token);
    }
    let text = told(&file.to_string());
    assert!(text.contains("NB926") && text.contains("uses ghp_"), "{text}");
    assert_hidden(&text, "a reason or an id");
}

#[test]
fn the_file_s_own_text_is_masked() {
    let cell = format!(
        r#"{{"cell_type":"code","id":"a","metadata":{{}},"execution_count":NaN,"outputs":[],"source":"x='a\\n{}'"}}"#,
        token()
    );
    let text = told(&format!(
        r#"{{"cells":[{cell}],"metadata":{{}},"nbformat":4,"nbformat_minor":5}}"#
    ));
    assert!(text.contains("NB922"), "{text}");
    assert_hidden(&text, "an excerpt of the file");
    let text = told(&format!(
        r#"{{"cells":[{cell} BAD],"metadata":{{}},"nbformat":4,"nbformat_minor":5}}"#
    ));
    assert!(text.contains("NB921"), "{text}");
    assert_hidden(&text, "an excerpt of a broken file");
}

#[test]
fn secrets_in_outputs_are_found_behind_escapes() {
    for before in ["'a\\n", "→", "\u{1b}[32m", "token%3D", "C:\\k\\"] {
        let mut file: serde_json::Value = serde_json::from_str(&notebook(&["f()\n"])).unwrap();
        let data = json!({"text/plain": format!("{before}{}", token())});
        let result =
            json!({"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": data});
        file["cells"][0]["outputs"] = json!([result]);
        let text = told(&file.to_string().replace('→', "\\u2192"));
        assert!(text.contains("NB802"), "{before}: {text}");
    }
}
