//! TOML of which every value knows its line, and what is wrong with it is told there.

use std::{cmp::Ordering, ops::Range, sync::Arc};

use pep508_rs::{MarkerTree, PackageName};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    declared::{Dependency, Hash},
    requirement::{self, Markers, Scope, shown},
    requirements::{Fault, Place},
};

/// Values of a file, at most: each takes far more memory than it has characters.
const MAX_VALUES: usize = 2_000_000;

/// A file's text, and where its lines begin.
pub(super) struct Text<'t> {
    pub(super) file: Arc<str>,
    whole: &'t str,
    starts: Vec<usize>,
    pub(super) markers: Markers,
}

impl<'t> Text<'t> {
    pub(super) fn new(file: &str, text: &'t str) -> Self {
        Self {
            file: file.into(),
            whole: text,
            starts: text.match_indices('\n').map(|(at, _)| at + 1).collect(),
            markers: Markers::default(),
        }
    }

    /// The place of a byte.
    pub(super) fn place(&self, at: usize) -> Place {
        Place {
            file: Arc::clone(&self.file),
            line: self.starts.partition_point(|start| *start <= at) + 1,
            included_by: None,
        }
    }

    /// The whole file as a table.
    pub(super) fn parse(&self) -> Result<DeValue<'t>, Fault> {
        let signs = self.whole.bytes().filter(|byte| b",=[{".contains(byte)).count();
        if signs > MAX_VALUES {
            return Err(Fault::line(
                &self.place(0),
                format!("more than {MAX_VALUES} values stand in this file"),
            ));
        }
        let table = DeTable::parse(self.whole).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            Fault::line(
                &self.place(at),
                format!("this is no TOML: {}", shown(error.message())),
            )
        })?;
        Ok(DeValue::Table(table.into_inner()))
    }

    pub(super) fn root<'d>(&'d self, value: &'d DeValue<'d>) -> Node<'d> {
        Node {
            value,
            at: 0..0,
            text: self,
        }
    }
}

/// A value with its place.
#[derive(Clone)]
pub(super) struct Node<'d> {
    value: &'d DeValue<'d>,
    at: Range<usize>,
    text: &'d Text<'d>,
}

impl<'d> Node<'d> {
    fn of(&self, value: &'d Spanned<DeValue<'d>>) -> Self {
        Self {
            value: value.get_ref(),
            at: value.span(),
            text: self.text,
        }
    }

    pub(super) fn place(&self) -> Place {
        self.text.place(self.at.start)
    }

    pub(super) fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::line(&self.place(), message)
    }

    /// As it is written.
    pub(super) fn written(&self) -> &'d str {
        self.text.whole.get(self.at.clone()).unwrap_or_default()
    }

    pub(super) fn is_text(&self) -> bool {
        self.value.is_str()
    }

    pub(super) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    pub(super) fn is_true(&self) -> bool {
        self.value.as_bool() == Some(true)
    }

    /// What stands under a key of a table.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let found = self.value.as_table()?.get(key)?;
        Some(self.of(found))
    }

    /// What stands under keys in one another.
    pub(super) fn find(&self, keys: &[&str]) -> Option<Self> {
        keys.iter().try_fold(self.clone(), |node, key| node.get(key))
    }

    pub(super) fn string(&self) -> Result<&'d str, Fault> {
        self.value.as_str().ok_or_else(|| {
            self.fault(format!(
                "a text in quotes belongs here, not a value of the type {}",
                self.value.type_str()
            ))
        })
    }

    pub(super) fn list(&self) -> Result<Vec<Self>, Fault> {
        let list = self.value.as_array().ok_or_else(|| {
            self.fault(format!(
                "a list belongs here, not a value of the type {}",
                self.value.type_str()
            ))
        })?;
        Ok(list.iter().map(|value| self.of(value)).collect())
    }

    /// Keys and values of a table in the order of the file.
    pub(super) fn pairs(&self) -> Result<Vec<(&'d str, Self)>, Fault> {
        let table = self.value.as_table().ok_or_else(|| {
            self.fault(format!(
                "a table belongs here, not a value of the type {}",
                self.value.type_str()
            ))
        })?;
        let mut pairs: Vec<_> = table.iter().collect();
        pairs.sort_by(
            |(one, _), (other, _)| match one.span().start.cmp(&other.span().start) {
                Ordering::Equal => one.get_ref().cmp(other.get_ref()),
                order => order,
            },
        );
        Ok(pairs
            .into_iter()
            .map(|(key, value)| (&**key.get_ref(), self.of(value)))
            .collect())
    }

    /// The text under a key, if there is one.
    pub(super) fn text(&self, key: &str) -> Result<Option<&'d str>, Fault> {
        self.get(key).map(|node| node.string()).transpose()
    }

    /// The list under a key; none is an empty one.
    pub(super) fn items(&self, key: &str) -> Result<Vec<Self>, Fault> {
        self.get(key).map_or_else(|| Ok(Vec::new()), |node| node.list())
    }

    /// The texts of a list under a key.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<&'d str>, Fault> {
        self.items(key)?.iter().map(Self::string).collect()
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        self.get(key).is_some_and(|node| node.is_true())
    }

    pub(super) fn size(&self, key: &str) -> Option<u64> {
        let node = self.get(key)?;
        let number = node.value.as_integer()?;
        number.as_str().parse().ok()
    }

    /// The text of a marker.
    pub(super) fn marker(&self, scope: Scope<'_>) -> Result<MarkerTree, Fault> {
        self.marker_of(self.string()?, scope)
    }

    /// A marker that this stands for.
    pub(super) fn marker_of(&self, text: &str, scope: Scope<'_>) -> Result<MarkerTree, Fault> {
        let found = self.text.markers.read(text, scope);
        found.map_err(|message| self.fault(message))
    }

    /// A requirement by PEP 508.
    pub(super) fn requirement(&self) -> Result<Dependency, Fault> {
        let found = requirement::pep508(self.string()?, &self.place(), &self.text.markers);
        found.map_err(|message| self.fault(message))
    }

    /// `name`, which must be there.
    pub(super) fn name(&self) -> Result<(PackageName, Place), Fault> {
        let node = self
            .get("name")
            .ok_or_else(|| self.fault("this package has no `name`"))?;
        let name = node.string()?;
        let name = PackageName::new(name.to_owned())
            .ok()
            .filter(|_| !name.is_empty())
            .ok_or_else(|| node.fault(format!("`{}` is no package's name", shown(name))))?;
        Ok((name, node.place()))
    }

    /// `sha256:…` as a digest.
    pub(super) fn hash(&self) -> Result<Hash, Fault> {
        let text = self.string()?;
        hash(text)
            .ok_or_else(|| self.fault(format!("`{}` is no digest: it is written sha256:…", shown(text))))
    }
}

/// `sha256:…` as a digest.
pub(super) fn hash(text: &str) -> Option<Hash> {
    let (algorithm, digest) = text.split_once(':')?;
    Some(Hash {
        algorithm: algorithm.to_ascii_lowercase(),
        digest: digest.to_owned(),
    })
}

/// The name of the file that a URL or a path ends with.
pub(super) fn file_name(url: &str) -> String {
    let path = url.split(['#', '?']).next().unwrap_or(url);
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    requirement::unquoted(name)
}
