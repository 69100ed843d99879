//! Tries a job's templates before any event comes, so that a placeholder no event can fill is found
//! by `longshore check`.

use super::nearest::nearest;
use super::problem::Problem;
use super::request::{OVERRIDES_CHARS_MAX, RequestError, RunSpec};
use super::template::{self, TemplateError};
use super::yaml::Path;
use super::{Job, TriggerEntry};
use crate::event::Values;
use crate::identity::{Namespace, RunId};

/// A kind of event and the values it brings, each with an example.
struct Kind {
    name: &'static str,
    /// One event of it, in a sentence.
    one: &'static str,
    always: &'static [(&'static str, &'static str)],
    sometimes: &'static [(&'static str, &'static str)],
}

/// Values that every run has.
const OWN_VALUES: [&str; 3] = ["job", "runId", "attempt"];

const S3: &str = "S3";
const SCHEDULE: &str = "schedule";

const KINDS: [Kind; 2] = [
    Kind {
        name: S3,
        one: "an S3 event",
        always: &[("bucket", "uploads"), ("key", "incoming/a.png"), ("size", "1")],
        sometimes: &[("etag", "d41d8cd9"), ("versionId", "null")],
    },
    Kind {
        name: SCHEDULE,
        one: "a schedule",
        always: &[("scheduledTime", "2026-11-24T02:00:00Z"), ("scheduleName", "schedule")],
        sometimes: &[],
    },
];

impl Kind {
    fn is_in(&self, kinds: &[&str]) -> bool {
        kinds.contains(&self.name)
    }

    fn value_names(&self) -> impl Iterator<Item = &str> {
        self.always.iter().chain(self.sometimes).map(|(name, _)| *name)
    }

    fn brings(&self, name: &str) -> bool {
        self.value_names().any(|known| known == name)
    }
}

/// The kinds of event that start a job with these triggers, right or wrong. One without any may
/// still be named after a schedule that is made elsewhere.
pub(super) fn kinds(triggers: &[TriggerEntry]) -> Vec<&'static str> {
    match triggers {
        [] => vec![SCHEDULE],
        entries => entries.iter().map(|entry| if entry.is_s3() { S3 } else { SCHEDULE }).collect(),
    }
}

/// Tries every template of a job with example values of each of these kinds of event.
pub(super) fn check_templates(job: &Job, kinds: &[&str], at: &Path, problems: &mut Vec<Problem>) {
    let before = problems.len();
    for (path, text) in templates(job, at) {
        let known = problems.len();
        check_names(job, kinds, &path, text, problems);
        if problems.len() == known {
            for kind in KINDS.iter().filter(|kind| kind.is_in(kinds)) {
                let problem = try_template(job, kind, &path, text);
                // What is wrong whatever the event is told once.
                problems.extend(problem.filter(|problem| !problems.contains(problem)));
            }
        }
    }
    if problems.len() == before {
        problems.extend(try_request(job, kinds, at));
    }
}

fn own_examples(job: &Job) -> Values {
    let mut values = examples(job);
    values.extend(OWN_VALUES.map(|name| (name.to_owned(), "1".to_owned())));
    values
}

/// Fills one template with everything its kind of event may bring, and then with the least.
fn try_template(job: &Job, kind: &Kind, at: &Path, text: &str) -> Option<Problem> {
    let mut least = own_examples(job);
    least.extend(kind.always.iter().map(pair));
    let mut most = least.clone();
    most.extend(kind.sometimes.iter().map(pair));
    if let Err(error) = template::fill(text, &most) {
        let message = describe(&error, kind, "has");
        return Some(Problem::error(at.clone(), message).remedy(error.remedy()));
    }
    let error = template::fill(text, &least).err()?;
    let message = describe(&error, kind, "may have");
    Some(Problem::warning(at.clone(), message).remedy(error.remedy()))
}

/// Names the kind of event only where it matters.
fn describe(error: &TemplateError, kind: &Kind, has: &str) -> String {
    match error {
        TemplateError::NoValue(names) => format!("{} {has} no value for {names}", kind.one),
        TemplateError::Wrong { message, .. } => message.clone(),
    }
}

fn pair((name, value): &(&str, &str)) -> (String, String) {
    ((*name).to_owned(), (*value).to_owned())
}

/// Parameters with their defaults, or any text that keeps a template going.
fn examples(job: &Job) -> Values {
    job.parameters
        .iter()
        .map(|(name, parameter)| {
            let value = parameter.default.clone().unwrap_or_else(|| "1".to_owned());
            (format!("parameters.{name}"), value)
        })
        .collect()
}

