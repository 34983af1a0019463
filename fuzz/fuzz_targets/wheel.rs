//! Any bytes as a wheel: refused with a message that names it, or every file unpacks to its size within bounds.
#![no_main]

use std::{fs, io::Write as _};

use nbvet_image::{
    layer::{self, Part},
    wheel::{Limits, Wheel},
};

const NAME: &str = "demo-1.0-py3-none-any.whl";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let folder = std::env::temp_dir().join(format!("nbvet-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    let path = folder.join("wheel");
    let mut file = fs::File::create(&path).expect("a temporary file");
    file.write_all(bytes).expect("a temporary file");
    let limits = Limits {
        unpacked: 8 << 20,
        entry: 4 << 20,
        ..Limits::default()
    };
    match Wheel::open(&path, NAME, None, &|module| module == "enum", &limits) {
        Ok(mut wheel) => {
            for path in wheel.installed() {
                let is_inside = !path.starts_with('/') && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
                assert!(is_inside, "{path:?}");
            }
            match layer::build(&mut [Part::Wheel(&mut wheel)], &folder) {
                Ok(layer) => assert!(layer.stored.uncompressed < 64 << 20),
                Err(error) => assert!(error.to_string().starts_with(NAME), "{error}"),
            }
        }
        Err(refused) => {
            let said = refused.to_string();
            assert!(said.starts_with(NAME) && !said.contains(char::is_control), "{said:?}");
        }
    }
});
