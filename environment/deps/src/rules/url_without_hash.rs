//! NB904 url-without-hash.

use std::fmt::Write as _;

use nbvet_report::Row;

use crate::{
    Dependency, Wanted, masked,
    policy::{Finding, Review, code, each, is_local_url, rule},
};

rule! {
    /// A file from a URL without a digest that says which file.
    ///
    /// ## Why it matters
    ///
    /// What stands behind a URL can be replaced at any time; nothing would notice. md5 and sha1 do not help: other
    /// files with the same digest can be made.
    ///
    /// ## Examples
    ///
    /// ```requirements bad
    /// tool @ https://packages.example/tool-1.0-py3-none-any.whl
    /// ```
    ///
    /// ```requirements bad
    /// https://packages.example/tool-1.0-py3-none-any.whl#md5=d41d8cd98f00b204e9800998ecf8427e
    /// ```
    ///
    /// ```requirements good
    /// tool @ https://packages.example/tool-1.0-py3-none-any.whl \
    ///     --hash=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Add the digest of the file that you validated, `#sha256=…` behind the URL or `--hash=sha256:…` on the line:
    ///
    /// ```sh
    /// curl -fsSL https://packages.example/tool-1.0-py3-none-any.whl | sha256sum
    /// ```
    "NB904" "url-without-hash",
    row: Row::Unpinned,
    since: "0.1.0",
    check: check,
}

fn check(cx: &Review<'_>) -> Vec<Finding> {
    let hits: Vec<(&Dependency, &str)> = cx.requirements().filter_map(|entry| hit(cx, entry)).collect();
    each(
        &hits,
        |(entry, url)| finding(entry, url),
        |(entry, url)| (&entry.place, code(url)),
        |rest| format!("{rest} more files from URLs have no strong digest"),
    )
}

/// The URL of a line that has no strong digest.
fn hit<'a>(cx: &Review<'_>, entry: &'a Dependency) -> Option<(&'a Dependency, &'a str)> {
    match &entry.wanted {
        Wanted::Url(url) if !is_local_url(url) && !entry.is_promised() && cx.applies(entry) => {
            Some((entry, url))
        }
        _ => None,
    }
}

fn finding(entry: &Dependency, url: &str) -> Finding {
    let (message, why) = match entry.hashes.first() {
        None => (
            format!(
                "nothing says that {} is still the file that you validated",
                code(url)
            ),
            "What stands behind a URL can be replaced, and nothing would notice.",
        ),
        Some(weak) => (
            format!("{} of {} can be forged", code(&weak.algorithm), code(url)),
            "Other files with the same md5 or sha1 can be made.",
        ),
    };
    Finding::new(&RULE, &entry.place, message)
        .because(why)
        .help(format!(
            "add its digest, `--hash=sha256:…`; `curl -fsSL {} | sha256sum` prints it",
            word(url)
        ))
}

/// The URL as a word of a shell's command: whole, since of a shortened one the digest would be another's.
fn word(url: &str) -> String {
    let mut word = String::from("'");
    for c in masked(url.trim()).chars() {
        let is_plain = c.is_ascii_graphic() && !matches!(c, '\'' | '`');
        if is_plain {
            word.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                let _ = write!(word, "%{byte:02X}");
            }
        }
    }
    word + "'"
}

#[cfg(test)]
mod tests {
    use nbvet_report::Readers;

    use crate::policy::testing::Case;

    #[test]
    fn the_command_has_the_whole_url_and_no_password() {
        let path = "long/".repeat(50);
        let case = Case::new(&format!("a @ https://u:p@host/{path}a'b-1-py3-none-any.whl\n"));
        let found = case.found();
        let finding = found.iter().find(|finding| finding.rule.meta.id == "NB904");
        assert_eq!(
            finding.map(|finding| finding.help.to(Readers::Terminal)),
            Some(&*format!(
                "add its digest, `--hash=sha256:…`; `curl -fsSL 'https://****@host/{path}a%27b-1-py3-none-any.whl' | sha256sum` \
                 prints it"
            ))
        );
    }
}
