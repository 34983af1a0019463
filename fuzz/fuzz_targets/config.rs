//! Any text as `nbvet.toml` and as `pyproject.toml`: taken, or refused with a message.
#![no_main]
#![expect(dead_code, reason = "the program's own modules, of which a part is used here")]

#[path = "../../cli/src/args.rs"]
mod args;
#[path = "../../cli/src/catalogue.rs"]
mod catalogue;
#[path = "../../cli/src/config/mod.rs"]
mod config;
#[path = "../../cli/src/duration.rs"]
mod duration;
#[path = "../../cli/src/ordinary.rs"]
mod ordinary;
#[path = "../../cli/src/selection.rs"]
mod selection;
#[path = "../../cli/src/usage.rs"]
mod usage;

use std::path::Path;

libfuzzer_sys::fuzz_target!(|text: &str| {
    for name in ["nbvet.toml", "pyproject.toml"] {
        if let Err(error) = config::read_text(Path::new(name), text) {
            let said = error.to_string();
            assert!(said.starts_with(name), "{said}");
        }
    }
});
