//! Images: by their bytes, then, for PNG, by their pixels; what cannot be compared so is told by its size.

use std::io::Cursor;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use crate::{
    difference::Difference,
    masks::{Counts, Mask, count},
    options::Options,
};

/// Bytes that the pixels of one image may take.
const MOST_PIXELS: usize = 64 << 20;

/// Notebooks hold padded and unpadded texts.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Compares two images, each in base64; `None` where they are equal.
pub(crate) fn compare(
    expected: &str,
    actual: &str,
    options: &Options,
    counts: &mut Counts,
) -> Option<Difference> {
    let (left, right) = (decoded(expected), decoded(actual));
    let same = match (&left, &right) {
        (None, None) => expected.trim() == actual.trim(),
        (left, right) => left == right,
    };
    if same {
        return None;
    }
    let pixels = left
        .as_deref()
        .and_then(pixels)
        .zip(right.as_deref().and_then(pixels))
        .filter(|(left, right)| left.size == right.size && left.data.len() == right.data.len());
    let share = pixels.map(|(left, right)| left.share_of_differing(&right));
    if share == Some(0.0) && !options.is_exact() {
        count(counts, Mask::EqualPixels, 1);
        return None;
    }
    let (expected, actual) = (described(left.as_deref()), described(right.as_deref()));
    Some(Difference {
        place: None,
        diff: format!("- {expected}\n+ {actual}\n"),
        expected: Some(expected),
        actual: Some(actual),
        detail: share.map(|share| format!("{} of the pixels differ", in_percent(share))),
    })
}

fn in_percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.01 {
        "less than 0.01 %".to_owned()
    } else {
        format!("{percent:.2} %")
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let packed: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    BASE64.decode(packed).ok()
}

/// `image of 640 x 480 pixels, 12345 bytes`.
fn described(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else {
        return "no image: this is not base64".to_owned();
    };
    match imagesize::blob_size(bytes) {
        Ok(size) => format!(
            "image of {} x {} pixels, {} bytes",
            size.width,
            size.height,
            bytes.len()
        ),
        Err(_) => format!("image of {} bytes", bytes.len()),
    }
}

struct Pixels {
    size: (u32, u32),
    /// Bytes of one pixel.
    depth: usize,
    data: Vec<u8>,
}

impl Pixels {
    #[expect(clippy::cast_precision_loss, reason = "a share of pixels, for people")]
    fn share_of_differing(&self, other: &Self) -> f64 {
        if self.depth != other.depth {
            return 1.0;
        }
        let pairs = || self.data.chunks(self.depth).zip(other.data.chunks(self.depth));
        let differing = pairs().filter(|(left, right)| left != right).count();
        differing as f64 / (pairs().count().max(1)) as f64
    }
}

/// The pixels of a PNG, if it is one of a size that can be looked at.
fn pixels(bytes: &[u8]) -> Option<Pixels> {
    let limits = png::Limits { bytes: MOST_PIXELS };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().ok()?;
    let length = reader
        .output_buffer_size()
        .filter(|length| *length <= MOST_PIXELS)?;
    let mut data = vec![0; length];
    let info = reader.next_frame(&mut data).ok()?;
    data.truncate(info.buffer_size());
    Some(Pixels {
        size: (info.width, info.height),
        depth: info.color_type.samples(),
        data,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(pixels: [u8; 4], text: &str) -> String {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 2, 2);
        encoder.set_color(png::ColorType::Grayscale);
        encoder
            .add_text_chunk("Software".to_owned(), text.to_owned())
            .unwrap();
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&pixels).unwrap();
        writer.finish().unwrap();
        BASE64.encode(bytes)
    }

    fn check(expected: &str, actual: &str, options: &Options) -> Result<Counts, (String, Option<String>)> {
        let mut counts = Counts::new();
        match compare(expected, actual, options, &mut counts) {
            None => Ok(counts),
            Some(found) => Err((found.diff, found.detail)),
        }
    }

    #[test]
    fn images_with_the_same_pixels_are_equal_and_it_is_counted() {
        let (old, new) = (image([1, 2, 3, 4], "one"), image([1, 2, 3, 4], "another"));
        let counts = check(&old, &new, &Options::default()).unwrap();
        assert_eq!(counts.get(&Mask::EqualPixels), Some(&1));
        let exact = Options {
            strategy: nbvet_report::ComparisonStrategy::Exact,
            ..Options::default()
        };
        assert!(check(&old, &new, &exact).is_err());
        let broken = format!("{}\n{}\n", &old[..20], &old[20..]);
        assert_eq!(
            check(&old, &broken, &exact),
            Ok(Counts::new()),
            "lines mean nothing"
        );
    }

    #[test]
    fn images_that_differ_are_told_by_size_and_share() {
        let (old, new) = (image([1, 2, 3, 4], ""), image([1, 2, 3, 5], ""));
        let (diff, detail) = check(&old, &new, &Options::default()).unwrap_err();
        assert!(diff.starts_with("- image of 2 x 2 pixels, "), "{diff}");
        assert_eq!(detail.as_deref(), Some("25.00 % of the pixels differ"));
    }

    #[test]
    fn what_is_no_image_is_compared_by_its_bytes() {
        let broken = BASE64.encode(b"\x89PNG\r\n\x1a\nbroken");
        assert!(check(&broken, &image([1, 2, 3, 4], ""), &Options::default()).is_err());
        assert!(
            check("$$$", "%%%", &Options::default()).is_err(),
            "neither is an image"
        );
        assert!(check("$$$", "$$$\n", &Options::default()).is_ok());
    }
}
