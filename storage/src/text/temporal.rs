//! Dates, times and instants as text, written the way PostgreSQL's ISO style does. Knows nothing of arrays.

use std::fmt::Write as _;

use super::Reason;
use super::calendar::{civil_from_days, days_from_civil, days_in_month};

const SECOND_US: i64 = 1_000_000;
const MINUTE_US: i64 = 60 * SECOND_US;
const HOUR_US: i64 = 60 * MINUTE_US;
const DAY_US: i64 = 24 * HOUR_US;

/// Hours a zone may be off UTC; PostgreSQL allows less than 16.
const OFFSET_HOURS_MAX: i64 = 15;

/// Digits of the largest year an `i32` of days reaches, 5,881,580.
const YEAR_DIGITS_MAX: usize = 7;

/// Digits of a fraction of a second that are read: more than any clock writes, few enough to sum.
const FRACTION_DIGITS_MAX: usize = 18;

pub(super) const TOO_FINE: Reason = "more than 6 digits of a second";
const OUT_OF_RANGE: Reason = "date out of range";
const NOT_A_DATE: Reason = "not a date as YYYY-MM-DD";
const NOT_A_TIME: Reason = "not a time as HH:MM:SS";
const NOT_A_ZONE: Reason = "not an offset from UTC";
const NO_SUCH_DAY: Reason = "no such day in the calendar";
const NO_SUCH_TIME: Reason = "no such time of day";

/// Date, time of day and offset as far as they were written.
struct Stamp {
    days: i64,
    time_us: i64,
    offset_us: Option<i64>,
}

pub(super) fn render_date(days: i32, out: &mut String) {
    match days {
        i32::MAX => out.push_str("infinity"),
        i32::MIN => out.push_str("-infinity"),
        _ => {
            let era = write_date(i64::from(days), out);
            out.push_str(era);
        }
    }
}

pub(super) fn render_time(us: i64, out: &mut String) {
    let (hours, minutes, seconds) = (us / HOUR_US, us / MINUTE_US % 60, us / SECOND_US % 60);
    write!(out, "{hours:02}:{minutes:02}:{seconds:02}").expect("a string takes any text");
    write_fraction(us % SECOND_US, 6, out);
}

/// `zone` is `+00` for instants and empty for zoneless timestamps.
pub(super) fn render_timestamp(us: i64, zone: &str, out: &mut String) {
    match us {
        i64::MAX => out.push_str("infinity"),
        i64::MIN => out.push_str("-infinity"),
        _ => {
            let era = write_date(us.div_euclid(DAY_US), out);
            out.push(' ');
            render_time(us.rem_euclid(DAY_US), out);
            out.push_str(zone);
            out.push_str(era);
        }
    }
}

/// Writes the day and returns its era suffix.
fn write_date(days: i64, out: &mut String) -> &'static str {
    let (year, month, day) = civil_from_days(days);
    let (year, era) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    write!(out, "{year:04}-{month:02}-{day:02}").expect("a string takes any text");
    era
}

/// Writes `.` and the fraction without trailing zeros; nothing for a whole second.
pub(super) fn write_fraction(fraction: i64, digits: usize, out: &mut String) {
    if fraction != 0 {
        write!(out, ".{fraction:0digits$}").expect("a string takes any text");
        out.truncate(out.trim_end_matches('0').len());
    }
}

pub(super) fn parse_date(text: &str) -> Result<i32, Reason> {
    match infinity(text) {
        Some(true) => return Ok(i32::MAX),
        Some(false) => return Ok(i32::MIN),
        None => {}
    }
    let stamp = parse_stamp(text)?;
    if stamp.offset_us.is_some() || stamp.time_us != 0 {
        return Err("a date with a time of day or a zone");
    }
    finite_days(stamp.days)
}

pub(super) fn parse_time(text: &str) -> Result<i64, Reason> {
    let mut rest = text;
    let us = take_time(&mut rest)?;
    if rest.is_empty() { Ok(us) } else { Err(NOT_A_TIME) }
}

pub(super) fn parse_timestamp(text: &str) -> Result<i64, Reason> {
    parse_instant(text, |offset| match offset {
        Some(_) => Err("a timestamp with a zone, for a column without one"),
        None => Ok(0),
    })
}

pub(super) fn parse_timestamp_tz(text: &str) -> Result<i64, Reason> {
    parse_instant(text, |offset| offset.ok_or("needs a zone"))
}

fn parse_instant(text: &str, offset_us: impl Fn(Option<i64>) -> Result<i64, Reason>) -> Result<i64, Reason> {
    match infinity(text) {
        Some(true) => return Ok(i64::MAX),
        Some(false) => return Ok(i64::MIN),
        None => {}
    }
    let stamp = parse_stamp(text)?;
    let offset_us = offset_us(stamp.offset_us)?;
    // In 128 bits, because the first day begins before the first microsecond.
    let us = i128::from(stamp.days) * i128::from(DAY_US) + i128::from(stamp.time_us - offset_us);
    let us = i64::try_from(us).map_err(|_| OUT_OF_RANGE)?;
    if us == i64::MAX || us == i64::MIN { Err(OUT_OF_RANGE) } else { Ok(us) }
}

fn infinity(text: &str) -> Option<bool> {
    let (positive, word) = match text.strip_prefix('-') {
        Some(word) => (false, word),
        None => (true, text.strip_prefix('+').unwrap_or(text)),
    };
    word.eq_ignore_ascii_case("infinity").then_some(positive)
}

