//! Decimals in binary form and their text, exact both ways, scale kept. Knows nothing of columns.
//!
//! The form is that in which PostgreSQL sends a `numeric`, and that which is hashed: digit count, weight, sign, display
//! scale (16 bits each, big-endian), then digits in base 10,000. The value is the sum of digit[i] × 10000^(weight − i).
//! It has no zeros in front or at the end, and zero is positive and of weight 0.

use bytes::{Buf, BufMut};

use crate::decimal::{POWERS, push_scaled, read_short};

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;
const INFINITY: u16 = 0xd000;
const MINUS_INFINITY: u16 = 0xf000;

/// Decimal digits per digit on the wire.
const GROUP: usize = 4;
/// Most digits before the point, PostgreSQL's limit.
const WHOLE_DIGITS_MAX: usize = 131_072;
/// Most digits after the point, PostgreSQL's limit.
const SCALE_MAX: usize = 16_383;

/// Appends the text PostgreSQL would print for `bytes`; `None` if they are not a numeric.
pub(crate) fn decode(mut bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let count = bytes.try_get_u16().ok()? as usize;
    let weight = bytes.try_get_i16().ok()?;
    let sign = bytes.try_get_u16().ok()?;
    let scale = bytes.try_get_u16().ok()? as usize;
    match sign {
        0 => {}
        NEGATIVE => out.push(b'-'),
        _ => return special(sign, out),
    }
    let (digits, rest) = bytes.as_chunks::<2>();
    if digits.len() != count || !rest.is_empty() || scale > SCALE_MAX {
        return None;
    }
    if let Some(unscaled) = unscaled(digits, weight.into(), scale) {
        push_scaled(unscaled, scale, out);
        return Some(());
    }
    // Digit of weight `place`; those that are not sent are zero.
    let digit = |place: i32| -> Option<u16> {
        let index = usize::try_from(i32::from(weight) - place).ok();
        let digit = index.and_then(|index| digits.get(index)).map_or(0, |digit| u16::from_be_bytes(*digit));
        (digit < 10_000).then_some(digit)
    };
    push_whole(i32::from(weight), digit, out)?;
    if scale > 0 {
        out.push(b'.');
        let end = out.len() + scale;
        for place in 1..=scale.div_ceil(GROUP) {
            out.extend_from_slice(&group(digit(-(place as i32))?));
        }
        out.truncate(end);
    }
    Some(())
}

/// Whether this is the one form of its number: at this display scale, or at any. What is not may still be a numeric.
pub(crate) fn is_canonical(bytes: &[u8], scale: Option<u16>) -> bool {
    let Some((header, digits)) = bytes.split_first_chunk::<8>() else { return false };
    let (digits, rest) = digits.as_chunks::<2>();
    let [count, weight, sign, shown] = [0, 2, 4, 6].map(|at| u16::from_be_bytes([header[at], header[at + 1]]));
    let value = |digit: &[u8; 2]| u16::from_be_bytes(*digit);
    let is_finite = matches!(sign, 0 | NEGATIVE) && usize::from(shown) <= SCALE_MAX;
    let is_whole = digits.len() == usize::from(count) && rest.is_empty();
    let is_number = match (digits.first(), digits.last()) {
        (Some(first), Some(last)) => {
            value(first) > 0 && value(last) > 0 && {
                // Decimal digits of the last group that lie beyond the scale.
                let hidden = GROUP as i32 * (i32::from(count) - 1 - i32::from(weight.cast_signed())) - i32::from(shown);
                hidden <= 0
                    || usize::try_from(hidden)
                        .is_ok_and(|hidden| hidden < GROUP && u64::from(value(last)) % POWERS[hidden] == 0)
            }
        }
        _ => (weight, sign) == (0, 0),
    };
    let is_scaled = scale.is_none_or(|scale| scale == shown);
    is_finite && is_whole && is_number && is_scaled && digits.iter().all(|digit| value(digit) < 10_000)
}

/// Has a finite number in binary form be shown with `scale` digits after its point. `false`, and nothing is done, if it is
/// shown with more.
pub(crate) fn raise_scale(number: &mut [u8], scale: u16) -> bool {
    let Some(header) = number.first_chunk_mut::<8>() else { return true };
    if !matches!(u16::from_be_bytes([header[4], header[5]]), 0 | NEGATIVE) {
        return true;
    }
    let is_raised = u16::from_be_bytes([header[6], header[7]]) <= scale;
    if is_raised {
        header[6..].copy_from_slice(&scale.to_be_bytes());
    }
    is_raised
}

