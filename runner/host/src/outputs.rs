//! What the cells put out, assembled as a notebook stores it: streams joined, later displays put into earlier
//! places, cleared when asked. Bounded: what a cell puts out over the limit is left out and counted.

use std::collections::{BTreeMap, HashMap};

use nbvet_notebook::Output;
use nbvet_protocol::{Display, MAX_CELL_OUTPUT, StreamName};
use nbvet_report::Fact;
use regex::RegexSet;
use serde_json::{Map, Value, json};

use crate::widgets::{Widgets, size_of, size_of_map};

use crate::stderr::Stderr;

/// Bytes kept of what a cell printed last.
const MAX_TAIL: usize = 4 * 1024;
/// Lines kept of it.
const TAIL_LINES: usize = 20;

/// The outputs of a run, by cell.
#[derive(Debug, Default)]
pub struct Outputs {
    cells: BTreeMap<u32, CellOutputs>,
    /// Where the outputs with a display id are: cell and place.
    places: HashMap<String, Vec<(u32, usize)>>,
    widgets: Widgets,
    keep: bool,
    stderr_allow: RegexSet,
}

#[derive(Debug, Default)]
struct CellOutputs {
    outputs: Vec<Output>,
    /// Bytes in `outputs`, or that would be if they were kept.
    bytes: u64,
    cut: u64,
    tail: String,
    stderr: Stderr,
    /// `clear_output(wait=True)` was called, and nothing was put out since.
    clear_next: bool,
}

impl Outputs {
    pub(crate) fn new(keep: bool) -> Self {
        Self {
            keep,
            ..Self::default()
        }
    }

    /// Lines of stderr that match are left out of its fact.
    pub(crate) fn allowing(self, stderr_allow: RegexSet) -> Self {
        Self { stderr_allow, ..self }
    }

    /// What a cell put out; nothing for a cell that did not run, or where outputs were not kept.
    pub fn of(&self, cell: u32) -> &[Output] {
        self.cells.get(&cell).map_or(&[], |cell| &cell.outputs)
    }

    /// What widgets leave in the executed notebook's metadata; `None` where there were none.
    pub fn widgets(&self) -> Option<Value> {
        self.widgets.metadata()
    }

    /// A cell begins: new state of widgets, for the notebook to know.
    pub(crate) fn begin_cell(&mut self) -> Map<String, Value> {
        self.widgets.begin_cell()
    }

    /// Bytes of a cell's output that were left out.
    pub(crate) fn cut(&self, cell: u32) -> u64 {
        self.cells.get(&cell).map_or(0, |cell| cell.cut)
    }

    /// The last lines that a cell printed.
    pub(crate) fn last_lines(&self, cell: u32) -> Option<String> {
        let tail = self.cells.get(&cell)?.tail.trim_end_matches('\n');
        let start = tail
            .rmatch_indices('\n')
            .nth(TAIL_LINES - 1)
            .map_or(0, |(newline, _)| newline + 1);
        Some(tail[start..].to_owned()).filter(|lines| !lines.is_empty())
    }

    /// What a cell wrote to stderr, as a fact; `None` where it wrote nothing.
    pub(crate) fn stderr(&self, cell: u32) -> Option<Fact> {
        self.cells.get(&cell)?.stderr.fact(&self.stderr_allow)
    }

    /// All cells are done: what the process writes while it ends is no cell's, as in Jupyter. The rest still counts.
    pub(crate) fn end(&mut self) {
        self.keep = false;
        self.widgets.begin_cell();
    }

