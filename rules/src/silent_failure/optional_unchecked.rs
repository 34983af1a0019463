//! NB220 optional-unchecked.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{ExceptHandler, Expr, ExprCall, Ranged, Stmt},
    model::{BindingId, BindingKind, NonePathKind, Tag},
};
use nbvet_report::Level;

use crate::{
    analysis::{around::Around, calls, handlers, none_origin},
    macros::rule,
};

rule! {
    /// Something that may be `None`, used as if it never were.
    ///
    /// ## Why it matters
    ///
    /// `re.search` gives None where the pattern is not found, `dict.get` where there is no such key. Its `.group(1)`
    /// then raises `'NoneType' object has no attribute 'group'` for one line of the data, far from what is wrong with
    /// it; in a loop it ends the whole run.
    ///
    /// A pattern whose text stands in the notebook is left alone, and so is a use within a `try` that expects the error.
    /// Patterns count one severity less: often every text is known to fit.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import re
    ///
    /// def year_of(line):
    ///     return int(re.search(r"\d{4}", line).group())
    /// ```
    ///
    /// ```python good
    /// import re
    ///
    /// def year_of(line):
    ///     found = re.search(r"\d{4}", line)
    ///     if found is None:
    ///         raise ValueError(f"no year in {line!r}")
    ///     return int(found.group())
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Keep the result in a name, and say what is to happen when it is None: raise with the text that did not match,
    /// or skip and count.
    "NB220" "optional-unchecked",
    group: SilentFailure,
    row: Row::From(Level::Staging),
    since: "0.1.0",
    check: Check::Static(&OptionalUnchecked),
}

struct OptionalUnchecked;

/// What gives `None` at times, in words.
struct Optional {
    when: String,
    /// A pattern that fits all its texts is a usual thing.
    is_pattern: bool,
}

impl StaticRule for OptionalUnchecked {
    fn visits(&self) -> Visits {
        Visits::CALL
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let Node::Call(call) = node else { return };
        let Some(optional) = optional(cx, call) else {
            return;
        };
        let model = cx.model();
        let around = Around::of(model, cx.position(), call.range());
        let used = match (around.parent(), around.statement()) {
            (Some(parent), _) if is_part(parent, call.range()) => {
                (!is_expected(cx, &around, call)).then(|| (cx.position(), parent, None))
            }
            (None, Some(Stmt::Assign(assign))) => match &*assign.targets {
                [Expr::Name(name)] => {
                    used_later(cx, call, name.range()).map(|(cell, part)| (cell, part, Some(name)))
                }
                _ => None,
            },
            _ => None,
        };
        let Some((home, part, name)) = used else { return };
        let shown = short(model.cell(home).slice(part.range()));
        let subject = name.map_or_else(|| "the result".to_owned(), |name| format!("`{}`", name.id));
        let at = model.location(home, part.range());
        // That a result is None when its function returns None goes without saying.
        let says_all = name.is_none() && optional.when.ends_with("returns None");
        let message = if says_all {
            format!("`{shown}` fails {}", optional.when)
        } else {
            format!("`{shown}` fails {}: then {subject} is None", optional.when)
        };
        let mut finding = Finding::new(at, message)
            .because(
                "The error is a puzzling \"'NoneType' object …\", and comes for the one value that differs.",
            )
            .help("test the result for None, and say what is to happen then")
            .lowered_if(optional.is_pattern);
        if name.is_some() {
            finding = finding.label(cx.at(call.range()), "may give None");
        }
        cx.report(finding);
    }
}

/// A secret is masked before the text is cut: what is left of one would no longer be known for what it is.
fn short(text: &str) -> String {
    let text = &*nbvet_engine::secrets::masked(text);
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= 60 && line.len() == text.len() {
        return line.to_owned();
    }
    line.chars().take(50).chain(['…']).collect()
}