/// The number without its point, if 64 bits hold it: nearly always, and several times as fast as digit by digit.
fn unscaled(digits: &[[u8; 2]], weight: i32, scale: usize) -> Option<u64> {
    let mut unscaled = 0_u64;
    for (digit, place) in digits.iter().zip((i32::MIN..=weight).rev()) {
        let digit = u64::from(u16::from_be_bytes(*digit));
        let zeros = i32::try_from(scale).ok()? + GROUP as i32 * place;
        let power = *POWERS.get(zeros.unsigned_abs() as usize)?;
        let digit = Some(digit).filter(|digit| *digit < 10_000)?;
        // The last group reaches beyond the scale unless that is a multiple of four.
        let digit = if zeros < 0 { digit / power } else { digit.checked_mul(power)? };
        unscaled = unscaled.checked_add(digit)?;
    }
    Some(unscaled)
}

fn special(sign: u16, out: &mut Vec<u8>) -> Option<()> {
    out.extend_from_slice(match sign {
        NAN => b"NaN",
        INFINITY => b"Infinity",
        MINUS_INFINITY => b"-Infinity",
        _ => return None,
    });
    Some(())
}

fn push_whole(weight: i32, digit: impl Fn(i32) -> Option<u16>, out: &mut Vec<u8>) -> Option<()> {
    let mut leading = true;
    for place in (0..=weight).rev() {
        let digit = digit(place)?;
        if leading && digit > 0 {
            let text = group(digit);
            let start = text.iter().position(|place| *place != b'0').unwrap_or(GROUP);
            out.extend_from_slice(&text[start..]);
            leading = false;
        } else if !leading {
            out.extend_from_slice(&group(digit));
        }
    }
    if leading {
        out.push(b'0');
    }
    Some(())
}

/// Four decimal digits.
fn group(digit: u16) -> [u8; GROUP] {
    [digit / 1000, digit / 100 % 10, digit / 10 % 10, digit % 10].map(|place| b'0' + place as u8)
}

/// Appends the binary form of a plain decimal such as `-12.50`, `NaN` or `Infinity`; `None` for any other text.
pub(crate) fn encode(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let special = match text {
        "NaN" => Some(NAN),
        "Infinity" => Some(INFINITY),
        "-Infinity" => Some(MINUS_INFINITY),
        _ => None,
    };
    if let Some(sign) = special {
        put_special(sign, out);
        return Some(());
    }
    let (sign, unsigned) = match text.as_bytes() {
        [b'-', rest @ ..] => (NEGATIVE, rest),
        [b'+', rest @ ..] => (0, rest),
        rest => (0, rest),
    };
    if let Some((unscaled, scale)) = read_short(unsigned) {
        put_short(sign, unscaled, scale, out);
        return Some(());
    }
    let point = unsigned.iter().position(|byte| *byte == b'.').unwrap_or(unsigned.len());
    let (whole, fraction) = (&unsigned[..point], unsigned.get(point + 1..).unwrap_or_default());
    let digits = || whole.iter().chain(fraction);
    if digits().next().is_none() || !digits().all(u8::is_ascii_digit) || fraction.len() > SCALE_MAX {
        return None;
    }
    let whole = &whole[whole.iter().position(|byte| *byte != b'0').unwrap_or(whole.len())..];
    if whole.len() > WHOLE_DIGITS_MAX {
        return None;
    }
    put_finite(sign, whole, fraction, out);
    Some(())
}

fn put_short(sign: u16, unscaled: u64, scale: usize, out: &mut Vec<u8>) {
    // Groups align at the point, so that the last may have to be filled up.
    let groups_after = scale.div_ceil(GROUP);
    let mut rest = unscaled * POWERS[groups_after * GROUP - scale];
    let mut weight = -(groups_after as i32) - 1;
    let mut groups = [0_u16; 5];
    let mut count = 0;
    while rest > 0 {
        let group = (rest % 10_000) as u16;
        rest /= 10_000;
        weight += 1;
        // Zeros at the end are not sent.
        if count > 0 || group > 0 {
            groups[count] = group;
            count += 1;
        }
    }
    let is_zero = count == 0;
    out.put_u16(count as u16);
    out.put_i16(if is_zero { 0 } else { weight as i16 });
    out.put_u16(if is_zero { 0 } else { sign });
    out.put_u16(scale as u16);
    groups[..count].iter().rev().for_each(|group| out.put_u16(*group));
}

fn put_finite(sign: u16, whole: &[u8], fraction: &[u8], out: &mut Vec<u8>) {
    let header = out.len();
    out.put_slice(&[0; 8]);
    let groups_before = whole.len().div_ceil(GROUP);
    let mut weight = groups_before as i32 - 1;
    let (mut count, mut significant) = (0_usize, 0_usize);
    // Groups align at the point: the first may be short on its left, the last on its right.
    let split = whole.len() - (groups_before.saturating_sub(1) * GROUP).min(whole.len());
    let (first, others) = whole.split_at(split);
    let left = (!first.is_empty()).then_some(first).into_iter().chain(others.chunks(GROUP)).map(|group| (group, 0));
    let right = fraction.chunks(GROUP).map(|group| (group, GROUP - group.len()));
    for (group, missing) in left.chain(right) {
        let value = group.iter().fold(0_u16, |value, byte| value * 10 + u16::from(byte - b'0'));
        let value = value * 10_u16.pow(missing as u32);
        if count == 0 && value == 0 {
            weight -= 1;
            continue;
        }
        out.put_u16(value);
        count += 1;
        if value > 0 {
            significant = count;
        }
    }
    out.truncate(header + 8 + significant * 2);
    let zero = significant == 0;
    let mut fields = &mut out[header..header + 8];
    fields.put_u16(significant as u16);
    fields.put_i16(if zero { 0 } else { weight as i16 });
    fields.put_u16(if zero { 0 } else { sign });
    fields.put_u16(fraction.len() as u16);
}

