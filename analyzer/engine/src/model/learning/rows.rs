//! Which rows of which table a value holds: enough to say whether two values share rows, are the two sides of a
//! split, or whether nobody can know.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::SplitId;

/// Identifies a set of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RowsId(u32);

/// The side of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// What models are fitted on.
    Train,
    /// What is held out.
    Test,
}

/// Where a set of rows comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Rows<'a> {
    /// Read or made by something that is not followed.
    Source,
    /// Some of the rows of another set.
    Subset(RowsId),
    /// Those that a subset left over: `frame.drop(sample.index)`.
    Rest {
        /// The whole.
        of: RowsId,
        /// What was taken away.
        taken: RowsId,
    },
    /// A slice of another set, as its bounds are written.
    Slice {
        /// The whole.
        of: RowsId,
        /// Where it begins.
        lower: Option<&'a str>,
        /// Where it ends.
        upper: Option<&'a str>,
    },
    /// One side of a split.
    Part {
        /// The whole.
        of: RowsId,
        /// The split.
        split: SplitId,
        /// The side.
        side: Side,
    },
    /// Drawn with repetition, or enlarged by rows made of those that are there.
    Resampled(RowsId),
    /// Several sets, one below the other.
    Joined(SmallVec<[RowsId; 2]>),
    /// Computed from another set by something that may have changed which rows there are.
    Unclear(RowsId),
}

/// How the rows of a fit and those of an evaluation lie to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// The very same.
    Same,
    /// The rows of the fit contain those of the evaluation.
    Contains,
    /// They share none that the same row of the table gave.
    Apart,
    /// Nobody can say.
    Unknown,
}

/// All sets of rows of a notebook.
#[derive(Debug, Default)]
pub struct RowSets<'a> {
    all: Vec<Rows<'a>>,
    /// Parts that are there already.
    parts: FxHashMap<Rows<'a>, RowsId>,
}

impl<'a> RowSets<'a> {
    pub(super) fn add(&mut self, rows: Rows<'a>) -> RowsId {
        let id = RowsId(super::index_u32(self.all.len()));
        // Equal parts are the same rows: `X[train]` twice.
        if let Rows::Part { .. } | Rows::Slice { .. } | Rows::Rest { .. } = rows {
            let known = *self.parts.entry(rows.clone()).or_insert(id);
            if known != id {
                return known;
            }
        }
        self.all.push(rows);
        id
    }

    /// Where a set comes from.
    pub fn get(&self, id: RowsId) -> &Rows<'a> {
        &self.all[id.0 as usize]
    }

    fn parent(&self, id: RowsId) -> Option<RowsId> {
        match *self.get(id) {
            Rows::Source | Rows::Joined(_) => None,
            Rows::Subset(of)
            | Rows::Rest { of, .. }
            | Rows::Slice { of, .. }
            | Rows::Part { of, .. }
            | Rows::Resampled(of)
            | Rows::Unclear(of) => Some(of),
        }
    }

    /// The set and those it was taken from, the nearest first.
    pub fn chain(&self, id: RowsId) -> impl Iterator<Item = RowsId> {
        std::iter::successors(Some(id), |id| self.parent(*id))
    }

    /// The split, and its side, that a set lies in: the nearest.
    pub fn side(&self, id: RowsId) -> Option<(SplitId, Side)> {
        self.chain(id).find_map(|id| match *self.get(id) {
            Rows::Part { split, side, .. } => Some((split, side)),
            _ => None,
        })
    }

    /// Every row of `inner` is surely one of `outer`.
    pub fn contains(&self, outer: RowsId, inner: RowsId) -> bool {
        for id in self.chain(inner) {
            if id == outer {
                return true;
            }
            if matches!(self.get(id), Rows::Unclear(_)) {
                return false;
            }
        }
        match self.get(outer) {
            Rows::Joined(members) => members.iter().any(|member| self.contains(*member, inner)),
            Rows::Resampled(of) => self.contains(*of, inner),
            _ => false,
        }
    }

    /// How the rows that a model was fitted on lie to those it is judged on.
    pub fn relation(&self, fitted: RowsId, judged: RowsId) -> Relation {
        if fitted == judged {
            return Relation::Same;
        }
        if self.contains(fitted, judged) {
            return Relation::Contains;
        }
        let above: Vec<RowsId> = self.chain(fitted).collect();
        let below: Vec<RowsId> = self.chain(judged).collect();
        for (index, id) in below.iter().enumerate() {
            let Some(other) = above.iter().position(|above| above == id) else {
                continue;
            };
            let (Some(judged), Some(fitted)) = (
                index.checked_sub(1).map(|i| below[i]),
                other.checked_sub(1).map(|i| above[i]),
            ) else {
                return Relation::Unknown;
            };
            return if self.are_apart(fitted, judged) {
                Relation::Apart
            } else {
                Relation::Unknown
            };
        }
        // Parts of different tables that one call split together.
        match (self.side(fitted), self.side(judged)) {
            (Some((left, one)), Some((right, other))) if left == right && one != other => Relation::Apart,
            _ => Relation::Unknown,
        }
    }

    fn are_apart(&self, left: RowsId, right: RowsId) -> bool {
        match (self.get(left), self.get(right)) {
            (
                Rows::Part { split, side, .. },
                Rows::Part {
                    split: other,
                    side: other_side,
                    ..
                },
            ) => split == other && side != other_side,
            (
                Rows::Slice { lower, upper, .. },
                Rows::Slice {
                    lower: other_lower,
                    upper: other_upper,
                    ..
                },
            ) => {
                (upper.is_some() && upper == other_lower && lower.is_none())
                    || (other_upper.is_some() && other_upper == lower && other_lower.is_none())
            }
            (Rows::Rest { taken, .. }, _) => *taken == right,
            (_, Rows::Rest { taken, .. }) => *taken == left,
            _ => false,
        }
    }

    /// The set above a split that holds some of its rows more than once.
    pub fn repeated_above(&self, id: RowsId) -> Option<RowsId> {
        self.chain(id).find(|id| match self.get(*id) {
            Rows::Resampled(_) => true,
            Rows::Joined(members) => members.iter().any(|member| {
                let mut drawn = self.chain(*member).map(|id| self.get(id));
                drawn.any(|rows| matches!(rows, Rows::Resampled(_)))
            }),
            _ => false,
        })
    }
}
