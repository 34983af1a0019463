//! The language server: what the editor says changes the documents, and what the rules then say goes back. Several
//! changes that are there at once are judged once.

mod analysis;
mod answers;
mod documents;
mod protocol;
mod stream;

use std::collections::{BTreeMap, BTreeSet};

use lsp_server::{Connection, ErrorCode, Message, Notification, Request, RequestId, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(crate) use self::stream::Stream;
use self::{analysis::Judged, documents::Documents};
use crate::guard;

/// Talks until the editor says goodbye or its stream ends. Whether it has ever begun.
pub(crate) fn run(connection: &Connection) -> bool {
    let mut server = Server {
        connection,
        documents: Documents::default(),
        judged: BTreeMap::new(),
        published: BTreeMap::new(),
    };
    let mut is_begun = false;
    let mut is_shut_down = false;
    for message in &connection.receiver {
        match message {
            Message::Request(Request { id, method, .. }) if method == "initialize" && !is_begun => {
                is_begun = true;
                let about = json!({
                    "capabilities": answers::capabilities(),
                    "serverInfo": { "name": "nbvet", "version": env!("CARGO_PKG_VERSION") },
                });
                server.send(Response::new_ok(id, about).into());
            }
            Message::Request(Request { id, method, .. }) if !is_begun => {
                let message = format!("`{method}` came before `initialize`");
                server.fail(id, ErrorCode::ServerNotInitialized, message);
            }
            Message::Request(Request { id, method, .. }) if is_shut_down || method == "initialize" => {
                let before = if is_shut_down { "shutdown" } else { "initialize" };
                server.fail(
                    id,
                    ErrorCode::InvalidRequest,
                    format!("`{method}` came after `{before}`"),
                );
            }
            Message::Request(request) if request.method == "shutdown" => {
                is_shut_down = true;
                server.send(Response::new_ok(request.id, ()).into());
            }
            Message::Request(request) => server.request(request),
            Message::Notification(notification) if notification.method == "exit" => break,
            Message::Notification(notification) if is_begun => server.notification(notification),
            Message::Notification(_) | Message::Response(_) => {}
        }
        if connection.receiver.is_empty() {
            server.publish();
        }
    }
    is_begun
}

struct Server<'c> {
    connection: &'c Connection,
    documents: Documents,
    /// By the URI of the notebook.
    judged: BTreeMap<String, Judged>,
    /// The diagnostics that the editor shows, by the URI of the cell.
    published: BTreeMap<String, Value>,
}

impl Server<'_> {
    fn notification(&mut self, notification: Notification) {
        let Notification { method, params } = notification;
        let read = match method.as_str() {
            "notebookDocument/didOpen" => parsed(params).map(|it| self.documents.open_notebook(it)),
            "notebookDocument/didChange" => parsed(params).map(|it| self.documents.change_notebook(it)),
            "notebookDocument/didSave" => parsed(params).map(|it| self.documents.save_notebook(&it)),
            "notebookDocument/didClose" => parsed(params).map(|it| self.documents.close_notebook(it)),
            "textDocument/didOpen" => parsed(params).map(|it| self.documents.open_text(it)),
            "textDocument/didChange" => parsed(params).map(|it| self.documents.change_text(it)),
            "textDocument/didSave" => parsed(params).map(|it| self.documents.save_text(&it)),
            "textDocument/didClose" => parsed(params).map(|it| self.documents.close_text(&it)),
            _ => Ok(()),
        };
        if let Err(error) = read {
            self.log(&format!("{method}: {error}"));
        }
    }

    fn request(&mut self, request: Request) {
        self.publish();
        let Request { id, method, params } = request;
        let answer = match method.as_str() {
            "textDocument/hover" => parsed(params).map(|it| answers::hover(&self.judged, &it)),
            "textDocument/codeAction" => parsed(params).map(|it| answers::code_actions(&self.judged, &it)),
            _ => {
                let message = format!("`{method}` is not supported");
                return self.fail(id, ErrorCode::MethodNotFound, message);
            }
        };
        match answer {
            Ok(answer) => self.send(Response::new_ok(id, answer).into()),
            Err(error) => self.fail(id, ErrorCode::InvalidParams, error.to_string()),
        }
    }

    /// Judges what has changed and sends the diagnostics that are not those of before.
    fn publish(&mut self) {
        for uri in self.documents.take_changed() {
            let judged = self.documents.snapshot(&uri).map(|snapshot| {
                guard::catch(|| Judged::new(&uri, snapshot)).unwrap_or_else(|message| Judged {
                    remark: Some(format!("this is a fault of nbvet: {message}")),
                    ..Judged::default()
                })
            });
            if let Some(remark) = judged.as_ref().and_then(|judged| judged.remark.as_ref()) {
                self.log(remark);
            }
            let before: BTreeSet<String> = (self.judged.get(&uri).into_iter())
                .flat_map(|judged| judged.texts.iter().map(|text| text.uri.clone()))
                .collect();
            let now = judged.as_ref().map_or_else(BTreeMap::new, answers::diagnostics);
            for gone in before.iter().filter(|uri| !now.contains_key(*uri)) {
                self.show(gone, json!([]));
            }
            for (cell, diagnostics) in now {
                self.show(&cell, diagnostics);
            }
            match judged {
                Some(judged) => self.judged.insert(uri, judged),
                None => self.judged.remove(&uri),
            };
        }
    }

    fn show(&mut self, uri: &str, diagnostics: Value) {
        let empty = diagnostics.as_array().is_some_and(Vec::is_empty);
        let shown = self.published.get(uri);
        if shown == Some(&diagnostics) || (empty && shown.is_none()) {
            return;
        }
        let params = json!({ "uri": uri, "diagnostics": diagnostics });
        if empty {
            self.published.remove(uri);
        } else {
            self.published.insert(uri.to_owned(), diagnostics);
        }
        self.notify("textDocument/publishDiagnostics", params);
    }

    /// Says something to whoever looks at the server's log.
    fn log(&self, message: &str) {
        const WARNING: u8 = 2;
        self.notify(
            "window/logMessage",
            json!({ "type": WARNING, "message": format!("nbvet: {message}") }),
        );
    }

    fn notify(&self, method: &str, params: Value) {
        self.send(Notification::new(method.to_owned(), params).into());
    }

    fn fail(&self, id: RequestId, code: ErrorCode, message: String) {
        self.send(Response::new_err(id, code as i32, message).into());
    }

    fn send(&self, message: Message) {
        // Where the editor has gone, the loop ends by itself.
        let _ = self.connection.sender.send(message);
    }
}

fn parsed<T: DeserializeOwned>(params: Value) -> Result<T, serde_json::Error> {
    serde_json::from_value(params)
}
