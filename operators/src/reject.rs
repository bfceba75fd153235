//! A row that stays behind, as the rejects file shows it.

use std::fmt;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use sensei_storage::{Fault, Field, text};

use crate::refusal::Refusal;

/// A row that stays behind, and why.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// Its key, and what is wrong with it.
    pub fault: Fault,
    /// What it would have been in the target; `None` if it could not be decoded.
    pub row: Option<RowImage>,
    /// How the target refused it, and the hash it is known by; `None` if it never got there.
    pub refused: Option<([u8; 32], Arc<Refusal>)>,
}

impl Rejected {
    /// A row that could not be decoded.
    pub(crate) fn undecoded(fault: Fault) -> Rejected {
        Rejected { fault, row: None, refused: None }
    }
}

/// A row in target form, as canonical text. It holds data, already masked where the plan masks, for the rejects file and
/// nothing else, so it does not show itself to a log.
#[derive(Clone, PartialEq, Eq)]
pub struct RowImage {
    /// Target columns with their text; `None` for NULL.
    pub columns: Vec<(String, Option<String>)>,
    /// Target columns whose value could not be computed.
    pub left_out: Vec<String>,
}

/// Never shows a value.
impl fmt::Debug for RowImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowImage({} columns)", self.columns.len())
    }
}

impl RowImage {
    /// The row at `row` of `arrays`, the columns of `fields`, without those in `lost`.
    pub(crate) fn of(fields: &[&Field], arrays: &[ArrayRef], row: usize, lost: &[String]) -> RowImage {
        let shown = |(field, array): (&&Field, &ArrayRef)| {
            let text = array.is_valid(row).then(|| {
                let mut out = String::new();
                text::render(&field.logical, array, row, &mut out);
                out
            });
            (field.name.clone(), text)
        };
        let kept = fields.iter().zip(arrays).filter(|(field, _)| !lost.contains(&field.name));
        RowImage { columns: kept.map(shown).collect(), left_out: lost.to_vec() }
    }
}
