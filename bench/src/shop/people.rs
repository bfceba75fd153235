//! Customers and their addresses.

use rusqlite::{Connection, Result, params};

use super::calendar::{OPENING, TODAY, date, instant};
use super::random::Random;
use super::size;
use super::words::{CITIES, NAMES, STREETS};

/// Writes customers and addresses.
pub fn write(shop: &Connection, random: &mut Random) -> Result<()> {
    let mut customer = shop.prepare("INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?, ?)")?;
    let mut address = shop.prepare("INSERT INTO addresses VALUES (?, ?, ?, ?, ?, ?, ?)")?;
    let mut address_id = 0;
    for id in 1..=size::CUSTOMERS {
        let (given, family, country) = NAMES[random.between(0, NAMES.len() as i64 - 1) as usize];
        let name = format!("{} {}", random.pick(given), random.pick(family));
        let email = format!("customer{id}@{}.example", country.to_lowercase());
        let born = random.chance(80).then(|| date(random.between(-12_000, 13_000)));
        let created = instant(random.between(OPENING, TODAY), random);
        customer.execute(params![id, name, email, phone(random), born, random.chance(30), created])?;

        for kind in ["home", "billing"].iter().take(if random.chance(25) { 2 } else { 1 }) {
            address_id += 1;
            let street = format!("{} {}", random.pick(STREETS), random.between(1, 240));
            let postcode = random.chance(90).then(|| format!("{:05}", random.between(0, 99_999)));
            address.execute(params![address_id, id, kind, street, random.pick(CITIES), postcode, country])?;
        }
    }
    Ok(())
}

/// Three customers in ten leave no number.
fn phone(random: &mut Random) -> Option<String> {
    random.chance(70).then(|| format!("+{} {}", random.between(1, 99), random.between(1_000_000, 9_999_999)))
}
