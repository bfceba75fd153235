//! Intervals as ISO 8601 durations with a sign per field, `P1Y2M3DT-4H5M6.5S`, as PostgreSQL's `iso_8601` style writes
//! them. Months, days and time are kept apart. Knows nothing of arrays.

use std::fmt::Write as _;

use arrow_buffer::IntervalMonthDayNano;

use super::Reason;
use super::temporal::{take_fraction_us, write_fraction};

const SECOND_NS: i64 = 1_000_000_000;

const NOT_A_DURATION: Reason = "not an ISO 8601 duration";
const OUT_OF_RANGE: Reason = "interval out of range";

/// Designators of the date part in order, with months and days each is worth.
const DATE_FIELDS: [(char, i128, i128); 4] = [('Y', 12, 0), ('M', 1, 0), ('W', 0, 7), ('D', 0, 1)];

/// Designators of the time part in order, with seconds each is worth.
const TIME_FIELDS: [(char, i128); 3] = [('H', 3600), ('M', 60), ('S', 1)];

pub(super) fn render(value: IntervalMonthDayNano, out: &mut String) {
    let start = out.len();
    out.push('P');
    field(i64::from(value.months / 12), 'Y', out);
    field(i64::from(value.months % 12), 'M', out);
    field(i64::from(value.days), 'D', out);
    if value.nanoseconds != 0 {
        out.push('T');
        let seconds = value.nanoseconds / SECOND_NS;
        field(seconds / 3600, 'H', out);
        field(seconds / 60 % 60, 'M', out);
        seconds_field(seconds % 60, value.nanoseconds % SECOND_NS, out);
    }
    if out.len() == start + 1 {
        out.push_str("T0S");
    }
}

fn field(count: i64, designator: char, out: &mut String) {
    if count != 0 {
        write!(out, "{count}{designator}").expect("a string takes any text");
    }
}

fn seconds_field(seconds: i64, nanos: i64, out: &mut String) {
    if seconds != 0 || nanos != 0 {
        let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
        write!(out, "{sign}{}", seconds.abs()).expect("a string takes any text");
        write_fraction(nanos.abs(), 9, out);
        out.push('S');
    }
}

pub(super) fn parse(text: &str) -> Result<IntervalMonthDayNano, Reason> {
    let body = text.strip_prefix(['P', 'p']).ok_or(NOT_A_DURATION)?;
    let (date, time) = match body.split_once(['T', 't']) {
        Some((_, "")) => return Err(NOT_A_DURATION),
        Some((date, time)) => (date, time),
        None if body.is_empty() => return Err(NOT_A_DURATION),
        None => (body, ""),
    };
    let (months, days) = parse_date_part(date)?;
    Ok(IntervalMonthDayNano {
        months: i32::try_from(months).map_err(|_| OUT_OF_RANGE)?,
        days: i32::try_from(days).map_err(|_| OUT_OF_RANGE)?,
        nanoseconds: i64::try_from(parse_time_part(time)?).map_err(|_| OUT_OF_RANGE)?,
    })
}

fn parse_date_part(mut rest: &str) -> Result<(i128, i128), Reason> {
    let (mut months, mut days, mut fields) = (0, 0, DATE_FIELDS.iter());
    while !rest.is_empty() {
        let (count, fraction_us) = take_count(&mut rest)?;
        let designator = take_designator(&mut rest)?;
        let (_, in_months, in_days) = fields.find(|field| field.0 == designator).ok_or(NOT_A_DURATION)?;
        if fraction_us != 0 {
            return Err("a fraction of anything but seconds");
        }
        months += count * in_months;
        days += count * in_days;
    }
    Ok((months, days))
}

/// Nanoseconds of the part after `T`.
fn parse_time_part(mut rest: &str) -> Result<i128, Reason> {
    let (mut total_us, mut fields) = (0, TIME_FIELDS.iter());
    while !rest.is_empty() {
        let (count, fraction_us) = take_count(&mut rest)?;
        let designator = take_designator(&mut rest)?;
        let (_, in_seconds) = fields.find(|field| field.0 == designator).ok_or(NOT_A_DURATION)?;
        if fraction_us != 0 && designator != 'S' {
            return Err("a fraction of anything but seconds");
        }
        total_us += count * in_seconds * 1_000_000 + fraction_us;
    }
    Ok(total_us * 1000)
}

/// A signed whole number and its fraction in millionths, which carries the same sign.
fn take_count(rest: &mut &str) -> Result<(i128, i128), Reason> {
    let negative = rest.starts_with('-');
    *rest = rest.strip_prefix(['+', '-']).unwrap_or(rest);
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, tail) = rest.split_at(length);
    *rest = tail;
    if digits.is_empty() {
        return Err(NOT_A_DURATION);
    }
    let count = i128::from(digits.parse::<i64>().map_err(|_| OUT_OF_RANGE)?);
    let fraction_us = i128::from(take_fraction_us(rest)?);
    Ok(if negative { (-count, -fraction_us) } else { (count, fraction_us) })
}

fn take_designator(rest: &mut &str) -> Result<char, Reason> {
    let designator = rest.chars().next().ok_or(NOT_A_DURATION)?;
    *rest = &rest[designator.len_utf8()..];
    Ok(designator.to_ascii_uppercase())
}
