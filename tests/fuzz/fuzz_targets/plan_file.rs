//! A plan file.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = sensei_planner::PlanFile::parse(text, &|name| Some(format!("value of {name}")));
});
