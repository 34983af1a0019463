//! Environment markers, as `packaging` (in pip from 24.1 on) reads and decides them, into the trees of `pep508_rs`. The
//! grammar is read here: its own reader has no limits and passes over comparisons that it does not know.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
};

use pep440_rs::{Operator as Operator440, Version, VersionSpecifier};
use pep508_rs::{
    ExtraName, ExtraOperator, MarkerExpression, MarkerOperator, MarkerTree, MarkerTreeKind, MarkerValueExtra,
    MarkerValueString, MarkerValueVersion,
};

use super::text::Text;

/// Comparisons in one marker, at most. The trees can grow with the power of what is compared.
const MAX_COMPARISONS: usize = 100;
/// Comparisons in the different markers of one file and what it includes, at most: `pep508_rs` keeps each tree for as long
/// as the program runs. Locks of large projects have some hundred.
const MAX_ALL_COMPARISONS: usize = 20_000;
/// Ways through a marker's tree, at most: so many alternatives it has when it is written out.
pub(crate) const MAX_WAYS: u64 = 1000;
const MAX_NESTING: usize = 32;
/// Parts of a version beyond this are no Python's; `pep508_rs` adds one to them.
const MAX_PART: u64 = u32::MAX as u64;

/// What `extras` and `dependency_groups` stand for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scope<'a> {
    /// A requirement: they mean nothing there.
    Requirement,
    /// A lock file (PEP 751): no extra is chosen, and these groups are.
    Lock(&'a [String]),
}

/// The markers of a file: each text is read once, and together they are not too many.
#[derive(Debug)]
pub struct Markers {
    known: RefCell<HashMap<String, MarkerTree>>,
    /// Comparisons that there may still be.
    left: Cell<usize>,
}

impl Default for Markers {
    fn default() -> Self {
        Self {
            known: RefCell::default(),
            left: Cell::new(MAX_ALL_COMPARISONS),
        }
    }
}

impl Markers {
    /// The whole text is a marker; an error says what is wrong. The scope is one for all markers of a file.
    pub(crate) fn read(&self, text: &str, scope: Scope<'_>) -> Result<MarkerTree, String> {
        if let Some(known) = self.known.borrow().get(text) {
            return Ok(known.clone());
        }
        let mut reader = Reader {
            text: Text::new(text),
            scope,
            comparisons: 0,
            left: self.left.get(),
        };
        let tree = reader.any(0)?;
        if !reader.text.is_at_end() {
            return Err(format!(
                "the marker goes on with {} where `and`, `or` or its end was expected",
                reader.text.shown()
            ));
        }
        self.left.set(reader.left);
        self.known.borrow_mut().insert(text.to_owned(), tree.clone());
        Ok(tree)
    }
}

struct Reader<'t> {
    text: Text<'t>,
    scope: Scope<'t>,
    comparisons: usize,
    /// Those that the file may still have.
    left: usize,
}

enum Operand {
    Version(MarkerValueVersion),
    Text(MarkerValueString),
    Extra,
    /// `extras`, `dependency_groups`.
    Set(&'static str),
    Quoted(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    /// `==`, `<`, …
    Sign(&'static str),
}

impl Reader<'_> {
    /// Markers with `or` between them.
    fn any(&mut self, depth: usize) -> Result<MarkerTree, String> {
        let mut trees = vec![self.all(depth)?];
        while self.text.word("or") {
            trees.push(self.all(depth)?);
        }
        joined(trees, MarkerTree::or)
    }

    fn all(&mut self, depth: usize) -> Result<MarkerTree, String> {
        let mut trees = vec![self.one(depth)?];
        while self.text.word("and") {
            trees.push(self.one(depth)?);
        }
        joined(trees, MarkerTree::and)
    }

    fn one(&mut self, depth: usize) -> Result<MarkerTree, String> {
        self.text.blanks();
        let tree = if self.text.take('(') {
            if depth == MAX_NESTING {
                return Err(format!(
                    "the marker has more than {MAX_NESTING} parentheses within each other"
                ));
            }
            let tree = self.any(depth + 1)?;
            if !self.text.take(')') {
                return Err("a parenthesis of the marker is not closed".to_owned());
            }
            tree
        } else {
            self.comparison()?
        };
        self.text.blanks();
        Ok(tree)
    }

    fn comparison(&mut self) -> Result<MarkerTree, String> {
        self.comparisons += 1;
        if self.comparisons > MAX_COMPARISONS {
            return Err(format!(
                "the marker compares more than {MAX_COMPARISONS} times, which nbvet does not follow"
            ));
        }
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            format!(
                "the markers of this file compare more than {MAX_ALL_COMPARISONS} times, which nbvet does not follow"
            )
        })?;
        let left = self.operand()?;
        self.text.blanks();
        let operator = self.operator()?;
        self.text.blanks();
        let right = self.operand()?;
        match (left, right) {
            (Operand::Version(key), Operand::Quoted(value)) => version(key, operator, &value, false),
            (Operand::Quoted(value), Operand::Version(key)) => version(key, operator, &value, true),
            (Operand::Text(key), Operand::Quoted(value)) => Self::string(key, operator, value, false),
            (Operand::Quoted(value), Operand::Text(key)) => Self::string(key, operator, value, true),
            (Operand::Extra, Operand::Quoted(value)) => Self::extra(operator, &value, false),
            (Operand::Quoted(value), Operand::Extra) => Self::extra(operator, &value, true),
            (Operand::Quoted(value), Operand::Set(name)) => self.member(name, operator, &value),
            (Operand::Quoted(_), Operand::Quoted(_)) => Err(
                "the marker compares two texts: one side must be a name such as `python_version`".to_owned(),
            ),
            _ => Err("the marker compares two names: one side must be a text in quotes".to_owned()),
        }
    }

