//! Whether characters look drawn by chance, as those of a secret are. Placeholders and examples do not.

/// Words of placeholders, in small letters. Those of four letters and less come up by chance.
const WORDS: &[&str] = &[
    "xxxx",
    "****",
    "....",
    "example",
    "placeholder",
    "dummy",
    "redacted",
    "sample",
    "replace",
    "change",
    "insert",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "yourkey",
    "your_",
    "your-",
    "yourtoken",
    "youropen",
    "my_key",
    "my-key",
    "mykey",
    "todo",
    "demo_",
    "fake",
    "test_",
    "test-",
    "testtest",
    "abcdef",
    "012345",
    "123456",
    "987654",
    "qwerty",
    "deadbeef",
    "goes_here",
    "key_here",
    "-here",
    "_here",
];

/// The longest run of one character that chance gives now and then.
const LONGEST_RUN: usize = 4;

/// The value looks random: it has many different characters, hardly repeats itself, and reads as no placeholder.
pub(super) fn is_random(value: &str) -> bool {
    is_no_example(value) && bits(value) >= wanted(value)
}

/// The value reads as no placeholder and does not repeat itself.
pub(super) fn is_no_example(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    !WORDS.iter().any(|word| lower.contains(word)) && !has_long_run(value)
}

/// A value of this length that is drawn from hexadecimal digits has more.
fn wanted(value: &str) -> f64 {
    if value.len() < 24 { 2.75 } else { 3.0 }
}

fn has_long_run(value: &str) -> bool {
    let (mut run, mut before) = (0, None);
    value.bytes().any(|byte| {
        run = if Some(byte) == before { run + 1 } else { 1 };
        before = Some(byte);
        run > LONGEST_RUN
    })
}

/// Shannon's entropy: bits a character.
fn bits(value: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let total = f64::from(counts.iter().sum::<u32>());
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / total;
            -share * share.log2()
        })
        .sum()
}

/// It has small letters, capitals and digits: so has every value of some length that is drawn from all of them.
pub(super) fn is_mixed(value: &str) -> bool {
    let has = |is: fn(&u8) -> bool| value.as_bytes().iter().any(is);
    has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit)
}
