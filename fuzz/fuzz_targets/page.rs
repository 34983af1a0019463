//! Any bytes as an index's page of a package, in JSON and in HTML: files within bounds, or why it is no page.
#![no_main]

use nbvet_image::hostile;
use url::Url;

const TYPES: [&str; 2] = ["application/vnd.pypi.simple.v1+json", "text/html; charset=utf-8"];

libfuzzer_sys::fuzz_target!(|input: (bool, &[u8])| {
    let base = Url::parse("https://index.example/simple/demo/").expect("a URL");
    match hostile::page(TYPES[usize::from(input.0)], input.1, &base) {
        Ok(files) => assert!(files <= input.1.len()),
        Err(said) => assert!(said.len() < 400 && !said.contains(char::is_control), "{said:?}"),
    }
});
