//! What a notebook prints, once more in the log of its container, for whoever looks there while it runs: line by line, with
//! its cell, made harmless and bounded. Nobody judges by it, and the notebook never waits for whoever reads it.

use std::{
    collections::VecDeque,
    os::fd::AsFd,
    time::{Duration, Instant},
};

use nbvet_protocol::StreamName;
use nbvet_report::harmless::harmless_block;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, write},
};

/// Bytes of a line; what is longer becomes several.
const LONGEST: usize = 4 * 1024;
/// Bytes of one cell.
const MOST_OF_CELL: usize = 256 * 1024;
/// Bytes of a notebook: a node keeps about as much of a log.
const MOST: usize = 8 * 1024 * 1024;
/// Bytes that may wait for whoever reads.
const MOST_WAITING: usize = 256 * 1024;
/// Bytes that a pipe takes at once without blocking when it says that it has room.
const AT_ONCE: usize = 4 * 1024;
/// How long a line may go on before its beginning is shown: a progress bar never ends one.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the last lines may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// A log that is being written.
pub(crate) struct Log<W> {
    /// `None` once nobody can read it any more.
    out: Option<W>,
    cell: Option<u32>,
    /// Lines of stdout and stderr that have begun.
    begun: [Begun; 2],
    of_cell: Left,
    of_all: Left,
    waiting: VecDeque<u8>,
    /// Lines that were left out because nobody read.
    unread: u64,
}

struct Begun {
    name: StreamName,
    text: String,
    since: Instant,
}

/// How many bytes may still come.
struct Left {
    bytes: usize,
    /// That it was too much has been said.
    said: bool,
}

impl Left {
    const fn of(bytes: usize) -> Self {
        Self { bytes, said: false }
    }

    fn take(&mut self, bytes: usize) -> bool {
        let fits = !self.said && bytes <= self.bytes;
        self.bytes = self.bytes.saturating_sub(bytes);
        fits
    }
}

impl<W: AsFd> Log<W> {
    pub(crate) fn new(out: W) -> Self {
        let begun = |name| Begun {
            name,
            text: String::new(),
            since: Instant::now(),
        };
        Self {
            out: Some(out),
            cell: None,
            begun: [begun(StreamName::Stdout), begun(StreamName::Stderr)],
            of_cell: Left::of(MOST_OF_CELL),
            of_all: Left::of(MOST),
            waiting: VecDeque::new(),
            unread: 0,
        }
    }

    /// Takes in what was printed, in whatever pieces it comes.
    pub(crate) fn print(&mut self, cell: Option<u32>, stream: usize, text: &str) {
        if cell != self.cell {
            self.end_lines();
            (self.cell, self.of_cell) = (cell, Left::of(MOST_OF_CELL));
        }
        for piece in text.split_inclusive('\n') {
            let begun = &mut self.begun[stream];
            if begun.text.is_empty() {
                begun.since = Instant::now();
            }
            begun.text.push_str(piece.trim_end_matches('\n'));
            while self.begun[stream].text.len() > LONGEST {
                let text = &mut self.begun[stream].text;
                let rest = text.split_off(text.floor_char_boundary(LONGEST));
                let line = std::mem::replace(text, rest);
                self.line(stream, &line);
            }
            if piece.ends_with('\n') {
                self.end_line(stream);
            }
        }
        self.flush();
    }

    /// Lines that have begun are shown as they are.
    pub(crate) fn end_lines(&mut self) {
        for stream in 0..self.begun.len() {
            if !self.begun[stream].text.is_empty() {
                self.end_line(stream);
            }
        }
        self.flush();
    }

    /// Time goes by: what waits is tried again, and lines that do not end are shown.
    pub(crate) fn tick(&mut self) {
        for stream in 0..self.begun.len() {
            let begun = &self.begun[stream];
            if !begun.text.is_empty() && begun.since.elapsed() > PATIENCE {
                self.end_line(stream);
            }
        }
        self.flush();
    }

    /// Nothing comes any more.
    pub(crate) fn finish(&mut self) {
        self.end_lines();
        let until = Instant::now() + FAREWELL;
        while !self.waiting.is_empty() && Instant::now() < until && self.wait_for_room(FAREWELL) {
            self.flush();
        }
    }

    fn end_line(&mut self, stream: usize) {
        let line = std::mem::take(&mut self.begun[stream].text);
        self.line(stream, &line);
    }

    fn line(&mut self, stream: usize, line: &str) {
        // What a carriage return writes over is gone on a terminal, too.
        let line = line.trim_end_matches('\r');
        let shown = line.rsplit('\r').next().unwrap_or(line);
        let name = match self.begun[stream].name {
            StreamName::Stdout => "",
            StreamName::Stderr => " stderr",
        };
        let whose = self
            .cell
            .map_or_else(|| "notebook".to_owned(), |cell| format!("cell {cell}"));
        let text = format!("[{whose}{name}] {}\n", harmless_block(shown));
        if !self.of_cell.take(text.len()) {
            if !std::mem::replace(&mut self.of_cell.said, true) && !self.of_all.said {
                self.push(&format!(
                    "[{whose}] (more was printed, and is left out of this log)\n"
                ));
            }
        } else if self.of_all.take(text.len()) {
            self.push(&text);
        } else if !std::mem::replace(&mut self.of_all.said, true) {
            self.push("[nbvet] what the notebook prints from here on is left out of this log\n");
        }
    }