fn finite_days(days: i64) -> Result<i32, Reason> {
    let days = i32::try_from(days).map_err(|_| OUT_OF_RANGE)?;
    if days == i32::MAX || days == i32::MIN { Err(OUT_OF_RANGE) } else { Ok(days) }
}

/// `date [(T| )time] [offset] [ BC]`
fn parse_stamp(text: &str) -> Result<Stamp, Reason> {
    let (mut rest, before_christ) = match text.len().checked_sub(3).and_then(|at| text.split_at_checked(at)) {
        Some((rest, era)) if era.eq_ignore_ascii_case(" BC") => (rest, true),
        _ => (text, false),
    };
    let days = take_date(&mut rest, before_christ)?;
    let mut stamp = Stamp { days, time_us: 0, offset_us: None };
    if let Some(time) = rest.strip_prefix(['T', 't', ' ']) {
        rest = time;
        stamp.time_us = take_time(&mut rest)?;
        stamp.offset_us = parse_offset(rest.strip_prefix(' ').unwrap_or(rest))?;
        return Ok(stamp);
    }
    if rest.is_empty() { Ok(stamp) } else { Err(NOT_A_DATE) }
}

fn take_date(rest: &mut &str, before_christ: bool) -> Result<i64, Reason> {
    let year = take_number(rest, 4, YEAR_DIGITS_MAX).ok_or(NOT_A_DATE)?;
    let month = take_field(rest, '-').ok_or(NOT_A_DATE)? as u32;
    let day = take_field(rest, '-').ok_or(NOT_A_DATE)? as u32;
    let last = days_in_month(if before_christ { 1 - year } else { year }, month);
    if year == 0 || day == 0 || Some(day) > last {
        return Err(NO_SUCH_DAY);
    }
    Ok(days_from_civil(if before_christ { 1 - year } else { year }, month, day))
}

/// `HH:MM[:SS[.fraction]]`, up to and including 24:00:00.
fn take_time(rest: &mut &str) -> Result<i64, Reason> {
    let hours = take_number(rest, 2, 2).ok_or(NOT_A_TIME)?;
    let minutes = take_field(rest, ':').ok_or(NOT_A_TIME)?;
    let mut us = hours * HOUR_US + minutes * MINUTE_US;
    let mut seconds = 0;
    if rest.starts_with(':') {
        seconds = take_field(rest, ':').ok_or(NOT_A_TIME)?;
        us += seconds * SECOND_US + take_fraction_us(rest)?;
    }
    if minutes > 59 || seconds > 59 || us > DAY_US { Err(NO_SUCH_TIME) } else { Ok(us) }
}

/// Takes `.digits` if there; digits beyond the sixth must be zeros.
pub(super) fn take_fraction_us(rest: &mut &str) -> Result<i64, Reason> {
    let Some(digits) = rest.strip_prefix('.') else { return Ok(0) };
    *rest = digits;
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    let mut fraction = take_number(rest, 1, FRACTION_DIGITS_MAX).ok_or(NOT_A_TIME)?;
    for _ in length..6 {
        fraction *= 10;
    }
    for _ in 6..length {
        if fraction % 10 != 0 {
            return Err(TOO_FINE);
        }
        fraction /= 10;
    }
    Ok(fraction)
}

/// Nothing, `Z`, `UTC`, or a sign and `HH`, `HHMM`, `HH:MM` or `HH:MM:SS`.
fn parse_offset(text: &str) -> Result<Option<i64>, Reason> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.eq_ignore_ascii_case("z") || text.eq_ignore_ascii_case("utc") {
        return Ok(Some(0));
    }
    let (sign, mut rest) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (_, Some(rest)) => (-1, rest),
        _ => return Err(NOT_A_ZONE),
    };
    let hours = take_number(&mut rest, 2, 2).ok_or(NOT_A_ZONE)?;
    let (mut minutes, mut seconds) = (0, 0);
    if rest.starts_with(':') {
        minutes = take_field(&mut rest, ':').ok_or(NOT_A_ZONE)?;
        if !rest.is_empty() {
            seconds = take_field(&mut rest, ':').ok_or(NOT_A_ZONE)?;
        }
    } else if !rest.is_empty() {
        minutes = take_number(&mut rest, 2, 2).ok_or(NOT_A_ZONE)?;
    }
    if !rest.is_empty() || hours > OFFSET_HOURS_MAX || minutes > 59 || seconds > 59 {
        return Err(NOT_A_ZONE);
    }
    Ok(Some(sign * (hours * HOUR_US + minutes * MINUTE_US + seconds * SECOND_US)))
}

/// Takes a separator and two digits.
fn take_field(rest: &mut &str, separator: char) -> Option<i64> {
    *rest = rest.strip_prefix(separator)?;
    take_number(rest, 2, 2)
}

/// Takes all leading digits if there are `min` to `max` of them; `max` is at most 18, which fits an `i64`.
fn take_number(rest: &mut &str, min: usize, max: usize) -> Option<i64> {
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    // Fixed-width fields may be followed by digits of the next one.
    let length = if min == max { length.min(max) } else { length };
    if !(min..=max).contains(&length) {
        return None;
    }
    let (digits, tail) = rest.split_at(length);
    *rest = tail;
    digits.parse().ok()
}
