//! Which stages a plan has, and what each waits for.

use expect_test::{Expect, expect};
use sensei_storage::{Object, ObjectKind, System::Postgresql, VerifyMode};

use super::{nothing, plan, planned, shop, stages};
use crate::{NumberSource, Numbering, Plan};

fn check(edit: impl FnOnce(&mut Plan), expected: Expect) {
    let source = shop();
    let mut plan = planned(&plan(""), &source, &nothing(Postgresql)).unwrap();
    plan.tables.truncate(2);
    plan.objects.clear();
    plan.numbering.clear();
    edit(&mut plan);
    let graph = stages(&plan, &source);
    let line = |(index, node): (usize, &crate::StageNode)| format!("{index} {:?} after {:?}\n", node.stage, node.after);
    expected.assert_eq(&graph.nodes.iter().enumerate().map(line).collect::<String>());
}

fn object(kind: ObjectKind) -> Object {
    Object { kind, name: "o".to_owned(), table: None, definition: None, next: None }
}

#[test]
fn objects_and_numbers_have_their_places() {
    check(
        |plan| {
            plan.objects = vec![object(ObjectKind::Domain), object(ObjectKind::View)];
            let source = NumberSource::Sequence { name: "s".to_owned() };
            plan.numbering = vec![Numbering { table: None, of: "s".to_owned(), source }];
        },
        expect![[r#"
            0 ObjectsBefore after []
            1 Prepare after [0]
            2 Snapshot { table: 0 } after [1]
            3 Index { table: 0 } after [2]
            4 Snapshot { table: 1 } after [1]
            5 Index { table: 1 } after [4]
            6 References { relation: 0 } after [3, 5]
            7 Constraints after [3, 5, 6]
            8 Sequences after [7]
            9 ObjectsAfter after [8]
            10 Verify after [9]
            11 Certify after [10]
        "#]],
    );
}

#[test]
fn there_is_no_stage_without_work() {
    check(
        |plan| {
            plan.tables.clear();
            plan.objects = vec![object(ObjectKind::Trigger)];
            plan.verify = VerifyMode::Off;
        },
        expect![[r#"
            0 Prepare after []
            1 Constraints after []
            2 ObjectsAfter after [1]
            3 Certify after [2]
        "#]],
    );
}
