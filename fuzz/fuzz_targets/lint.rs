//! Any bytes through everything that a lint does: reading, the semantic model, every rule, and every fix.
#![no_main]

use std::{panic, process, sync::Once};

use nbvet_engine::{Beside, Settings, check, mend};
use nbvet_report::{Applicability, Level};

static HOOK: Once = Once::new();

/// A panic of the Python parser is caught by the engine; libfuzzer's hook would end the process before.
fn catch_the_parsers() {
    let abort = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let place = info.location().map_or("", |place| place.file());
        if !place.contains("ruff_python_parser") {
            abort(info);
            process::abort();
        }
    }));
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    HOOK.call_once(catch_the_parsers);
    let settings = Settings {
        level: Level::Learning,
        ..Settings::default()
    };
    let beside = Beside::default();
    let found = check(
        &nbvet_notebook::read(bytes),
        &beside,
        None,
        nbvet_rules::ALL,
        &settings,
    );
    if found.iter().any(|diagnostic| diagnostic.fix.is_some()) {
        let mended = mend(bytes, &beside, nbvet_rules::ALL, &settings, Applicability::Unsafe);
        let again = mend(
            &mended.bytes,
            &beside,
            nbvet_rules::ALL,
            &settings,
            Applicability::Unsafe,
        );
        assert_eq!(mended.bytes, again.bytes, "fixes come to an end");
    }
});
