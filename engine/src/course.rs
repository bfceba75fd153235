//! How a split is read: in one go, or in legs one after the other, so that what is not begun can be cut off and given to
//! somebody else. Knows nothing of who decides that.
//!
//! **Invariant:** once a cut is proposed, nothing that lies beyond it is read before it is known that it was not made.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use sensei_storage::{Range, Split, SplitId};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// The course of one split in the process that has it.
#[derive(Debug, Default)]
pub struct Course {
    is_divisible: bool,
    state: Mutex<State>,
    answered: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// What is read of the split; `None` before it is begun.
    split: Option<Split>,
    /// What of that is not begun.
    ahead: Option<Range>,
    /// Where the legs after the next one begin.
    points: VecDeque<i64>,
    leg_bytes: u64,
    /// A cut that was proposed and not answered.
    proposal: Option<Proposal>,
}

/// A cut that the holder of a split could make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The split.
    pub split: SplitId,
    /// What the holder takes it to be.
    pub range: Range,
    /// Where the rest would begin.
    pub at: i64,
    /// Bytes of the rest, estimated.
    pub bytes: u64,
}

enum Step {
    Read(Range),
    Wait,
    Over,
}

impl Course {
    /// That of a split which may be cut.
    pub fn divisible() -> Course {
        Course { is_divisible: true, ..Course::default() }
    }

    /// Whether the split may be cut.
    pub fn is_divisible(&self) -> bool {
        self.is_divisible
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("a panic elsewhere ends the process")
    }

    /// Begins to read `split`, in legs that begin at `points`, none for a single leg.
    pub fn begin(&self, split: Split, points: Vec<i64>) {
        let leg_bytes = split.bytes_estimate / (points.len() as u64 + 1);
        let ahead = Some(split.range.clone());
        *self.state() = State { split: Some(split), ahead, points: points.into(), leg_bytes, proposal: None };
    }

    /// The next leg. Waits for the answer where the next one would begin beyond a cut that was proposed.
    pub async fn next(&self) -> Option<Range> {
        loop {
            let answered = self.answered.notified();
            match self.state().step() {
                Step::Read(leg) => return Some(leg),
                Step::Over => return None,
                Step::Wait => {}
            }
            answered.await;
        }
    }

    /// What was read of the split, once [`Course::next`] has given all; `None` if it was not read.
    pub fn read(&self) -> Option<Range> {
        self.state().split.as_ref().map(|split| split.range.clone())
    }

    /// Bytes that could be cut off, about, the legs not begun; 0 where nothing can.
    pub fn bytes_ahead(&self) -> u64 {
        let state = self.state();
        if state.points.is_empty() { 0 } else { state.leg_bytes * state.legs_ahead() }
    }

    /// Proposes to cut off half of the legs that are not begun, unless that is proposed already.
    pub fn propose(&self) {
        let mut state = self.state();
        let given = state.legs_ahead() / 2;
        let kept = (state.legs_ahead() - given) as usize;
        let (Some(split), Some(at), None) = (&state.split, kept.checked_sub(1), &state.proposal) else { return };
        let Some(at) = state.points.get(at).copied() else { return };
        let (split, range) = (split.id, split.range.clone());
        state.proposal = Some(Proposal { split, range, at, bytes: state.leg_bytes * given });
    }

    /// The cut that was proposed and not answered.
    pub fn proposal(&self) -> Option<Proposal> {
        self.state().proposal.clone()
    }

    /// Takes the answer to the cut at `at`; one that was answered before is nothing new. After a refusal none is proposed any
    /// more.
    pub fn answer(&self, at: i64, is_made: bool) {
        self.state().answer(at, is_made);
        self.answered.notify_waiters();
    }
}

impl State {
    fn legs_ahead(&self) -> u64 {
        if self.ahead.is_some() { self.points.len() as u64 + 1 } else { 0 }
    }

    fn step(&mut self) -> Step {
        let reached = |proposal: &Proposal| self.points.front().is_none_or(|point| *point > proposal.at);
        if self.proposal.as_ref().is_some_and(reached) {
            return Step::Wait;
        }
        let Some(ahead) = self.ahead.take() else { return Step::Over };
        match self.points.pop_front().and_then(|at| ahead.cut_at(at)) {
            Some((leg, ahead)) => {
                self.ahead = Some(ahead);
                Step::Read(leg)
            }
            None => Step::Read(ahead),
        }
    }