    fn push(&mut self, line: &str) {
        let note = match self.unread {
            0 => String::new(),
            lines => format!("[nbvet] lines left out because this log was not read: {lines}\n"),
        };
        if self.waiting.len() + note.len() + line.len() > MOST_WAITING {
            self.unread += 1;
            return;
        }
        self.unread = 0;
        self.waiting.extend(note.bytes());
        self.waiting.extend(line.bytes());
    }

    /// Writes what there is room for now.
    fn flush(&mut self) {
        while !self.waiting.is_empty() && self.wait_for_room(Duration::ZERO) {
            let (first, _) = self.waiting.as_slices();
            let Some(out) = &self.out else { return };
            match write(out, &first[..first.len().min(AT_ONCE)]) {
                Ok(written) => drop(self.waiting.drain(..written)),
                Err(Errno::AGAIN | Errno::INTR) => return,
                Err(_) => self.close(),
            }
        }
    }

    fn close(&mut self) {
        self.out = None;
        self.waiting = VecDeque::new();
    }

    /// Whether something can be written; nothing can where the log is closed.
    fn wait_for_room(&mut self, longest: Duration) -> bool {
        let Some(out) = &self.out else {
            self.waiting.clear();
            return false;
        };
        let mut fds = [PollFd::new(out, PollFlags::OUT)];
        let timeout: Option<Timespec> = longest.try_into().ok();
        let found = poll(&mut fds, Some(&timeout.unwrap_or_default()));
        found.is_ok_and(|found| found > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read as _, os::unix::net::UnixStream};

    use super::*;

    /// What stands in the log of a cell after these pieces on stdout.
    fn check(pieces: &[&str], expected: &str) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut log = Log::new(ours);
        for piece in pieces {
            log.print(Some(3), 0, piece);
        }
        log.finish();
        drop(log);
        let mut read = String::new();
        theirs.read_to_string(&mut read).unwrap();
        assert_eq!(read, expected, "{pieces:?}");
    }

    #[test]
    fn each_line_has_its_cell_in_whatever_pieces_it_comes() {
        check(&["a\nb", "c\n", "", "d"], "[cell 3] a\n[cell 3] bc\n[cell 3] d\n");
        check(&["\n  x  y\n"], "[cell 3] \n[cell 3]   x  y\n");
    }

    #[test]
    fn no_line_acts_on_a_terminal_or_looks_like_another() {
        check(
            &["\u{1b}[31mred\u{1b}[0m\u{1b}]0;t\u{7}\u{202e}\n"],
            "[cell 3] red␛]0;t␇\u{fffd}\n",
        );
        check(&["10%\r50%\r100%\r\n"], "[cell 3] 100%\n");
        check(
            &["x\r[cell 9] y\nnbvet-blob/1 0123456789abcdef 1/1 AAAA\n"],
            "[cell 3] [cell 9] y\n[cell 3] nbvet-blob/1 0123456789abcdef 1/1 AAAA\n",
        );
    }

    #[test]
    fn a_cell_that_prints_without_end_fills_no_log() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let reader = std::thread::spawn(move || {
            let mut read = String::new();
            theirs.read_to_string(&mut read).unwrap();
            read
        });
        let mut log = Log::new(ours);
        let much = "y".repeat(LONGEST * 3) + "\n";
        for cell in [0, 1] {
            for _ in 0..MOST / LONGEST {
                log.print(Some(cell), 1, &much);
                log.finish();
            }
        }
        drop(log);
        let read = reader.join().unwrap();
        assert!(read.len() < 2 * MOST_OF_CELL + 1000, "{} bytes", read.len());
        assert!(read.lines().all(|line| line.len() <= LONGEST + 20));
        let told = |cell| format!("[cell {cell}] (more was printed, and is left out of this log)");
        assert_eq!(read.lines().filter(|line| *line == told(0)).count(), 1);
        assert_eq!(read.lines().next_back(), Some(&*told(1)));
    }

    #[test]
    fn a_notebook_of_many_cells_fills_no_log() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let reader = std::thread::spawn(move || {
            let mut read = String::new();
            theirs.read_to_string(&mut read).unwrap();
            read
        });
        let mut log = Log::new(ours);
        let line = "y".repeat(LONGEST - 100) + "\n";
        for cell in 0..1000 {
            for _ in 0..10 {
                log.print(Some(cell), 0, &line);
                log.finish();
            }
        }
        drop(log);
        let read = reader.join().unwrap();
        assert!(read.len() <= MOST + 100, "{} bytes", read.len());
        let last = "[nbvet] what the notebook prints from here on is left out of this log";
        assert_eq!(read.lines().next_back(), Some(last));
        assert_eq!(read.lines().filter(|line| *line == last).count(), 1);
    }

    #[test]
    fn a_notebook_goes_on_where_nobody_reads_or_the_reader_is_gone() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut log = Log::new(ours);
        for cell in 0..20 {
            log.print(Some(cell), 0, &"z\n".repeat(30_000));
        }
        assert!(log.waiting.len() <= MOST_WAITING && log.unread > 0);
        drop(theirs);
        log.finish();
        assert!(log.out.is_none() && log.waiting.is_empty());
    }
}
