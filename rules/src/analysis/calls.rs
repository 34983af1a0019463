//! What a call does, as far as its name tells.

use nbvet_engine::ast::{Expr, ExprCall, Stmt, Visitor, visitor};

/// The name of what is called: `delete` of `client.jobs.delete(…)`; empty where it has none.
pub(crate) fn name(call: &ExprCall) -> &str {
    match &*call.func {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => "",
    }
}

/// The first word of a name in small letters: `delete` of `delete_endpoint`, `DeleteRecursively`, `deleteTable`.
pub(crate) fn verb(name: &str) -> String {
    let name = name.trim_start_matches('_');
    let is_end = |(at, letter): &(usize, char)| *at > 0 && (*letter == '_' || letter.is_uppercase());
    let end = name.char_indices().find(is_end).map_or(name.len(), |(at, _)| at);
    name[..end].to_lowercase()
}

/// Takes something away that is not needed any more.
pub(crate) fn is_cleanup(name: &str) -> bool {
    match verb(name).as_str() {
        "close" | "closeall" | "cleanup" | "delete" | "destroy" | "deregister" | "detach" | "disconnect"
        | "kill" | "purge" | "quit" | "release" | "remove" | "rmdir" | "rmtree" | "shutdown" | "stop"
        | "teardown" | "terminate" | "undeploy" | "unlink" | "unmount" | "cancel" | "drop" | "clear" => true,
        // `clean_data` makes data; `clean_up` and `clean_resources` take away.
        "clean" => [
            "up", "all", "resource", "table", "folder", "dir", "files", "cache", "temp", "tmp",
        ]
        .iter()
        .any(|what| name.to_lowercase().contains(&format!("clean_{what}"))),
        _ => false,
    }
}

/// Gives what is there already.
pub(crate) fn is_get(name: &str) -> bool {
    matches!(
        verb(name).as_str(),
        "get" | "describe" | "fetch" | "find" | "from" | "load" | "lookup" | "open" | "read" | "retrieve"
    )
}

/// Makes something that was not there.
pub(crate) fn is_create(name: &str) -> bool {
    matches!(
        verb(name).as_str(),
        "create" | "make" | "register" | "add" | "new" | "build" | "put" | "init" | "insert"
    )
}

/// Some call in these statements makes or changes what later steps may need: a file, a table, a job, a model.
pub(crate) fn make_something(body: &[Stmt]) -> bool {
    struct Finder(bool);
    impl<'a> Visitor<'a> for Finder {
        fn visit_expr(&mut self, expression: &'a Expr) {
            if let Expr::Call(call) = expression {
                self.0 |= matches!(
                    verb(name(call)).as_str(),
                    "append"
                        | "copy"
                        | "create"
                        | "deploy"
                        | "download"
                        | "extend"
                        | "fit"
                        | "insert"
                        | "install"
                        | "move"
                        | "publish"
                        | "put"
                        | "register"
                        | "save"
                        | "send"
                        | "start"
                        | "submit"
                        | "to"
                        | "train"
                        | "update"
                        | "upload"
                        | "write"
                        | "writerow"
                );
            }
            visitor::walk_expr(self, expression);
        }
    }
    let mut finder = Finder(false);
    finder.visit_body(body);
    finder.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verb_is_the_first_word_however_the_words_are_joined() {
        for name in [
            "delete",
            "delete_endpoint",
            "DeleteRecursively",
            "deleteTable",
            "_delete_all",
        ] {
            assert_eq!(verb(name), "delete", "{name}");
        }
        assert_eq!(verb("été_2024"), "été");
        assert_eq!(verb("__"), "");
    }

    #[test]
    fn cleaning_data_is_no_clean_up() {
        assert!(is_cleanup("clean_up"));
        assert!(is_cleanup("clean_resources"));
        assert!(!is_cleanup("clean_text"));
        assert!(!is_cleanup("closest"));
    }
}
