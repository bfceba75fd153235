//! Decimals of any size as plain text: `-12.50`, `0`, `NaN`. Reading, fitting into a precision and scale, normalising.
//! Does no arithmetic, so no digit is ever rounded. Knows nothing of columns or arrays.

use std::borrow::Cow;

/// Digits before the point a decimal may have. PostgreSQL manual 8.1.2.
pub const WHOLE_DIGITS_MAX: i64 = 131_072;

/// Digits after the point a decimal may have. PostgreSQL manual 8.1.2.
pub const FRACTION_DIGITS_MAX: i64 = 16_383;

const NOT_A_NUMBER: &str = "not a decimal number";
const TOO_LONG: &str = "more digits than a decimal can hold";
const TOO_FINE: &str = "more digits after the point than the scale allows";
const TOO_LARGE: &str = "more digits before the point than the precision allows";

/// A decimal as read: its digits without leading zeros, and where the point stands.
enum Number {
    NaN,
    Infinity { negative: bool },
    Finite(Finite),
}

struct Finite {
    negative: bool,
    /// Digits without leading zeros; empty for zero.
    digits: String,
    /// Digits before the point; negative if zeros follow the point first.
    point: i64,
    /// Digits after the point, as written.
    scale: i64,
}

/// The shortest plain text of the same number: `007.50` is `7.5`, `-0.0` is `0`, `1e3` is `1000`.
///
/// Text that is no decimal comes back as it is.
///
/// ```
/// assert_eq!(sensei_storage::decimal::normalize("-012.50"), "-12.5");
/// ```
pub fn normalize(text: &str) -> Cow<'_, str> {
    if let Some(part) = normal_part(text) {
        return Cow::Borrowed(part);
    }
    match read(text) {
        Ok(Number::NaN) => Cow::Borrowed("NaN"),
        Ok(Number::Infinity { negative }) => Cow::Borrowed(infinity(negative)),
        Ok(Number::Finite(number)) => {
            let number = number.shortened();
            Cow::Owned(number.plain(number.fraction_digits()))
        }
        Err(_) => Cow::Borrowed(text),
    }
}

/// The plain text of a decimal at the scale it was written in; exponents are expanded.
///
/// # Errors
/// The reason, without the text: not a number, or beyond [`WHOLE_DIGITS_MAX`] or [`FRACTION_DIGITS_MAX`].
pub fn plain(text: &str) -> Result<String, &'static str> {
    Ok(match read(text)? {
        Number::NaN => "NaN".to_owned(),
        Number::Infinity { negative } => infinity(negative).to_owned(),
        Number::Finite(number) => number.plain(number.scale),
    })
}

/// The plain text of a decimal at exactly `scale` digits after the point (none for a negative scale).
///
/// # Errors
/// The reason, without the text: not a number, infinite, or not representable with `precision` digits in all of
/// which `scale` follow the point. Nothing is rounded.
///
/// ```
/// assert_eq!(sensei_storage::decimal::fit("12.5", 6, 2).as_deref(), Ok("12.50"));
/// assert!(sensei_storage::decimal::fit("12.555", 6, 2).is_err());
/// ```
pub fn fit(text: &str, precision: u32, scale: i32) -> Result<String, &'static str> {
    if let Some((negative, unscaled)) = fit_short(text, precision, scale) {
        let mut fitted = Vec::with_capacity(text.len() + 4);
        if negative && unscaled > 0 {
            fitted.push(b'-');
        }
        push_scaled(unscaled, scale.unsigned_abs() as usize, &mut fitted);
        return Ok(String::from_utf8(fitted).expect("digits are ASCII"));
    }
    let number = match read(text)? {
        Number::NaN => return Ok("NaN".to_owned()),
        Number::Infinity { .. } => return Err("infinity does not fit a decimal with a precision"),
        Number::Finite(number) => number.shortened(),
    };
    if !number.digits.is_empty() {
        if number.digits.len() as i64 - number.point > i64::from(scale) {
            return Err(TOO_FINE);
        }
        if number.point > i64::from(precision) - i64::from(scale) {
            return Err(TOO_LARGE);
        }
    }
    Ok(number.plain(i64::from(scale).max(0)))
}

