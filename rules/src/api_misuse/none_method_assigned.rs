//! NB401 none-method-assigned.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{Expr, ExprCall, Ranged, TextRange, TextSize},
    model::{BindingKind, ScopeId, Tag},
};
use nbvet_report::{Applicability, Edit, Severity};

use crate::macros::rule;

rule! {
    /// The result of a method that changes its object in place and gives `None`, kept in a name.
    ///
    /// ## Why it matters
    ///
    /// `list.sort()`, `list.append()`, `dict.update()`, `set.add()` and `random.shuffle()` change the object that
    /// they are given and return `None`. `x = values.sort()` makes `x` None, and what uses `x` later works with
    /// nothing.
    ///
    /// Only receivers that are surely a list, dict or set count: `np.append` and `df.append` return their result.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// values = [3, 1, 2]
    /// ordered = values.sort()
    /// # %%
    /// print(ordered)
    /// ```
    ///
    /// ```python good
    /// values = [3, 1, 2]
    /// ordered = sorted(values)
    /// # %%
    /// print(ordered)
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Call the method on a line of its own, or use the function that returns a new object: `sorted(values)`,
    /// `values + [x]`, `{**a, **b}`.
    "NB401" "none-method-assigned",
    group: ApiMisuse,
    row: Row::Certain,
    since: "0.1.0",
    check: Check::Static(&NoneMethodAssigned),
}

struct NoneMethodAssigned;

const LIST: &[&str] = &["append", "clear", "extend", "insert", "remove", "reverse", "sort"];
const DICT: &[&str] = &["clear", "update"];
const SET: &[&str] = &[
    "add",
    "clear",
    "difference_update",
    "discard",
    "intersection_update",
    "remove",
    "update",
];

impl StaticRule for NoneMethodAssigned {
    fn visits(&self) -> Visits {
        Visits::ASSIGN
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let (target, value): (&Expr, &Expr) = match node {
            Node::Assign(assign) => match assign.targets.as_slice() {
                [target] => (target, &assign.value),
                _ => return,
            },
            Node::AnnotatedAssign(assign) => match &assign.value {
                Some(value) => (&assign.target, value),
                None => return,
            },
            _ => return,
        };
        let Expr::Call(call) = value else { return };
        let Some(what) = none_method(cx, call) else { return };
        let target_text = cx.source(target.range());
        // `_ = values.append(x)` keeps the cell quiet, and is meant.
        if target_text.starts_with('_') {
            return;
        }
        let at = cx.at(value.range());
        let help = mended(cx, call, target_text);
        let finding = Finding::new(
            at,
            format!("`{target_text}` becomes None: {what} and returns nothing"),
        )
        .because(format!(
            "Everything that uses `{target_text}` from here on works with None."
        ))
        .help(help)
        .about(format!("name:{target_text}"));
        // Nothing works with the None: at most it shows that the method gives none.
        let finding = if is_used(target, cx) {
            finding
        } else {
            finding.at_most(Severity::Note)
        };
        let is_plain = matches!(node, Node::Assign(_));
        cx.report(match own_line(cx, target, call).filter(|_| is_plain) {
            Some(edit) => finding.fix("call it on a line of its own", Applicability::Safe, vec![edit]),
            None => match new_object(cx, call) {
                Some((title, edits)) => finding.fix(title, Applicability::Unsafe, edits),
                None => finding,
            },
        });
    }
}

/// The object keeps its name, and loses the assignment: `x = x.sort()`, `x = shuffle(x)`.
fn own_line(cx: &Context<'_, '_>, target: &Expr, call: &ExprCall) -> Option<Edit> {
    let changed = match &*call.func {
        Expr::Attribute(method) if cx.model().qualified_name(&call.func).is_none() => &*method.value,
        _ => call.arguments.args.first()?,
    };
    let name = cx.source(target.range());
    let between = TextRange::new(target.end(), call.start());
    let is_bare = cx.source(between).trim() == "=";
    (is_bare && cx.source(changed.range()) == name)
        .then(|| cx.edit(TextRange::new(target.start(), call.start()), ""))
}

/// Another object for another name. The first one then stays as it was, which may not have been meant.
fn new_object(cx: &Context<'_, '_>, call: &ExprCall) -> Option<(&'static str, Vec<Edit>)> {
    let Expr::Attribute(method) = &*call.func else {
        return None;
    };
    let receiver = method.value.range();
    if cx.model().tag(&method.value) != Some(Tag::List) || receiver.start() != call.start() {
        return None;
    }
    let name = method.attr.as_str();
    let open = TextRange::new(receiver.end(), call.arguments.start() + TextSize::from(1));
    if cx.source(open) != format!(".{name}(") {
        return None;
    }
    let close = TextRange::new(call.end() - TextSize::from(1), call.end());
    match (name, &*call.arguments.args) {
        ("sort", []) => {
            let separator = if call.arguments.is_empty() { "" } else { ", " };
            let edits = vec![
                cx.edit(TextRange::empty(call.start()), "sorted("),
                cx.edit(open, separator),
            ];
            Some(("use `sorted()`, which returns the new list", edits))
        }
        ("reverse", []) => Some((
            "use `[::-1]`, which returns the new list",
            vec![cx.edit(TextRange::new(receiver.end(), call.end()), "[::-1]")],
        )),
        ("append", [item]) if !matches!(item, Expr::Generator(_) | Expr::Starred(_)) => Some((
            "use `+`, which returns the new list",
            vec![cx.edit(open, " + ["), cx.edit(close, "]")],
        )),
        _ => None,
    }
}

fn none_method<'a>(cx: &Context<'a, '_>, call: &'a ExprCall) -> Option<String> {
    if let Some(name) = cx.model().qualified_name(&call.func) {
        return name
            .is_any(&["random.shuffle", "numpy.random.shuffle"])
            .then(|| format!("`{name}()` shuffles in place"));
    }
    let Expr::Attribute(method) = &*call.func else {
        return None;
    };
    let name = method.attr.as_str();
    let (kind, methods) = match cx.model().tag(&method.value)? {
        Tag::List => ("list", LIST),
        Tag::Dict => ("dict", DICT),
        Tag::Set => ("set", SET),
        _ => return None,
    };
    methods
        .contains(&name)
        .then(|| format!("`{kind}.{name}()` works in place"))
}

/// The user's own line, mended.
fn mended(cx: &Context<'_, '_>, call: &ExprCall, target: &str) -> String {
    let own_line = format!("call `{}` on a line of its own", cx.source(call.range()));
    let Expr::Attribute(method) = &*call.func else {
        return own_line;
    };
    let receiver = cx.source(method.value.range());
    if receiver == target {
        return own_line;
    }
    match (method.attr.as_str(), &*call.arguments.args) {
        ("sort", []) if call.arguments.keywords.is_empty() => {
            format!("write `{target} = sorted({receiver})`")
        }
        ("reverse", []) => format!("write `{target} = {receiver}[::-1]`"),
        ("append", [item]) => format!("write `{target} = {receiver} + [{}]`", cx.source(item.range())),
        _ => own_line,
    }
}

/// Something reads the name afterwards.
fn is_used(target: &Expr, cx: &Context<'_, '_>) -> bool {
    let Expr::Name(name) = target else { return true };
    let start = name.range.start();
    let binding = cx.model().bindings().find(|(_, binding)| {
        binding.place.cell == cx.position()
            && binding.place.range().start() == start
            && matches!(binding.kind, BindingKind::Value(_))
    });
    binding.is_none_or(|(id, binding)| {
        binding.scope != ScopeId::NOTEBOOK || cx.model().uses_of(id).next().is_some()
    })
}
