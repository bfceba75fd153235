//! Orders with their items and payments, reviews, and the audit log.

use rusqlite::{Connection, Result, params};

use super::calendar::{OPENING, TODAY, date, instant};
use super::catalog::money;
use super::random::Random;
use super::size;
use super::words::{ACTIONS, ACTORS, NOTES, REMARKS, TITLES};

/// One line of an order.
struct Item {
    product_id: i64,
    quantity: i64,
    unit_price_cents: i64,
}

/// Writes everything that happened in the shop; `prices` in cents, in order of product id.
pub fn write(shop: &Connection, random: &mut Random, prices: &[i64]) -> Result<()> {
    orders(shop, random, prices)?;
    reviews(shop, random)?;
    audit(shop, random)
}

fn orders(shop: &Connection, random: &mut Random, prices: &[i64]) -> Result<()> {
    let mut order = shop.prepare("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?)")?;
    let mut line = shop.prepare("INSERT INTO order_items VALUES (?, ?, ?, ?, ?)")?;
    let mut payment = shop.prepare("INSERT INTO payments VALUES (?, ?, ?, ?, ?)")?;
    for id in 1..=size::ORDERS {
        let day = random.between(OPENING, TODAY);
        let items = items(random, prices);
        let total = money(items.iter().map(|item| item.quantity * item.unit_price_cents).sum());
        let due = random.chance(70).then(|| date(day + random.between(1, 30)));
        let status = random.pick(&["new", "packed", "shipped", "shipped", "delivered", "delivered", "returned"]);
        let note = random.chance(15).then(|| random.pick(NOTES));
        let customer = random.skewed(1, size::CUSTOMERS);
        order.execute(params![id, customer, instant(day, random), due, status, total, note])?;

        for (line_no, item) in (1i64..).zip(&items) {
            line.execute(params![id, line_no, item.product_id, item.quantity, money(item.unit_price_cents)])?;
        }
        if random.chance(90) {
            let method = random.pick(&["card", "transfer", "コンビニ", "invoice"]);
            let paid = random.chance(95).then(|| instant(day + random.between(0, 14), random));
            payment.execute(params![random.uuid(), id, method, total, paid])?;
        }
    }
    Ok(())
}

/// One to four lines; a product may appear twice, as it does when people click twice.
fn items(random: &mut Random, prices: &[i64]) -> Vec<Item> {
    let count = random.between(1, 4);
    let mut item = || {
        let product_id = random.skewed(1, prices.len() as i64);
        Item { product_id, quantity: random.skewed(1, 6), unit_price_cents: prices[product_id as usize - 1] }
    };
    (0..count).map(|_| item()).collect()
}

fn reviews(shop: &Connection, random: &mut Random) -> Result<()> {
    let mut review = shop.prepare("INSERT INTO reviews VALUES (?, ?, ?, ?, ?, ?, ?)")?;
    for id in 1..=size::REVIEWS {
        let customer = random.chance(85).then(|| random.skewed(1, size::CUSTOMERS));
        let body = random.chance(80).then(|| {
            let remarks: Vec<&str> = (0..random.between(0, 3)).map(|_| random.pick(REMARKS)).collect();
            remarks.join(" ")
        });
        let (product, stars) = (random.skewed(1, size::PRODUCTS), random.between(1, 5));
        let written = date(random.between(OPENING, TODAY));
        review.execute(params![id, product, customer, stars, random.pick(TITLES), body, written])?;
    }
    Ok(())
}

/// Lines repeat: a busy moment is logged two or three times over.
fn audit(shop: &Connection, random: &mut Random) -> Result<()> {
    let mut line = shop.prepare("INSERT INTO audit_log VALUES (?, ?, ?, ?)")?;
    let mut written = 0;
    while written < size::AUDIT_LINES {
        let at = instant(random.between(OPENING, TODAY), random);
        let actor = random.chance(90).then(|| random.pick(ACTORS));
        let detail = random.chance(40).then(|| format!("order {}", random.between(1, size::ORDERS)));
        let action = random.pick(ACTIONS);
        for _ in 0..if random.chance(10) { random.between(2, 3) } else { 1 } {
            line.execute(params![at, actor, action, detail])?;
            written += 1;
        }
    }
    Ok(())
}