/// Powers of ten.
pub(crate) const POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut index = 1;
    while index < powers.len() {
        powers[index] = 10 * powers[index - 1];
        index += 1;
    }
    powers
};

/// Digits that a short number has at the most: with up to three zeros behind them they fit into 64 bits.
const SHORT_DIGITS_MAX: usize = 16;

/// A plain number of few digits without its point, and how many of them follow it. Nearly every number is one, and this is
/// several times as fast as reading any.
pub(crate) fn read_short(unsigned: &[u8]) -> Option<(u64, usize)> {
    if unsigned.len() > SHORT_DIGITS_MAX + 1 {
        return None;
    }
    let (mut unscaled, mut digits, mut point) = (0_u64, 0, None);
    for byte in unsigned {
        match byte {
            b'0'..=b'9' => (unscaled, digits) = (10 * unscaled + u64::from(byte - b'0'), digits + 1),
            b'.' if point.is_none() => point = Some(digits),
            _ => return None,
        }
    }
    let is_short = (1..=SHORT_DIGITS_MAX).contains(&digits);
    is_short.then_some((unscaled, digits - point.unwrap_or(digits)))
}

/// A short number as one of so many digits of which `scale` follow the point: whether it is negative, and its digits
/// without the point. `None` if it is not short or does not fit; then [`fit`] says why.
pub(crate) fn fit_short(text: &str, precision: u32, scale: i32) -> Option<(bool, u64)> {
    let (negative, unsigned) = match text.as_bytes() {
        [b'-', unsigned @ ..] => (true, unsigned),
        unsigned => (false, unsigned),
    };
    let (unscaled, written) = read_short(unsigned)?;
    let missing = usize::try_from(scale).ok()?.checked_sub(written)?;
    let unscaled = unscaled.checked_mul(*POWERS.get(missing)?)?;
    let most = POWERS.get(precision as usize).copied().unwrap_or(u64::MAX);
    (unscaled < most).then_some((negative, unscaled))
}

/// Appends a number with `scale` digits after its point.
pub(crate) fn push_scaled(unscaled: impl itoa::Integer, scale: usize, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(unscaled).as_bytes();
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale));
    out.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
    if scale > 0 {
        out.push(b'.');
        out.resize(out.len() + scale - fraction.len(), b'0');
        out.extend_from_slice(fraction);
    }
}

/// The shortest decimal that reads back as this double, without an exponent.
pub fn from_f64(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        infinity(value < 0.0).to_owned()
    } else {
        // Adding zero folds -0; Display writes the shortest digits that round-trip.
        (value + 0.0).to_string()
    }
}

fn infinity(negative: bool) -> &'static str {
    if negative { "-Infinity" } else { "Infinity" }
}

/// The normal form where it is a part of `text`: plain, without zeros in front. Covers almost every value met, without
/// allocating.
fn normal_part(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let start = usize::from(bytes.first() == Some(&b'-'));
    let (mut point, mut significant) = (None, start);
    for (index, byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            b'0' if point.is_some() => {}
            b'0'..=b'9' => significant = index + 1,
            b'.' if point.is_none() => point = Some(index),
            _ => return None,
        }
    }
    let whole = &bytes[start..point.unwrap_or(bytes.len())];
    let is_plain = !whole.is_empty() && (whole[0] != b'0' || whole.len() == 1) && bytes.last() != Some(&b'.');
    let kept = &text[..significant];
    is_plain.then_some(if kept == "-0" { "0" } else { kept })
}

fn read(text: &str) -> Result<Number, &'static str> {
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if unsigned.eq_ignore_ascii_case("nan") {
        return Ok(Number::NaN);
    }
    if unsigned.eq_ignore_ascii_case("infinity") || unsigned.eq_ignore_ascii_case("inf") {
        return Ok(Number::Infinity { negative });
    }
    read_finite(negative, unsigned).map(Number::Finite)
}

