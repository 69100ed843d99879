//! Asks whoever sits at the terminal, and again until the answer can be used.

use std::io::{self, BufRead as _, IsTerminal as _};

use jiff::Timestamp;

use crate::cli::exit::Failure;
use crate::cli::output::{self, BAD, BOLD, DIM, printable};
use crate::project::{self, Choices, Plan, Question};

/// How an optional question is left open.
const NONE: &str = "-";

/// Whether there is somebody to ask.
pub(super) fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks those questions that are open.
pub(super) fn ask(
    questions: &[Question],
    plan: &mut Plan,
    choices: &Choices,
    now: Timestamp,
) -> Result<(), Failure> {
    for question in questions {
        if question.is_open(plan) {
            ask_one(*question, plan, choices, now)?;
        }
    }
    Ok(())
}

fn ask_one(
    question: Question,
    plan: &mut Plan,
    choices: &Choices,
    now: Timestamp,
) -> Result<(), Failure> {
    let offers = question.offers(plan, choices);
    let proposal = question.proposal(plan, choices);
    for (number, (value, about)) in (1..).zip(&offers) {
        let (value, about) = (printable(value), printable(about));
        output::print_aside(&format!("  {number}  {value}  {DIM}{about}{DIM:#}\n"));
    }
    loop {
        prompt(question, proposal.as_deref());
        let text = chosen(&read_line()?, &offers, proposal.as_deref());
        if question.is_optional() && (text.is_empty() || text == NONE) {
            return Ok(());
        }
        let answers = question.read(&text);
        let fault = answers
            .iter()
            .find_map(|(answer, value)| project::fault(*answer, value, &plan.namespace, now));
        match fault {
            None => {
                plan.answers.extend(answers);
                return Ok(());
            }
            Some(fault) => {
                output::print_aside(&format!("{BAD}not so:{BAD:#} {}\n", printable(&fault)));
            }
        }
    }
}

fn prompt(question: Question, proposal: Option<&str>) {
    let text = question.text();
    let proposal = proposal.map(|text| format!(" [{}]", printable(text))).unwrap_or_default();
    output::print_aside(&format!("{BOLD}{text}{BOLD:#}{proposal}: "));
}

/// A line without what is around it.
fn read_line() -> Result<String, Failure> {
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line) {
        Ok(0) => Err(Failure::usage("left without an answer: nothing is written")),
        Ok(_) => Ok(line.trim().to_owned()),
        Err(error) => Err(Failure::environment(format!("cannot read the answer: {error}"))),
    }
}

/// What was meant: the proposal, numbers of what is offered, or the text itself.
fn chosen(text: &str, offers: &[(String, String)], proposal: Option<&str>) -> String {
    if text.is_empty() {
        return proposal.unwrap_or_default().to_owned();
    }
    let offer = |number: &str| {
        let number: usize = number.trim().parse().ok()?;
        offers.get(number.checked_sub(1)?).map(|(value, _)| value.as_str())
    };
    let values: Option<Vec<&str>> = text.split(',').map(offer).collect();
    values.map_or_else(|| text.to_owned(), |values| values.join(","))
}