fn templates<'a>(job: &'a Job, at: &Path) -> Vec<(Path, &'a str)> {
    let entry = &job.task.entry;
    let command = entry.command.iter().flatten().enumerate();
    let environment = entry.environment.iter();
    command
        .map(|(index, text)| (at.key("command").index(index), text.as_str()))
        .chain(environment.map(|(n, text)| (at.key("environment").key(n), text.as_str())))
        .filter(|(_, text)| template::has_placeholder(text))
        .collect()
}

fn check_names(job: &Job, kinds: &[&str], at: &Path, text: &str, problems: &mut Vec<Problem>) {
    let names = match template::names(text) {
        Ok(names) => names,
        Err(error) => {
            problems.push(Problem::error(at.clone(), error.to_string()).remedy(error.remedy()));
            return;
        }
    };
    for name in &names {
        match KINDS.iter().find(|kind| kind.brings(name)) {
            Some(kind) if !kind.is_in(kinds) => {
                let kind = kind.name;
                let message =
                    format!("`{name}` comes with {kind} events, and no trigger of this job is one");
                problems.push(
                    Problem::error(at.clone(), message)
                        .remedy("use another value, or add such a trigger"),
                );
            }
            None if !is_own_value(job, name) => problems.push(unknown_name(job, at, name)),
            Some(_) | None => {}
        }
    }
    // The event of a trigger brings no parameters.
    for name in names.iter().filter_map(|name| name.strip_prefix("parameters.")) {
        let declared = job.parameters.get(name);
        if !job.triggers.is_empty() && declared.is_some_and(|p| p.default.is_none()) {
            let message = format!("`parameters.{name}` has no value in triggered runs");
            problems.push(
                Problem::error(at.clone(), message)
                    .remedy(format!("give parameter `{name}` a `default`")),
            );
        }
    }
}

/// Whether every run has the value, whatever started it.
fn is_own_value(job: &Job, name: &str) -> bool {
    let parameter = name.strip_prefix("parameters.");
    OWN_VALUES.contains(&name) || parameter.is_some_and(|name| job.parameters.contains_key(name))
}

fn unknown_name(job: &Job, at: &Path, name: &str) -> Problem {
    let parameters: Vec<String> =
        job.parameters.keys().map(|name| format!("parameters.{name}")).collect();
    let mut known = OWN_VALUES.to_vec();
    known.extend(KINDS.iter().flat_map(|kind| kind.value_names()));
    known.extend(parameters.iter().map(String::as_str));
    let remedy = match nearest(name, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are {}", known.join(", ")),
    };
    Problem::error(at.clone(), format!("`{}` is no value", name.escape_debug())).remedy(remedy)
}

/// Makes the request of an example run, and returns why it could never be made.
fn try_request(job: &Job, kinds: &[&str], at: &Path) -> Option<Problem> {
    let run = RunId::derive(&job.name, "example", &[]);
    let namespace = Namespace::default();
    let mut values = examples(job);
    for kind in KINDS.iter().filter(|kind| kind.is_in(kinds)) {
        values.extend(kind.always.iter().chain(kind.sometimes).map(pair));
    }
    let spec = RunSpec { namespace: &namespace, run: &run, attempt: 1, values: &values };
    match job.request(spec) {
        Ok(_) => None,
        Err(RequestError::Template { place, problem }) => {
            Some(Problem::error(below(at, &place), problem.to_string()).remedy(problem.remedy()))
        }
        // No example begins with a dash: it is a parameter's default that does.
        Err(RequestError::LeadingDash { place }) => Some(
            Problem::error(below(at, &place), "begins with `-` when a default is inserted")
                .remedy("put `--` before it, or set `allowLeadingDash: true`"),
        ),
        // No example is empty: again it is a default.
        Err(RequestError::NoProgram { place }) => Some(
            Problem::error(below(at, &place), "comes out empty when a default is inserted")
                .remedy("name the program here, or give the parameter another `default`"),
        ),
        Err(RequestError::OverridesTooLarge(chars)) => {
            let message = format!(
                "comes to {chars} characters of overrides, ECS takes at most {OVERRIDES_CHARS_MAX}"
            );
            let remedy = "write less text beside placeholders, or put it into the image";
            Some(Problem::error(at.clone(), message).remedy(remedy))
        }
    }
}

/// `command[1]` or `environment.KEY` below `at`.
fn below(at: &Path, place: &Path) -> Path {
    at.segments().iter().chain(place.segments()).cloned().collect()
}