/// `x.part` or `x[…]` of what stands at the range.
fn is_part(parent: &Expr, range: nbvet_engine::ast::TextRange) -> bool {
    match parent {
        Expr::Attribute(attribute) => attribute.value.range() == range,
        Expr::Subscript(subscript) => subscript.value.range() == range,
        _ => false,
    }
}

fn optional<'a>(cx: &Context<'a, '_>, call: &'a ExprCall) -> Option<Optional> {
    match calls::name(call) {
        "search" | "match" | "fullmatch" => pattern_search(cx, call),
        "get" => lookup(cx, call),
        _ => own_function(cx, call),
    }
}

/// `re.search(pattern, text)` where the text is not known.
fn pattern_search<'a>(cx: &Context<'a, '_>, call: &'a ExprCall) -> Option<Optional> {
    let name = cx.model().qualified_name(&call.func)?;
    if !name.is_any(&["re.search", "re.match", "re.fullmatch"]) {
        return None;
    }
    let pattern = call.arguments.find_argument_value("pattern", 0)?;
    let text = call.arguments.find_argument_value("string", 1)?;
    let matches_anything =
        matches!(pattern, Expr::StringLiteral(text) if is_without_condition(text.value.to_str()));
    (!is_written_out(cx, text) && !matches_anything).then(|| Optional {
        when: "when the pattern is not found".to_owned(),
        is_pattern: true,
    })
}

/// The pattern matches every text: only optional parts.
fn is_without_condition(pattern: &str) -> bool {
    let plain = pattern.trim_start_matches(['(', '^']);
    (plain.starts_with(".*") || plain.starts_with("[^")) && !pattern.contains(|c: char| c.is_alphanumeric())
}

/// The text stands in the notebook: whether it matches was seen when it was written.
fn is_written_out<'a>(cx: &Context<'a, '_>, text: &'a Expr) -> bool {
    match text {
        Expr::StringLiteral(_) => true,
        Expr::Name(name) => cx.model().certain_bindings(name).is_some_and(|ids| {
            ids.iter().all(|id| {
                matches!(cx.model().binding(*id).kind, BindingKind::Value(value) if value.is_string_literal_expr())
            })
        }),
        _ => false,
    }
}

/// `table.get(key)` of a dict, without a default.
fn lookup<'a>(cx: &Context<'a, '_>, call: &'a ExprCall) -> Option<Optional> {
    let Expr::Attribute(method) = &*call.func else {
        return None;
    };
    let ([key], []) = (&*call.arguments.args, &*call.arguments.keywords) else {
        return None;
    };
    if cx.model().tag(&method.value) != Some(Tag::Dict) || has_key(cx, &method.value, key) {
        return None;
    }
    let table = cx.source(method.value.range());
    let key = cx.source(key.range());
    Some(Optional {
        when: format!("when `{}` has no key {key}", short(table)),
        is_pattern: false,
    })
}

/// The key is written in the dict's own display.
fn has_key<'a>(cx: &Context<'a, '_>, table: &'a Expr, key: &Expr) -> bool {
    let displays = match table {
        Expr::Dict(dict) => vec![dict],
        Expr::Name(name) => {
            let ids = cx.model().certain_bindings(name).unwrap_or_default();
            let values = ids.iter().map(|id| match cx.model().binding(*id).kind {
                BindingKind::Value(Expr::Dict(dict)) => Some(dict),
                _ => None,
            });
            values.flatten().collect()
        }
        _ => return false,
    };
    let Expr::StringLiteral(wanted) = key else {
        return false;
    };
    let is_it = |found: &Expr| matches!(found, Expr::StringLiteral(text) if text.value.to_str() == wanted.value.to_str());
    displays
        .iter()
        .any(|dict| dict.items.iter().filter_map(|item| item.key.as_ref()).any(is_it))
}

/// A function of the notebook that says `return None` on one path. Where it merely reaches its end, the function
/// itself is reported.
fn own_function<'a>(cx: &Context<'a, '_>, call: &'a ExprCall) -> Option<Optional> {
    let origin = none_origin::of_call(cx.model(), call)?;
    matches!(
        origin.path.kind,
        NonePathKind::Return | NonePathKind::ReturnInHandler | NonePathKind::LoopEnds
    )
    .then(|| Optional {
        when: format!("when `{}` returns None", origin.function.name),
        is_pattern: false,
    })
}

