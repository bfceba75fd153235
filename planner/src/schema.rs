//! The JSON Schema of the plan file, generated from its types so that editors can complete it.

use serde_json::Value;

use crate::canonical::sorted;
use crate::file::PlanFile;

/// The JSON Schema (draft 2020-12) of [`PlanFile`], keys sorted.
pub fn json_schema() -> Value {
    let mut schema = schemars::schema_for!(PlanFile);
    schema.insert("title".to_owned(), "Sensei plan".into());
    sorted(schema.to_value())
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    #[test]
    fn committed_schema_is_the_generated_one() {
        let text = serde_json::to_string_pretty(&super::json_schema()).unwrap() + "\n";
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/plan.schema.json");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(golden, &text).unwrap();
        }
        expect_file![golden].assert_eq(&text);
    }
}
