//! Explores the rule of refresh tokens, `domain::refresh::decide`, over its whole state space.
//!
//! The rule compares generations and attempts for equality, steps them by one, and compares one age with the window. So
//! histories that differ only in how far the counters have come are alike: after each event the numbers are renamed to
//! the smallest ones that keep their order (`a_renamed_position_decides_alike` proves that this is allowed), ages stop
//! just outside the window, and the histories of every length fall into finitely many states. All of them are visited.

use authward::domain::refresh::{Decision, Position, Presented, Rotation, decide};
use authward::domain::time::{Lifetime, Timestamp};
use proptest::prelude::*;
use std::collections::{HashSet, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;

/// The retry window in seconds of the model: long enough to be inside, at the edge and outside.
const WINDOW: i64 = 4;
/// Ages beyond this are alike.
const OUTSIDE: i64 = WINDOW + 1;
/// Generations are renamed so that the current one is at most this: 0 and 1 are special to nobody any more.
const HIGHEST: i64 = 3;

const FIRST: Presented = Presented { generation: 0, attempt: 0 };

/// The server: one family, its time counted from 0 at the last rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Family {
    position: Position,
    /// Seconds since the last rotation, at most `OUTSIDE`.
    age: i64,
    is_dead: bool,
}

impl Family {
    fn new() -> Self {
        let rotated_at = Timestamp::from_seconds(0);
        Self {
            position: Position { generation: 0, attempt: 0, previous_attempt: 0, rotated_at },
            age: 0,
            is_dead: false,
        }
    }

    fn current(&self) -> Presented {
        Presented { generation: self.position.generation, attempt: self.position.attempt }
    }

    fn decide(&self, token: Presented) -> Decision {
        decide(Rotation::Rotated, self.position, token, Timestamp::from_seconds(self.age), Lifetime::seconds(WINDOW))
    }

    /// Refreshes as the server does: `None` when the request is refused.
    fn refresh(&mut self, token: Presented) -> Option<Presented> {
        if self.is_dead {
            return None;
        }
        match self.decide(token) {
            Decision::Rotated(position) | Decision::Repeated(position) | Decision::Reissued(position) => {
                self.position = Position { rotated_at: Timestamp::from_seconds(0), ..position };
                self.age = 0;
            }
            Decision::Replayed => {
                self.is_dead = true;
                return None;
            }
            Decision::Kept => unreachable!("the family rotates"),
        }
        Some(self.current())
    }

    fn wait(&mut self) {
        self.age = (self.age + 1).min(OUTSIDE);
    }
}

/// Renames the numbers of a family and of every token that somebody holds.
fn rename(family: &mut Family, tokens: &mut [&mut Presented]) {
    let (newest, previous) = (family.position.generation, family.position.generation - 1);
    let lowered = newest.min(HIGHEST);
    let rank = |held: &[Presented], generation, own: i64| {
        let mut attempts: Vec<i64> =
            held.iter().filter(|token| token.generation == generation).map(|token| token.attempt).collect();
        attempts.push(own);
        attempts.sort_unstable();
        attempts.dedup();
        attempts
    };
    let held: Vec<Presented> = tokens.iter().map(|token| **token).collect();
    let current_attempts = rank(&held, newest, family.position.attempt);
    let previous_attempts = rank(&held, previous, family.position.previous_attempt);
    let place = |attempts: &[i64], attempt| {
        attempts.iter().position(|known| *known == attempt).expect("every held attempt is ranked") as i64
    };
    for token in tokens {
        **token = match token.generation {
            generation if generation == newest => {
                Presented { generation: lowered, attempt: place(&current_attempts, token.attempt) }
            }
            generation if generation == previous => {
                Presented { generation: lowered - 1, attempt: place(&previous_attempts, token.attempt) }
            }
            // Older ones are alike: never current again, never the one before.
            _ => Presented { generation: -1, attempt: 0 },
        };
    }
    family.position.attempt = place(&current_attempts, family.position.attempt);
    family.position.previous_attempt =
        if newest == 0 { 0 } else { place(&previous_attempts, family.position.previous_attempt) };
    family.position.generation = lowered;
}

