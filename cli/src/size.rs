//! Amounts of memory as people write them: `512MB`, `2GiB`, `0`.

/// Reads an amount of bytes. A bare number is refused (nobody knows its unit), but for `0`, which means no limit.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    if text == "0" {
        return Ok(0);
    }
    let refuse = || format!("`{text}` is no amount of memory; write 512MB, 2GiB or 0");
    let digits = text.len()
        - text
            .trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
            .len();
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| refuse())?;
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" => return Err(format!("`{text}` has no unit; write {text}MB or {text}GB")),
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "ki" | "kib" => 1024.0,
        "mi" | "mib" => 1024.0 * 1024.0,
        "gi" | "gib" => 1024.0 * 1024.0 * 1024.0,
        "ti" | "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return Err(refuse()),
    };
    let bytes = number * factor;
    if !(1.0..9e18).contains(&bytes) {
        return Err(refuse());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it was checked to be in range"
    )]
    Ok(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_with_their_unit() {
        let read = |text| parse(text).ok();
        assert_eq!(
            ["512MB", "1.5 GiB", "2g", "300Mi", "0"].map(read),
            [512_000_000, 1_610_612_736, 2_000_000_000, 314_572_800, 0].map(Some)
        );
    }

    #[test]
    fn what_nobody_can_know_is_refused() {
        for (text, told) in [
            ("512", "`512` has no unit; write 512MB or 512GB"),
            ("much", "`much` is no amount of memory; write 512MB, 2GiB or 0"),
            ("-1GB", "`-1GB` is no amount of memory; write 512MB, 2GiB or 0"),
            ("1XB", "`1XB` is no amount of memory; write 512MB, 2GiB or 0"),
            (
                "1e99GB",
                "`1e99GB` is no amount of memory; write 512MB, 2GiB or 0",
            ),
            (
                "99999999999TB",
                "`99999999999TB` is no amount of memory; write 512MB, 2GiB or 0",
            ),
            ("", "`` is no amount of memory; write 512MB, 2GiB or 0"),
        ] {
            assert_eq!(parse(text), Err(told.to_owned()));
        }
    }
}