fn read_finite(negative: bool, unsigned: &str) -> Result<Finite, &'static str> {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return Err(NOT_A_NUMBER);
    }
    let written = [whole, fraction].concat();
    let digits = written.trim_start_matches('0');
    let zeros = (written.len() - digits.len()) as i64;
    let number = Finite {
        negative,
        digits: digits.to_owned(),
        point: if digits.is_empty() { 0 } else { whole.len() as i64 + exponent - zeros },
        scale: (fraction.len() as i64 - exponent).max(0),
    };
    if number.point > WHOLE_DIGITS_MAX || number.scale > FRACTION_DIGITS_MAX {
        return Err(TOO_LONG);
    }
    Ok(number)
}

fn read_exponent(text: &str) -> Result<i64, &'static str> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NOT_A_NUMBER);
    }
    text.parse::<i32>().map(i64::from).map_err(|_| TOO_LONG)
}

impl Finite {
    /// The same number without trailing zeros.
    fn shortened(mut self) -> Finite {
        self.digits.truncate(self.digits.trim_end_matches('0').len());
        self
    }

    /// Digits needed after the point.
    fn fraction_digits(&self) -> i64 {
        (self.digits.len() as i64 - self.point).max(0)
    }

    /// Plain text with `scale` digits after the point, which must be enough for all digits.
    fn plain(&self, scale: i64) -> String {
        // Both counts are within the limits checked by `read_finite` or a declared scale.
        let zeros = |count: i64| std::iter::repeat_n('0', usize::try_from(count).unwrap_or(0));
        let length = self.digits.len() as i64;
        let whole = self.point.clamp(0, length);
        let (before, after) = self.digits.split_at(whole as usize);
        let mut text = String::new();
        if self.negative && !self.digits.is_empty() {
            text.push('-');
        }
        text.push_str(before);
        text.extend(zeros(self.point - length));
        if self.point <= 0 {
            text.push('0');
        }
        if scale > 0 {
            let leading = if self.digits.is_empty() { 0 } else { (-self.point).max(0) };
            text.push('.');
            text.extend(zeros(leading));
            text.push_str(after);
            text.extend(zeros(scale - leading - after.len() as i64));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn normal_forms() {
        for (text, normal) in [
            ("007.50", "7.5"),
            ("-0.00", "0"),
            ("+.5", "0.5"),
            ("5.", "5"),
            ("1e3", "1000"),
            ("-12.5e-3", "-0.0125"),
            ("100", "100"),
            ("0.10", "0.1"),
            ("nan", "NaN"),
            ("-inf", "-Infinity"),
            ("0e12", "0"),
            ("abc", "abc"),
        ] {
            assert_eq!(normalize(text), normal, "{text}");
        }
    }

    #[test]
    fn plain_keeps_the_scale_as_written() {
        for (text, expected) in [
            ("1.50", "1.50"),
            ("1.50e1", "15.0"),
            ("1e-3", "0.001"),
            ("-0.00", "0.00"),
            ("0012", "12"),
            ("1.5e3", "1500"),
            ("0e-2", "0.00"),
        ] {
            assert_eq!(plain(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn plain_refuses_what_is_no_number_or_too_long() {
        for text in ["", "-", ".", "1.2.3", "1e", "e5", "0x10", "1 2", "1_000", "--1", "1e1e1", "١"] {
            assert_eq!(plain(text), Err(NOT_A_NUMBER), "{text}");
        }
        for text in ["1e131072", "1e-16384", "1e99999999999", "1e2000000000"] {
            assert_eq!(plain(text), Err(TOO_LONG), "{text}");
        }
        assert_eq!(plain("1e131071").map(|text| text.len()), Ok(131_072));
    }

    #[test]
    fn fit_is_exact() {
        assert_eq!(fit("12.5", 6, 2).as_deref(), Ok("12.50"));
        assert_eq!(fit("12.5000", 6, 2).as_deref(), Ok("12.50"));
        assert_eq!(fit("12.505", 6, 2), Err(TOO_FINE));
        assert_eq!(fit("9999.99", 6, 2).as_deref(), Ok("9999.99"));
        assert_eq!(fit("10000", 6, 2), Err(TOO_LARGE));
        assert_eq!(fit("-0", 6, 2).as_deref(), Ok("0.00"));
        assert_eq!(fit("0.0012", 2, 4).as_deref(), Ok("0.0012"));
        assert_eq!(fit("0.0123", 2, 4), Err(TOO_LARGE));
        assert_eq!(fit("12300", 3, -2).as_deref(), Ok("12300"));
        assert_eq!(fit("12345", 3, -2), Err(TOO_FINE));
        assert_eq!(fit("123400", 3, -2), Err(TOO_LARGE));
        assert_eq!(fit("0", 3, -2).as_deref(), Ok("0"));
        assert_eq!(fit("NaN", 6, 2).as_deref(), Ok("NaN"));
        assert!(fit("Infinity", 6, 2).is_err());
    }

    #[test]
    fn doubles_become_their_shortest_digits() {
        for (value, text) in [(0.1, "0.1"), (-0.0, "0"), (1e21, "1000000000000000000000"), (5e-7, "0.0000005")] {
            assert_eq!(from_f64(value), text);
        }
        assert_eq!((from_f64(f64::NAN), from_f64(f64::NEG_INFINITY)), ("NaN".to_owned(), "-Infinity".to_owned()));
    }

    proptest! {
        #[test]
        fn normal_form_is_stable_and_survives_added_zeros(text in "-?[1-9][0-9]{0,20}\\.[0-9]{0,20}[1-9]", zeros in 0..5usize) {
            prop_assert_eq!(normalize(&text), text.as_str());
            let (sign, unsigned) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
            let padded = format!("{sign}{0}{unsigned}{0}", "0".repeat(zeros));
            let normal = normalize(&padded);
            prop_assert_eq!(normal.as_ref(), text.as_str());
        }

        #[test]
        fn fast_and_slow_paths_agree(text in "-?[0-9]{1,6}(\\.[0-9]{1,6})?") {
            let Ok(Number::Finite(number)) = read(&text) else { panic!("a number") };
            let number = number.shortened();
            let slow = number.plain(number.fraction_digits());
            let normal = normalize(&text);
            prop_assert_eq!(normal.as_ref(), slow.as_str());
            prop_assert!(normal_part(&text).is_none_or(|part| part == slow));
        }

        #[test]
        fn short_and_long_numbers_fit_alike(
            text in "-?[0-9]{0,10}\\.?[0-9]{0,8}", precision in 1..22u32, scale in 0..12i32,
        ) {
            let long = format!("{text}e0");
            let fitted = fit(&text, precision, scale);
            prop_assert_eq!(&fitted, &fit(&long, precision, scale));
            if let Some((negative, unscaled)) = fit_short(&text, precision, scale) {
                let digits = fitted.expect("it fits").replace(['.', '-'], "");
                prop_assert_eq!(digits.parse::<u64>(), Ok(unscaled));
                prop_assert_eq!(negative, text.starts_with('-'));
            }
        }

        #[test]
        fn exponents_only_move_the_point(digits in "[1-9][0-9]{0,12}", exponent in -30..30i32) {
            let moved = plain(&format!("{digits}e{exponent}")).expect("in range");
            let back = plain(&format!("{moved}e{}", -exponent)).expect("in range");
            let normal = normalize(&back);
            prop_assert_eq!(normal.as_ref(), digits.as_str());
        }

        #[test]
        fn what_fits_reads_back_equal(digits in "-?[0-9]{1,10}", scale in 0..8i32) {
            let text = plain(&format!("{digits}e-{scale}")).expect("in range");
            let fitted = fit(&text, 10, scale).expect("ten digits at this scale");
            prop_assert_eq!(normalize(&fitted).into_owned(), normalize(&text).into_owned());
            prop_assert_eq!(fitted.split_once('.').map_or(0, |(_, fraction)| fraction.len()), scale as usize);
        }

        #[test]
        fn doubles_read_back(value in any::<f64>()) {
            let text = from_f64(value);
            if value.is_finite() {
                prop_assert_eq!(text.parse::<f64>().expect("a number"), value);
                let normal = normalize(&text);
                prop_assert_eq!(normal.as_ref(), text.as_str());
            }
        }
    }
}
