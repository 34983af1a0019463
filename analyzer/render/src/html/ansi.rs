//! What a program writes to a terminal, as HTML: colours become classes that suit the page's theme, a carriage return
//! overwrites its line as progress bars expect, and every other control sequence is shown and does nothing.

use super::markup::{Markup, tag, text};

/// What is set by `ESC [ … m`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Style {
    colour: Option<Colour>,
    bold: bool,
    italic: bool,
    underlined: bool,
}

/// The colours that a theme gives a value to, named by their number in the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Colour(u8);

/// Grey: neither the text's own colour nor invisible on either theme.
const GREY: Colour = Colour(8);

/// The text with its colours.
pub(super) fn coloured(any: &str) -> Markup {
    let any = overwritten(any);
    let mut out = Markup::default();
    let mut style = Style::default();
    let mut rest = any.as_str();
    while let Some(start) = rest.find("\u{1b}[") {
        let parameters = &rest[start + 2..];
        let end = parameters.find(|c: char| !(c.is_ascii_digit() || matches!(c, ';' | ':')));
        let Some(end) = end.filter(|&end| parameters[end..].starts_with('m')) else {
            out.push(piece(&rest[..start + 2], style));
            rest = parameters;
            continue;
        };
        out.push(piece(&rest[..start], style));
        style.set(&parameters[..end]);
        rest = &parameters[end + 1..];
    }
    out.push(piece(rest, style));
    out
}

fn piece(any: &str, style: Style) -> Markup {
    let class = style.class();
    if any.is_empty() || class.is_empty() {
        text(any)
    } else {
        tag("span", &[("class", &class)], text(any))
    }
}

/// Each line as a terminal would show it at the end: what stands before a carriage return is gone, a backspace takes
/// a character with it.
fn overwritten(any: &str) -> String {
    let any = any.replace("\r\n", "\n");
    if !any.contains(['\r', '\u{8}']) {
        return any;
    }
    let lines = any.split('\n').map(|line| {
        let line = line.trim_end_matches('\r');
        let last = line.rsplit('\r').next().unwrap_or_default();
        last.chars().fold(String::new(), |mut shown, c| {
            if c == '\u{8}' {
                shown.pop();
            } else {
                shown.push(c);
            }
            shown
        })
    });
    lines.collect::<Vec<_>>().join("\n")
}

impl Style {
    /// `1;38;5;28`.
    fn set(&mut self, parameters: &str) {
        let mut numbers = parameters
            .split([';', ':'])
            .map(|number| number.parse::<u16>().unwrap_or(0));
        while let Some(number) = numbers.next() {
            match number {
                0 => *self = Self::default(),
                1 => self.bold = true,
                3 => self.italic = true,
                4 => self.underlined = true,
                22 => self.bold = false,
                23 => self.italic = false,
                24 => self.underlined = false,
                30..=37 => self.colour = basic(number - 30),
                38 => self.colour = extended(&mut numbers),
                // Backgrounds: a theme could not promise that the text on them can be read.
                48 => drop(extended(&mut numbers)),
                39 => self.colour = None,
                90..=97 => self.colour = basic(number - 90 + 8),
                _ => {}
            }
        }
    }

    fn class(self) -> String {
        let mut class = Vec::new();
        if let Some(Colour(number)) = self.colour {
            class.push(format!("a{number}"));
        }
        for (is_set, name) in [(self.bold, "ab"), (self.italic, "ai"), (self.underlined, "au")] {
            if is_set {
                class.push(name.to_owned());
            }
        }
        class.join(" ")
    }
}

/// Black and white are the text's own colour: one of them cannot be seen in each theme.
fn basic(number: u16) -> Option<Colour> {
    match number {
        1..=6 => u8::try_from(number).ok().map(Colour),
        9..=14 => u8::try_from(number - 8).ok().map(Colour),
        8 => Some(GREY),
        _ => None,
    }
}

fn extended(numbers: &mut impl Iterator<Item = u16>) -> Option<Colour> {
    let mut byte = || numbers.next().unwrap_or(0).min(255);
    match byte() {
        5 => match byte() {
            number @ 0..=15 => basic(number),
            number @ 16..=231 => {
                let level = |step: u16| if step == 0 { 0 } else { 55 + 40 * step };
                let number = number - 16;
                nearest([level(number / 36), level(number / 6 % 6), level(number % 6)])
            }
            number => nearest([8 + 10 * (number - 232); 3]),
        },
        2 => nearest([byte(), byte(), byte()]),
        _ => None,
    }
}

/// The theme's colour of the same hue.
fn nearest([red, green, blue]: [u16; 3]) -> Option<Colour> {
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    let span = i32::from(most - least);
    if span < 40 {
        return (60..200).contains(&most).then_some(GREY);
    }
    let [red_, green_, blue_] = [red, green, blue].map(i32::from);
    let hue = if most == red {
        60 * (green_ - blue_) / span
    } else if most == green {
        120 + 60 * (blue_ - red_) / span
    } else {
        240 + 60 * (red_ - green_) / span
    };
    Some(Colour(match hue.rem_euclid(360) {
        20..75 => 3,
        75..165 => 2,
        165..205 => 6,
        205..265 => 4,
        265..335 => 5,
        _ => 1,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(terminal: &str, html: &str) {
        assert_eq!(coloured(terminal).into_string(), html);
    }

    #[test]
    fn colours_become_classes_and_text_stays_text() {
        check(
            "\u{1b}[0;31mValueError\u{1b}[0m: \u{1b}[1m<b>\u{1b}[22m",
            "<span class=\"a1\">ValueError</span>: <span class=\"ab\">&lt;b&gt;</span>",
        );
    }

    #[test]
    fn any_colour_becomes_the_themes_own_of_that_hue() {
        check("\u{1b}[38;5;28mx", "<span class=\"a2\">x</span>");
        check("\u{1b}[38;2;250;10;10mx", "<span class=\"a1\">x</span>");
        check("\u{1b}[38;5;241;1mx", "<span class=\"a8 ab\">x</span>");
        check("\u{1b}[37m\u{1b}[40mx", "x");
    }

    #[test]
    fn other_sequences_are_shown_and_do_nothing() {
        check("\u{1b}]0;title\u{7}\u{1b}[2J\u{1b}[", "␛]0;title␇␛[2J␛[");
    }

    #[test]
    fn a_progress_bar_is_shown_as_it_ended() {
        check(" 10%\r 50%\r100%\nnext\r\n", "100%\nnext\n");
        check("ab\u{8}c\r", "ac");
    }
}
