//! What is for sale, how it is grouped, and where it lies.

use rusqlite::{Connection, Result, params};

use super::calendar::{TODAY, date};
use super::random::Random;
use super::size;
use super::words::{CATEGORIES, COLOURS, MANNERS, THINGS};

/// Writes categories, products, warehouses and stock; returns each product's price in cents, in order of id.
pub fn write(shop: &Connection, random: &mut Random) -> Result<Vec<i64>> {
    let leaves = categories(shop)?;
    let prices = products(shop, random, &leaves)?;
    inventory(shop, random)?;
    Ok(prices)
}

/// Writes the tree of categories; returns the leaves.
fn categories(shop: &Connection) -> Result<Vec<i64>> {
    let mut category = shop.prepare("INSERT INTO categories VALUES (?, ?, ?)")?;
    let mut leaves = Vec::new();
    let mut id = 0;
    for (name, children) in CATEGORIES {
        id += 1;
        let parent = id;
        category.execute(params![parent, None::<i64>, name])?;
        for child in *children {
            id += 1;
            category.execute(params![id, parent, child])?;
            leaves.push(id);
        }
    }
    Ok(leaves)
}

fn products(shop: &Connection, random: &mut Random, leaves: &[i64]) -> Result<Vec<i64>> {
    let mut product = shop.prepare("INSERT INTO products VALUES (?, ?, ?, ?, ?, ?, ?)")?;
    let mut filed = shop.prepare("INSERT INTO product_categories VALUES (?, ?)")?;
    let mut prices = Vec::new();
    for id in 1..=size::PRODUCTS {
        let sku = format!("{}-{id:05}", random.pick(&["KI", "GA", "ST", "LI", "OU", "BO"]));
        let name = format!("{} {}", random.pick(MANNERS), random.pick(THINGS));
        let price = random.skewed(95, 49_999);
        let weight = random.chance(85).then(|| random.between(1, 24_000) as f64 / 1_000.0);
        let attributes = random.chance(75).then(|| attributes(random));
        let thumbnail = random.chance(25).then(|| thumbnail(random));
        product.execute(params![id, sku, name, money(price), weight, attributes, thumbnail])?;
        prices.push(price);

        let first = random.between(0, leaves.len() as i64 - 1);
        for step in 0..random.between(1, 3) {
            filed.execute(params![id, leaves[((first + step) % leaves.len() as i64) as usize]])?;
        }
    }
    Ok(prices)
}

fn inventory(shop: &Connection, random: &mut Random) -> Result<()> {
    let mut warehouse = shop.prepare("INSERT INTO warehouses VALUES (?, ?, ?, ?, ?)")?;
    let mut stock = shop.prepare("INSERT INTO inventory VALUES (?, ?, ?, ?)")?;
    let places = [
        ("Köln-Süd", "DE", 50.9375, 6.9603),
        ("Besançon", "FR", 47.2378, 6.0241),
        ("横浜", "JP", 35.4437, 139.638),
        ("Casablanca / الدار البيضاء", "MA", 33.5731, -7.5898),
        ("São Paulo", "BR", -23.5505, -46.6333),
    ];
    for (id, (name, country, latitude, longitude)) in (1i64..).zip(places) {
        warehouse.execute(params![id, name, country, latitude, longitude])?;
        for product in 1..=size::PRODUCTS {
            let counted = random.chance(60).then(|| date(TODAY - random.between(0, 400)));
            stock.execute(params![id, product, random.between(-3, 500), counted])?;
        }
    }
    Ok(())
}

/// `12.30` for 1230 cents; SQLite's column affinity makes a number of it, as in any shop's own database.
pub fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn attributes(random: &mut Random) -> String {
    let colour = random.pick(COLOURS);
    let (width, height) = (random.between(1, 90), random.between(1, 900) as f64 / 10.0);
    let tags = random.pick(&["[]", r#"["new"]"#, r#"["sale", "öko"]"#]);
    format!(
        r#"{{"colour": "{colour}", "size_cm": [{width}, {height}], "fragile": {}, "tags": {tags}}}"#,
        random.chance(20)
    )
}

/// A PNG's signature and noise: nothing decodes it, and it compresses as badly as a real picture.
fn thumbnail(random: &mut Random) -> Vec<u8> {
    let length = random.between(200, 900) as usize;
    let mut picture = b"\x89PNG\r\n\x1a\n\0".to_vec();
    picture.extend(random.bytes(length));
    picture
}