    pub(crate) fn stream(&mut self, cell: u32, name: StreamName, text: &str) {
        self.clear_if_due(cell);
        let keep = self.keep;
        let into = self.cells.entry(cell).or_default();
        into.remember(text);
        if name == StreamName::Stderr {
            into.stderr.take(text, &self.stderr_allow);
        }
        let text = into.admit_text(text);
        let name = match name {
            StreamName::Stdout => "stdout",
            StreamName::Stderr => "stderr",
        };
        let stored = || json!({"output_type": "stream", "name": name, "text": text});
        if text.is_empty() || self.widgets.catch(stored) || !keep {
            return;
        }
        match into.outputs.last_mut() {
            Some(Output::Stream {
                name: last,
                text: before,
            }) if last == name => before.push_str(text),
            _ => into.outputs.push(Output::Stream {
                name: name.to_owned(),
                text: text.to_owned(),
            }),
        }
    }

    /// The agent left this out.
    pub(crate) fn left_out(&mut self, cell: u32, bytes: u64, tail: &str) {
        let into = self.cells.entry(cell).or_default();
        into.cut += bytes;
        into.remember(tail);
    }

    pub(crate) fn display(&mut self, cell: u32, display: Display) {
        match display {
            Display::Clear { wait } if self.widgets.clear(wait) => {}
            Display::Clear { wait: true } => self.cells.entry(cell).or_default().clear_next = true,
            Display::Clear { wait: false } => self.clear(cell),
            Display::Update {
                data,
                metadata,
                display_id,
            } => self.update(&display_id, &data, &metadata),
            Display::Data {
                data,
                metadata,
                display_id,
            } => {
                if let Some(id) = &display_id {
                    self.update(id, &data, &metadata);
                }
                self.push(cell, display_id, Output::DisplayData { data, metadata });
            }
            Display::Error {
                name,
                value,
                traceback,
            } => self.push(
                cell,
                None,
                Output::Error {
                    ename: name,
                    evalue: value,
                    traceback,
                },
            ),
            Display::Comm {
                id,
                action,
                data,
                buffers,
                ..
            } => self.widgets.hear(cell, &id, action, data, buffers),
            Display::Result {
                data,
                metadata,
                execution_count,
                display_id,
            } => {
                let execution_count = Some(execution_count);
                self.push(
                    cell,
                    display_id,
                    Output::ExecuteResult {
                        data,
                        metadata,
                        execution_count,
                    },
                );
            }
        }
    }

    fn push(&mut self, cell: u32, display_id: Option<String>, output: Output) {
        self.clear_if_due(cell);
        let into = self.cells.entry(cell).or_default();
        // An exception is why one looks at the outputs: there is room for it where there is none for anything else.
        let limit = match output {
            Output::Error { .. } => 2 * MAX_CELL_OUTPUT,
            _ => MAX_CELL_OUTPUT,
        };
        if !into.admit(weight(&output), limit) || self.widgets.catch(|| stored(&output)) {
            return;
        }
        if self.keep {
            let place = (cell, into.outputs.len());
            into.outputs.push(output);
            if let Some(id) = display_id {
                self.places.entry(id).or_default().push(place);
            }
        }
    }

    /// Puts new content into every output with this id, whichever cell it is in.
    fn update(&mut self, id: &str, new_data: &Map<String, Value>, new_metadata: &Map<String, Value>) {
        let new = size_of_map(new_data) + size_of_map(new_metadata);
        for (cell, place) in self.places.get(id).into_iter().flatten() {
            let Some(into) = self.cells.get_mut(cell) else {
                continue;
            };
            let Some(Output::DisplayData { data, metadata } | Output::ExecuteResult { data, metadata, .. }) =
                into.outputs.get_mut(*place)
            else {
                continue;
            };
            let old = size_of_map(data) + size_of_map(metadata);
            if into.bytes - old + new > MAX_CELL_OUTPUT {
                into.cut += new;
                continue;
            }
            into.bytes = into.bytes - old + new;
            data.clone_from(new_data);
            metadata.clone_from(new_metadata);
        }
    }

    fn clear_if_due(&mut self, cell: u32) {
        let due = self.cells.get(&cell).is_some_and(|cell| cell.clear_next);
        if due && !self.widgets.is_catching() {
            self.clear(cell);
        }
    }

