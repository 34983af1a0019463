//! Widgets as a front end keeps them: the state of each, for the executed notebook, and what `Output` widgets catch
//! of the cells' outputs. Bounded: what a notebook sends over the limit is left out.

use std::collections::HashMap;

use nbvet_protocol::{CommAction, message_id};
use serde_json::{Map, Value, json};

/// Bytes of state kept of one notebook.
const MAX_STATE: u64 = 64 * 1024 * 1024;
/// Bytes of caught outputs that the notebook is told between two cells.
const MAX_TOLD: u64 = 8 * 1024 * 1024;
const STATE_TYPE: &str = "application/vnd.jupyter.widget-state+json";

#[derive(Debug, Default)]
pub(crate) struct Widgets {
    /// State by comm id, in order of creation.
    models: Map<String, Value>,
    /// By comm id, then by the path in the state that they belong to.
    buffers: HashMap<String, Map<String, Value>>,
    catchers: HashMap<String, Catcher>,
    /// Comm ids of the widgets that catch what the running cell puts out, the innermost last.
    catching: Vec<String>,
    bytes: u64,
}

/// An `Output` widget.
#[derive(Debug, Default)]
struct Catcher {
    /// In nbformat's shapes.
    outputs: Vec<Value>,
    /// `clear_output(wait=True)` was called, and nothing was caught since.
    clear_next: bool,
    /// The notebook has not been told.
    untold: bool,
    /// What was caught is newer than what the notebook said last.
    newer: bool,
}

impl Widgets {
    /// A cell begins: what widgets caught in the one before, for the notebook to know.
    pub(crate) fn begin_cell(&mut self) -> Map<String, Value> {
        self.catching.clear();
        let mut room = MAX_TOLD;
        let mut told = Map::new();
        for (id, catcher) in self.catchers.iter_mut().filter(|(_, catcher)| catcher.untold) {
            catcher.untold = false;
            let size = catcher.outputs.iter().map(size_of).sum();
            if let Some(left) = room.checked_sub(size) {
                room = left;
                told.insert(id.clone(), json!({ "outputs": catcher.outputs }));
            }
        }
        told
    }

    /// A widget speaks.
    pub(crate) fn hear(
        &mut self,
        cell: u32,
        id: &str,
        action: CommAction,
        mut data: Map<String, Value>,
        buffers: Vec<String>,
    ) {
        let Some(Value::Object(state)) = data.remove("state") else {
            return;
        };
        match action {
            CommAction::Open if is_output(&state) => {
                let outputs = state.get("outputs").and_then(Value::as_array).cloned();
                let catcher = Catcher {
                    outputs: outputs.unwrap_or_default(),
                    ..Catcher::default()
                };
                self.catchers.insert(id.to_owned(), catcher);
            }
            CommAction::Message => self.turn(cell, id, &state),
            CommAction::Open | CommAction::Close => {}
        }
        if let Some(paths) = data.get("buffer_paths").and_then(Value::as_array) {
            self.keep_buffers(id, paths, buffers);
        }
        self.keep_state(id, state);
    }

    /// An `Output` widget begins or ends to catch, if that is what it says.
    fn turn(&mut self, cell: u32, id: &str, state: &Map<String, Value>) {
        let Some(catcher) = self.catchers.get_mut(id) else {
            return;
        };
        catcher.newer &= !state.contains_key("outputs");
        match state.get("msg_id").and_then(Value::as_str) {
            Some("") => {
                if let Some(at) = self.catching.iter().rposition(|catching| catching == id) {
                    self.catching.remove(at);
                }
            }
            Some(message) if message == message_id(cell) => self.catching.push(id.to_owned()),
            Some(_) | None => {}
        }
    }

    fn keep_state(&mut self, id: &str, state: Map<String, Value>) {
        let new = size_of_map(&state);
        if self.bytes + new + id.len() as u64 > MAX_STATE {
            return;
        }
        self.bytes += new;
        let model = self.models.entry(id).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(model) = model {
            for (name, value) in state {
                let weight = name.len() as u64;
                if let Some(old) = model.insert(name, value) {
                    self.bytes -= weight + size_of(&old);
                }
            }
        }
    }

