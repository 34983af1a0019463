//! The form of a rule's head.

/// Declares `RULE`: the doc comment is the rule's page, its first line the summary, and its fenced blocks
/// ```` ```python bad ```` and ```` ```python good ```` are the rule's tests (`# %%` begins a new cell).
macro_rules! rule {
    (
        $(#[doc = $doc:literal])+
        $id:literal $name:literal,
        group: $group:ident,
        row: $row:expr,
        $(standing: $standing:ident,)?
        $(raised_by: $flag:ident,)?
        $(twins: $twins:expr,)?
        $(foresees_exception: $foresees:expr,)?
        since: $since:literal,
        check: $check:expr $(,)?
    ) => {
        $(#[doc = $doc])+
        pub(crate) const RULE: nbvet_engine::Rule = nbvet_engine::Rule {
            meta: nbvet_engine::RuleMeta {
                id: $id,
                name: $name,
                group: nbvet_engine::Group::$group,
                row: $row,
                standing: rule!(@standing $($standing)?),
                raised_by: rule!(@flag $($flag)?),
                twins: rule!(@twins $($twins)?),
                foresees_exception: rule!(@foresees $($foresees)?),
                since: $since,
                doc: concat!($($doc, "\n"),+),
            },
            check: $check,
        };
    };
    (@standing) => { nbvet_engine::Standing::InRow };
    (@standing $standing:ident) => { nbvet_engine::Standing::$standing };
    (@flag) => { None };
    (@flag $flag:ident) => { Some(nbvet_engine::Flag::$flag) };
    (@foresees) => { false };
    (@foresees $foresees:expr) => { $foresees };
    (@twins) => { &[] };
    (@twins $twins:expr) => { $twins };
}

pub(crate) use rule;
