//! A Parquet target: its parts carry the hash they were committed with, so that no flipped bit is ever read as data.

use sensei_tests::Random;

use crate::Pair;

/// How many bits are flipped, one at a time.
const FLIPS: usize = 16;

fn copied(name: &str) -> Pair {
    let pair = Pair::new(name);
    // Parquet's decimals have no NaN; that row is left out.
    pair.plan("{ url: \"parquet:copy\" }", "tables: { rules: [ { table: every, where: \"id <> 1002\" } ] }");
    pair.copy();
    pair.expect_equivalent("right after the copy");
    pair
}

#[test]
fn every_flipped_bit_of_a_part_is_found() {
    let mut random = Random::announced("every_flipped_bit_of_a_part_is_found");
    let pair = copied("truth_parquet");
    let part = pair.sensei.path("copy/every/part-00000-1.parquet");
    let good = std::fs::read(&part).unwrap();
    for _ in 0..FLIPS {
        let (byte, bit) = (random.below(good.len()), random.below(8));
        let mut bad = good.clone();
        bad[byte] ^= 1 << bit;
        std::fs::write(&part, bad).unwrap();
        let error = pair.command("verify").expect(5).json();
        let message = error["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("every") && message.contains("corrupt"), "byte {byte}, bit {bit}: {message}");
    }
    std::fs::write(&part, &good[..good.len() - 1]).unwrap();
    pair.command("verify").expect(5);
    std::fs::write(&part, &good).unwrap();
    pair.expect_equivalent("after the last flip was undone");
}

#[test]
fn a_lost_part_is_never_equivalent() {
    let pair = copied("lost_parquet");
    let part = pair.sensei.path("copy/pair").read_dir().unwrap().map(|entry| entry.unwrap().path());
    let part = part.into_iter().find(|path| path.extension().is_some_and(|found| found == "parquet")).unwrap();
    std::fs::remove_file(&part).unwrap();
    let outcome = pair.command("verify");
    assert!(matches!(outcome.code, Some(2..=5)), "{outcome:?}");
    assert!(outcome.stdout.contains(part.file_name().unwrap().to_str().unwrap()), "{outcome:?}");
}