/// Visits every state that can be reached from `start`, and gives them all.
fn explore<S: Clone + Eq + Hash + Debug>(start: S, successors: impl Fn(&S) -> Vec<S>) -> Vec<S> {
    let mut seen = HashSet::from([start.clone()]);
    let mut waiting = VecDeque::from([start]);
    let mut states = Vec::new();
    while let Some(state) = waiting.pop_front() {
        for next in successors(&state) {
            if seen.insert(next.clone()) {
                waiting.push_back(next);
            }
        }
        states.push(state);
        assert!(states.len() < 2_000_000, "the model is not finite");
    }
    states
}

/// An honest client: tabs that share one storage. A tab reads the token there, sends it, and writes what comes back.
/// The server may be reached or not, the answer may arrive or be lost; then the tab, or another one, tries again whenever
/// it likes. What is asked of the client and the network, and no more: a request is over within half the window (it does
/// not reach the server later, and a later answer is not looked at), and a tab does not refresh what it has just got
/// while another tab's request with the token before is on its way.
mod owner {
    use super::*;

    const TABS: usize = 2;
    /// A request is over after this. Two tabs that read the same token are then never further apart than the window.
    const PATIENCE: i64 = WINDOW / 2;

    #[derive(Debug, Clone, PartialEq, Eq, Hash)]
    struct State {
        family: Family,
        storage: Presented,
        tabs: [Tab; TABS],
        was_refused: bool,
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    enum Tab {
        Idle,
        /// On the way to the server, with the token that was sent.
        Sent {
            token: Presented,
            since: i64,
        },
        /// On the way back, with the token that was sent and the one that came.
        Answered {
            sent: Presented,
            token: Presented,
            since: i64,
        },
    }

    impl State {
        fn normal(mut self) -> Self {
            let mut tokens: Vec<&mut Presented> = vec![&mut self.storage];
            for tab in &mut self.tabs {
                match tab {
                    Tab::Idle => {}
                    Tab::Sent { token, .. } => tokens.push(token),
                    Tab::Answered { sent, token, .. } => tokens.extend([sent, token]),
                }
            }
            rename(&mut self.family, &mut tokens);
            self
        }

        /// Another tab still waits with a token that has been replaced in the storage.
        fn is_overtaken(&self, tab: usize) -> bool {
            self.tabs.iter().enumerate().any(|(other, state)| match state {
                Tab::Sent { token: sent, .. } | Tab::Answered { sent, .. } => other != tab && *sent != self.storage,
                Tab::Idle => false,
            })
        }

        fn successors(&self) -> Vec<Self> {
            let mut successors = Vec::new();
            for tab in 0..TABS {
                self.steps_of(tab, &mut successors);
            }
            let mut later = self.clone();
            later.family.wait();
            for tab in &mut later.tabs {
                *tab = match *tab {
                    Tab::Sent { since, .. } | Tab::Answered { since, .. } if since >= PATIENCE => Tab::Idle,
                    Tab::Sent { token, since } => Tab::Sent { token, since: since + 1 },
                    Tab::Answered { sent, token, since } => Tab::Answered { sent, token, since: since + 1 },
                    Tab::Idle => Tab::Idle,
                };
            }
            successors.push(later);
            successors.into_iter().map(Self::normal).collect()
        }

