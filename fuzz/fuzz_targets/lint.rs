//! Any bytes through everything that a lint does: reading, the semantic model, every rule, and every fix.
#![no_main]

use nbvet_engine::{Beside, Settings, check, mend};
use nbvet_report::{Applicability, Level};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let settings = Settings {
        level: Level::Learning,
        ..Settings::default()
    };
    let beside = Beside::default();
    let found = check(&nbvet_notebook::read(bytes), &beside, None, nbvet_rules::ALL, &settings);
    if found.iter().any(|diagnostic| diagnostic.fix.is_some()) {
        let mended = mend(bytes, &beside, nbvet_rules::ALL, &settings, Applicability::Unsafe);
        let again = mend(&mended.bytes, &beside, nbvet_rules::ALL, &settings, Applicability::Unsafe);
        assert_eq!(mended.bytes, again.bytes, "fixes come to an end");
    }
});