    fn keep_buffers(&mut self, id: &str, paths: &[Value], buffers: Vec<String>) {
        for (path, data) in paths.iter().zip(buffers) {
            let new = (data.len() as u64) + size_of(path);
            if self.bytes + new > MAX_STATE {
                return;
            }
            self.bytes += new;
            let entry = json!({"data": data, "encoding": "base64", "path": path});
            let of_model = self.buffers.entry(id.to_owned()).or_default();
            if let Some(old) = of_model.insert(path.to_string(), entry) {
                self.bytes = self.bytes.saturating_sub(size_of(&old));
            }
        }
    }

    /// Gives an output of the running cell to the widget that catches it; `false`: there is none.
    pub(crate) fn catch(&mut self, output: impl FnOnce() -> Value) -> bool {
        let Some(catcher) = self.innermost() else {
            return false;
        };
        if std::mem::take(&mut catcher.clear_next) {
            catcher.outputs.clear();
        }
        (catcher.untold, catcher.newer) = (true, true);
        catcher.push(output());
        true
    }

    /// `clear_output` within a widget that catches.
    pub(crate) fn clear(&mut self, wait: bool) -> bool {
        let Some(catcher) = self.innermost() else {
            return false;
        };
        if wait {
            catcher.clear_next = true;
        } else {
            catcher.outputs.clear();
            (catcher.untold, catcher.newer) = (true, true);
        }
        true
    }

    pub(crate) fn is_catching(&self) -> bool {
        !self.catching.is_empty()
    }

    fn innermost(&mut self) -> Option<&mut Catcher> {
        self.catchers.get_mut(self.catching.last()?)
    }

    /// What goes into the executed notebook's metadata; `None` where there were no widgets.
    pub(crate) fn metadata(&self) -> Option<Value> {
        if self.models.is_empty() {
            return None;
        }
        let models = self
            .models
            .iter()
            .map(|(id, state)| (id.clone(), self.model(id, state)));
        let state: Map<String, Value> = models.collect();
        Some(json!({ STATE_TYPE: {"state": state, "version_major": 2, "version_minor": 0} }))
    }

    fn model(&self, id: &str, state: &Value) -> Value {
        let member = |name| state.get(name).unwrap_or(&Value::Null);
        let mut model = json!({
            "model_module": member("_model_module"),
            "model_module_version": member("_model_module_version"),
            "model_name": member("_model_name"),
            "state": state,
        });
        if let Some(catcher) = self.catchers.get(id).filter(|catcher| catcher.newer) {
            model["state"]["outputs"] = json!(catcher.outputs);
        }
        if let Some(buffers) = self.buffers.get(id) {
            model["buffers"] = buffers.values().cloned().collect();
        }
        model
    }
}

impl Catcher {
    /// Neighbouring texts of one stream are joined.
    fn push(&mut self, output: Value) {
        if let Some(last) = self.outputs.last_mut()
            && output["output_type"] == "stream"
            && last["output_type"] == "stream"
            && last["name"] == output["name"]
            && let (Some(Value::String(before)), Some(text)) = (last.get_mut("text"), output["text"].as_str())
        {
            before.push_str(text);
            return;
        }
        self.outputs.push(output);
    }
}

fn is_output(state: &Map<String, Value>) -> bool {
    let says = |name: &str, value: &str| state.get(name).and_then(Value::as_str) == Some(value);
    says("_model_module", "@jupyter-widgets/output") && says("_model_name", "OutputModel")
}

/// Bytes that a map takes, near enough.
pub(crate) fn size_of_map(map: &Map<String, Value>) -> u64 {
    map.iter()
        .map(|(key, value)| key.len() as u64 + size_of(value))
        .sum()
}

