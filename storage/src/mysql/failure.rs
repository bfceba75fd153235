//! From what the server or the network said to an [`Error`]. The one place that reads MySQL's error numbers.
//!
//! Messages of errors that are about data are rewritten, since the server's own quote values; so are those of statements
//! that write rows, whose words may be a trigger's.
//!
//! Source: MySQL 8.4 error reference, chapter 2; MariaDB error codes.

use mysql_async::{DriverError, Error as ClientError, ServerError};

use super::tls;
use crate::error::Error;

/// What went wrong, `at` the endpoint, while working on `object` (such as `table "t"`).
pub(super) fn failure(at: &str, object: &str, error: ClientError) -> Error {
    match error {
        ClientError::Server(error) => by_server(at, object, &error, error.message.clone()),
        error => broken(at, error),
    }
}

/// The same for a statement that writes rows: a trigger may have chosen number and words of the error.
pub(super) fn failure_of_rows(at: &str, object: &str, error: ClientError) -> Error {
    match error {
        ClientError::Server(error) => by_server(at, object, &error, number(&error)),
        error => broken(at, error),
    }
}

/// Whether the connection is gone, so that nobody knows what became of the last request.
pub(super) fn is_lost(error: &ClientError) -> bool {
    match error {
        ClientError::Server(error) => matches!(error.code, 1053 | 1077 | 1152 | 1158..=1161 | 1317 | 1927 | 4031),
        _ => true,
    }
}

/// Whether the statement was ended on request while its connection stays.
pub(super) fn is_interrupted(error: &ClientError) -> bool {
    has_code(error, &[1317])
}

/// Whether the server refused for want of a privilege, here one that is granted for a purpose of its own.
pub(super) fn is_denied(error: &ClientError) -> bool {
    has_code(error, &[1044, 1045, 1142, 1227, 1370])
}

/// Whether the error is one of these numbers.
pub(super) fn has_code(error: &ClientError, codes: &[u16]) -> bool {
    matches!(error, ClientError::Server(error) if codes.contains(&error.code))
}

fn by_server(at: &str, object: &str, error: &ServerError, why: String) -> Error {
    let (what, at) = (object.to_owned(), at.to_owned());
    match refusal(error) {
        Some(Refusal::Row(why)) => return Error::RefusedRow { what, column: column_of(error), why },
        Some(Refusal::Elsewhere(why)) => return Error::Refused { what, why },
        None => {}
    }
    let source = || Some(Box::new(error.clone()) as crate::error::Cause);
    match error.code {
        1045 | 1129 | 1130 | 1251 | 1524 | 1698 | 1820 | 1862 | 3118 | 3159 | 4151 => Error::Login { what: at, why },
        // The only one of them in which the server does not say which.
        1044 => {
            let why = format!("{why}; `sensei check` names the privileges that are missing");
            Error::Privilege { action: format!("use {object} at {at}"), why }
        }
        1142 | 1143 | 1227 | 1290 | 1370 | 1419 | 1792 | 1836 => {
            Error::Privilege { action: format!("use {object} at {at}"), why }
        }
        1049 => Error::Missing { what: format!("the database of {at}") },
        1146 => Error::Missing { what },
        1054 => Error::Missing { what: format!("a column of {object}") },
        1007 | 1050 | 1061 | 1068 | 1304 | 1359 | 1826 | 3822 => Error::Exists { what, why },
        1021 | 1026 | 1114 => Error::Full { what: at, source: source() },
        1412 => Error::Changed { what },
        1040
        | 1047
        | 1053
        | 1077
        | 1152
        | 1158..=1161
        | 1180
        | 1203
        | 1205
        | 1213
        | 1223
        | 1226
        | 1317
        | 1927
        | 1969
        | 3024
        | 4031 => Error::Unavailable { what: at, why, source: source() },
        1034 | 1194 | 1195 | 1712 | 1877 => Error::Corrupt { what, why },
        1069 | 1071 | 1074 | 1075 | 1101 | 1103 | 1115 | 1117 | 1118 | 1163 | 1166 | 1170 | 1235 | 1273 | 1286
        | 1665 | 1845 | 1846 | 3750 | 3780 | 4161 => Error::Unsupported { what, why },
        _ => Error::internal(format!("{object} at {at}"), number(error)),
    }
}

fn number(error: &ServerError) -> String {
    format!("error {} ({})", error.code, error.state)
}

/// Why data was refused, without values.
enum Refusal {
    /// It lies in what is in the row.
    Row(String),
    /// It lies in other tables, such as a parent row that is not there (yet).
    Elsewhere(String),
}

/// Why the data was refused; `None` for an error that is about anything else. Whatever a trigger signals is the trigger's
/// way to refuse a row.
fn refusal(error: &ServerError) -> Option<Refusal> {
    let why = match error.code {
        _ if is_signal(error) => return Some(Refusal::Row(format!("a trigger signalled {}", number(error)))),
        1022 | 1062 | 1586 => "a key is there twice",
        1048 | 1263 | 1364 => "a value is NULL where NULL is not allowed",
        1118 | 1713 => "a row is larger than the server or an index allows",
        1153 => "a row is larger than the server's max_allowed_packet",
        1216 | 1217 | 1451 | 1452 => "a foreign key has no parent row",
        1264 | 1690 => "a number is out of range",
        1265 => "a value would have been changed to fit its column",
        1292 | 1366 | 1367 | 1411 | 1416 | 1525 | 3037 | 3140..=3158 | 3617 | 3643 | 3732 => {
            "a value is not valid for its column's type"
        }
        1406 => "a value is too long for its column",
        3819 | 4025 => "a row violates a check constraint",
        _ => return None,
    };
    let constraint = constraint_in(error).map(|name| format!(", constraint \"{name}\"")).unwrap_or_default();
    let why = format!("{why}{constraint} ({})", error.code);
    let elsewhere = matches!(error.code, 1216 | 1217 | 1451 | 1452);
    Some(if elsewhere { Refusal::Elsewhere(why) } else { Refusal::Row(why) })
}

