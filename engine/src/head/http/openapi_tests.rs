//! Tests of the OpenAPI document.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document;
use crate::head::http::{governed, local};

fn parsed() -> Value {
    serde_json::from_str(&document()).unwrap()
}

/// Every operation of the document, as method and path.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let each = |(path, item): (&String, &'_ Value)| (path.clone(), item.as_object().unwrap().len());
    assert!(paths.iter().map(each).all(|(_, count)| count > 0));
    let flat = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
    });
    flat.collect()
}

#[test]
fn names_every_route_and_no_other() {
    let document = parsed();
    let named: BTreeSet<_> = operations(&document).into_iter().map(|(method, path, _)| (method, path)).collect();
    let routes = governed().into_iter().chain(local());
    let routed: BTreeSet<_> = routes.map(|route| (route.method.to_string(), route.path.to_owned())).collect();
    assert_eq!(named, routed);
}

#[test]
fn says_for_each_operation_what_it_answers() {
    let document = parsed();
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}");
        assert_eq!(
            responses["default"]["content"]["application/json"]["schema"]["$ref"],
            "#/components/schemas/ErrorBody"
        );
        assert!(operation["summary"].is_string(), "{method} {path}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{method} {path}");
        let named = operation["parameters"].as_array().into_iter().flatten();
        let named = named.filter(|parameter| parameter["in"] == "path").count();
        assert_eq!(named, path.matches('{').count(), "{method} {path}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = parsed();
    assert_eq!(document["openapi"], "3.1.0");
    check_references(&document, &document);
}

fn check_references(value: &Value, document: &Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference}");
            }
            fields.values().for_each(|field| check_references(field, document));
        }
        Value::Array(items) => items.iter().for_each(|item| check_references(item, document)),
        _ => {}
    }
}
