//! An image's files as its layers leave them: only links, and files that tell something of a Python, are remembered.
//! Nothing is on a disk, so nothing can be left.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use super::{fault::Fault, scan::Binary};

/// Bytes of names and contents that are remembered.
const MOST: u64 = 256 << 20;
/// As many links as Linux follows in one path.
const MOST_LINKS: usize = 40;
/// Parts of one path, those of its links among them.
const MOST_PARTS: usize = 512;
/// As long as Linux takes a path.
const LONGEST: usize = 4096;
/// Steps that whiteouts may cost.
const MOST_STEPS: usize = 200_000_000;
/// Parts of the paths of all entries, those of links among them; the largest images have some ten million.
const MOST_WALKED: u64 = 200_000_000;
/// What a path takes in memory beside its own bytes.
const NODE: usize = 200;
/// What a remembered word takes beside its own bytes.
const WORD: usize = 64;
/// Steps through what is remembered, for all that is asked of it; the largest images take some hundred thousand.
const MOST_LOOKS: u64 = 4_000_000;

/// What is known of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Link(String),
    File { executable: bool, content: Content },
}

/// What is known of a file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// That there is one.
    Unread,
    Text(Vec<u8>),
    /// Of `METADATA` or `PKG-INFO`.
    Metadata {
        name: String,
        version: String,
    },
    /// Top-level modules, from `RECORD` or `top_level.txt`.
    Modules(BTreeSet<String>),
    Binary(Binary),
}

impl Content {
    fn weight(&self) -> usize {
        match self {
            Self::Unread => 0,
            Self::Text(text) => text.len(),
            Self::Metadata { name, version } => name.len() + version.len(),
            Self::Modules(modules) => modules.iter().map(|module| module.len() + WORD).sum(),
            // Its words are versions.
            Self::Binary(binary) => 256 + (binary.versions.len() + binary.musl.len()) * WORD,
        }
    }
}

/// The tree. Paths have no `/` at their start; the root is the empty path.
#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: BTreeMap<String, (usize, Node)>,
    layer: usize,
    weight: u64,
    steps: usize,
    walked: Cell<u64>,
    looks: Cell<u64>,
}

impl Tree {
    /// What follows belongs to the next layer.
    pub(super) fn next_layer(&mut self) {
        self.layer += 1;
    }

    /// The place where an entry of a layer lands: links that lead to its folder are followed, as when it is unpacked.
    pub(super) fn place(&self, path: &str) -> Result<String, Fault> {
        let path = clean(path);
        let Some((folder, name)) = path.rsplit_once('/') else {
            return Ok(path);
        };
        let (folder, parts) = self.follow(folder);
        self.walked.set(self.walked.get() + parts as u64);
        if self.walked.get() > MOST_WALKED {
            return Err(Fault::TooMuch {
                what: "folders and links on the ways to its files",
                most: MOST_WALKED,
            });
        }
        Ok(join(&folder, name))
    }

    /// A file or link; whatever was there before goes, a folder with all that it held.
    pub(super) fn add(&mut self, place: &str, node: Node) -> Result<(), Fault> {
        self.forget(place, true, usize::MAX)?;
        let more = match &node {
            Node::Link(target) => target.len(),
            Node::File { content, .. } => content.weight(),
        };
        // What is taken away is not taken off: a bound for the work, too.
        self.weight += (place.len() + more + NODE) as u64;
        if self.weight > MOST {
            return Err(Fault::TooMuch {
                what: "bytes of links and metadata",
                most: MOST,
            });
        }
        self.nodes.insert(place.to_owned(), (self.layer, node));
        Ok(())
    }

    /// Something that is not remembered stands there now; a folder leaves what a folder held.
    pub(super) fn replace(&mut self, place: &str, by_folder: bool) -> Result<(), Fault> {
        self.forget(place, !by_folder, usize::MAX)
    }

    /// A whiteout: what lower layers have there is gone.
    pub(super) fn white_out(&mut self, place: &str) -> Result<(), Fault> {
        self.forget(place, true, self.layer)
    }

    /// An opaque whiteout: what lower layers have in a folder is gone.
    pub(super) fn empty(&mut self, folder: &str) -> Result<(), Fault> {
        self.forget_below(folder, self.layer)
    }

    fn forget(&mut self, place: &str, below: bool, before: usize) -> Result<(), Fault> {
        if self.nodes.get(place).is_some_and(|(layer, _)| *layer < before) {
            self.nodes.remove(place);
        }
        if below {
            self.forget_below(place, before)
        } else {
            Ok(())
        }
    }

