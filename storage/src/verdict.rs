//! What a comparison concluded, and how hard it looked. Knows nothing of how rows are compared.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Conclusion about one split, one table or a whole job.
///
/// ```
/// use sensei_storage::Verdict;
/// assert_eq!(Verdict::overall([Verdict::Equivalent, Verdict::Inconclusive]), Verdict::Inconclusive);
/// assert_eq!(Verdict::overall([]), Verdict::Inconclusive);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every row that should be there is there, and no other.
    Equivalent,
    /// Rows are missing, extra or changed.
    Different,
    /// It could not be decided; never counted as success.
    Inconclusive,
}

impl Verdict {
    /// The verdict over several: different if any is, else equivalent only if all are and there is at least one.
    pub fn overall(parts: impl IntoIterator<Item = Verdict>) -> Verdict {
        let mut overall = None;
        for part in parts {
            overall = match (overall, part) {
                (Some(Verdict::Different), _) | (_, Verdict::Different) => Some(Verdict::Different),
                (None | Some(Verdict::Equivalent), Verdict::Equivalent) => Some(Verdict::Equivalent),
                _ => Some(Verdict::Inconclusive),
            };
        }
        overall.unwrap_or(Verdict::Inconclusive)
    }
}

/// The word a plan, a report and a certificate use.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Equivalent => "equivalent",
            Verdict::Different => "different",
            Verdict::Inconclusive => "inconclusive",
        })
    }
}

/// How hard a job looks at what it wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyMode {
    /// Reads every row back and compares digests.
    #[default]
    Full,
    /// Compares row counts only.
    Counts,
    /// Does not look.
    Off,
}
