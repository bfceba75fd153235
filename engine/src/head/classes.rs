//! Which classes of workers may do what.

use super::record::Half;
use crate::cluster::caller::Class;

/// Who conducts reads catalogs and writes the target.
pub(crate) fn conducts(classes: &[Class]) -> bool {
    classes.contains(&Class::Scout) && classes.contains(&Class::Mover)
}

/// Who reads back for others must not be able to write; who copies where nobody does that reads back itself.
pub(crate) fn may_do(half: Half, separate: bool, classes: &[Class]) -> bool {
    let (moves, validates) = (classes.contains(&Class::Mover), classes.contains(&Class::Validator));
    match half {
        Half::Copy => moves && (separate || validates),
        Half::Validate => validates && !moves,
    }
}
