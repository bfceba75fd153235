//! The mark that a job leaves on the rows it writes, so that each commit's rows are found again: an invisible column with
//! an index, there from preparation to the end of the job. MySQL has no physical address or writing transaction to ask for.

/// The column, and its index.
pub(super) const MARK: &str = "sensei_row";
