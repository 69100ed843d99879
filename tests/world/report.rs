//! What is said of a history that went wrong: the fewest deviations that still do it, what happened
//! in it, and how to see it again.

use crate::guard::Guard;
use crate::simulation::run;
use crate::tape::Tape;
use crate::world::World;

/// Histories tried while looking for a shorter one, at most.
const TRIES_MAX: usize = 3_000;

/// Takes deviations out of a bad history as long as it stays bad.
pub(crate) fn shorten(mut answers: Vec<u8>, without: Option<Guard>) -> Vec<u8> {
    let mut tries = 0;
    let mut chunk = answers.len().max(1);
    while chunk > 0 && tries < TRIES_MAX {
        let mut shorter = false;
        for begin in (0..answers.len()).step_by(chunk).rev() {
            let end = (begin + chunk).min(answers.len());
            if answers[begin..end].iter().all(|answer| *answer == 0) {
                continue;
            }
            let mut fewer = answers.clone();
            fewer[begin..end].fill(0);
            tries += 1;
            let world = run(Tape::written(fewer), without, false);
            if !world.broken.is_empty() {
                // What it took, not what was written: a shorter history asks for less.
                answers = world.tape.taken().to_vec();
                shorter = true;
                break;
            }
        }
        if !shorter {
            chunk /= 2;
        }
    }
    answers
}

/// The deviations of a tape, as `TAPE` takes them: `place:answer,..`.
pub(crate) fn deviations(answers: &[u8]) -> String {
    let written = answers.iter().enumerate().filter(|(_, answer)| **answer != 0);
    written.map(|(place, answer)| format!("{place}:{answer}")).collect::<Vec<_>>().join(",")
}

/// The tape with these deviations.
pub(crate) fn tape_of(deviations: &str) -> Option<Tape> {
    let mut answers = Vec::new();
    for deviation in deviations.split(',').filter(|text| !text.is_empty()) {
        let (place, answer) = deviation.split_once(':')?;
        let (place, answer) = (place.parse::<usize>().ok()?, answer.parse::<u8>().ok()?);
        answers.resize(answers.len().max(place + 1), 0);
        answers[place] = answer;
    }
    Some(Tape::written(answers))
}

/// All there is to say of a bad history.
pub(crate) fn of(name: &str, answers: Vec<u8>, without: Option<Guard>) -> String {
    let shortest = shorten(answers, without);
    let World { tape, broken, scene, history, .. } = run(Tape::written(shortest), without, true);
    format!(
        "{name}: {}\n\nthe shortest history of it, on a {:?} day:\n{}\n\nsee it again: make replay \
         TAPE={}\n",
        broken.join("\n"),
        scene.weather,
        history.unwrap_or_default().join("\n"),
        deviations(tape.taken()),
    )
}