/// Bytes that a value takes, near enough.
pub(crate) fn size_of(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.len() as u64,
        Value::Array(items) => items.iter().map(size_of).sum::<u64>() + 2,
        Value::Object(map) => size_of_map(map) + 2,
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => unreachable!("{other} is no object"),
        }
    }

    fn hear(widgets: &mut Widgets, id: &str, action: CommAction, state: &Value) {
        widgets.hear(3, id, action, object(json!({ "state": state })), Vec::new());
    }

    fn output_widget(widgets: &mut Widgets, id: &str) {
        let state = json!({
            "_model_module": "@jupyter-widgets/output", "_model_name": "OutputModel", "msg_id": "", "outputs": [],
        });
        hear(widgets, id, CommAction::Open, &state);
    }

    fn text(text: &str) -> Value {
        json!({"output_type": "stream", "name": "stdout", "text": text})
    }

    fn check(widgets: &Widgets, expected: &Expect) {
        let states = widgets
            .metadata()
            .map(|metadata| metadata[STATE_TYPE]["state"].clone());
        expected.assert_eq(&states.map_or_else(|| "none".to_owned(), |states| states.to_string()));
    }

    #[test]
    fn the_state_of_a_model_is_what_was_said_last_with_its_bytes() {
        let mut widgets = Widgets::default();
        hear(
            &mut widgets,
            "a",
            CommAction::Open,
            &json!({"_model_name": "M", "value": 1}),
        );
        hear(&mut widgets, "a", CommAction::Message, &json!({"value": 2}));
        let data = object(json!({"state": {}, "buffer_paths": [["x"]]}));
        widgets.hear(3, "a", CommAction::Message, data, vec!["AAA=".to_owned()]);
        hear(&mut widgets, "a", CommAction::Close, &json!(null));
        check(
            &widgets,
            &expect![[
                r#"{"a":{"model_module":null,"model_module_version":null,"model_name":"M","state":{"_model_name":"M","value":2},"buffers":[{"data":"AAA=","encoding":"base64","path":["x"]}]}}"#
            ]],
        );
    }

    #[test]
    fn an_output_widget_catches_while_it_says_so_and_the_notebook_is_told_before_the_next_cell() {
        let mut widgets = Widgets::default();
        output_widget(&mut widgets, "o");
        assert!(!widgets.catch(|| text("not yet")));
        hear(
            &mut widgets,
            "o",
            CommAction::Message,
            &json!({"msg_id": message_id(3)}),
        );
        assert!(widgets.catch(|| text("a")) && widgets.catch(|| text("b")));
        hear(&mut widgets, "o", CommAction::Message, &json!({"msg_id": ""}));
        assert!(!widgets.catch(|| text("no more")));
        let told = json!({"o": {"outputs": [text("ab")]}});
        assert_eq!(Value::Object(widgets.begin_cell()), told);
        assert!(widgets.begin_cell().is_empty());
    }

    #[test]
    fn what_catches_for_another_cell_or_is_left_open_catches_nothing_of_this_one() {
        let mut widgets = Widgets::default();
        output_widget(&mut widgets, "o");
        hear(
            &mut widgets,
            "o",
            CommAction::Message,
            &json!({"msg_id": message_id(2)}),
        );
        assert!(!widgets.catch(|| text("of cell 3")));
        hear(
            &mut widgets,
            "o",
            CommAction::Message,
            &json!({"msg_id": message_id(3)}),
        );
        widgets.begin_cell();
        assert!(!widgets.catch(|| text("of the next")));
    }

    #[test]
    fn a_clear_within_the_widget_clears_the_widget() {
        let mut widgets = Widgets::default();
        output_widget(&mut widgets, "o");
        assert!(!widgets.clear(false));
        hear(
            &mut widgets,
            "o",
            CommAction::Message,
            &json!({"msg_id": message_id(3)}),
        );
        widgets.catch(|| text("gone"));
        assert!(widgets.clear(true));
        widgets.catch(|| text("stays"));
        assert_eq!(widgets.begin_cell()["o"]["outputs"], json!([text("stays")]));
    }

    #[test]
    fn state_without_end_is_left_out() {
        let mut widgets = Widgets::default();
        let megabytes = "x".repeat(8 << 20);
        for number in 0..20 {
            hear(
                &mut widgets,
                &number.to_string(),
                CommAction::Open,
                &json!({ "value": megabytes }),
            );
            hear(
                &mut widgets,
                &number.to_string(),
                CommAction::Message,
                &json!({ "value": "small" }),
            );
            hear(
                &mut widgets,
                "animated",
                CommAction::Message,
                &json!({ "value": megabytes }),
            );
        }
        assert_eq!(widgets.models.len(), 21);
        for number in 0..20 {
            hear(
                &mut widgets,
                &format!("large {number}"),
                CommAction::Open,
                &json!({ "value": megabytes }),
            );
        }
        assert!(widgets.models.len() < 21 + 8 && widgets.bytes <= MAX_STATE);
    }
}
