//! Bytes to text as pip does it: a byte order mark, else a `coding` comment in the first two lines, else UTF-8.

/// The text, or in which encoding it was read and what is wrong.
pub(super) fn decode(bytes: &[u8]) -> Result<String, String> {
    if let Some(rest) = bytes.strip_prefix(b"\xEF\xBB\xBF") {
        return utf8(rest);
    }
    // In pip's order: the mark of UTF-16 is looked for before that of UTF-32, which begins with it.
    if let Some(rest) = bytes.strip_prefix(b"\xFE\xFF") {
        return utf16(rest, u16::from_be_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xFF\xFE") {
        return utf16(rest, u16::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(b"\x00\x00\xFE\xFF") {
        let (units, []) = rest.as_chunks::<4>() else {
            return Err("it ends within a character of UTF-32".to_owned());
        };
        let characters = units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit)));
        return characters
            .collect::<Option<String>>()
            .ok_or_else(|| "it is not UTF-32".to_owned());
    }
    match declared(bytes).as_deref() {
        None | Some("utf-8" | "utf8" | "utf_8") => utf8(bytes),
        Some("latin-1" | "latin1" | "iso-8859-1" | "iso8859-1") => {
            Ok(bytes.iter().map(|byte| char::from(*byte)).collect())
        }
        Some("ascii" | "us-ascii") if bytes.is_ascii() => utf8(bytes),
        Some(other) => Err(format!(
            "it says that it is written in {other}: write it in UTF-8"
        )),
    }
}

fn utf8(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|error| {
        let line = bytes[..error.utf8_error().valid_up_to()]
            .split(|byte| *byte == b'\n')
            .count();
        format!("line {line} is not UTF-8")
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, String> {
    let (units, []) = bytes.as_chunks::<2>() else {
        return Err("it ends within a character of UTF-16".to_owned());
    };
    let units: Vec<u16> = units.iter().map(|pair| unit(*pair)).collect();
    String::from_utf16(&units).map_err(|_| "it is not UTF-16".to_owned())
}

/// `coding: latin-1` in a comment that is one of the first two lines. By pip's `coding[:=]\s*([-\w.]+)`, which is matched
/// on bytes: white space and letters are those of ASCII alone.
fn declared(bytes: &[u8]) -> Option<String> {
    let mut lines = bytes.split(|byte| *byte == b'\n').take(2);
    lines.find_map(|line| line.starts_with(b"#").then(|| coding(line))?)
}

fn coding(line: &[u8]) -> Option<String> {
    let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'\x0b';
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let word = b"coding";
    (0..line.len()).find_map(|at| {
        let [b':' | b'=', after @ ..] = line[at..].strip_prefix(word)? else {
            return None;
        };
        let blank = after.iter().take_while(|byte| is_space(byte)).count();
        let name = after[blank..].iter().copied().take_while(is_of_name);
        let name: String = name.map(|byte| char::from(byte.to_ascii_lowercase())).collect();
        (!name.is_empty()).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_comments_tell_the_encoding() {
        let text = |bytes: &[u8]| decode(bytes);
        assert_eq!(text(b"\xEF\xBB\xBFsix\n").as_deref(), Ok("six\n"));
        assert_eq!(text(b"\xFF\xFEs\0i\0").as_deref(), Ok("si"));
        assert_eq!(text(b"\xFE\xFF\0s\0i").as_deref(), Ok("si"));
        assert_eq!(
            text(b"# -*- coding: latin1 -*-\n# \xE9\n").as_deref(),
            Ok("# -*- coding: latin1 -*-\n# é\n")
        );
        assert_eq!(text(b"six\n\xE9"), Err("line 2 is not UTF-8".to_owned()));
        assert_eq!(
            text(b"# coding=koi8-r\n"),
            Err("it says that it is written in koi8-r: write it in UTF-8".to_owned())
        );
    }
    #[test]
    fn an_encoding_is_told_in_ascii_alone() {
        // Read as Latin-1, as once it was, U+2028 ends no line, and what stands behind it is a comment.
        let hidden = "# \u{2028}evil\n";
        for (first, expected) in [
            ("# coding:\u{3000}latin-1\n", Ok(hidden)),
            ("# coding:\u{a0}latin-1\n", Ok(hidden)),
            (" # coding: latin-1\n", Ok(hidden)),
            ("# coding:\u{3b1}\n", Ok(hidden)),
            ("# coding:! coding=\x0b utf-8\u{3b1}\n", Ok(hidden)),
            (
                "# \u{3b1} coding:koi8\n",
                Err("it says that it is written in koi8: write it in UTF-8"),
            ),
        ] {
            let read = decode(format!("{first}{hidden}").as_bytes());
            let behind = read.as_ref().map(|text| text.strip_prefix(first).unwrap_or(text));
            assert_eq!(behind.map_err(String::as_str), expected, "{first}");
        }
        assert_eq!(
            decode(b"# \xE9 coding: latin-1\n").as_deref(),
            Ok("# \u{e9} coding: latin-1\n")
        );
    }
}
