//! A progress bar on stderr, where that is a terminal; nothing elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use nbvet_image::{assemble::Doing, index};

/// The progress of one command over many notebooks.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Draws nothing before the first notebook has taken a moment.
    pub(crate) fn new(notebooks: usize) -> Self {
        // indicatif draws to stderr, and only to a terminal.
        let bar = ProgressBar::new(notebooks as u64);
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} {pos}/{len} notebooks · {elapsed} · {wide_msg}")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// For an image: what is being done is told as it changes.
    pub(crate) fn of_layers() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} {pos}/{len} layers · {elapsed} · {wide_msg}")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// What is being done for an image.
    pub(crate) fn doing(&self, doing: Doing<'_>) {
        let message = |text: &str| self.0.set_message(nbvet_render::harmless(text));
        match doing {
            Doing::Choosing => message("looking up packages"),
            Doing::Planned { known, new } => {
                self.0.set_length((known + new) as u64);
                self.0.set_position(known as u64);
            }
            Doing::File(index::Progress::Started(file, _)) => message(&format!("fetching {file}")),
            Doing::File(_) => {}
            Doing::Making(what) => message(&format!("making {what}")),
            Doing::Made(_) => self.0.inc(1),
            Doing::Joining => message("putting the image together"),
        }
    }

    /// A notebook is begun.
    pub(crate) fn begin(&self, name: &str) {
        self.0.set_message(nbvet_render::harmless(name));
    }

    /// A notebook has come to a cell.
    pub(crate) fn cell(&self, name: &str, cell: u32) {
        self.0
            .set_message(format!("{} · cell {cell}", nbvet_render::harmless(name)));
    }

    /// A notebook is done.
    pub(crate) fn done(&self) {
        self.0.inc(1);
    }

    /// Prints something with the bar out of the way.
    pub(crate) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
