//! Any text as each kind of dependency file: read, or refused with a message that names the file.
#![no_main]

use nbvet_deps::{Format, formats, requirements::Source};

/// One text under every name, up to as many times as it is asked for.
struct Everywhere<'t> {
    text: &'t [u8],
    left: usize,
}

impl Source for Everywhere<'_> {
    fn load(&mut self, _: &str) -> Result<Vec<u8>, String> {
        self.left = self.left.checked_sub(1).ok_or("no more")?;
        Ok(self.text.to_vec())
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "TOKEN").then(|| "a b".to_owned())
    }
}

const FILES: [&str; 9] = [
    "requirements.txt",
    "pylock.toml",
    "uv.lock",
    "poetry.lock",
    "Pipfile.lock",
    "pyproject.toml",
    "Pipfile",
    "environment.yml",
    "setup.py",
];

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let file = FILES[usize::from(input.0) % FILES.len()];
    let format = Format::of(file).expect("each is a format's name");
    let mut source = Everywhere {
        text: input.1,
        left: 20,
    };
    match formats::read(format, file, &mut source) {
        Err(fault) => {
            let said = fault.to_string();
            assert!(
                said.contains(file.split('.').next().unwrap_or(file)) || said.contains(':'),
                "{said}"
            );
        }
        Ok(declared) => {
            let lines = input.1.split(|byte| *byte == b'\n').count() + 1;
            for entry in &declared.entries {
                assert!(entry.place.line > 0, "{entry:?}");
                assert!(
                    entry.place.line <= lines || format == Format::Requirements,
                    "{entry:?}"
                );
                // What is shown of a marker has an end.
                drop(entry.marker.try_to_string());
            }
        }
    }
});
