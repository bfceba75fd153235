//! What is left behind, gathered by kind so that a hundred indexes are one line.

use std::collections::BTreeMap;

use crate::assessment::model::LeftBehind;

/// Groups objects told as `kind "name": reason` or `kind of …`, in the order of their kinds.
pub fn by_kind(objects: &[String]) -> Vec<LeftBehind> {
    let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for object in objects {
        kinds.entry(kind(object)).or_default().push(object.clone());
    }
    kinds.into_iter().map(|(kind, objects)| LeftBehind { kind: kind.to_owned(), objects }).collect()
}

/// What stands before the first name.
fn kind(object: &str) -> &str {
    let end = [object.find(" \""), object.find(" of "), object.find(':')].into_iter().flatten().min();
    &object[..end.unwrap_or(object.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_what_stands_before_the_name() {
        let objects =
            ["index \"a of b\"", "foreign key of \"t\" (a) to \"u\": why", "index \"c\"", "default of column \"x\""];
        let grouped = by_kind(&objects.map(str::to_owned));
        let kinds: Vec<_> = grouped.iter().map(|group| (group.kind.as_str(), group.objects.len())).collect();
        assert_eq!(kinds, [("default", 1), ("foreign key", 1), ("index", 2)]);
    }
}