    fn operand(&mut self) -> Result<Operand, String> {
        if let Some(quoted) = self.text.quoted() {
            if quoted.contains('\\') {
                return Err(
                    "a text of the marker has a backslash in it, which nbvet does not follow".to_owned(),
                );
            }
            return Ok(Operand::Quoted(quoted.to_owned()));
        }
        let before = self.text;
        let name = self.text.identifier();
        named(name).ok_or_else(|| {
            format!(
                "{} is no marker: write a name such as `python_version` or a text in quotes",
                before.shown()
            )
        })
    }

    fn operator(&mut self) -> Result<Operator, String> {
        const SIGNS: [&str; 8] = ["===", "==", "~=", "!=", "<=", ">=", "<", ">"];
        if let Some(sign) = SIGNS.into_iter().find(|sign| self.text.take_text(sign)) {
            return Ok(Operator::Sign(sign));
        }
        if self.text.word("in") {
            return Ok(Operator::In);
        }
        if self.text.word("not") && self.text.blanks() && self.text.word("in") {
            return Ok(Operator::NotIn);
        }
        Err(format!(
            "{} is no comparison: write one of ==, !=, <, <=, >, >=, ~=, ===, in, not in",
            self.text.shown()
        ))
    }

    /// A name whose values are no versions: to `packaging` such are equal or not, never greater.
    fn string(
        key: MarkerValueString,
        operator: Operator,
        value: String,
        inverted: bool,
    ) -> Result<MarkerTree, String> {
        let operator = match operator {
            Operator::In | Operator::NotIn => match (operator, inverted) {
                (Operator::In, false) => MarkerOperator::In,
                (Operator::In, true) => MarkerOperator::Contains,
                (_, false) => MarkerOperator::NotIn,
                (_, true) => MarkerOperator::NotContains,
            },
            Operator::Sign("!=") => MarkerOperator::NotEqual,
            Operator::Sign("==") => MarkerOperator::Equal,
            Operator::Sign(sign)
                if key == MarkerValueString::PlatformRelease && value.parse::<Version>().is_ok() =>
            {
                return Err(format!(
                    "the marker compares platform_release with `{sign}`: that is the kernel of the machine, which nbvet cannot know"
                ));
            }
            Operator::Sign("<" | ">") => return Ok(MarkerTree::FALSE),
            Operator::Sign("<=" | ">=") => MarkerOperator::Equal,
            Operator::Sign(sign) => {
                return Err(format!(
                    "`{sign}` in the marker needs a version, which {key} is not"
                ));
            }
        };
        Ok(MarkerTree::expression(MarkerExpression::String {
            key,
            operator,
            value,
        }))
    }

    /// No requirement of a file is of an extra: to pip it is the empty text there.
    fn extra(operator: Operator, value: &str, inverted: bool) -> Result<MarkerTree, String> {
        let constant = |is_true: bool| {
            Ok(if is_true {
                MarkerTree::TRUE
            } else {
                MarkerTree::FALSE
            })
        };
        let operator = match operator {
            Operator::Sign(sign @ ("==" | "!=" | "<=" | ">=")) if value.is_empty() => {
                return constant(sign != "!=");
            }
            Operator::Sign("==" | "<=" | ">=") => ExtraOperator::Equal,
            Operator::Sign("!=") => ExtraOperator::NotEqual,
            Operator::Sign("<" | ">") => return constant(false),
            Operator::Sign(sign) => return Err(format!("the marker compares `extra` with `{sign}`")),
            Operator::In => return constant(!inverted || value.is_empty()),
            Operator::NotIn => return constant(inverted && !value.is_empty()),
        };
        let name = ExtraName::new(value.to_owned()).map_or_else(
            |_| MarkerValueExtra::Arbitrary(value.to_owned()),
            MarkerValueExtra::Extra,
        );
        Ok(MarkerTree::expression(MarkerExpression::Extra { operator, name }))
    }

