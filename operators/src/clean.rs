//! Takes out of values what a target cannot hold, where the plan says so. What it changes is counted.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, StringArray};

/// What is done to the values of a column, all of them text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleaning {
    /// Dates that name no day become NULL: zero, with a zero part, or like 31 February (MySQL 8.0 Reference Manual,
    /// 11.2.1, and `ALLOW_INVALID_DATES`).
    ZeroDatesToNull {
        /// Whether the others are instants, written in UTC without saying so.
        instants: bool,
    },
    /// Characters U+0000 are taken out.
    RemoveNul,
}

impl Cleaning {
    /// Cleans a column of text. Gives the number of values changed beside it.
    ///
    /// # Panics
    /// If the column is not text, which the planner rules out.
    pub fn apply(self, array: &ArrayRef) -> (ArrayRef, u64) {
        let mut changed = 0;
        let texts = array.as_string::<i32>();
        let clean = |text: Option<&str>| {
            let cleaned = self.clean(text?);
            changed += u64::from(cleaned.1);
            cleaned.0.map(Cow::into_owned)
        };
        let cleaned: StringArray = texts.iter().map(clean).collect();
        (Arc::new(cleaned), changed)
    }

    /// The value and whether anything was lost.
    fn clean(self, text: &str) -> (Option<Cow<'_, str>>, bool) {
        match self {
            Cleaning::ZeroDatesToNull { .. } if names_no_day(text) => (None, true),
            Cleaning::ZeroDatesToNull { instants: true } => (Some(Cow::Owned(format!("{text}+00"))), false),
            Cleaning::RemoveNul if text.contains('\0') => (Some(Cow::Owned(text.replace('\0', ""))), true),
            _ => (Some(Cow::Borrowed(text)), false),
        }
    }
}

/// Whether a date as MySQL writes it, `YYYY-MM-DD` and perhaps a time, is of no day in the calendar. What is written in
/// another way is left to whoever reads it.
fn names_no_day(text: &str) -> bool {
    let part = |range| text.get(range).and_then(|digits: &str| digits.parse::<u32>().ok());
    let (Some(year), Some(month), Some(day)) = (part(0..4), part(5..7), part(8..10)) else { return false };
    let last = match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    !(1..=12).contains(&month) || !(1..=last).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(cleaning: Cleaning, texts: &[Option<&str>]) -> (Vec<Option<String>>, u64) {
        let array: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        let (array, changed) = cleaning.apply(&array);
        (array.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect(), changed)
    }

    #[test]
    fn dates_of_no_day_become_null_and_are_counted() {
        let dates = [Some("0000-00-00"), Some("2020-00-01 10:00:00"), Some("2020-02-00"), None, Some("2020-02-01")];
        let (values, changed) = cleaned(Cleaning::ZeroDatesToNull { instants: false }, &dates);
        assert_eq!((values, changed), (vec![None, None, None, None, Some("2020-02-01".to_owned())], 3));
        let dates = [Some("1999-02-29"), Some("2000-02-29"), Some("1900-02-29 10:00:00"), Some("2021-04-31")];
        let (values, changed) = cleaned(Cleaning::ZeroDatesToNull { instants: false }, &dates);
        assert_eq!((values, changed), (vec![None, Some("2000-02-29".to_owned()), None, None], 3));
        let (values, _) = cleaned(Cleaning::ZeroDatesToNull { instants: true }, &[Some("2020-02-01 00:00:00.5")]);
        assert_eq!(values, [Some("2020-02-01 00:00:00.5+00".to_owned())]);
    }

    #[test]
    fn only_nul_is_removed() {
        let (values, changed) = cleaned(Cleaning::RemoveNul, &[Some("a\0b\0"), Some("\t"), Some("")]);
        assert_eq!((values, changed), (vec![Some("ab".to_owned()), Some("\t".to_owned()), Some(String::new())], 1));
    }
}
