//! NB201 bare-except.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{Ranged, TextRange, TextSize},
};
use nbvet_report::{Applicability, Level};

use crate::{
    analysis::{
        fallback,
        handlers::{self, Reaction},
        harm,
    },
    macros::rule,
};

rule! {
    /// An `except:` without a class, which also catches `KeyboardInterrupt` and `SystemExit`.
    ///
    /// ## Why it matters
    ///
    /// A bare `except:` takes every exception there is: a typing error in a name, the memory running out, and the
    /// Ctrl-C or time limit that wants to stop the notebook. What was meant for one expected fault hides all others.
    ///
    /// A handler that raises again is left alone. Where the handler does nothing, only prints or puts a constant in
    /// the place of the result, `except-pass`, `except-print-only` or `except-return-default` speak instead.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import json
    ///
    /// def read(path):
    ///     try:
    ///         return json.load(open(path))
    ///     except:
    ///         return read(path + ".backup")
    /// ```
    ///
    /// ```python good
    /// import json
    ///
    /// def read(path):
    ///     try:
    ///         return json.load(open(path))
    ///     except FileNotFoundError:
    ///         return read(path + ".backup")
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Name the exception that you expect. If it can really be any, write `except Exception:`, so that the notebook
    /// can still be stopped.
    "NB201" "bare-except",
    group: SilentFailure,
    row: Row::From(Level::Development),
    since: "0.1.0",
    check: Check::Static(&BareExcept),
}

pub(super) struct BareExcept;

impl StaticRule for BareExcept {
    fn visits(&self) -> Visits {
        Visits::TRY
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let Node::Try(attempt) = node else { return };
        for handler in &attempt.handlers {
            if handlers::clause(handler).type_.is_some() || handlers::reaction(handler) != Reaction::Other {
                continue;
            }
            let at = cx.at(handlers::head(cx.model(), cx.position(), handler));
            let subject = handlers::subject(&at);
            let keyword = TextRange::at(handler.start(), TextSize::of("except"));
            let named = cx.edit(keyword, "except Exception");
            cx.report(
                Finding::new(
                    at,
                    "this `except:` catches everything, Ctrl-C and time limits too",
                )
                .because(
                    "An unexpected error, such as a misspelt name, takes this path as well and stays unseen.",
                )
                .help("name the exception that you expect, such as `except FileNotFoundError:`")
                .about(subject)
                .fix(
                    "write `except Exception:`, which lets Ctrl-C through",
                    Applicability::Unsafe,
                    vec![named],
                )
                .lowered_if(
                    harm::is_little(cx, attempt, handler) || fallback::is_another_way(cx, attempt, handler),
                ),
            );
        }
    }
}