    fn answer(&mut self, at: i64, is_made: bool) {
        if self.proposal.take_if(|proposal| proposal.at == at).is_none() {
            return;
        }
        if !is_made {
            // One leg is left: what is ahead.
            return self.points.clear();
        }
        let before = |range: Range| range.cut_at(at).map(|(kept, _)| kept);
        if let Some(split) = &mut self.split
            && let Some(kept) = before(split.range.clone())
        {
            split.range = kept;
        }
        // What begins at the cut is all beyond it.
        self.ahead = self.ahead.take().and_then(before);
        self.points.retain(|point| *point < at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(start: u64, end: Option<u64>) -> Range {
        Range::Blocks { start, end }
    }

    /// A split of blocks from 0 on, in five legs of 10.
    fn course() -> Course {
        let split = Split { id: SplitId(3), table: 0, range: blocks(0, None), rows_estimate: 50, bytes_estimate: 500 };
        let course = Course::divisible();
        course.begin(split, vec![10, 20, 30, 40]);
        course
    }

    fn try_next(course: &Course) -> Option<Option<Range>> {
        use futures::FutureExt;
        course.next().now_or_never()
    }

    #[test]
    fn what_is_not_cut_is_read_to_its_end() {
        let course = course();
        for leg in [blocks(0, Some(10)), blocks(10, Some(20)), blocks(20, Some(30)), blocks(30, Some(40))] {
            assert_eq!(try_next(&course), Some(Some(leg)));
        }
        assert_eq!((course.bytes_ahead(), try_next(&course)), (0, Some(Some(blocks(40, None)))));
        assert_eq!((try_next(&course), course.read()), (Some(None), Some(blocks(0, None))));
        course.propose();
        assert_eq!(course.proposal(), None, "nothing is ahead");
    }

    #[test]
    fn a_cut_that_was_made_ends_the_course_there() {
        let course = course();
        try_next(&course);
        assert_eq!(course.bytes_ahead(), 400);
        course.propose();
        let proposal = Proposal { split: SplitId(3), range: blocks(0, None), at: 30, bytes: 200 };
        assert_eq!(course.proposal(), Some(proposal.clone()));
        try_next(&course);
        assert_eq!(try_next(&course), Some(Some(blocks(20, Some(30)))), "up to the cut");
        assert_eq!(try_next(&course), None, "and not beyond it");
        course.propose();
        assert_eq!(course.proposal(), Some(proposal), "proposed again it is the same");
        course.answer(20, true);
        assert_eq!(try_next(&course), None, "that was the answer to another");
        course.answer(30, true);
        assert_eq!((try_next(&course), course.read()), (Some(None), Some(blocks(0, Some(30)))));
        course.answer(30, false);
        assert_eq!(try_next(&course), Some(None), "answered once, answered for good");
    }

    #[test]
    fn a_cut_that_was_made_early_leaves_the_legs_before_it() {
        let course = course();
        course.propose();
        course.answer(30, true);
        assert_eq!((course.bytes_ahead(), course.read()), (300, Some(blocks(0, Some(30)))));
        let legs: Vec<Range> = std::iter::from_fn(|| try_next(&course).flatten()).collect();
        assert_eq!(legs, [blocks(0, Some(10)), blocks(10, Some(20)), blocks(20, Some(30))]);
    }

    #[test]
    fn what_is_left_is_cut_again() {
        let course = course();
        course.propose();
        course.answer(30, true);
        course.propose();
        let again = course.proposal().expect("three legs are ahead");
        assert_eq!((again.at, again.range, again.bytes), (20, blocks(0, Some(30)), 100));
    }

    #[test]
    fn a_refused_cut_is_read_through_and_none_is_proposed_after_it() {
        let course = course();
        course.propose();
        course.answer(30, false);
        course.propose();
        assert_eq!((course.proposal(), course.bytes_ahead()), (None, 0));
        assert_eq!((try_next(&course), try_next(&course)), (Some(Some(blocks(0, None))), Some(None)));
        assert_eq!(course.read(), Some(blocks(0, None)));
    }

    #[tokio::test]
    async fn who_waits_for_an_answer_gets_it() {
        let course = std::sync::Arc::new(course());
        course.propose();
        for _ in 0..3 {
            course.next().await;
        }
        let waiting = {
            let course = course.clone();
            async move { course.next().await }
        };
        let answering = async {
            tokio::task::yield_now().await;
            course.answer(30, false);
        };
        let (leg, ()) = tokio::join!(waiting, answering);
        assert_eq!(leg, Some(blocks(30, None)));
    }

    /// Cuts proposed and answered at any time, this way or that: what is read and what was cut off tile the split.
    #[test]
    fn whatever_is_answered_legs_and_rests_tile_the_split() {
        for choices in 0..3_u32.pow(9) {
            let (course, mut choices) = (course(), choices);
            let (mut legs, mut rests) = (Vec::new(), Vec::new());
            for _ in 0..9 {
                match choices % 3 {
                    0 => legs.extend(try_next(&course).flatten()),
                    1 => course.propose(),
                    _ => {
                        if let Some(Proposal { range, at, .. }) = course.proposal() {
                            let is_made = legs.len() % 2 == 0;
                            course.answer(at, is_made);
                            rests.extend(range.cut_at(at).filter(|_| is_made).map(|(_, rest)| rest));
                        }
                    }
                }
                choices /= 3;
            }
            course.proposal().into_iter().for_each(|proposal| course.answer(proposal.at, false));
            legs.extend(std::iter::from_fn(|| try_next(&course).flatten()));
            legs.extend(rests.into_iter().rev());
            let mut next = Some(0);
            for leg in legs {
                let Range::Blocks { start, end } = leg else { panic!("{leg:?}") };
                assert_eq!(next, Some(start));
                next = end;
            }
            assert_eq!(next, None);
        }
    }
}
