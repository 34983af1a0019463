//! Words of options as Python's `shlex.split` takes them apart.

/// The words, or what is wrong with the quotations.
pub(super) fn split(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\\' => {
                let next = rest.next().ok_or("nothing follows the last backslash")?;
                word.get_or_insert_default().push(next);
            }
            '\'' => quoted(&mut rest, '\'', word.get_or_insert_default())?,
            '"' => quoted(&mut rest, '"', word.get_or_insert_default())?,
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

fn quoted(rest: &mut std::str::Chars<'_>, quote: char, word: &mut String) -> Result<(), &'static str> {
    const OPEN: &str = "a quotation is not closed";
    loop {
        let c = rest.next().ok_or(OPEN)?;
        if c == quote {
            return Ok(());
        }
        if c == '\\' && quote == '"' {
            let next = rest.next().ok_or(OPEN)?;
            if next != '"' && next != '\\' {
                word.push('\\');
            }
            word.push(next);
        } else {
            word.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotations_and_backslashes_are_pythons() {
        let words = |text| split(text).expect("it is well formed");
        assert_eq!(
            words(r#"-i  "a b"'c' d\ e '' "\n\"" "#),
            ["-i", "a bc", "d e", "", "\\n\""]
        );
        assert_eq!(split("a\\"), Err("nothing follows the last backslash"));
        assert_eq!(split("'a"), Err("a quotation is not closed"));
    }
}
