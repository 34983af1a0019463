//! Any text as a registry's `WWW-Authenticate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|header: &str| {
    nbvet_image::hostile::challenge(header);
});