    fn clear(&mut self, cell: u32) {
        let into = self.cells.entry(cell).or_default();
        into.outputs.clear();
        into.bytes = 0;
        into.clear_next = false;
        for places in self.places.values_mut() {
            places.retain(|(of, _)| *of != cell);
        }
    }
}

impl CellOutputs {
    /// How much of the text there is room for; the rest is counted.
    fn admit_text<'a>(&mut self, text: &'a str) -> &'a str {
        let room = usize::try_from(MAX_CELL_OUTPUT.saturating_sub(self.bytes)).unwrap_or(usize::MAX);
        let (kept, cut) = text.split_at(text.floor_char_boundary(room));
        self.bytes += kept.len() as u64;
        self.cut += cut.len() as u64;
        kept
    }

    /// Whether there is room for so many bytes; else they are counted as cut.
    fn admit(&mut self, bytes: u64, limit: u64) -> bool {
        let fits = self.bytes + bytes <= limit;
        *(if fits { &mut self.bytes } else { &mut self.cut }) += bytes;
        fits
    }

    fn remember(&mut self, text: &str) {
        self.tail.push_str(text);
        keep_end(&mut self.tail);
    }
}

/// Cuts a text that grows to its end.
fn keep_end(text: &mut String) {
    let excess = text.len().saturating_sub(MAX_TAIL);
    text.drain(..text.ceil_char_boundary(excess));
}

/// An output as nbformat has it, for an `Output` widget.
fn stored(output: &Output) -> Value {
    match output {
        Output::Stream { name, text } => json!({"output_type": "stream", "name": name, "text": text}),
        Output::DisplayData { data, metadata } => {
            json!({"output_type": "display_data", "metadata": metadata, "data": data})
        }
        Output::ExecuteResult {
            data,
            metadata,
            execution_count,
        } => json!({
            "output_type": "execute_result",
            "metadata": metadata,
            "data": data,
            "execution_count": execution_count,
        }),
        Output::Error {
            ename,
            evalue,
            traceback,
        } => json!({"output_type": "error", "ename": ename, "evalue": evalue, "traceback": traceback}),
        Output::Unknown(value) => value.clone(),
    }
}

