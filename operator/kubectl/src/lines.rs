//! Lines of a log as they come: made harmless, cut where they are long, and without those that carry results.

use std::{collections::VecDeque, pin::Pin};

use futures::{AsyncBufRead, AsyncBufReadExt as _, Stream, stream};
use nbvet_blob::is_of_result;
use nbvet_operator_api::text;

/// Bytes that are kept of a line.
const LONGEST: usize = 16 * 1024;
/// Bytes that are shown of a line.
const SHOWN: usize = 4 * 1024;

/// A log, piece by piece.
pub(crate) type Log = Pin<Box<dyn AsyncBufRead + Send>>;

/// Lines, or why there are no more.
pub(crate) type Lines = Pin<Box<dyn Stream<Item = Result<String, std::io::Error>> + Send>>;

/// The lines of a log, each ready to be shown after the prefix.
pub(crate) fn lines(log: Log, prefix: String) -> Lines {
    Box::pin(stream::unfold((log, prefix), |(mut log, prefix)| async move {
        loop {
            match line(&mut log).await {
                Ok(None) => return None,
                Ok(Some(line)) => {
                    if let Some(shown) = shown(&line) {
                        return Some((Ok(format!("{prefix}{shown}\n")), (log, prefix)));
                    }
                }
                Err(error) => return Some((Err(error), (Box::pin(futures::io::empty()) as Log, prefix))),
            }
        }
    }))
}

/// What is shown of a line; nothing of one that carries a result.
fn shown(line: &[u8]) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    let line = line.trim_end_matches(['\n', '\r']);
    if is_of_result(line) {
        return None;
    }
    let clean = text::clean(line).replace('\n', " ");
    Some(text::cut(&clean, SHOWN))
}

/// The next line, at most its beginning; what is too long of it is read over.
async fn line(log: &mut Log) -> Result<Option<Vec<u8>>, std::io::Error> {
    let mut line = Vec::new();
    let mut has_begun = false;
    loop {
        let piece = log.fill_buf().await?;
        if piece.is_empty() {
            return Ok(has_begun.then_some(line));
        }
        has_begun = true;
        let end = piece.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(piece.len(), |end| end + 1);
        let room = LONGEST.saturating_sub(line.len());
        line.extend_from_slice(&piece[..length.min(room)]);
        log.consume_unpin(length);
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

/// The last of some lines, whichever come.
#[derive(Debug)]
pub(crate) struct Last {
    lines: VecDeque<String>,
    most: usize,
}

impl Last {
    /// Keeps so many.
    pub(crate) fn new(most: u32) -> Self {
        Self {
            lines: VecDeque::new(),
            most: usize::try_from(most).unwrap_or(usize::MAX),
        }
    }

    /// One more.
    pub(crate) fn push(&mut self, line: String) {
        if self.lines.len() >= self.most {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// Those that are left.
    pub(crate) fn into_text(self) -> String {
        self.lines.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt as _, TryStreamExt as _};

    use super::*;

    async fn check(log: &str, expected: &[&str]) {
        let log: Log = Box::pin(futures::io::Cursor::new(log.as_bytes().to_vec()));
        let found: Vec<String> = lines(log, "x: ".to_owned()).try_collect().await.unwrap();
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn results_are_left_out_and_look_alikes_in_the_middle_of_a_word_are_not() {
        check(
            "a\nnbvet-blob/1 0123456789abcdef 1/1 AAAA\n2026-03-01T08:00:00Z nbvet-blob/1 0 1/1 A\nxnbvet-blob/1 a\nb",
            &["x: a\n", "x: xnbvet-blob/1 a\n", "x: b\n"],
        )
        .await;
    }

    #[tokio::test]
    async fn lines_of_a_log_do_not_act_on_a_terminal_and_are_cut() {
        check(
            "\u{1b}[31mred\u{1b}[0m \u{202e}x\u{7}\r\n\n",
            &["x: red x\n", "x: \n"],
        )
        .await;
        let log: Log = Box::pin(futures::io::Cursor::new(vec![b'a'; LONGEST * 3]));
        let mut found = lines(log, String::new());
        let line = found.next().await.unwrap().unwrap();
        assert!(
            line.len() <= SHOWN + 1 && line.ends_with("…\n"),
            "{} bytes",
            line.len()
        );
        assert!(found.next().await.is_none());
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let mut last = Last::new(2);
        for line in ["a\n", "b\n", "c\n"] {
            last.push(line.to_owned());
        }
        assert_eq!(last.into_text(), "b\nc\n");
    }
}