    fn forget_below(&mut self, folder: &str, before: usize) -> Result<(), Fault> {
        let mut steps = 0;
        let all = self.range(folder).inspect(|_| steps += 1);
        let doomed = all
            .filter(|(_, (layer, _))| *layer < before)
            .map(|(path, _)| path.clone());
        for path in doomed.collect::<Vec<_>>() {
            self.nodes.remove(&path);
        }
        self.steps += steps;
        if self.steps <= MOST_STEPS {
            return Ok(());
        }
        Err(Fault::TooMuch {
            what: "files that upper layers take away",
            most: MOST_STEPS as u64,
        })
    }

    fn range(&self, folder: &str) -> impl Iterator<Item = (&String, &(usize, Node))> {
        let start = if folder.is_empty() {
            String::new()
        } else {
            format!("{folder}/")
        };
        let begins = start.clone();
        self.nodes
            .range(start..)
            .take_while(move |(path, _)| path.starts_with(&begins))
    }

    /// Everything in a folder and below, by path.
    pub(super) fn below(&self, folder: &str) -> impl Iterator<Item = (&str, &Node)> {
        self.range(folder)
            .take_while(|_| self.look(1))
            .map(|(path, (_, node))| (path.as_str(), node))
    }

    /// The names in a folder that begin so; what is below them costs nothing.
    pub(super) fn names(&self, folder: &str, beginning: &str) -> impl Iterator<Item = &str> {
        let start = join(folder, "");
        let mut from = format!("{start}{beginning}");
        let begins = from.clone();
        std::iter::from_fn(move || {
            let (path, _) = self.nodes.range(from.clone()..).next()?;
            if !path.starts_with(&begins) || !self.look(1) {
                return None;
            }
            let name = path[start.len()..].split('/').next()?;
            from = match path.len() - start.len() - name.len() {
                0 => format!("{path}\0"),
                // The character that follows `/`.
                _ => format!("{start}{name}0"),
            };
            Some(name)
        })
    }

    /// Counts steps; `false`: there were too many, and what is found from now on is not all.
    fn look(&self, steps: u64) -> bool {
        self.looks.set(self.looks.get().saturating_add(steps));
        self.looks.get() <= MOST_LOOKS
    }

    /// Everything that was asked of the tree was answered in full.
    pub(super) fn check_looks(&self) -> Result<(), Fault> {
        if self.look(0) {
            return Ok(());
        }
        Err(Fault::TooMuch {
            what: "places in which a Python might find something",
            most: MOST_LOOKS,
        })
    }

    /// What stands at a place itself.
    pub(super) fn at(&self, place: &str) -> Option<&Node> {
        self.nodes.get(place).map(|(_, node)| node)
    }

    /// The file to which a path leads, with its own place.
    pub(super) fn file(&self, path: &str) -> Option<(String, bool, &Content)> {
        let place = self.resolve(path);
        match self.at(&place)? {
            Node::File { executable, content } => Some((place, *executable, content)),
            Node::Link(_) => None,
        }
    }

    /// The text of the file to which a path leads.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        match self.file(path)?.2 {
            Content::Text(text) => std::str::from_utf8(text).ok(),
            _ => None,
        }
    }

    /// A path with all links followed, inside the image whatever they say; a circle stays where it closes, and what
    /// Linux would find too long ends at the root.
    pub(super) fn resolve(&self, path: &str) -> String {
        if !self.look(0) {
            return String::new();
        }
        let (place, parts) = self.follow(path);
        self.look(parts as u64);
        place
    }

    /// The same, with how many parts it took.
    fn follow(&self, path: &str) -> (String, usize) {
        if path.len() > LONGEST {
            return (String::new(), 1);
        }
        let path = clean(path);
        let mut left: Vec<&str> = path.split('/').rev().collect();
        let mut done = String::new();
        let (mut links, mut parts) = (0, 0);
        while let Some(part) = left.pop() {
            parts += 1;
            if parts > MOST_PARTS || done.len() > LONGEST {
                return (String::new(), parts);
            }
            match part {
                "" | "." => {}
                ".." => done.truncate(done.rfind('/').unwrap_or(0)),
                _ => {
                    let before = done.len();
                    if before > 0 {
                        done.push('/');
                    }
                    done.push_str(part);
                    if let Some(Node::Link(target)) = self.at(&done).filter(|_| links < MOST_LINKS) {
                        links += 1;
                        let is_absolute = target.starts_with('/');
                        done.truncate(if is_absolute { 0 } else { before });
                        left.extend(target.split('/').rev());
                    }
                }
            }
        }
        (done, parts)
    }
}

pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

/// Without `.`, doubled slashes and a slash at either end; `..` ends at the root.
pub(super) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ways_of_all_entries_are_bounded_together() {
        let tree = Tree::default();
        assert_eq!(tree.place("a/b/c").unwrap(), "a/b/c");
        tree.walked.set(MOST_WALKED - 1);
        let fault = tree.place("a/b/c").unwrap_err().to_string();
        assert!(
            fault.contains("folders and links on the ways to its files"),
            "{fault}"
        );
    }
}