        fn steps_of(&self, tab: usize, successors: &mut Vec<Self>) {
            let with = |change: &dyn Fn(&mut Self)| {
                let mut next = self.clone();
                change(&mut next);
                next
            };
            match self.tabs[tab] {
                Tab::Idle if self.is_overtaken(tab) => {}
                Tab::Idle => {
                    successors.push(with(&|next| next.tabs[tab] = Tab::Sent { token: next.storage, since: 0 }))
                }
                Tab::Sent { token, since } => {
                    // Never reached the server; reached it.
                    successors.push(with(&|next| next.tabs[tab] = Tab::Idle));
                    let sent = token;
                    successors.push(with(&|next| match next.family.refresh(sent) {
                        Some(token) => next.tabs[tab] = Tab::Answered { sent, token, since },
                        None => next.was_refused = true,
                    }));
                }
                Tab::Answered { token, .. } => {
                    // The answer was lost; it arrived.
                    successors.push(with(&|next| next.tabs[tab] = Tab::Idle));
                    successors.push(with(&|next| {
                        next.tabs[tab] = Tab::Idle;
                        next.storage = token;
                    }));
                }
            }
        }
    }

    /// RFC 9700 §4.14.2, and what it must not cost: whatever is lost and whenever it is tried again.
    #[test]
    fn an_honest_client_is_never_logged_out() {
        let start = State { family: Family::new(), storage: FIRST, tabs: [Tab::Idle; TABS], was_refused: false };
        let states = explore(start, State::successors);
        assert!(states.len() > 500, "only {} states: the model does not move", states.len());
        for state in &states {
            assert!(!state.was_refused && !state.family.is_dead, "logged out: {state:?}");
        }
    }

    #[test]
    fn a_client_that_lost_every_answer_gets_through_in_the_end() {
        let mut family = Family::new();
        for _ in 0..100 {
            assert!(family.refresh(FIRST).is_some(), "a retry is refused");
            (0..OUTSIDE).for_each(|_| family.wait());
        }
        let token = family.refresh(FIRST).expect("a retry is answered");
        assert_eq!(family.refresh(token), Some(family.current()));
        assert!(!family.is_dead);
    }
}

/// Everything that was ever issued, in the hands of somebody who presents any of it at any time.
mod issued {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq, Hash)]
    struct State {
        family: Family,
        tokens: Vec<Presented>,
    }

    impl State {
        fn normal(mut self) -> Self {
            let mut tokens: Vec<&mut Presented> = self.tokens.iter_mut().collect();
            rename(&mut self.family, &mut tokens);
            self.tokens.sort_unstable_by_key(|token| (token.generation, token.attempt));
            self.tokens.dedup();
            self
        }

        fn successors(&self) -> Vec<Self> {
            let mut later = self.clone();
            later.family.wait();
            let mut successors = vec![later];
            for token in &self.tokens {
                let mut next = self.clone();
                next.tokens.extend(next.family.refresh(*token));
                // The attempts of one generation are alike but for the current one; four of them stand for all.
                if next.family.position.attempt <= 4 {
                    successors.push(next);
                }
            }
            successors.into_iter().map(Self::normal).collect()
        }
    }

    fn all_states() -> Vec<State> {
        let states = explore(State { family: Family::new(), tokens: vec![FIRST] }, State::successors);
        assert!(states.len() > 50, "only {} states: the model does not move", states.len());
        states
    }

    /// RFC 9700 §4.14.2: at any time one token goes forward, and at most one other is answered; that one either gives the
    /// very same successor or ends the token that went forward.
    #[test]
    fn there_are_never_two_usable_branches() {
        for state in all_states().iter().filter(|state| !state.family.is_dead) {
            let accepted: Vec<Presented> = state
                .tokens
                .iter()
                .copied()
                .filter(|token| state.family.decide(*token) != Decision::Replayed)
                .collect();
            assert!(accepted.len() <= 2, "{state:?}");
            for token in accepted {
                let current = state.family.current();
                match state.family.decide(token) {
                    Decision::Rotated(next) => {
                        assert_eq!(token, current, "{state:?}");
                        assert_eq!((next.generation, next.attempt), (current.generation + 1, 0));
                    }
                    Decision::Repeated(next) => {
                        assert_eq!(token.generation + 1, current.generation, "{state:?}");
                        assert_eq!(next, Position { rotated_at: next.rotated_at, ..state.family.position });
                    }
                    Decision::Reissued(_) => {
                        let mut after = state.family;
                        let successor = after.refresh(token).expect("it was reissued");
                        assert_ne!(successor, current, "{state:?}");
                        assert_eq!(after.decide(current), Decision::Replayed, "two branches live: {state:?}");
                    }
                    other => panic!("{other:?}: {state:?}"),
                }
            }
        }
    }

    /// RFC 9700 §4.14.2
    #[test]
    fn everything_older_than_the_one_allowed_retry_ends_the_family() {
        for state in all_states().iter().filter(|state| !state.family.is_dead) {
            let Position { generation, previous_attempt, .. } = state.family.position;
            let replaced = Presented { generation: generation - 1, attempt: previous_attempt };
            for token in state.tokens.iter().filter(|token| **token != state.family.current() && **token != replaced) {
                let mut after = state.family;
                assert_eq!(after.refresh(*token), None, "{token:?} lives: {state:?}");
                assert!(after.is_dead);
            }
        }
    }

    #[test]
    fn a_dead_family_stays_dead() {
        for state in all_states().iter().filter(|state| state.family.is_dead) {
            for token in &state.tokens {
                assert_eq!(state.family.clone().refresh(*token), None);
            }
        }
    }
}