fn put_special(sign: u16, out: &mut Vec<u8>) {
    out.put_u32(0);
    out.put_u16(sign);
    out.put_u16(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn there_and_back(text: &str) -> Option<String> {
        let (mut bytes, mut back) = (Vec::new(), Vec::new());
        encode(text, &mut bytes)?;
        decode(&bytes, &mut back)?;
        Some(String::from_utf8(back).unwrap())
    }

    proptest! {
        #[test]
        fn canonical_text_survives(text in "-?([1-9][0-9]{0,40}|0)\\.[0-9]{0,30}[1-9]|[1-9][0-9]{0,40}(\\.[0-9]{1,20})?") {
            prop_assert_eq!(there_and_back(&text), Some(text));
        }

        #[test]
        fn short_and_long_ways_agree(text in "[0-9]{0,9}\\.?[0-9]{0,9}", negative in any::<bool>()) {
            let sign = if negative { NEGATIVE } else { 0 };
            let Some((unscaled, scale)) = read_short(text.as_bytes()) else { return Ok(()) };
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            let (mut short, mut long) = (Vec::new(), Vec::new());
            put_short(sign, unscaled, scale, &mut short);
            put_finite(sign, whole.trim_start_matches('0').as_bytes(), fraction.as_bytes(), &mut long);
            prop_assert_eq!(&short, &long);
            let mut printed = Vec::new();
            decode(&long, &mut printed);
            prop_assert_eq!(String::from_utf8(printed).unwrap().parse::<f64>(), format!("{}{text}", if negative { "-" } else { "" }).parse());
        }

        #[test]
        fn what_is_encoded_is_canonical(text in "-?[0-9]{1,30}(\\.[0-9]{0,30})?") {
            let mut bytes = Vec::new();
            encode(&text, &mut bytes).expect("a number");
            let scale = text.split_once('.').map_or(0, |(_, fraction)| fraction.len() as u16);
            prop_assert!(is_canonical(&bytes, None) && is_canonical(&bytes, Some(scale)));
            prop_assert!(!is_canonical(&bytes, Some(scale + 1)));
            prop_assert!(raise_scale(&mut bytes, scale + 1) && is_canonical(&bytes, Some(scale + 1)));
            prop_assert!(!raise_scale(&mut bytes, scale));
        }

        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40), text in "[-+.0-9eN]{0,12}") {
            let _ = decode(&bytes, &mut Vec::new());
            let _ = (is_canonical(&bytes, None), raise_scale(&mut bytes.clone(), 3));
            let _ = encode(&text, &mut Vec::new());
        }
    }

    #[test]
    fn scale_is_kept_and_noise_dropped() {
        for (text, printed) in [
            ("0", "0"),
            ("0.000", "0.000"),
            ("-0.0", "0.0"),
            ("000120.500", "120.500"),
            (".5", "0.5"),
            ("+7", "7"),
            ("10000", "10000"),
            ("NaN", "NaN"),
            ("-Infinity", "-Infinity"),
        ] {
            assert_eq!(there_and_back(text).as_deref(), Some(printed));
        }
    }

    #[test]
    fn other_forms_of_a_number_are_not_canonical() {
        let form = |words: &[u16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
        assert!(is_canonical(&form(&[1, 0, NEGATIVE, 0, 7]), None));
        for words in [
            &[2, 1, 0, 0, 0, 7][..],
            &[2, 0, 0, 4, 7, 0],
            &[1, 0, 0, 0, 10_000],
            &[2, 0, 0, 0, 7],
            &[0, 0, NEGATIVE, 0],
            &[0, 1, 0, 0],
            &[0, 0, NAN, 0],
            &[0, 0, INFINITY, 32],
            &[0, 0, 0],
            // Digits that are not shown.
            &[1, 0xffff, 0, 2, 1234],
            &[1, 0xffff, 0, 0, 5000],
            &[1, 0xfffe, 0, 4, 1],
        ] {
            assert!(!is_canonical(&form(words), None), "{words:?}");
        }
        assert!(!is_canonical(&[form(&[1, 0, 0, 0, 7]), vec![0]].concat(), None));
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "-", ".", "1e5", "1.2.3", " 1", "nan", "0x1"] {
            assert_eq!(there_and_back(text), None, "{text}");
        }
    }
}
