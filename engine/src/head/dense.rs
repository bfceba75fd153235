//! Values by their numbers, where these have few gaps: in pages of neighbours, so that nothing is moved as their count grows,
//! and a page goes with its last value. A number far from all others works too, and costs a page.

use std::collections::BTreeMap;

/// Values in a page. A guess: small beside a job's splits, large beside what the map keeps of each page.
const PAGE_LEN: u32 = 256;

/// Values by their numbers.
#[derive(Debug)]
pub struct Dense<T> {
    pages: BTreeMap<u32, Page<T>>,
}

#[derive(Debug)]
struct Page<T> {
    values: Box<[Option<T>]>,
    count: u32,
}

impl<T> Default for Dense<T> {
    fn default() -> Dense<T> {
        Dense { pages: BTreeMap::new() }
    }
}

impl<T> Page<T> {
    fn new() -> Page<T> {
        Page { values: (0..PAGE_LEN).map(|_| None).collect(), count: 0 }
    }
}

impl<T> Dense<T> {
    /// The value of `number`, if there is one.
    pub fn get(&self, number: u32) -> Option<&T> {
        self.pages.get(&(number / PAGE_LEN))?.values[place(number)].as_ref()
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.pages.get_mut(&(number / PAGE_LEN))?.values[place(number)].as_mut()
    }

    /// Sets the value of `number`; gives back the one before.
    pub fn insert(&mut self, number: u32, value: T) -> Option<T> {
        let page = self.pages.entry(number / PAGE_LEN).or_insert_with(Page::new);
        let before = page.values[place(number)].replace(value);
        page.count += u32::from(before.is_none());
        before
    }

    /// Takes the value of `number` out.
    pub fn remove(&mut self, number: u32) -> Option<T> {
        let page = self.pages.get_mut(&(number / PAGE_LEN))?;
        let value = page.values[place(number)].take()?;
        page.count -= 1;
        if page.count == 0 {
            self.pages.remove(&(number / PAGE_LEN));
        }
        Some(value)
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }
}

fn place(number: u32) -> usize {
    (number % PAGE_LEN) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn is_a_map_whatever_its_numbers_are() {
        let (mut dense, mut model) = (Dense::default(), HashMap::new());
        let mut dice = 1_u32;
        for step in 0..20_000 {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let number = if dice >> 30 == 0 { u32::MAX - (dice >> 20) % 3 } else { (dice >> 16) % 1_000 };
            match dice >> 29 & 1 {
                0 => assert_eq!(dense.insert(number, step), model.insert(number, step)),
                _ => assert_eq!(dense.remove(number), model.remove(&number)),
            }
            assert_eq!(dense.get(number), model.get(&number));
            assert_eq!(dense.get_mut(number), model.get_mut(&number));
        }
        assert!(model.len() > 100 && !dense.is_empty());
        for number in model.keys() {
            dense.remove(*number);
        }
        assert!(dense.is_empty() && dense.pages.is_empty());
    }
}