/// An owner and a thief who has copied one of the owner's tokens, each going on from what they hold.
mod thief {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq, Hash)]
    struct State {
        family: Family,
        /// What the owner holds, and what the thief holds.
        held: [Presented; 2],
        /// Who refreshed last, with success.
        last: Option<usize>,
        /// How often they took turns since, each further than the window behind the last rotation; counted to 3.
        turns_outside: u8,
    }

    impl State {
        fn normal(mut self) -> Self {
            let [owner, thief] = &mut self.held;
            rename(&mut self.family, &mut [owner, thief]);
            self
        }

        fn successors(&self) -> Vec<Self> {
            let mut later = self.clone();
            later.family.wait();
            let mut successors = vec![later];
            for who in 0..2 {
                let mut next = self.clone();
                let is_turn = self.last.is_some_and(|last| last != who);
                let is_outside = self.family.age > WINDOW;
                match next.family.refresh(self.held[who]) {
                    // Arrived, or lost on the way back: the same for the family, not for who refreshed.
                    Some(token) => {
                        next.turns_outside = match (is_turn, is_outside) {
                            (true, true) => (self.turns_outside + 1).min(3),
                            (true, false) => 0,
                            (false, _) => self.turns_outside,
                        };
                        next.last = Some(who);
                        let mut lost = next.clone();
                        // A lost answer is no turn: whoever lost it has to come again with the same token.
                        (lost.last, lost.turns_outside) = (self.last, self.turns_outside);
                        next.held[who] = token;
                        successors.push(lost);
                    }
                    None => next.turns_outside = 0,
                }
                successors.push(next);
            }
            successors.into_iter().map(Self::normal).collect()
        }
    }

    /// Every moment of a theft: the thief holds a copy of the owner's current token, which the owner got or not.
    fn thefts() -> Vec<State> {
        let family = Family::new();
        let mut rotated = family;
        let second = rotated.refresh(FIRST).expect("the first token is good");
        vec![
            State { family, held: [FIRST; 2], last: None, turns_outside: 0 },
            State { family: rotated, held: [second, FIRST], last: None, turns_outside: 0 },
            State { family: rotated, held: [FIRST, second], last: None, turns_outside: 0 },
            State { family: rotated, held: [second; 2], last: None, turns_outside: 0 },
        ]
    }

    /// RFC 9700 §4.14.2: both go on refreshing, and the family dies, unless one always follows within the window.
    #[test]
    fn thief_and_owner_do_not_go_on_side_by_side() {
        for start in thefts() {
            for state in explore(start.clone(), State::successors) {
                assert!(state.family.is_dead || state.turns_outside < 3, "both live: {state:?} from {start:?}");
            }
        }
    }

    /// From any point at which both were served, three turns further apart than the window kill the family.
    #[test]
    fn three_turns_apart_kill_the_family_from_any_state() {
        let mut count = 0;
        for start in thefts() {
            for state in explore(start, State::successors) {
                for first in 0..2 {
                    let (mut family, mut held) = (state.family, state.held);
                    for turn in 0..4 {
                        (0..OUTSIDE).for_each(|_| family.wait());
                        let who = (first + turn) % 2;
                        if let Some(token) = family.refresh(held[who]) {
                            held[who] = token;
                        }
                    }
                    assert!(family.is_dead, "both live: {state:?}");
                    count += 1;
                }
            }
        }
        assert!(count > 100, "only {count} cases");
    }
}

