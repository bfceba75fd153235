//! Whether a split is cut where its holder proposes: the one place where a cut becomes true is the journal.

use sensei_storage::journal::{Event as JournalEvent, History};
use sensei_storage::{Cut, Range, SplitId};

use super::Copying;
use crate::course::Proposal;
use crate::enumerator::{Answer, Proposed};
use crate::failure::{Failure, Result};
use crate::limits::CUTS_MAX;

/// What is to be said to a proposal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// Make this cut.
    Make(Cut),
    /// It was made.
    Made,
    /// The split is another one by now, or none that can be cut.
    Refused,
}

/// Judges a proposal by what the journal has. The same again is the same cut.
pub(crate) fn judge(history: &History, proposal: &Proposal) -> Judged {
    let Proposal { split, range, at, bytes } = proposal;
    let Some(whole) = history.splits.get(split.0 as usize) else { return Judged::Refused };
    let last = history.cuts.iter().rev().find(|cut| cut.split == *split);
    let kept = range.cut_at(*at).map(|(kept, _)| kept);
    if last.is_some_and(|cut| cut.at == *at) && kept.as_ref() == Some(&whole.range) {
        return Judged::Made;
    }
    let is_open = whole.range == *range && !history.finished.contains_key(split) && history.cuts.len() < CUTS_MAX;
    let Some(rest) = u32::try_from(history.splits.len()).ok().filter(|_| is_open && kept.is_some()) else {
        return Judged::Refused;
    };
    let share = u128::from(*bytes) * u128::from(whole.rows_estimate) / u128::from(whole.bytes_estimate.max(1));
    let rows_estimate = u64::try_from(share).unwrap_or(whole.rows_estimate).min(whole.rows_estimate);
    let bytes_estimate = (*bytes).min(whole.bytes_estimate);
    Judged::Make(Cut { split: *split, at: *at, rest: SplitId(rest), rows_estimate, bytes_estimate })
}

impl Copying<'_> {
    /// Makes a cut that was proposed, or refuses it. Once the journal has it, it is so, whoever hears of it.
    pub(super) async fn cut(&mut self, proposed: Proposed) -> Result<()> {
        let split = proposed.proposal.split;
        // Whoever proposed has nothing to do with what others have committed or taken back since.
        let is_taken = self.copied.finished.contains_key(&split)
            || self.written.contains(&split)
            || self.reopened.contains(&split);
        let answer = match judge(&self.job.history, &proposed.proposal) {
            Judged::Made => Answer::Made,
            Judged::Make(cut) if !is_taken => self.make(cut).await?,
            Judged::Make(_) | Judged::Refused => Answer::Refused,
        };
        self.begun.allocation.answer(proposed, answer);
        Ok(())
    }

    async fn make(&mut self, cut: Cut) -> Result<Answer> {
        self.pending.push(JournalEvent::SplitCut(cut.clone()));
        self.flush().await?;
        let (split, rest) = (cut.split.0 as usize, cut.rest.0 as usize);
        let history = &mut self.job.history;
        history.cut(cut).map_err(|why| Failure::internal("cutting a split", why))?;
        let parts = Box::new([history.splits[split].clone(), history.splits[rest].clone()]);
        self.splits_of[parts[1].table as usize] += 1;
        Ok(Answer::Make(parts))
    }

    /// Whether what was read is what the split is by now.
    pub(super) fn is_as_cut(&self, split: SplitId, read: &Range) -> bool {
        self.job.history.splits[split.0 as usize].range == *read
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;
    use object_store::path::Path;
    use sensei_storage::Split;
    use sensei_storage::evidence::SigningKey;
    use sensei_storage::journal::{Journal, Opening};

    use super::*;

    const WHOLE: Range = Range::Blocks { start: 0, end: None };

    async fn history() -> History {
        let split = Split { id: SplitId(0), table: 0, range: WHOLE, rows_estimate: 100, bytes_estimate: 1000 };
        let opening = Opening {
            plan_name: "shop".to_owned(),
            plan_sha256: String::new(),
            plan_json: Vec::new(),
            digest_key: String::new(),
            splits: vec![split],
            row_encoding: String::new(),
            engine_version: String::new(),
            started_at: String::new(),
        };
        let key = SigningKey::generate().unwrap();
        let (store, prefix) = (Arc::new(InMemory::new()), Path::from("state"));
        Journal::create(store, prefix, "shop-1", &key, opening).await.unwrap().1
    }

    fn proposal(range: Range, at: i64) -> Proposal {
        Proposal { split: SplitId(0), range, at, bytes: 400 }
    }

    #[tokio::test]
    async fn a_proposal_is_made_once_and_again_it_is_the_same() {
        let mut history = history().await;
        let proposal = proposal(WHOLE, 60);
        let cut = Cut { split: SplitId(0), at: 60, rest: SplitId(1), rows_estimate: 40, bytes_estimate: 400 };
        assert_eq!(judge(&history, &proposal), Judged::Make(cut.clone()));
        history.cut(cut).unwrap();
        assert_eq!(judge(&history, &proposal), Judged::Made);
        assert_eq!(history.splits.len(), 2);
    }

    #[tokio::test]
    async fn a_proposal_about_what_is_no_more_is_refused() {
        let mut history = history().await;
        let Judged::Make(cut) = judge(&history, &proposal(WHOLE, 60)) else { panic!() };
        history.cut(cut).unwrap();
        let kept = Range::Blocks { start: 0, end: Some(60) };
        // Of whoever takes the split to be what it was, elsewhere than it was cut.
        assert_eq!(judge(&history, &proposal(WHOLE, 30)), Judged::Refused);
        assert_eq!(judge(&history, &proposal(kept.clone(), 60)), Judged::Refused);
        assert_eq!(judge(&history, &Proposal { split: SplitId(9), ..proposal(WHOLE, 5) }), Judged::Refused);
        let Judged::Make(again) = judge(&history, &proposal(kept, 30)) else { panic!() };
        history.cut(again).unwrap();
        assert_eq!(judge(&history, &proposal(WHOLE, 60)), Judged::Refused, "it was cut once more since");
    }
}
