//! How an assessment's parts are put into words and columns. Knows nothing of what they mean.

use std::io::IsTerminal;
use std::process::{Command, Stdio};

pub use sensei_planner::{grouped, rounded as size};

/// Characters per line where no terminal says otherwise.
const WIDTH_DEFAULT: usize = 100;
/// Lines shorter than this are not worth wrapping to.
const WIDTH_MIN: usize = 60;
/// Lines longer than this are hard to read.
const WIDTH_MAX: usize = 160;
/// Names listed within a sentence.
const LISTED_MAX: usize = 5;
/// Characters a column is aligned to at most; longer content sticks out.
const COLUMN_WIDTH_MAX: usize = 44;

/// Characters per line of the terminal that standard output is, within reason.
pub fn terminal_width() -> usize {
    if !std::io::stdout().is_terminal() {
        return WIDTH_DEFAULT;
    }
    asked_of_terminal().unwrap_or(WIDTH_DEFAULT).clamp(WIDTH_MIN, WIDTH_MAX)
}

/// `COLUMNS` where it is set, else what POSIX `stty` says of the terminal; the standard library cannot ask it.
fn asked_of_terminal() -> Option<usize> {
    if let Some(columns) = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()) {
        return Some(columns);
    }
    let terminal = std::fs::File::open("/dev/tty").ok()?;
    let stty = Command::new("stty").arg("size").stdin(terminal).stderr(Stdio::null()).output().ok()?;
    let size = String::from_utf8(stty.stdout).ok()?;
    size.split_whitespace().nth(1)?.parse().ok().filter(|columns| *columns > 0)
}

/// Text in which nothing moves the cursor or turns the direction of writing: such characters are shown as escapes.
pub fn clean(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let show = |c: char| if c.is_control() || turns(c) { c.escape_unicode().collect() } else { c.to_string() };
    text.chars().map(show).collect()
}

/// `text` in lines of at most `width` characters, the first after `first`, the others after as many blanks.
pub fn wrapped(first: &str, text: &str, width: usize) -> String {
    let indent = first.chars().count();
    let mut out = first.to_owned();
    let mut column = indent;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > indent && column + 1 + length > width {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        }
        if column > indent {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out.push('\n');
    out
}

/// Lines of cells under a head, aligned; columns named in `right` to the right.
pub fn aligned(head: &[&str], lines: &[Vec<String>], right: &[usize]) -> String {
    let cell = |line: &Vec<String>, column: usize| line[column].chars().count();
    let width = |column: usize| {
        let widest = lines.iter().map(|line| cell(line, column)).max().unwrap_or(0).min(COLUMN_WIDTH_MAX);
        widest.max(head[column].chars().count())
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut out = String::new();
    let head: Vec<String> = head.iter().map(|&title| title.to_owned()).collect();
    for line in std::iter::once(&head).chain(lines) {
        let cells =
            line.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match right.contains(&column) {
                true => format!("{cell:>width$}"),
                false => format!("{cell:width$}"),
            });
        out.push_str(&format!("  {}", cells.collect::<Vec<_>>().join("  ")));
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}

/// Items for a sentence; of many, the first few and how many more there are.
pub fn listed(items: &[String]) -> String {
    let shown = &items[..items.len().min(LISTED_MAX)];
    match items.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A span of time in the unit that suits its longer end.
pub fn interval(low_seconds: f64, high_seconds: f64) -> String {
    let (unit, seconds) = match high_seconds {
        ..60.0 => {
            return if high_seconds < 10.0 { "a few seconds".to_owned() } else { "less than a minute".to_owned() };
        }
        ..7200.0 => ("min", 60.0),
        ..172_800.0 => ("h", 3600.0),
        _ => ("days", 86_400.0),
    };
    let (low, high) = (low_seconds / seconds, high_seconds / seconds);
    let round = |number: f64| if number < 10.0 { (number * 2.0).round() / 2.0 } else { number.round() };
    match (round(low), round(high).max(1.0)) {
        (low, high) if low < 0.5 => format!("up to {high} {unit}"),
        (low, high) if low == high => format!("about {low} {unit}"),
        (low, high) => format!("about {low} to {high} {unit}"),
    }
}

/// A span of time that was measured.
pub fn elapsed(seconds: f64) -> String {
    if seconds < 120.0 { format!("{seconds:.1} s") } else { format!("{:.0} min", seconds / 60.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_wraps_under_its_beginning() {
        assert_eq!(wrapped("  - ", "one two three four", 12), "  - one two\n    three\n    four\n");
        assert_eq!(wrapped("", "averyverylongword x", 6), "averyverylongword\nx\n");
    }

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(clean("a\u{1b}[2Jb\u{202e}c\nd ü"), "a\\u{1b}[2Jb\\u{202e}c\\u{a}d ü");
    }

    #[test]
    fn spans_read_as_people_say_them() {
        let cases = [
            (0.5, 3.0, "a few seconds"),
            (5.0, 50.0, "less than a minute"),
            (10.0, 90.0, "up to 1.5 min"),
            (60.0, 300.0, "about 1 to 5 min"),
            (5400.0, 14_400.0, "about 1.5 to 4 h"),
            (90_000.0, 400_000.0, "about 1 to 4.5 days"),
        ];
        for (low, high, text) in cases {
            assert_eq!(interval(low, high), text, "{low} {high}");
        }
    }

    #[test]
    fn lists_are_bounded() {
        let names: Vec<String> = (1..=7).map(|number| number.to_string()).collect();
        assert_eq!(listed(&names), "1, 2, 3, 4, 5 and 2 more");
        assert_eq!(listed(&names[..2]), "1, 2");
    }

    #[test]
    fn columns_align() {
        let lines = vec![vec!["a".to_owned(), "10".to_owned()], vec!["bcd".to_owned(), "7".to_owned()]];
        assert_eq!(aligned(&["t", "rows"], &lines, &[1]), "  t    rows\n  a      10\n  bcd     7\n");
    }
}