/// A position and a token near it, so that the interesting cases are hit.
fn near() -> impl Strategy<Value = (Position, Presented, i64)> {
    (0..6i64, 0..4i64, 0..4i64, -3..3i64, 0..6i64, -5..20i64).prop_map(
        |(generation, attempt, previous_attempt, offset, token_attempt, age)| {
            let previous_attempt = if generation == 0 { 0 } else { previous_attempt };
            let rotated_at = Timestamp::from_seconds(1_800_000_000);
            (
                Position { generation, attempt, previous_attempt, rotated_at },
                Presented { generation: generation + offset, attempt: token_attempt },
                age,
            )
        },
    )
}

/// What a decision means, without the numbers.
fn kind(decision: Decision) -> &'static str {
    match decision {
        Decision::Kept => "kept",
        Decision::Rotated(_) => "rotated",
        Decision::Repeated(_) => "repeated",
        Decision::Reissued(_) => "reissued",
        Decision::Replayed => "replayed",
    }
}

proptest! {
    /// What the exploration rests on: the rule sees order and equality of the numbers only.
    #[test]
    fn a_renamed_position_decides_alike(
        (position, token, age) in near(),
        generations in 1..1000i64,
        attempts in 0..1000i64,
        seconds in 0..1_000_000i64,
    ) {
        prop_assume!(position.generation > 0);
        let now = Timestamp::from_seconds(position.rotated_at.seconds() + age);
        let window = Lifetime::seconds(10);
        let moved = Position {
            generation: position.generation + generations,
            attempt: position.attempt + attempts,
            previous_attempt: position.previous_attempt + attempts,
            rotated_at: position.rotated_at.plus(Lifetime::seconds(seconds)),
        };
        let moved_token =
            Presented { generation: token.generation + generations, attempt: token.attempt + attempts };
        let plain = decide(Rotation::Rotated, position, token, now, window);
        let renamed =
            decide(Rotation::Rotated, moved, moved_token, now.plus(Lifetime::seconds(seconds)), window);
        prop_assert_eq!(kind(plain), kind(renamed));
    }

    #[test]
    fn a_family_that_is_kept_knows_one_token_at_any_time((position, token, age) in near()) {
        let now = Timestamp::from_seconds(position.rotated_at.seconds() + age);
        let is_current = (token.generation, token.attempt) == (position.generation, position.attempt);
        let decision = decide(Rotation::Kept, position, token, now, Lifetime::seconds(10));
        prop_assert_eq!(decision, if is_current { Decision::Kept } else { Decision::Replayed });
    }

    #[test]
    fn a_clock_that_went_back_counts_as_within_the_window((position, _, age) in near()) {
        prop_assume!(position.generation > 0);
        let token = Presented { generation: position.generation - 1, attempt: position.previous_attempt };
        let now = Timestamp::from_seconds(position.rotated_at.seconds() - age.abs());
        let decision = decide(Rotation::Rotated, position, token, now, Lifetime::seconds(10));
        prop_assert_eq!(decision, Decision::Repeated(Position { rotated_at: now, ..position }));
    }
}
