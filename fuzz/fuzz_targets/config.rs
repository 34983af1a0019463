//! Any text as `nbvet.toml` and as `pyproject.toml`: taken, or refused with a message.
#![no_main]

use std::path::Path;

libfuzzer_sys::fuzz_target!(|text: &str| {
    for name in ["nbvet.toml", "pyproject.toml"] {
        if let Err(said) = nbvet::check_settings(Path::new(name), text) {
            assert!(said.starts_with(name), "{said}");
        }
    }
});
