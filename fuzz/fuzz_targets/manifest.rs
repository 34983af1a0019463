//! Any bytes as a registry's manifest or index, under each type that it may say: an image, or refused in one line.
#![no_main]

use nbvet_image::{
    hostile,
    registry::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST},
};

const TYPES: [Option<&str>; 6] = [
    None,
    Some(OCI_MANIFEST),
    Some(OCI_INDEX),
    Some(DOCKER_MANIFEST),
    Some(DOCKER_LIST),
    Some("application/json; charset=utf-8"),
];

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let told = TYPES[usize::from(input.0) % TYPES.len()];
    if let Err(said) = hostile::manifest(told, input.1) {
        let is_one_line = said.starts_with("host/a: ") && !said.contains(char::is_control);
        assert!(is_one_line && said.len() < 4000, "{said:?}");
    }
});