    fn member(&self, name: &str, operator: Operator, value: &str) -> Result<MarkerTree, String> {
        let Scope::Lock(groups) = self.scope else {
            return Err(format!(
                "`{name}` in a marker means something in lock files alone"
            ));
        };
        let chosen = name == "dependency_groups" && groups.iter().any(|group| group == value);
        match operator {
            Operator::In if chosen => Ok(MarkerTree::TRUE),
            Operator::NotIn if !chosen => Ok(MarkerTree::TRUE),
            Operator::In | Operator::NotIn => Ok(MarkerTree::FALSE),
            Operator::Sign(sign) => Err(format!("`{name}` is asked with `in`, not with `{sign}`")),
        }
    }
}

/// One of all: neighbours first, since what is joined on the way is kept too.
fn joined(mut trees: Vec<MarkerTree>, join: fn(&mut MarkerTree, MarkerTree)) -> Result<MarkerTree, String> {
    while trees.len() > 1 {
        let mut pairs = Vec::with_capacity(trees.len().div_ceil(2));
        let mut rest = trees.into_iter();
        while let Some(mut one) = rest.next() {
            if let Some(other) = rest.next() {
                join(&mut one, other);
                small(&one)?;
            }
            pairs.push(one);
        }
        trees = pairs;
    }
    Ok(trees.pop().unwrap_or(MarkerTree::TRUE))
}

fn small(tree: &MarkerTree) -> Result<(), String> {
    if ways(tree) <= MAX_WAYS {
        return Ok(());
    }
    Err(format!(
        "the marker has more than {MAX_WAYS} alternatives, which nbvet does not follow"
    ))
}

/// Ways through the tree that end with true; of more than [`MAX_WAYS`] only that they are more.
pub(crate) fn ways(tree: &MarkerTree) -> u64 {
    counted(tree, &mut HashMap::new())
}

fn counted(tree: &MarkerTree, known: &mut HashMap<MarkerTree, u64>) -> u64 {
    if let Some(count) = known.get(tree) {
        return *count;
    }
    let below: Vec<MarkerTree> = match tree.kind() {
        MarkerTreeKind::True => return 1,
        MarkerTreeKind::False => return 0,
        MarkerTreeKind::Version(node) => node.edges().map(|(_, below)| below).collect(),
        MarkerTreeKind::String(node) => node.children().map(|(_, below)| below).collect(),
        MarkerTreeKind::In(node) => node.children().map(|(_, below)| below).collect(),
        MarkerTreeKind::Contains(node) => node.children().map(|(_, below)| below).collect(),
        MarkerTreeKind::Extra(node) => node.children().map(|(_, below)| below).collect(),
    };
    let mut count: u64 = 0;
    for below in below {
        count = count.saturating_add(counted(&below, known));
        if count > MAX_WAYS {
            break;
        }
    }
    known.insert(tree.clone(), count);
    count
}

fn named(name: &str) -> Option<Operand> {
    use MarkerValueString as Text;
    use MarkerValueVersion as Number;
    Some(match name {
        "python_version" => Operand::Version(Number::PythonVersion),
        "python_full_version" => Operand::Version(Number::PythonFullVersion),
        "implementation_version" => Operand::Version(Number::ImplementationVersion),
        "os_name" | "os.name" => Operand::Text(Text::OsName),
        "sys_platform" | "sys.platform" => Operand::Text(Text::SysPlatform),
        "platform_release" => Operand::Text(Text::PlatformRelease),
        "platform_system" => Operand::Text(Text::PlatformSystem),
        "platform_version" | "platform.version" => Operand::Text(Text::PlatformVersion),
        "platform_machine" | "platform.machine" => Operand::Text(Text::PlatformMachine),
        "platform_python_implementation" | "platform.python_implementation" | "python_implementation" => {
            Operand::Text(Text::PlatformPythonImplementation)
        }
        "implementation_name" => Operand::Text(Text::ImplementationName),
        "extra" => Operand::Extra,
        "extras" => Operand::Set("extras"),
        "dependency_groups" => Operand::Set("dependency_groups"),
        _ => return None,
    })
}

