//! Names that exist before the first cell: Python's own, and those that kernels put into the namespace.

/// The builtins of CPython 3.9 to 3.14 together, and the module attributes of a notebook's `__main__`.
///
/// Source: `dir(builtins)` of each version. `__file__` is missing on purpose: a notebook has none.
const BUILTINS: &[&str] = &[
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "BaseException",
    "BaseExceptionGroup",
    "BlockingIOError",
    "BrokenPipeError",
    "BufferError",
    "BytesWarning",
    "ChildProcessError",
    "ConnectionAbortedError",
    "ConnectionError",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "DeprecationWarning",
    "EOFError",
    "Ellipsis",
    "EncodingWarning",
    "EnvironmentError",
    "Exception",
    "ExceptionGroup",
    "False",
    "FileExistsError",
    "FileNotFoundError",
    "FloatingPointError",
    "FutureWarning",
    "GeneratorExit",
    "IOError",
    "ImportError",
    "ImportWarning",
    "IndentationError",
    "IndexError",
    "InterruptedError",
    "IsADirectoryError",
    "KeyError",
    "KeyboardInterrupt",
    "LookupError",
    "MemoryError",
    "ModuleNotFoundError",
    "NameError",
    "None",
    "NotADirectoryError",
    "NotImplemented",
    "NotImplementedError",
    "OSError",
    "OverflowError",
    "PendingDeprecationWarning",
    "PermissionError",
    "ProcessLookupError",
    "PythonFinalizationError",
    "RecursionError",
    "ReferenceError",
    "ResourceWarning",
    "RuntimeError",
    "RuntimeWarning",
    "StopAsyncIteration",
    "StopIteration",
    "SyntaxError",
    "SyntaxWarning",
    "SystemError",
    "SystemExit",
    "TabError",
    "TimeoutError",
    "True",
    "TypeError",
    "UnboundLocalError",
    "UnicodeDecodeError",
    "UnicodeEncodeError",
    "UnicodeError",
    "UnicodeTranslateError",
    "UnicodeWarning",
    "UserWarning",
    "ValueError",
    "Warning",
    "ZeroDivisionError",
    "__annotations__",
    "__build_class__",
    "__builtins__",
    "__debug__",
    "__doc__",
    "__import__",
    "__loader__",
    "__name__",
    "__package__",
    "__spec__",
    "abs",
    "aiter",
    "all",
    "anext",
    "any",
    "ascii",
    "bin",
    "bool",
    "breakpoint",
    "bytearray",
    "bytes",
    "callable",
    "chr",
    "classmethod",
    "compile",
    "complex",
    "copyright",
    "credits",
    "delattr",
    "dict",
    "dir",
    "divmod",
    "enumerate",
    "eval",
    "exec",
    "exit",
    "filter",
    "float",
    "format",
    "frozenset",
    "getattr",
    "globals",
    "hasattr",
    "hash",
    "help",
    "hex",
    "id",
    "input",
    "int",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "license",
    "list",
    "locals",
    "map",
    "max",
    "memoryview",
    "min",
    "next",
    "object",
    "oct",
    "open",
    "ord",
    "pow",
    "print",
    "property",
    "quit",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "setattr",
    "slice",
    "sorted",
    "staticmethod",
    "str",
    "sum",
    "super",
    "tuple",
    "type",
    "vars",
    "zip",
];

/// Names that IPython, or the kernel of a well-known platform, puts into the namespace.
const KERNEL: &[&str] = &[
    // IPython.
    "In",
    "Out",
    "__builtin__",
    "_exit_code",
    "display",
    "get_ipython",
    // Spark kernels and Databricks.
    "dbutils",
    "displayHTML",
    "sc",
    "spark",
    "sqlContext",
    "sqlc",
    "sql",
    "table",
];

/// Whether Python itself defines the name.
pub(super) fn is_builtin(name: &str) -> bool {
    BUILTINS.binary_search(&name).is_ok()
}

/// Whether a kernel defines the name: also `_`, `__`, `_3`, `_i`, `_ii`, `_i3`, `_oh`, `_dh`, `_ih`.
pub(super) fn is_kernel_name(name: &str) -> bool {
    KERNEL.contains(&name) || is_history_name(name)
}

fn is_history_name(name: &str) -> bool {
    let Some(rest) = name.strip_prefix('_') else {
        return false;
    };
    let digits = rest.strip_prefix('i').unwrap_or(rest);
    matches!(rest, "" | "_" | "__" | "i" | "ii" | "iii" | "oh" | "dh" | "ih")
        || (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builtins_are_sorted_for_the_binary_search() {
        assert!(BUILTINS.is_sorted());
    }

    #[test]
    fn history_names_are_known_and_ordinary_underscored_names_are_not() {
        for name in ["__builtin__", "_", "__", "___", "_1", "_i", "_i12", "_ii", "_oh"] {
            assert!(is_kernel_name(name), "{name}");
        }
        for name in ["_x", "_i_", "x", "_1a", "__init__"] {
            assert!(!is_kernel_name(name), "{name}");
        }
    }
}
