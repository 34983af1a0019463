//! What a cell has printed so far, up to its limit; what is over it is counted, and its end kept.

use std::collections::VecDeque;

use nbvet_protocol::MAX_CELL_OUTPUT;

/// What is kept of output that was left out.
const MAX_TAIL: usize = 4 * 1024;

/// What the current cell has printed so far.
#[derive(Default)]
pub(crate) struct Output {
    sent: u64,
    cut: u64,
    tail: VecDeque<u8>,
}

impl Output {
    /// How much of these bytes may still be sent; the rest is counted, and its end kept.
    pub(crate) fn admit<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let room = usize::try_from(MAX_CELL_OUTPUT.saturating_sub(self.sent)).unwrap_or(usize::MAX);
        let (sent, cut) = bytes.split_at(bytes.len().min(room));
        self.sent += sent.len() as u64;
        self.cut += cut.len() as u64;
        self.tail.extend(&cut[cut.len().saturating_sub(MAX_TAIL)..]);
        self.tail.drain(..self.tail.len().saturating_sub(MAX_TAIL));
        sent
    }

    /// How many bytes were left out, and their end; from here on nothing was.
    pub(crate) fn take_cut(&mut self) -> Option<(u64, String)> {
        let tail = std::mem::take(&mut self.tail);
        let bytes = std::mem::take(&mut self.cut);
        (bytes > 0).then(|| (bytes, String::from_utf8_lossy(&Vec::from(tail)).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_over_the_limit_is_counted_and_its_end_kept() {
        let mut output = Output {
            sent: MAX_CELL_OUTPUT - 3,
            ..Output::default()
        };
        assert_eq!(output.admit(b"abcdef"), b"abc");
        assert_eq!(output.admit(&[b'x'; 10_000]), b"");
        assert_eq!(output.admit(b"the end"), b"");
        let (cut, tail) = output.take_cut().expect("some was left out");
        assert_eq!(cut, 3 + 10_000 + 7);
        assert_eq!(tail.len(), MAX_TAIL);
        assert!(tail.ends_with("xxthe end"), "{tail}");
    }
}
