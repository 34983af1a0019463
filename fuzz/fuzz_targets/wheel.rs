//! Any bytes as a wheel, or as the names and contents of one whose RECORD is right: refused with a message that names it,
//! or every file unpacks to its size within bounds.
#![no_main]

use std::{
    fmt::Write as _,
    fs,
    io::{Cursor, Write as _},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use nbvet_image::{
    layer::{self, Part},
    wheel::{Limits, Wheel},
};
use sha2::{Digest as _, Sha256};
use zip::{ZipWriter, write::SimpleFileOptions};

const NAME: &str = "demo-1.0-py3-none-any.whl";
const ABOUT: [(&str, &[u8]); 2] = [
    ("demo-1.0.dist-info/METADATA", b"Name: demo\nVersion: 1.0\n"),
    (
        "demo-1.0.dist-info/WHEEL",
        b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n",
    ),
];

/// A wheel of `NAME NUL CONTENT NUL NAME …`, whose RECORD no mutation of bytes would make right.
fn made(text: &[u8]) -> Option<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut record = "demo-1.0.dist-info/RECORD,,\n".to_owned();
    let parts: Vec<&[u8]> = text.split(|byte| *byte == 0).collect();
    let given = parts
        .chunks_exact(2)
        .filter_map(|pair| Some((str::from_utf8(pair[0]).ok()?, pair[1])));
    for (name, content) in ABOUT.into_iter().chain(given) {
        if name.contains([',', '"', '\n', '\r'])
            || zip.start_file(name, SimpleFileOptions::default()).is_err()
        {
            continue;
        }
        zip.write_all(content).ok()?;
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(content));
        writeln!(record, "{name},sha256={digest},{}", content.len()).ok()?;
    }
    zip.start_file("demo-1.0.dist-info/RECORD", SimpleFileOptions::default())
        .ok()?;
    zip.write_all(record.as_bytes()).ok()?;
    Some(zip.finish().ok()?.into_inner())
}

libfuzzer_sys::fuzz_target!(|input: (bool, &[u8])| {
    let (is_made, bytes) = input;
    let Some(bytes) = (if is_made {
        made(bytes)
    } else {
        Some(bytes.to_vec())
    }) else {
        return;
    };
    let folder = std::env::temp_dir().join(format!("nbvet-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    let path = folder.join("wheel");
    fs::write(&path, bytes).expect("a temporary file");
    let limits = Limits {
        unpacked: 8 << 20,
        entry: 4 << 20,
        ..Limits::default()
    };
    match Wheel::open(&path, NAME, None, &|module| module == "enum", &limits) {
        Ok(mut wheel) => {
            for path in wheel.installed() {
                let is_inside =
                    !path.starts_with('/') && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
                assert!(is_inside, "{path:?}");
            }
            match layer::build(&mut [Part::Wheel(&mut wheel)], &folder) {
                Ok(layer) => assert!(layer.stored.uncompressed < 64 << 20),
                Err(error) => assert!(error.to_string().starts_with(NAME), "{error}"),
            }
        }
        Err(refused) => {
            let said = refused.to_string();
            assert!(
                said.starts_with(NAME) && !said.contains(char::is_control),
                "{said:?}"
            );
        }
    }
});
