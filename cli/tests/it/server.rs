//! `nbvet server` on its real stdin and stdout, spoken to as an editor does.

#![expect(
    clippy::needless_pass_by_value,
    reason = "messages are written where they are sent"
)]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use serde_json::{Value, json};

use crate::sandbox::{Sandbox, notebook};

/// An editor: messages with their length before them, as the protocol says.
struct Editor {
    server: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    last_id: u32,
    /// Notifications of the server that nobody has asked for yet.
    waiting: Vec<Value>,
}

impl Editor {
    fn new(sandbox: &Sandbox) -> Self {
        let mut server = sandbox
            .command(&["server"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (server.stdin.take().unwrap(), server.stdout.take().unwrap());
        let mut editor = Self {
            server,
            to,
            from: BufReader::new(from),
            last_id: 0,
            waiting: Vec::new(),
        };
        let answer = editor.ask(
            "initialize",
            json!({ "processId": null, "rootUri": null, "capabilities": {} }),
        );
        assert_eq!(answer["capabilities"]["positionEncoding"], "utf-16");
        assert!(answer["capabilities"]["notebookDocumentSync"].is_object());
        editor.tell("initialized", json!({}));
        editor
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        write!(self.to, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.to.flush().unwrap();
    }

    fn receive(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(self.from.read_line(&mut line).unwrap() > 0, "the server is there");
            match line.trim_end().split_once(": ") {
                Some(("Content-Length", number)) => length = number.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        let mut bytes = vec![0; length];
        self.from.read_exact(&mut bytes).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// The whole answer to a request.
    fn answer(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let message = self.receive();
            if message["id"] == id {
                return message;
            }
            self.waiting.push(message);
        }
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let mut answer = self.answer(method, params);
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].take()
    }

    /// What the server has said of itself until now: everything is said before the next request is answered.
    fn said(&mut self) -> Vec<Value> {
        let nothing =
            json!({ "textDocument": { "uri": "none:" }, "position": { "line": 0, "character": 0 } });
        assert_eq!(self.ask("textDocument/hover", nothing), Value::Null);
        std::mem::take(&mut self.waiting)
    }

    /// The diagnostics published since, as `uri range code`; `uri -` where there are none any more.
    fn published(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for message in self.said() {
            assert_eq!(message["method"], "textDocument/publishDiagnostics", "{message}");
            let uri = message["params"]["uri"]
                .as_str()
                .unwrap()
                .rsplit('/')
                .next()
                .unwrap();
            let diagnostics = message["params"]["diagnostics"].as_array().unwrap();
            if diagnostics.is_empty() {
                lines.push(format!("{uri} -"));
            }
            for found in diagnostics {
                let code = found["code"].as_str().unwrap();
                lines.push(format!("{uri} {} {code}", shown(&found["range"])));
            }
        }
        lines
    }

    fn open(&mut self, uri: &str, cells: &[(&str, &str)]) {
        let texts: Vec<Value> = cells.iter().map(|(name, text)| item(name, text)).collect();
        let cells: Vec<Value> = cells.iter().map(|(name, _)| cell(name)).collect();
        let document = json!({
            "uri": uri, "notebookType": "jupyter-notebook", "version": 1, "cells": cells,
            "metadata": { "metadata": { "language_info": { "name": "python" } } },
        });
        self.tell(
            "notebookDocument/didOpen",
            json!({ "notebookDocument": document, "cellTextDocuments": texts }),
        );
    }

    fn change(&mut self, uri: &str, change: Value) {
        self.tell(
            "notebookDocument/didChange",
            json!({ "notebookDocument": { "uri": uri, "version": 2 }, "change": change }),
        );
    }

    fn close(mut self) {
        assert_eq!(self.ask("shutdown", Value::Null), Value::Null);
        self.tell("exit", Value::Null);
        assert_eq!(self.server.wait().unwrap().code(), Some(0));
    }
}

fn cell(name: &str) -> Value {
    let kind = if name.starts_with("text") { 1 } else { 2 };
    json!({ "kind": kind, "document": format!("cell:/{name}") })
}

fn item(name: &str, text: &str) -> Value {
    json!({ "uri": format!("cell:/{name}"), "languageId": "python", "version": 1, "text": text })
}

fn range(start: [u32; 2], end: [u32; 2]) -> Value {
    let position = |[line, character]: [u32; 2]| json!({ "line": line, "character": character });
    json!({ "start": position(start), "end": position(end) })
}

fn shown(range: &Value) -> String {
    let point = |name: &str| format!("{}:{}", range[name]["line"], range[name]["character"]);
    format!("{}-{}", point("start"), point("end"))
}

const SORTED: &str = "x = [2, 1]\ny = '😀'; x = x.sort()\nassert x";

#[test]
fn cells_have_their_own_diagnostics_and_keep_up_with_changes() {
    let sandbox = Sandbox::new();
    let mut editor = Editor::new(&sandbox);
    let uri = "file:///work/a.ipynb";
    editor.open(uri, &[("text0", "# Title"), ("a", SORTED), ("b", "assert 1 < z")]);
    // 😀 is two units of UTF-16.
    assert_eq!(editor.published(), ["a 1:14-1:22 NB401", "b 0:11-0:12 NB601"]);

    // The name that is missing is bound above: the first cell's diagnostic is not sent again.
    let text = json!([{ "document": { "uri": "cell:/a", "version": 2 },
        "changes": [{ "range": range([0, 0], [0, 0]), "text": "z = 3\n" }] }]);
    editor.change(uri, json!({ "cells": { "textContent": text } }));
    assert_eq!(editor.published(), ["a 2:14-2:22 NB401", "b -"]);

    // A range of UTF-16 units within the line.
    let text = json!([{ "document": { "uri": "cell:/a", "version": 3 },
        "changes": [{ "range": range([2, 10], [2, 14]), "text": "" }] }]);
    editor.change(uri, json!({ "cells": { "textContent": text } }));
    assert_eq!(editor.published(), ["a -"]);

    // A new cell between the two, and the last one is taken out.
    let structure = json!({ "array": { "start": 2, "deleteCount": 1, "cells": [cell("c")] },
        "didOpen": [item("c", "q = [1]\nq = q.sort()\nassert q")], "didClose": [{ "uri": "cell:/b" }] });
    editor.change(uri, json!({ "cells": { "structure": structure } }));
    assert_eq!(editor.published(), ["c 1:4-1:12 NB401"]);

    let cells = json!([{ "uri": "cell:/text0" }, { "uri": "cell:/a" }, { "uri": "cell:/c" }]);
    editor.tell(
        "notebookDocument/didClose",
        json!({ "notebookDocument": { "uri": uri }, "cellTextDocuments": cells }),
    );
    assert_eq!(editor.published(), ["c -"]);
    editor.close();
}

#[test]
fn no_explanation_shows_a_secret() {
    // Put together here, so that scanners of repositories do not take this file for a leak.
    let token = ["ghp", "q7RkZ2mVb9TxLc4HnWs8JdYf3GpAe6UoKiQv"].join("_");
    let sandbox = Sandbox::new();
    let mut editor = Editor::new(&sandbox);
    let source = format!("tokens = [\"{token}\"].sort()\nprint(tokens)");
    editor.open("file:///work/a.ipynb", &[("a", &source)]);
    let told = json!(editor.said()).to_string();
    let hover = editor.ask(
        "textDocument/hover",
        json!({ "textDocument": { "uri": "cell:/a" }, "position": { "line": 0, "character": 20 } }),
    );
    for text in [told, hover.to_string()] {
        assert!(text.contains("NB801") && text.contains("NB401"), "{text}");
        assert!(!text.contains(&token[4..16]), "{text}");
    }
    editor.close();
}

#[test]
fn a_diagnostic_is_explained_and_mended() {
    let sandbox = Sandbox::new();
    let mut editor = Editor::new(&sandbox);
    editor.open("file:///work/a.ipynb", &[("a", SORTED), ("b", "assert 1 < 2")]);
    let at = json!({ "uri": "cell:/a" });
    let hover = editor.ask(
        "textDocument/hover",
        json!({ "textDocument": at, "position": { "line": 1, "character": 15 } }),
    );
    let text = hover["contents"]["value"].as_str().unwrap();
    assert!(
        text.starts_with("**NB401 none-method-assigned**: `x` becomes None"),
        "{text}"
    );
    assert!(text.contains("## Why it matters"), "{text}");

    let actions = editor.ask(
        "textDocument/codeAction",
        json!({ "textDocument": at, "range": range([1, 15], [1, 15]), "context": { "diagnostics": [] } }),
    );
    assert_eq!(actions.as_array().unwrap().len(), 1, "{actions}");
    assert_eq!(actions[0]["title"], "NB401: call it on a line of its own");
    assert_eq!(actions[0]["isPreferred"], true);
    let edits = &actions[0]["edit"]["changes"]["cell:/a"];
    assert_eq!(
        *edits,
        json!([{ "range": range([1, 10], [1, 14]), "newText": "" }])
    );

    let all = editor.ask(
        "textDocument/codeAction",
        json!({ "textDocument": at, "range": range([0, 0], [0, 0]),
            "context": { "diagnostics": [], "only": ["source.fixAll"] } }),
    );
    let changes = all[0]["edit"]["changes"].as_object().unwrap();
    assert_eq!(changes.keys().collect::<Vec<_>>(), ["cell:/a"]);
    let edit =
        json!([{ "range": range([0, 0], [2, 8]), "newText": SORTED.replace("x = x.sort()", "x.sort()") }]);
    assert_eq!(changes["cell:/a"], edit);

    let elsewhere =
        json!({ "textDocument": at, "range": range([0, 0], [0, 3]), "context": { "diagnostics": [] } });
    assert_eq!(editor.ask("textDocument/codeAction", elsewhere), json!([]));
    editor.close();
}

#[test]
fn a_file_that_is_open_as_text_is_mended_in_its_own_text() {
    let sandbox = Sandbox::new();
    let mut editor = Editor::new(&sandbox);
    let file = notebook(&[SORTED]);
    let uri = "file:///work/file.ipynb";
    let document = json!({ "uri": uri, "languageId": "json", "version": 1, "text": file });
    editor.tell("textDocument/didOpen", json!({ "textDocument": document }));
    editor.published();
    let line = u32::try_from(file.lines().position(|line| line.contains("sort()")).unwrap()).unwrap();
    for only in [json!(["quickfix"]), json!(["source.fixAll"])] {
        let actions = editor.ask(
            "textDocument/codeAction",
            json!({ "textDocument": { "uri": uri }, "range": range([line, 0], [line, 1]),
                "context": { "diagnostics": [], "only": only } }),
        );
        let change = &actions[0]["edit"]["changes"][uri][0];
        assert_eq!(change["newText"], "", "{actions}");
        let text = file.lines().nth(line as usize).unwrap();
        let units: Vec<u16> = text.encode_utf16().collect();
        let offset =
            |end: &str| usize::try_from(change["range"][end]["character"].as_u64().unwrap()).unwrap();
        let kept = [&units[..offset("start")], &units[offset("end")..]].concat();
        assert_eq!(
            String::from_utf16(&kept).unwrap(),
            text.replace("x = x.sort()", "x.sort()")
        );
    }
    editor.close();
}

#[test]
fn the_settings_are_those_beside_the_notebook() {
    let sandbox = Sandbox::new().file("a b/nbvet.toml", "[rules]\nNB401 = \"off\"\n");
    let uri = format!(
        "file://{}/a%20b/a.ipynb",
        sandbox.path("").display().to_string().trim_end_matches('/')
    );
    let mut editor = Editor::new(&sandbox);
    editor.open(&uri, &[("a", SORTED)]);
    assert_eq!(editor.published(), Vec::<String>::new());
    std::fs::write(sandbox.path("a b/nbvet.toml"), "").unwrap();
    editor.tell(
        "notebookDocument/didSave",
        json!({ "notebookDocument": { "uri": uri } }),
    );
    assert_eq!(editor.published(), ["a 1:14-1:22 NB401"]);

    std::fs::write(sandbox.path("a b/nbvet.toml"), "levle = 'staging'").unwrap();
    editor.tell(
        "notebookDocument/didSave",
        json!({ "notebookDocument": { "uri": uri } }),
    );
    let said = editor.said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0]["params"]["message"]
            .as_str()
            .unwrap()
            .contains("nbvet.toml:1"),
        "{said:?}"
    );
    editor.close();
}

#[test]
fn texts_are_notebooks_where_they_are_meant_to_be() {
    let sandbox = Sandbox::new();
    let mut editor = Editor::new(&sandbox);
    let mut open = |uri: &str, language: &str, text: &str| {
        let document = json!({ "uri": uri, "languageId": language, "version": 1, "text": text });
        editor.tell("textDocument/didOpen", json!({ "textDocument": document }));
        editor.published()
    };
    // JupyterLab sends the code of all cells as one text.
    let joined = "x = [2, 1]\n\n\nx = x.sort()\n\n\nassert x";
    assert_eq!(
        open("file:///work/joined.ipynb", "python", joined),
        ["joined.ipynb 3:4-3:12 NB401"]
    );
    // Others open the file as it is.
    let file = notebook(&[SORTED]);
    let line = file.lines().position(|line| line.contains("sort()")).unwrap();
    let end = file.lines().nth(line).unwrap().encode_utf16().count();
    assert_eq!(
        open("file:///work/file.ipynb", "json", &file),
        [format!("file.ipynb {line}:0-{line}:{end} NB401")]
    );
    assert_eq!(
        open("file:///work/empty.ipynb", "json", ""),
        ["empty.ipynb 0:0-0:0 NB921"]
    );
    // A module is no notebook.
    assert_eq!(
        open("file:///work/module.py", "python", joined),
        Vec::<String>::new()
    );

    let change = json!({ "textDocument": { "uri": "file:///work/joined.ipynb", "version": 2 },
        "contentChanges": [{ "text": "assert 1 < 2" }] });
    editor.tell("textDocument/didChange", change);
    assert_eq!(editor.published(), ["joined.ipynb -"]);
    editor.tell(
        "textDocument/didClose",
        json!({ "textDocument": { "uri": "file:///work/file.ipynb" } }),
    );
    assert_eq!(editor.published(), ["file.ipynb -"]);
    editor.close();
}

#[test]
fn what_is_not_understood_is_said_and_the_server_stays() {
    let sandbox = Sandbox::new();
    let mut editor = Editor::new(&sandbox);
    let answer = editor.answer("textDocument/rename", json!({}));
    assert_eq!(answer["error"]["code"], -32601);
    let answer = editor.answer("textDocument/hover", json!({ "nothing": 1 }));
    assert_eq!(answer["error"]["code"], -32602);
    editor.tell("notebookDocument/didOpen", json!({ "notebookDocument": 1 }));
    let unknown = json!([{ "document": { "uri": "cell:/x", "version": 1 }, "changes": [{ "text": "x" }] }]);
    editor.change(
        "file:///unknown.ipynb",
        json!({ "cells": { "textContent": unknown } }),
    );
    editor.tell("$/setTrace", json!({ "value": "off" }));
    let said = editor.said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(said[0]["method"], "window/logMessage");
    editor.close();
}

#[test]
fn a_bad_message_is_answered_and_a_bad_frame_ends_with_a_word() {
    let sandbox = Sandbox::new();
    let mut editor = Editor::new(&sandbox);
    for (body, code) in [("{x}", -32700), ("null", -32600), ("[]", -32600)] {
        write!(editor.to, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        editor.to.flush().unwrap();
        let answer = editor.receive();
        assert_eq!(answer["error"]["code"], code, "{answer}");
        assert_eq!(answer["id"], Value::Null);
    }
    let answer = editor.answer("textDocument/hover", json!("here"));
    let said = answer["error"]["message"].as_str().unwrap();
    assert!(!said.contains("struct"), "{said}");
    editor.close();

    let mut server = sandbox.command(&["server"]);
    let pipe = Stdio::piped;
    let mut server = server
        .stdin(pipe())
        .stdout(pipe())
        .stderr(pipe())
        .spawn()
        .unwrap();
    let mut to = server.stdin.take().unwrap();
    let early = r#"{"jsonrpc":"2.0","id":1,"method":"shutdown"}"#;
    write!(to, "Content-Length: {}\r\n\r\n{early}", early.len()).unwrap();
    write!(to, "Content-Length: 99999999999999\r\n\r\n").unwrap();
    let output = server.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("`shutdown` came before `initialize`"), "{told}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("length: 99999999999999"), "{said}");
}

#[test]
fn changes_that_wait_are_judged_once() {
    let sandbox = Sandbox::new();
    let mut editor = Editor::new(&sandbox);
    let text = "x = [2, 1]\nx = x.sort()\nassert x\n".to_owned() + &"print(len(x) + 1)\n".repeat(3000);
    editor.open("file:///work/a.ipynb", &[("a", &text)]);
    editor.published();
    let mut all = Vec::new();
    for version in 2..302 {
        let text = json!([{ "document": { "uri": "cell:/a", "version": version },
            "changes": [{ "range": range([0, 0], [0, 0]), "text": "\n" }] }]);
        let message = json!({ "jsonrpc": "2.0", "method": "notebookDocument/didChange",
            "params": { "notebookDocument": { "uri": "file:///work/a.ipynb", "version": version },
                "change": { "cells": { "textContent": text } } } })
        .to_string();
        write!(all, "Content-Length: {}\r\n\r\n{message}", message.len()).unwrap();
    }
    editor.to.write_all(&all).unwrap();
    let published = editor.published();
    assert!(published.last().unwrap().starts_with("a 301:"), "{published:?}");
    // Each change moves the diagnostic: it was published three hundred times.
    assert!(published.len() < 100, "{}", published.len());
    editor.close();
}

#[test]
fn an_editor_that_goes_away_ends_the_server() {
    let sandbox = Sandbox::new();
    let editor = Editor::new(&sandbox);
    let Editor {
        mut server, to, from, ..
    } = editor;
    drop((to, from));
    assert_eq!(server.wait().unwrap().code(), Some(0));
}
