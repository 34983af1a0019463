//! Name, extras, versions or URL of a requirement by PEP 508, with `===`, which PEP 440 has and `pep440_rs` has not.

use pep440_rs::VersionSpecifier;
use pep508_rs::{ExtraName, PackageName};

use super::{shown, text::Text};
use crate::declared::Specifier;

/// A requirement without its marker.
#[derive(Debug)]
pub(crate) struct Atoms<'t> {
    pub(crate) name: PackageName,
    pub(crate) extras: Vec<ExtraName>,
    pub(crate) which: Which<'t>,
    /// What stands behind the `;`.
    pub(crate) marker: Option<&'t str>,
}

#[derive(Debug)]
pub(crate) enum Which<'t> {
    Versions(Vec<Specifier>),
    Url(&'t str),
}

pub(crate) fn parse(whole: &str) -> Result<Atoms<'_>, String> {
    let mut text = Text::new(whole);
    text.blanks();
    let name = text.identifier();
    if name.is_empty() {
        return Err(format!("`{}` does not begin with a package's name", shown(whole)));
    }
    let name = PackageName::new(name.to_owned())
        .map_err(|_| format!("`{name}` is no package's name: it must end with a letter or a digit"))?;
    text.blanks();
    let extras = extras(&mut text)?;
    text.blanks();
    let which = if text.take('@') {
        text.blanks();
        let url = text.take_while(|c| c != ' ' && c != '\t');
        if url.is_empty() {
            return Err(format!("no URL follows the `@` of `{}`", shown(whole)));
        }
        Which::Url(url)
    } else {
        Which::Versions(versions(&mut text)?)
    };
    text.blanks();
    let marker = if text.take(';') {
        Some(text.rest())
    } else if text.is_at_end() {
        None
    } else {
        return Err(unexpected(whole, &text));
    };
    Ok(Atoms {
        name,
        extras,
        which,
        marker,
    })
}

fn unexpected(whole: &str, text: &Text<'_>) -> String {
    let rest = text.rest();
    let hint = if rest.starts_with('=') {
        ": write `==`"
    } else if rest.starts_with(['<', '>', '!', '~']) {
        ": there is no such comparison"
    } else if rest.starts_with(|c: char| c.is_ascii_digit()) {
        ": write `==` before the version"
    } else if rest.starts_with('[') {
        ": extras stand directly behind the name"
    } else {
        ""
    };
    format!(
        "`{}` is not understood from {} on{hint}",
        shown(whole),
        text.shown()
    )
}

/// `[a, b]`, or none.
fn extras(text: &mut Text<'_>) -> Result<Vec<ExtraName>, String> {
    let mut found = Vec::new();
    if !text.take('[') {
        return Ok(found);
    }
    text.blanks();
    if text.take(']') {
        return Ok(found);
    }
    loop {
        let name = text.identifier();
        let extra = ExtraName::new(name.to_owned())
            .ok()
            .filter(|_| !name.is_empty())
            .ok_or_else(|| format!("{} is no name of an extra", text.shown()))?;
        found.push(extra);
        text.blanks();
        if text.take(']') {
            return Ok(found);
        }
        if !text.take(',') {
            return Err(format!(
                "`,` or `]` was expected among the extras, not {}",
                text.shown()
            ));
        }
        text.blanks();
    }
}

/// Extras of a path, with their brackets.
pub(super) fn extras_alone(brackets: &str) -> Result<Vec<ExtraName>, String> {
    let mut text = Text::new(brackets);
    let found = extras(&mut text)?;
    if text.is_at_end() {
        Ok(found)
    } else {
        Err(format!("`{}` are no extras", shown(brackets)))
    }
}

/// `>=1, <2`, perhaps in parentheses.
fn versions(text: &mut Text<'_>) -> Result<Vec<Specifier>, String> {
    let is_closed = text.take('(');
    text.blanks();
    let list = specifiers(text)?;
    text.blanks();
    if is_closed && !text.take(')') {
        return Err(format!(
            "`,` or `)` was expected behind the versions, not {}",
            text.shown()
        ));
    }
    Ok(list)
}

fn specifiers(text: &mut Text<'_>) -> Result<Vec<Specifier>, String> {
    let mut found = Vec::new();
    while starts_with_operator(text.rest()) {
        let whole = *text;
        text.take_while(|c| matches!(c, '=' | '<' | '>' | '!' | '~'));
        text.take_while(char::is_whitespace);
        if whole.rest().starts_with("===") {
            text.take_while(|c| !c.is_whitespace() && c != ';' && c != ')');
        } else {
            text.take_while(|c| !c.is_whitespace() && !matches!(c, ',' | ';' | ')'));
        }
        let written = &whole.rest()[..whole.rest().len() - text.rest().len()];
        // A comma ends a version even where `===` takes every character.
        for one in written.split(',').map(str::trim).filter(|one| !one.is_empty()) {
            found.push(specifier(one)?);
        }
        text.blanks();
        if !text.take(',') {
            break;
        }
        text.blanks();
    }
    Ok(found)
}

fn starts_with_operator(rest: &str) -> bool {
    ["==", "!=", "<", ">", "~="]
        .iter()
        .any(|sign| rest.starts_with(sign))
}

/// One condition on a version.
pub(crate) fn specifier(text: &str) -> Result<Specifier, String> {
    if let Some(arbitrary) = text.strip_prefix("===") {
        return Ok(Specifier::Arbitrary(arbitrary.trim().to_owned()));
    }
    text.parse::<VersionSpecifier>()
        .map(Specifier::Version)
        .map_err(|error| {
            format!(
                "`{}` is no condition on a version: {}",
                shown(text),
                one_line(&error.to_string())
            )
        })
}

/// Versions alone, such as `requires-python`.
pub(crate) fn specifiers_alone(text: &str) -> Result<Vec<Specifier>, String> {
    let mut rest = Text::new(text.trim());
    let found = specifiers(&mut rest)?;
    if rest.is_at_end() {
        Ok(found)
    } else {
        Err(unexpected(text, &rest))
    }
}

fn one_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
