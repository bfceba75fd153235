//! Names and values as the target's SQL writes them.

use sensei_storage::System;

/// A name, quoted.
pub(crate) fn name(system: System, name: &str) -> String {
    match system {
        System::Mysql => format!("`{}`", name.replace('`', "``")),
        _ => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// A text, quoted. MySQL takes a backslash for an escape unless it is told otherwise, so that a text with one would mean
/// two things.
pub(crate) fn text(system: System, text: &str) -> Result<String, String> {
    if text.contains('\0') {
        return Err("it has a text with a NUL character".to_owned());
    }
    if system == System::Mysql && text.contains('\\') {
        return Err("it has a text with a backslash, which MySQL reads by a setting of the session".to_owned());
    }
    Ok(format!("'{}'", text.replace('\'', "''")))
}

/// A truth value.
pub(super) fn boolean(system: System, value: bool) -> &'static str {
    match (system, value) {
        (System::Postgresql, true) => "TRUE",
        (System::Postgresql, false) => "FALSE",
        (_, true) => "1",
        (_, false) => "0",
    }
}

/// The truth value a text or number stands for.
pub(super) fn as_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "t" | "true" => Some(true),
        "0" | "f" | "false" => Some(false),
        _ => None,
    }
}

/// Whether the text is a whole number that 64 bits hold.
pub(super) fn is_integer(text: &str) -> bool {
    text.trim_start_matches('+').parse::<i64>().is_ok()
}

/// Whether the text is a decimal in plain digits, and how many of them count.
pub(super) fn decimal_digits(text: &str) -> Option<usize> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty() || !all(whole) || !all(fraction) {
        return None;
    }
    Some(whole.trim_start_matches('0').len() + fraction.len())
}

/// Whether the text is a calendar day that every system writes so: `2024-02-29`.
pub(super) fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let number = |text: &str, width: usize| {
        (text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse::<u32>().ok())
            .flatten()
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return false,
    };
    // MySQL's dates begin with the year 1000 (manual 13.2.2).
    year >= 1000 && (1..=days).contains(&day)
}

/// Whether the text is a time of day that every system writes so: `23:59:59`, with up to six digits more.
pub(super) fn is_time(text: &str) -> bool {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let parts: Vec<&str> = clock.split(':').collect();
    let below = |text: &str, end: u32| {
        text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u32>().is_ok_and(|n| n < end)
    };
    let [hour, minute, second] = parts.as_slice() else { return false };
    let digits = (1..=6).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit());
    below(hour, 24) && below(minute, 60) && below(second, 60) && digits
}

/// Whether the text is a date and a time of day.
pub(super) fn is_timestamp(text: &str) -> bool {
    text.split_once(' ').is_some_and(|(date, time)| is_date(date) && is_time(time))
}
