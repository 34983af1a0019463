//! What holds for any cell.

use nbvet_notebook::magics::{CellCode, PythonText, cell_code};

/// Any text: every line of the Python lies in the source, in order.
pub(crate) fn check_cell(source: &str) {
    match cell_code(source) {
        CellCode::Python(text) => check_python(source, &text),
        CellCode::Foreign {
            magic, body_start, ..
        } => {
            assert!(source[magic.span.clone()].starts_with("%%") && source.is_char_boundary(body_start));
        }
        CellCode::Automagic(line) => assert!(source.contains(&line)),
        CellCode::Empty => {}
    }
}

fn check_python(source: &str, text: &PythonText) {
    let mut before = 0;
    for (offset, character) in text.text.char_indices() {
        let place = text.source_offset(offset);
        assert!(
            before <= place && place <= source.len(),
            "offsets grow and stay in the source"
        );
        let own = source.get(place..).and_then(|rest| rest.chars().next());
        // Code on a magic's own line gets a line end of its own.
        let is_added_end = character == '\n' && own.is_none_or(|own| own.is_whitespace() || own.is_control());
        assert!(own == Some(character) || is_added_end, "the text is the source's");
        before = place;
    }
    assert!(text.source_offset(text.text.len()) <= source.len());
    for magic in &text.cell_magics {
        assert!(source[magic.span.clone()].starts_with("%%"));
    }
}