/// Bytes that an output takes, near enough.
fn weight(output: &Output) -> u64 {
    match output {
        Output::Stream { text, .. } => text.len() as u64,
        Output::DisplayData { data, metadata } | Output::ExecuteResult { data, metadata, .. } => {
            size_of_map(data) + size_of_map(metadata)
        }
        Output::Error {
            ename,
            evalue,
            traceback,
        } => {
            let lines: usize = traceback.iter().map(String::len).sum();
            (ename.len() + evalue.len() + lines) as u64
        }
        Output::Unknown(value) => size_of(value),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn bundle(text: &str) -> Map<String, Value> {
        json!({ "text/plain": text })
            .as_object()
            .expect("it is one")
            .clone()
    }

    fn data(text: &str, id: Option<&str>) -> Display {
        Display::Data {
            data: bundle(text),
            metadata: Map::new(),
            display_id: id.map(str::to_owned),
        }
    }

    fn update(text: &str, id: &str) -> Display {
        Display::Update {
            data: bundle(text),
            metadata: Map::new(),
            display_id: id.to_owned(),
        }
    }

    fn check(fill: impl FnOnce(&mut Outputs), expected: &Expect) {
        let mut outputs = Outputs::new(true);
        fill(&mut outputs);
        let lines = outputs.cells.iter().flat_map(|(cell, outputs)| {
            outputs
                .outputs
                .iter()
                .map(move |output| format!("{cell} {}\n", shown(output)))
        });
        expected.assert_eq(&lines.collect::<String>());
    }

    fn shown(output: &Output) -> String {
        match output {
            Output::Stream { name, text } => format!("{name} {text:?}"),
            Output::DisplayData { data, .. } => format!("display {}", data["text/plain"]),
            Output::ExecuteResult {
                data,
                execution_count,
                ..
            } => format!("{execution_count:?} {}", data["text/plain"]),
            Output::Error { ename, evalue, .. } => format!("error {ename}: {evalue}"),
            Output::Unknown(value) => value.to_string(),
        }
    }

    #[test]
    fn neighbouring_texts_of_one_stream_are_joined() {
        check(
            |outputs| {
                outputs.stream(0, StreamName::Stdout, "a\n");
                outputs.stream(0, StreamName::Stdout, "b\n");
                outputs.stream(0, StreamName::Stderr, "c\n");
                outputs.stream(0, StreamName::Stdout, "d\n");
            },
            &expect![[r#"
                0 stdout "a\nb\n"
                0 stderr "c\n"
                0 stdout "d\n"
            "#]],
        );
    }

    #[test]
    fn an_update_changes_every_output_with_its_id_in_every_cell() {
        check(
            |outputs| {
                outputs.display(0, data("old", Some("x")));
                outputs.display(0, data("other", Some("y")));
                outputs.display(2, data("newer", Some("x")));
                outputs.display(3, update("newest", "x"));
            },
            &expect![[r#"
                0 display "newest"
                0 display "other"
                2 display "newest"
            "#]],
        );
    }

    #[test]
    fn a_clear_that_waits_happens_with_the_next_output() {
        check(
            |outputs| {
                outputs.stream(0, StreamName::Stdout, "1\n");
                outputs.display(0, Display::Clear { wait: true });
                outputs.stream(0, StreamName::Stdout, "2\n");
                outputs.stream(1, StreamName::Stdout, "stays\n");
                outputs.display(1, Display::Clear { wait: true });
                outputs.display(2, data("gone", Some("x")));
                outputs.display(2, Display::Clear { wait: false });
                outputs.display(2, update("nowhere", "x"));
            },
            &expect![[r#"
                0 stdout "2\n"
                1 stdout "stays\n"
            "#]],
        );
    }

    #[test]
    fn output_over_the_limit_is_cut_at_a_character_and_counted() {
        let mut outputs = Outputs::new(true);
        let limit = usize::try_from(MAX_CELL_OUTPUT).expect("it fits");
        outputs.stream(0, StreamName::Stdout, &"x".repeat(limit - 1));
        outputs.stream(0, StreamName::Stdout, "€ end");
        outputs.display(0, data("much", None));
        outputs.left_out(0, 1000, "the very end");
        assert_eq!(outputs.cut(0), 7 + 14 + 1000);
        let Output::Stream { text, .. } = &outputs.of(0)[0] else {
            unreachable!("a stream was put out")
        };
        assert_eq!(text.len(), limit - 1);
        assert!(
            outputs
                .last_lines(0)
                .expect("it printed")
                .ends_with("x€ endthe very end")
        );
    }

    #[test]
    fn an_animation_counts_its_last_frame_only() {
        let mut outputs = Outputs::new(true);
        let frame = "x".repeat(1024 * 1024);
        outputs.display(0, data(&frame, Some("frame")));
        for _ in 0..30 {
            outputs.display(0, update(&frame, "frame"));
            outputs.display(1, Display::Clear { wait: true });
            outputs.display(1, data(&frame, None));
        }
        assert_eq!((outputs.cut(0), outputs.cut(1)), (0, 0));
        assert_eq!((outputs.of(0).len(), outputs.of(1).len()), (1, 1));
    }

    #[test]
    fn the_last_lines_are_kept_without_the_rest() {
        let mut outputs = Outputs::new(false);
        for line in 0..1000 {
            outputs.stream(0, StreamName::Stderr, &format!("line {line}\n"));
        }
        let lines = outputs.last_lines(0).expect("it printed");
        assert_eq!(
            (lines.lines().next(), lines.lines().count()),
            (Some("line 980"), 20)
        );
        assert_eq!(outputs.of(0), []);
        assert_eq!(outputs.last_lines(1), None);
    }
}
