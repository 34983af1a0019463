//! Any bytes as Docker's `config.json`: who to be, nobody, or what is wrong in it by its key and never by a value.
#![no_main]

use std::path::Path;

use nbvet_image::hostile;

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    for (registry, repository) in [("docker.io", "library/python"), ("host:5000", "a/b/c")] {
        if let Err(said) = hostile::credentials(Path::new("config.json"), text, registry, repository) {
            assert!(
                said.contains("config.json") && !said.contains(char::is_control),
                "{said:?}"
            );
        }
    }
});
