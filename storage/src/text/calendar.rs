//! Days since 1970-01-01 and the proleptic Gregorian calendar, for every day an `i32` or an `i64` of microseconds can
//! name. No crate covers that range.
//!
//! The algorithms are Howard Hinnant's `days_from_civil` and `civil_from_days`,
//! <https://howardhinnant.github.io/date_algorithms.html>. Years are astronomical: 0 is 1 BC.

/// Days of 400 years, after which the calendar repeats.
const ERA_DAYS: i64 = 146_097;

/// Days from 0000-03-01 to 1970-01-01. Years begin in March here, so that the leap day comes last.
const EPOCH_DAYS: i64 = 719_468;

/// Days since 1970-01-01 of a valid civil date.
pub(crate) fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * ERA_DAYS + day_of_era - EPOCH_DAYS
}

/// Year, month and day of a day since 1970-01-01.
pub(crate) fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + EPOCH_DAYS;
    let era = days.div_euclid(ERA_DAYS);
    let day_of_era = days.rem_euclid(ERA_DAYS);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 } as u32;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Days in a month, or `None` if there is no such month.
pub(crate) fn days_in_month(year: i64, month: u32) -> Option<u32> {
    let leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_days() {
        assert_eq!(days_from_civil(1970, 1, 1), 0);
        assert_eq!(days_from_civil(2000, 2, 29), 11_016);
        assert_eq!(days_from_civil(1, 1, 1), -719_162);
        assert_eq!(days_from_civil(0, 2, 29), -719_469);
        assert_eq!(civil_from_days(-719_469), (0, 2, 29));
        // Julian day 0 is 4714-11-24 BC in the proleptic Gregorian calendar; 1970-01-01 is Julian day 2,440,588.
        assert_eq!(civil_from_days(-2_440_588), (-4713, 11, 24));
    }

    #[test]
    fn days_follow_each_other_for_800_years() {
        let mut expected = (1600, 1, 1);
        for days in days_from_civil(1600, 1, 1)..days_from_civil(2400, 1, 1) {
            assert_eq!(civil_from_days(days), expected);
            let (year, month, day) = expected;
            expected = match days_in_month(year, month) {
                Some(last) if day < last => (year, month, day + 1),
                _ if month < 12 => (year, month + 1, 1),
                _ => (year + 1, 1, 1),
            };
        }
    }

    proptest! {
        #[test]
        fn days_round_trip(days in any::<i32>()) {
            let (year, month, day) = civil_from_days(i64::from(days));
            prop_assert!(day >= 1 && Some(day) <= days_in_month(year, month));
            prop_assert_eq!(days_from_civil(year, month, day), i64::from(days));
        }
    }
}
