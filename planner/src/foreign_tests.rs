//! Expressions that nobody writes.

use super::*;

/// From and to which system, and whether columns get other names: every choice there is.
const CHOICES: std::ops::Range<u8> = 0..36;

fn read_everywhere(sql: &str) {
    for choice in CHOICES {
        read_expression(&[&[choice], sql.as_bytes()].concat());
    }
}

#[test]
fn long_chains_and_deep_nests_need_little_stack() {
    for (link, last) in [("a + ", "a"), ("b || ", "b"), ("a = 1 OR ", "d"), ("NOT ", "d"), ("- ", "a"), ("(", "a")] {
        let links = (64 << 10) / link.len() - 1;
        read_everywhere(&format!("{}{last}", link.repeat(links)));
    }
}