/// The first part that is taken of a name that nothing tests.
fn used_later<'a>(
    cx: &Context<'a, '_>,
    call: &'a ExprCall,
    target: nbvet_engine::ast::TextRange,
) -> Option<(usize, &'a Expr)> {
    let model = cx.model();
    let (id, binding) = model.bindings_within(cx.position(), target).next()?;
    let is_it = matches!(binding.kind, BindingKind::Value(Expr::Call(found)) if std::ptr::eq(found, call));
    if !is_it || is_tested(cx, id) {
        return None;
    }
    model.uses_of(id).find_map(|reference| {
        let place = reference.place;
        let around = Around::of(model, place.cell, place.range());
        let parent = around.parent()?;
        let surely = !matches!(&reference.resolution, nbvet_engine::model::Resolution::Bindings { ids, widened } if ids.len() > 1 || *widened);
        let expected = in_try(&around, place.range());
        (surely && !expected && is_part(parent, place.range())).then_some((place.cell, parent))
    })
}

fn is_tested(cx: &Context<'_, '_>, id: BindingId) -> bool {
    none_origin::uses(cx.model(), id).tested
        || cx.model().uses_of(id).any(|reference| {
            let around = Around::of(cx.model(), reference.place.cell, reference.place.range());
            // Handed on whole: whoever gets it may test it.
            !around
                .parent()
                .is_some_and(|parent| is_part(parent, reference.place.range()))
        })
}

/// Somebody has thought of None: a `try` around it, or a condition that asks the same call.
fn is_expected(cx: &Context<'_, '_>, around: &Around<'_>, call: &ExprCall) -> bool {
    let text = cx.source(call.range());
    let asks = |condition: &Expr| {
        let source = cx.source(condition.range());
        !condition.range().contains_range(call.range()) && source.contains(text)
    };
    in_try(around, call.range())
        || around.statements.iter().any(|statement| match statement {
            Stmt::If(choice) => asks(&choice.test),
            Stmt::While(repeat) => asks(&repeat.test),
            _ => false,
        })
        || around.expressions.iter().any(|outer| match outer {
            Expr::If(choice) => asks(&choice.test),
            Expr::BoolOp(operation) => operation.values.iter().any(asks),
            Expr::ListComp(comprehension) => comprehension
                .generators
                .iter()
                .flat_map(|part| &part.ifs)
                .any(asks),
            Expr::SetComp(comprehension) => comprehension
                .generators
                .iter()
                .flat_map(|part| &part.ifs)
                .any(asks),
            Expr::DictComp(comprehension) => comprehension
                .generators
                .iter()
                .flat_map(|part| &part.ifs)
                .any(asks),
            Expr::Generator(comprehension) => comprehension
                .generators
                .iter()
                .flat_map(|part| &part.ifs)
                .any(asks),
            _ => false,
        })
}

/// In the body of a `try` whose handlers take what None would raise.
fn in_try(around: &Around<'_>, range: nbvet_engine::ast::TextRange) -> bool {
    let takes = |handler: &ExceptHandler| {
        let named = |class: &Expr| matches!(class, Expr::Name(name) if matches!(name.id.as_str(), "AttributeError" | "TypeError"));
        handlers::is_broad(handler)
            || match handlers::clause(handler).type_.as_deref() {
                Some(Expr::Tuple(classes)) => classes.elts.iter().any(named),
                Some(class) => named(class),
                None => true,
            }
    };
    around.statements.iter().any(|statement| match statement {
        Stmt::Try(attempt) => {
            let within = attempt
                .body
                .iter()
                .any(|inner| inner.range().contains_range(range));
            within && attempt.handlers.iter().any(takes)
        }
        _ => false,
    })
}
