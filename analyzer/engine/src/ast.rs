//! The Python syntax tree as rules see it. The engine is the only crate that names the parser; everything else
//! reaches the tree through this module, so that the parser can be exchanged here.

pub use ruff_python_ast::*;
pub use ruff_text_size::{Ranged, TextRange, TextSize};

/// Visitors in evaluation order.
pub use ruff_python_ast::visitor::{self, Visitor};

/// Runs `f` with enough stack for the syntax trees of these cells. The parser and the trees' own destructors recurse
/// without looking at the stack, and `1+1+…` is as deep as it is long.
pub(crate) fn with_stack_for<'a, R>(sources: impl IntoIterator<Item = &'a str>, f: impl FnOnce() -> R) -> R {
    /// What one level may take, over all functions that recurse.
    const LEVEL: usize = if cfg!(debug_assertions) { 8 * 1024 } else { 1024 };
    /// Less than any thread has.
    const ENOUGH: usize = 1024 * 1024;
    // A short cell is not even looked at: no text is deeper than it is long.
    let long = sources
        .into_iter()
        .filter(|source| source.len() * LEVEL >= ENOUGH);
    let deepest = long.map(deepest).max().unwrap_or(0);
    let need = deepest.min(MAX_DEPTH) * LEVEL;
    if need < ENOUGH {
        f()
    } else {
        stacker::grow(need + ENOUGH, f)
    }
}

/// A cell that may be deeper is not parsed: it has many megabytes of signs, and its stack would have gigabytes.
pub(crate) const MAX_DEPTH: usize = 4_000_000;

/// No tree of the text is deeper: every level takes a sign, a quote (`"a"if"b"else…`) or a word behind white space of
/// its own. Much too high for long tables, which costs address space and no memory.
pub(crate) fn deepest(source: &str) -> usize {
    /// For each byte: 1, a level by itself; 2, white space.
    const KINDS: [u8; 256] = {
        let (mut kinds, signs, white) = ([0; 256], b"([{.-+*/%@&|^~<>=!:\"'\\", b" \t\n\x0c");
        let mut index = 0;
        while index < signs.len() {
            kinds[signs[index] as usize] = 1;
            index += 1;
        }
        index = 0;
        while index < white.len() {
            kinds[white[index] as usize] = 2;
            index += 1;
        }
        kinds
    };
    let (mut depth, mut before) = (0, 2);
    for byte in source.bytes() {
        let kind = KINDS[byte as usize];
        // White space counts once for all that stands together.
        depth += usize::from(kind == 1 || (kind == 2 && before != 2));
        before = kind;
    }
    depth
}

/// Runs `f` with enough stack, however deep the tree is in which it recurses.
pub fn with_stack<R>(f: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(128 * 1024, 2 * 1024 * 1024, f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_no_lower_than_the_depth() {
        for (deep, depth) in [
            ("+".repeat(7) + "1", 7),
            ("not ".repeat(7) + "1", 7),
            ("x".to_owned() + &"()".repeat(7), 7),
            ("x".to_owned() + &".y".repeat(7), 7),
            ("x".to_owned() + &" if x else x".repeat(7), 7),
            ("lambda:".repeat(7) + "1", 7),
            ("'a'if'b'else".repeat(7) + "'c'", 7),
            ("not\\\r".repeat(7) + "1", 7),
        ] {
            assert!(deepest(&deep) >= depth, "{deep}");
        }
        assert_eq!(deepest("    "), 0);
    }
}