/// A name whose values are versions. What is compared with it may be none: then it is text, and never greater.
fn version(
    key: MarkerValueVersion,
    operator: Operator,
    value: &str,
    inverted: bool,
) -> Result<MarkerTree, String> {
    let sign = match operator {
        Operator::In | Operator::NotIn => return contained(key, operator, value, inverted),
        Operator::Sign(sign) => sign,
    };
    // `'3.9' < python_version` says what the value is to the name.
    let sign = match (inverted, sign) {
        (true, "<") => ">",
        (true, "<=") => ">=",
        (true, ">") => "<",
        (true, ">=") => "<=",
        (_, sign) => sign,
    };
    if (inverted || sign == "===") && value.parse::<Version>().is_err() {
        // It is compared with a version, and is none.
        return Ok(MarkerTree::FALSE);
    }
    let known = format!("{}{value}", if sign == "===" { "==" } else { sign }).parse::<VersionSpecifier>();
    match known {
        Ok(specifier) if specifier.version().release().iter().any(|part| *part > MAX_PART) => {
            Err(format!("`{value}` in the marker is no version of Python"))
        }
        Ok(_) if inverted && sign == "~=" => Err(format!(
            "the marker compares `{value}` from the wrong side: write `{key} {sign} '{value}'`"
        )),
        Ok(specifier) => Ok(released(key, specifier)),
        Err(_) if sign == "!=" => Ok(MarkerTree::TRUE),
        Err(_) if sign == "~=" => Err(format!("`{value}` in the marker cannot be compared with ~=")),
        Err(_) => Ok(MarkerTree::FALSE),
    }
}

/// Trees of `pep508_rs` know released versions alone: a pre-release is what lies before its release.
fn released(key: MarkerValueVersion, specifier: VersionSpecifier) -> MarkerTree {
    let version = specifier.version();
    if !(version.any_prerelease() || version.is_post() || version.is_local()) {
        return MarkerTree::expression(MarkerExpression::Version { key, specifier });
    }
    let release = version.only_release();
    let specifier = match specifier.operator() {
        Operator440::Equal | Operator440::ExactEqual => return MarkerTree::FALSE,
        Operator440::NotEqual => return MarkerTree::TRUE,
        Operator440::GreaterThan if version.any_prerelease() => {
            VersionSpecifier::greater_than_equal_version(release)
        }
        Operator440::LessThanEqual if version.any_prerelease() => {
            VersionSpecifier::less_than_version(release)
        }
        _ => return MarkerTree::expression(MarkerExpression::Version { key, specifier }),
    };
    MarkerTree::expression(MarkerExpression::Version { key, specifier })
}

/// `in` is about text: the Python versions there are, or may be, whose text fits.
fn contained(
    key: MarkerValueVersion,
    operator: Operator,
    value: &str,
    inverted: bool,
) -> Result<MarkerTree, String> {
    let negated = operator == Operator::NotIn;
    let versions = if key == MarkerValueVersion::PythonVersion {
        let known = [(2, 6..=7), (3, 0..=99)];
        let known = known
            .into_iter()
            .flat_map(|(major, minors)| minors.map(move |minor| (major, minor)));
        known
            .map(|(major, minor)| format!("{major}.{minor}"))
            .filter(|known| {
                if inverted {
                    known.contains(value)
                } else {
                    value.contains(&**known)
                }
            })
            .filter_map(|known| known.parse().ok())
            .collect()
    } else if inverted {
        return Err(format!(
            "the marker looks for `{value}` within {key}: compare with == '{value}.*'"
        ));
    } else {
        let between = |c: char| c.is_whitespace() || c == ',' || c == '|' || c == ';';
        // Their text has three parts, of which the last may be the beginning of what is written.
        let words = value.split(between).filter(|word| word.matches('.').count() == 2);
        let words = words.flat_map(|word| {
            let last = word.rfind('.').map_or(0, |dot| dot + 1);
            (last + 1..=word.len()).filter_map(move |end| word.get(..end))
        });
        words
            .filter_map(|word| word.parse().ok())
            .collect::<Vec<Version>>()
    };
    if versions.is_empty() {
        return Ok(if negated {
            MarkerTree::TRUE
        } else {
            MarkerTree::FALSE
        });
    }
    Ok(MarkerTree::expression(MarkerExpression::VersionIn {
        key,
        versions,
        negated,
    }))
}
