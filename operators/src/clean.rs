//! Takes out of values what a target cannot hold, where the plan says so. What it changes is counted.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, StringArray};

/// What is done to the values of a column, all of them text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleaning {
    /// Dates with a month or day of zero become NULL (MySQL 8.0 Reference Manual, 11.2.1).
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
            Cleaning::ZeroDatesToNull { .. } if is_zero_date(text) => (None, true),
            Cleaning::ZeroDatesToNull { instants: true } => (Some(Cow::Owned(format!("{text}+00"))), false),
            Cleaning::RemoveNul if text.contains('\0') => (Some(Cow::Owned(text.replace('\0', ""))), true),
            _ => (Some(Cow::Borrowed(text)), false),
        }
    }
}

/// Whether a date as MySQL writes it, `YYYY-MM-DD` and perhaps a time, has no month or no day.
fn is_zero_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 10 && (&bytes[5..7] == b"00" || &bytes[8..10] == b"00")
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
    fn zero_and_partial_dates_become_null_and_are_counted() {
        let dates = [Some("0000-00-00"), Some("2020-00-01 10:00:00"), Some("2020-02-00"), None, Some("2020-02-01")];
        let (values, changed) = cleaned(Cleaning::ZeroDatesToNull { instants: false }, &dates);
        assert_eq!((values, changed), (vec![None, None, None, None, Some("2020-02-01".to_owned())], 3));
        let (values, _) = cleaned(Cleaning::ZeroDatesToNull { instants: true }, &[Some("2020-02-01 00:00:00.5")]);
        assert_eq!(values, [Some("2020-02-01 00:00:00.5+00".to_owned())]);
    }

    #[test]
    fn only_nul_is_removed() {
        let (values, changed) = cleaned(Cleaning::RemoveNul, &[Some("a\0b\0"), Some("\t"), Some("")]);
        assert_eq!((values, changed), (vec![Some("ab".to_owned()), Some("\t".to_owned()), Some(String::new())], 1));
    }
}
