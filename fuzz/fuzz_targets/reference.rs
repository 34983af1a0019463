//! Any text as the name of an image: refused in one line, or a name that reads again as itself and fits into a URL.
#![no_main]

use nbvet_deps::ImageReference;
use url::Url;

libfuzzer_sys::fuzz_target!(|text: &str| match text.parse::<ImageReference>() {
    Ok(reference) => {
        let written = reference.to_string();
        assert!(written.bytes().all(|byte| byte.is_ascii_graphic()), "{written:?}");
        assert_eq!(written.parse().as_ref(), Ok(&reference), "{written}");
        let (registry, repository) = (reference.registry(), reference.repository());
        let url = format!(
            "https://{registry}/v2/{repository}/manifests/{}",
            reference.manifest()
        );
        let path = url.strip_prefix(&format!("https://{registry}"));
        if let Ok(url) = Url::parse(&url) {
            assert_eq!(Some(url.path()), path, "{written}");
            assert!(
                url.username().is_empty() && url.query().is_none() && url.fragment().is_none(),
                "{url}"
            );
        }
    }
    Err(bad) => {
        let said = bad.to_string();
        assert!(said.len() < 2000 && !said.contains(char::is_control), "{said:?}");
    }
});
