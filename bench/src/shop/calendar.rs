//! Days and instants as SQLite's users write them, counted from the civil calendar, never from a clock.

use super::random::Random;

/// Days from 1970-01-01 to 2023-01-01, the day the shop opens.
pub const OPENING: i64 = 19_358;
/// The last day any row mentions as past: 2026-06-30.
pub const TODAY: i64 = 20_634;

/// `YYYY-MM-DD` of a day counted from 1970-01-01 (Hinnant, "chrono-compatible low-level date algorithms", 2014).
pub fn date(day: i64) -> String {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day_of_month:02}")
}

/// `YYYY-MM-DD HH:MM:SS.ffffff` at a random time of `day`.
pub fn instant(day: i64, random: &mut Random) -> String {
    let micros = random.between(0, 86_400_000_000 - 1);
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    format!("{} {hours:02}:{minutes:02}:{:02}.{fraction:06}", date(day), seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_note() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(-1), "1969-12-31");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(OPENING), "2023-01-01");
        assert_eq!(date(TODAY), "2026-06-30");
    }
}