fn is_signal(error: &ServerError) -> bool {
    error.state.starts_with("45") || error.code == 1644
}

fn column_of(error: &ServerError) -> Option<String> {
    column_in(&error.message).filter(|_| !is_signal(error)).map(str::to_owned)
}

/// The constraint or key in a message, behind any value that is quoted there.
fn constraint_in(error: &ServerError) -> Option<&str> {
    let message = error.message.as_str();
    match error.code {
        // MySQL 8 puts the table before the key.
        1022 | 1062 | 1586 => {
            let key = message.rsplit_once("for key '")?.1.strip_suffix('\'')?;
            Some(key.rsplit_once('.').map_or(key, |(_, key)| key))
        }
        1216 | 1217 | 1451 | 1452 => Some(message.split_once("CONSTRAINT `")?.1.split_once('`')?.0),
        3819 => Some(message.split_once('\'')?.1.rsplit_once('\'')?.0),
        4025 => Some(message.split_once('`')?.1.split_once('`')?.0),
        _ => None,
    }
}

/// Why a row is refused that the server would have taken, with a warning, after changing a value.
pub(super) fn would_change(object: &str, code: &str, message: &str) -> Error {
    let column = column_in(message).map(str::to_owned);
    let why = format!("a value would have been changed to fit its column ({code})");
    Error::RefusedRow { what: object.to_owned(), column, why }
}

/// The column in a message such as `Incorrect integer value: 'x' for column 'c' at row 1`, behind any value.
fn column_in(message: &str) -> Option<&str> {
    if let Some((_, rest)) = message.rsplit_once("for column ") {
        let name = rest.split_once(" at row").map_or(rest, |(name, _)| name);
        // `database`.`table`.`column`, or 'column'.
        let name = name.rsplit_once("`.`").map_or(name, |(_, name)| name);
        return Some(name.trim_matches(['\'', '`']));
    }
    let name = message.strip_prefix("Column '").or_else(|| message.strip_prefix("Field '"))?;
    Some(name.split_once('\'')?.0)
}

/// A failure below SQL: network, TLS or login set-up.
fn broken(at: &str, error: ClientError) -> Error {
    let at = at.to_owned();
    if let Some(why) = tls::rejected(&error) {
        return Error::Invalid { what: format!("TLS to {at}"), why: why.to_string() };
    }
    match error {
        ClientError::Driver(DriverError::NoClientSslFlagFromServer) => {
            Error::Invalid { what: format!("TLS to {at}"), why: "the server does not offer it".to_owned() }
        }
        ClientError::Driver(
            why @ (DriverError::UnknownAuthPlugin { .. }
            | DriverError::MysqlOldPasswordDisabled
            | DriverError::CleartextPluginDisabled),
        ) => Error::Login { what: at, why: why.to_string() },
        ClientError::Driver(DriverError::ConnectionClosed) | ClientError::Io(_) => {
            Error::Unavailable { what: at, why: error.to_string(), source: Some(Box::new(error)) }
        }
        // The rest may hold values, so that only its kind is told.
        ClientError::Driver(_) => Error::internal(format!("the protocol with {at}"), "the client gave up on an answer"),
        ClientError::Other(_) | ClientError::Server(_) | ClientError::Url(_) => {
            Error::internal(format!("the client of {at}"), "an error that it should not give")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: u16, state: &str, message: &str) -> String {
        let error = ServerError { code, state: state.to_owned(), message: message.to_owned() };
        failure_of_rows("mysql://h/d", "table \"t\"", ClientError::Server(error)).to_string()
    }

    #[test]
    fn refusals_name_constraint_and_column_but_no_value() {
        for (code, message, words) in [
            (1062, "Duplicate entry 'secret' for key 't.PRIMARY'", "constraint \"PRIMARY\""),
            (1062, "Duplicate entry 'for key 'secret'' for key 'u'", "constraint \"u\""),
            (1366, "Incorrect string value: 'for column secret' for column `d`.`t`.`c x` at row 1", "column \"c x\""),
            (1406, "Data too long for column 'c' at row 3", "column \"c\""),
            (1048, "Column 'c' cannot be null", "column \"c\""),
            (4025, "CONSTRAINT `small` failed for `d`.`t`", "constraint \"small\""),
            (3819, "Check constraint 'small' is violated.", "constraint \"small\""),
            (1452, "Cannot add (`d`.`c`, CONSTRAINT `kin` FOREIGN KEY (`x`) REFERENCES `p`)", "constraint \"kin\""),
            (1644, "secret", "a trigger signalled error 1644"),
        ] {
            let told = told(code, if code == 1644 { "45000" } else { "23000" }, message);
            assert!(told.contains(words) && told.contains("refused") && !told.contains("secret"), "{told}");
        }
    }

    #[test]
    fn words_that_a_trigger_may_have_chosen_are_not_repeated() {
        for code in [1045, 1146, 1205, 1235, 9999] {
            let told = told(code, "HY000", "secret");
            assert!(!told.contains("secret"), "{told}");
        }
    }
}
