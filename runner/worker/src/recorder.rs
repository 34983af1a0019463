//! Facts gathered while a cell runs, capped so that no notebook makes a message too large.

use nbvet_protocol::LateFact;
use nbvet_report::Fact;
use rustc_hash::FxHashMap;

/// Facts kept for one cell, besides those about names.
const MAX_FACTS: usize = 2000;
/// Bytes of JSON that these facts may have together.
const MAX_BYTES: usize = 8 << 20;

/// The facts of the running cell.
#[derive(Default)]
pub(crate) struct Recorder {
    facts: Vec<Fact>,
    /// Where a warning stands in `facts`.
    warnings: FxHashMap<(String, String, Option<u32>), usize>,
    bytes: usize,
    /// The cells that facts come from, where it is not the running one, by their place.
    cells: FxHashMap<usize, u32>,
}

impl Recorder {
    /// Adds a fact of a cell that has ended.
    pub(crate) fn add_of(&mut self, cell: Option<u32>, fact: Fact) {
        let before = self.facts.len();
        self.add(fact);
        if self.facts.len() > before {
            self.cells.extend(cell.map(|cell| (before, cell)));
        }
    }

    /// All facts, with the cells that they come from.
    pub(crate) fn take_late(&mut self) -> Vec<LateFact> {
        let cells = std::mem::take(&mut self.cells);
        let facts = self.take().into_iter().enumerate();
        facts
            .map(|(number, fact)| LateFact {
                cell: cells.get(&number).copied(),
                fact,
            })
            .collect()
    }

    /// Adds a fact, unless there are too many.
    pub(crate) fn add(&mut self, fact: Fact) {
        self.bytes += serde_json::to_vec(&fact).map_or(0, |json| json.len());
        if self.facts.len() < MAX_FACTS && self.bytes < MAX_BYTES {
            self.facts.push(fact);
        }
    }

    /// Adds a warning, or counts it with the one that is there.
    pub(crate) fn warn(&mut self, fact: Fact) {
        let Fact::Warning {
            category,
            message,
            line,
            ..
        } = &fact
        else {
            return;
        };
        let key = (category.clone(), message.clone(), *line);
        if let Some(Fact::Warning { count, .. }) =
            self.warnings.get(&key).and_then(|at| self.facts.get_mut(*at))
        {
            *count += 1;
            return;
        }
        self.warnings.insert(key, self.facts.len());
        self.add(fact);
    }

    /// All facts, for the message; the next cell begins with none.
    pub(crate) fn take(&mut self) -> Vec<Fact> {
        self.warnings.clear();
        self.bytes = 0;
        self.cells.clear();
        std::mem::take(&mut self.facts)
    }
}
