//! What MySQL does not have together, and what its collations find equal.

use sensei_tests::{mysql, postgres};

use crate::{RUN, folder, moved};

#[test]
fn a_check_of_a_column_that_a_foreign_key_changes_is_not_carried() {
    let (from, to) = (postgres::Server::shared(), mysql::Server::shared());
    from.create_database("acted");
    to.create_database("acted");
    from.psql(
        "acted",
        "CREATE TABLE parent(id int PRIMARY KEY); INSERT INTO parent VALUES (1), (2);
         CREATE TABLE child(id int PRIMARY KEY, gone int REFERENCES parent ON DELETE SET NULL,
             moved int REFERENCES parent ON UPDATE CASCADE, kept int REFERENCES parent ON DELETE CASCADE,
             CONSTRAINT one CHECK (gone > 0), CONSTRAINT two CHECK (moved > 0 OR id > 5), CONSTRAINT three CHECK (kept > 0));
         INSERT INTO child VALUES (1, 1, 2, 1)",
    );
    let sensei = folder(&from.url("acted"), &to.url("acted"), "");
    assert_eq!(moved(&sensei), 3);
    let not_carried = sensei.run(&RUN).expect(0).json()["not_carried"].take();
    let lines: Vec<&str> = not_carried.as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert_eq!(
        lines,
        [
            "check \"one\" of table \"child\": MySQL checks no column that a foreign key may change, as \"gone\"",
            "check \"two\" of table \"child\": MySQL checks no column that a foreign key may change, as \"moved\"",
        ]
    );
}

#[test]
fn keys_that_a_collation_finds_equal_are_no_orphans() {
    let server = mysql::Server::shared();
    server.create_database("coarse");
    server.create_database("coarse_copy");
    server.sql(
        "coarse",
        "CREATE TABLE goods(code varchar(20) PRIMARY KEY); INSERT INTO goods VALUES ('Äpfel');
         CREATE TABLE sales(id int PRIMARY KEY, good varchar(20), FOREIGN KEY (good) REFERENCES goods(code));
         INSERT INTO sales VALUES (1, 'apfel '), (2, NULL)",
    );
    let sensei = folder(&server.url("coarse"), &server.url("coarse_copy"), "");
    assert_eq!(moved(&sensei), 3);
}
