//! What an expression names, through imports: `pd.read_csv` is `pandas.read_csv`.

use std::fmt;

use ruff_python_ast::Expr;
use smallvec::SmallVec;

use super::{BindingKind, Model, Resolution};

/// A dotted path from a module: `["sklearn", "model_selection", "train_test_split"]`; a builtin is
/// `["builtins", name]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualifiedName<'a>(SmallVec<[&'a str; 6]>);

impl<'a> QualifiedName<'a> {
    /// Its parts.
    pub fn segments(&self) -> &[&'a str] {
        &self.0
    }

    /// It is exactly this dotted path.
    pub fn is(&self, path: &str) -> bool {
        // Lengths first: nearly every path that is asked for is another one.
        let length = self.0.iter().map(|part| part.len() + 1).sum::<usize>();
        path.len() + 1 == length && path.split('.').eq(self.0.iter().copied())
    }

    /// It is one of these dotted paths.
    pub fn is_any(&self, paths: &[&str]) -> bool {
        paths.iter().any(|path| self.is(path))
    }

    /// Its first part: the package.
    pub fn package(&self) -> &'a str {
        self.0.first().copied().unwrap_or_default()
    }
}

impl fmt::Display for QualifiedName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

impl<'a> Model<'a> {
    /// What an expression names, if every binding that can reach it is the same import.
    pub fn qualified_name(&self, expression: &'a Expr) -> Option<QualifiedName<'a>> {
        match expression {
            Expr::Name(name) => match &self.reference_of(name)?.resolution {
                Resolution::Builtin => Some(QualifiedName(SmallVec::from_slice(&[
                    "builtins",
                    name.id.as_str(),
                ]))),
                Resolution::Bindings { ids, .. } => {
                    let mut names = ids.iter().map(|id| self.imported(*id));
                    let first = names.next()??;
                    names.all(|name| name.as_ref() == Some(&first)).then_some(first)
                }
                _ => None,
            },
            Expr::Attribute(attribute) => {
                let mut name = self.qualified_name(&attribute.value)?;
                name.0.push(attribute.attr.as_str());
                Some(name)
            }
            _ => None,
        }
    }

    fn imported(&self, id: super::BindingId) -> Option<QualifiedName<'a>> {
        match self.binding(id).kind {
            BindingKind::Import(alias) => {
                let path = alias.name.as_str();
                // `import a.b` binds `a`; `import a.b as c` binds `a.b`.
                let parts = if alias.asname.is_some() { usize::MAX } else { 1 };
                Some(QualifiedName(path.split('.').take(parts).collect()))
            }
            BindingKind::ImportFrom { module, member } if !module.is_empty() => {
                Some(QualifiedName(module.split('.').chain([member]).collect()))
            }
            _ => None,
        }
    }
}
