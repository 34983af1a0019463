//! The form of a rule's head.

/// Declares `RULE`: the doc comment is the rule's page, its first line the summary, and its fenced blocks
/// ```` ```requirements bad ```` and ```` ```requirements good ```` are the rule's tests (`# --- NAME` begins
/// another file).
macro_rules! rule {
    (
        $(#[doc = $doc:literal])+
        $id:literal $name:literal,
        row: $row:expr,
        $(raised_by: $flag:ident,)?
        since: $since:literal,
        check: $check:expr $(,)?
    ) => {
        $(#[doc = $doc])+
        pub(crate) const RULE: $crate::policy::PolicyRule = $crate::policy::PolicyRule {
            meta: nbvet_report::RuleMeta {
                id: $id,
                name: $name,
                group: nbvet_report::Group::Structure,
                row: $row,
                standing: nbvet_report::Standing::InRow,
                raised_by: rule!(@flag $($flag)?),
                twins: &[],
                foresees_exception: false,
                since: $since,
                doc: concat!($($doc, "\n"),+),
            },
            check: $check,
        };
    };
    (@flag) => { None };
    (@flag $flag:ident) => { Some(nbvet_report::Flag::$flag) };
}

pub(crate) use rule;
