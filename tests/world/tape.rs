//! Decisions. Whatever could go one way or another in a history is asked of its tape: 0 is what a
//! good day brings, everything else is a deviation. So a seed is one history, a written tape is one
//! history, and a history with fewer deviations is a simpler one.

use fastrand::Rng;

/// Where a history may fork.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fork {
    /// What was asked.
    pub(crate) kind: &'static str,
    /// How many answers there are beside 0.
    pub(crate) alternatives: u8,
}

/// Answers, drawn or written, and what was answered so far.
pub(crate) struct Tape {
    source: Source,
    taken: Vec<u8>,
    forks: Option<Vec<Fork>>,
}

enum Source {
    Seed(Rng),
    Written(Vec<u8>),
}

impl Tape {
    /// The answers of this seed.
    pub(crate) fn of_seed(seed: u64) -> Self {
        Self { source: Source::Seed(Rng::with_seed(seed)), taken: Vec::new(), forks: None }
    }

    /// These answers; 0 after them.
    pub(crate) fn written(answers: Vec<u8>) -> Self {
        Self { source: Source::Written(answers), taken: Vec::new(), forks: None }
    }

    /// Notes where the history could have forked.
    pub(crate) fn noting_forks(mut self) -> Self {
        self.forks = Some(Vec::new());
        self
    }

    /// Answers with 0, or with the number of an alternative; each has its odds, in a thousand.
    pub(crate) fn decide(&mut self, kind: &'static str, odds: &[u16]) -> usize {
        let answer = match &mut self.source {
            Source::Seed(rng) => draw(rng.u16(0..1000), odds),
            Source::Written(answers) => {
                usize::from(answers.get(self.taken.len()).copied().unwrap_or(0)).min(odds.len())
            }
        };
        let narrow = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
        self.taken.push(narrow(answer));
        if let Some(forks) = &mut self.forks {
            forks.push(Fork { kind, alternatives: narrow(odds.len()) });
        }
        answer
    }

    /// Every answer so far.
    pub(crate) fn taken(&self) -> &[u8] {
        &self.taken
    }

    /// Every fork so far, if they are noted.
    pub(crate) fn forks(&self) -> &[Fork] {
        self.forks.as_deref().unwrap_or_default()
    }
}

fn draw(mut number: u16, odds: &[u16]) -> usize {
    for (index, weight) in odds.iter().enumerate() {
        if number < *weight {
            return index + 1;
        }
        number -= weight;
    }
    0
}
