//! What the editor has open: notebooks with their cells, and texts. Changes are applied where they are; which
//! notebooks have changed is kept until somebody asks.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::protocol::{
    Cell, ContentChange, NotebookChanged, NotebookClosed, NotebookNamed, NotebookOpened, Position,
    TextChanged, TextItem, TextNamed, TextOpened,
};

#[derive(Debug, Default)]
pub(crate) struct Documents {
    notebooks: BTreeMap<String, Notebook>,
    /// Of cells, and of documents of their own.
    texts: BTreeMap<String, Text>,
    changed: BTreeSet<String>,
}

#[derive(Debug)]
struct Notebook {
    metadata: Option<Value>,
    cells: Vec<Cell>,
}

/// A text and its language.
#[derive(Debug, Clone, Default)]
pub(crate) struct Text {
    pub(crate) language: String,
    pub(crate) text: String,
}

/// All of a document at one time.
#[derive(Debug)]
pub(crate) enum Snapshot {
    /// A notebook: its metadata, its cells with their texts.
    Notebook(Option<Value>, Vec<(Cell, Text)>),
    /// A document of its own.
    Text(Text),
}

impl Documents {
    pub(crate) fn open_notebook(&mut self, opened: NotebookOpened) {
        self.take_texts(opened.cell_text_documents);
        let document = opened.notebook_document;
        self.changed.insert(document.uri.clone());
        let notebook = Notebook {
            metadata: document.metadata,
            cells: document.cells,
        };
        self.notebooks.insert(document.uri, notebook);
    }

    pub(crate) fn change_notebook(&mut self, changed: NotebookChanged) {
        let uri = changed.notebook_document.uri;
        let (metadata, cells) = (changed.change.metadata, changed.change.cells);
        if let Some(notebook) = self.notebooks.get_mut(&uri) {
            notebook.metadata = metadata.or(notebook.metadata.take());
        }
        if let Some(cells) = cells {
            if let Some(structure) = cells.structure {
                self.take_texts(structure.did_open.unwrap_or_default());
                for closed in structure.did_close.unwrap_or_default() {
                    self.texts.remove(&closed.uri);
                }
                let array = structure.array;
                if let Some(notebook) = self.notebooks.get_mut(&uri) {
                    let all = notebook.cells.len();
                    let start = array.start.min(all);
                    let end = start.saturating_add(array.delete_count).min(all);
                    notebook.cells.splice(start..end, array.cells.unwrap_or_default());
                }
            }
            for cell in cells.data.unwrap_or_default() {
                let notebook = self.notebooks.get_mut(&uri);
                let known = notebook.and_then(|notebook| {
                    (notebook.cells.iter_mut()).find(|known| known.document == cell.document)
                });
                if let Some(known) = known {
                    *known = cell;
                }
            }
            for content in cells.text_content.unwrap_or_default() {
                self.edit(&content.document.uri, &content.changes);
            }
        }
        self.changed.insert(uri);
    }

    /// The settings may have changed meanwhile.
    pub(crate) fn save_notebook(&mut self, saved: &NotebookNamed) {
        self.changed.insert(saved.notebook_document.uri.clone());
    }

    pub(crate) fn close_notebook(&mut self, closed: NotebookClosed) {
        for text in closed.cell_text_documents {
            self.texts.remove(&text.uri);
        }
        self.notebooks.remove(&closed.notebook_document.uri);
        self.changed.insert(closed.notebook_document.uri);
    }

    pub(crate) fn open_text(&mut self, opened: TextOpened) {
        self.changed.insert(opened.text_document.uri.clone());
        self.take_texts(vec![opened.text_document]);
    }

    pub(crate) fn change_text(&mut self, changed: TextChanged) {
        self.edit(&changed.text_document.uri, &changed.content_changes);
        self.changed.insert(changed.text_document.uri);
    }

    pub(crate) fn save_text(&mut self, saved: &TextNamed) {
        self.changed.insert(saved.text_document.uri.clone());
    }

    pub(crate) fn close_text(&mut self, closed: &TextNamed) {
        self.texts.remove(&closed.text_document.uri);
        self.changed.insert(closed.text_document.uri.clone());
    }

    /// The documents that have changed since this was asked last.
    pub(crate) fn take_changed(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.changed)
    }

    /// What is open under this URI; `None` once it is closed.
    pub(crate) fn snapshot(&self, uri: &str) -> Option<Snapshot> {
        let Some(notebook) = self.notebooks.get(uri) else {
            return self.texts.get(uri).cloned().map(Snapshot::Text);
        };
        let text = |cell: &Cell| self.texts.get(&cell.document).cloned().unwrap_or_default();
        let cells = notebook.cells.iter().map(|cell| (cell.clone(), text(cell)));
        Some(Snapshot::Notebook(notebook.metadata.clone(), cells.collect()))
    }

    fn take_texts(&mut self, items: Vec<TextItem>) {
        for item in items {
            let text = Text {
                language: item.language_id,
                text: item.text,
            };
            self.texts.insert(item.uri, text);
        }
    }

    fn edit(&mut self, uri: &str, changes: &[ContentChange]) {
        let Some(known) = self.texts.get_mut(uri) else {
            return;
        };
        for change in changes {
            if let Some(range) = change.range {
                let start = offset(&known.text, range.start);
                let end = offset(&known.text, range.end).max(start);
                known.text.replace_range(start..end, &change.text);
            } else {
                known.text.clone_from(&change.text);
            }
        }
    }
}

/// The byte at a position; the end of the line or of the text for one beyond it.
pub(crate) fn offset(text: &str, position: Position) -> usize {
    let mut start = 0;
    for _ in 0..position.line {
        match text[start..].find('\n') {
            Some(end) => start += end + 1,
            None => return text.len(),
        }
    }
    let line = text[start..].split('\n').next().unwrap_or_default();
    let line = line.strip_suffix('\r').unwrap_or(line);
    let mut units = 0;
    for (byte, character) in line.char_indices() {
        if units >= position.character {
            return start + byte;
        }
        units += u32::from(character.len_utf16() == 2) + 1;
    }
    start + line.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_utf_16_and_end_with_the_line() {
        let text = "a😀é\r\nb";
        let at = |line, character| offset(text, Position { line, character });
        let firsts = [0, 1, 3, 4, 9].map(|character| at(0, character));
        assert_eq!(firsts, [0, 1, 5, 7, 7]);
        assert_eq!([at(1, 0), at(1, 5), at(7, 0)], [9, 10, 10]);
    }
}
