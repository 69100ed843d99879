//! `explain`: what an event would do, from the event and jobs.yaml alone.

use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::exit::{Exit, Failure};
use super::jobs_file;
use super::output::{self, BAD, BOLD, DIM, printable};
use super::{Common, Format};
use crate::event::{self, Delivery, Event, Occurrence, TaskState};
use crate::identity::{ClientToken, StartedBy, quote};
use crate::jobs::{Jobs, Match, OVERRIDES_CHARS_MAX, RunSpec, TaskSource, Unwanted};
use crate::run::{Ending, News, Sighting};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The event's file; `-` reads standard input.
    event: PathBuf,
}

pub(super) fn run(common: &Common, arguments: &Arguments) -> Result<Exit, Failure> {
    let payload = read_payload(&arguments.event)?;
    let id = Uuid::new_v4().to_string();
    let deliveries = event::read(&payload, &id);
    let jobs = match deliveries.iter().any(wants_jobs) {
        true => Some(jobs_file::load(&common.jobs)?),
        // A task state is explained from itself.
        false => None,
    };
    let jobs = jobs.unwrap_or_default();
    let place = place_of(&deliveries);
    let explained: Vec<Explained> = deliveries
        .iter()
        .flat_map(|delivery| delivery.events.iter().map(move |event| (delivery, event)))
        .map(|(delivery, event)| {
            let explained = match event {
                Ok(event) => explain(common, &jobs, event),
                Err(error) => Explained { error: Some(error.to_string()), ..Explained::default() },
            };
            let error = explained.error.map(|error| format!("{}{error}", place(delivery)));
            Explained { error, ..explained }
        })
        .collect();
    match common.output {
        Format::Json => {
            let events: Vec<Value> = explained.iter().map(Explained::to_json).collect();
            output::print_json(&json!({ "events": events }))?;
        }
        Format::Text => {
            let text: String = explained.iter().map(Explained::to_text).collect();
            output::print_text(&text)?;
        }
    }
    for error in explained.iter().filter_map(|explained| explained.error.as_ref()) {
        let path = printable(&arguments.event.display().to_string());
        output::complain(&format!("{path}: {}", printable(error)));
    }
    let bad = explained.iter().any(Explained::is_bad);
    Ok(if bad { Exit::Bad } else { Exit::Good })
}

/// Says which message of a batch is meant, to be read before a complaint; nothing for one alone.
pub(super) fn place_of(deliveries: &[Delivery]) -> impl Fn(&Delivery) -> String + use<> {
    let is_batch = deliveries.len() > 1;
    move |delivery| match is_batch {
        true => format!("message `{}`: ", quote(&delivery.id)),
        false => String::new(),
    }
}

/// Reads an event's file, or standard input for `-`.
pub(super) fn read_payload(path: &Path) -> Result<Vec<u8>, Failure> {
    let shown = printable(&path.display().to_string());
    if path == Path::new("-") {
        let mut payload = Vec::new();
        return match std::io::stdin().lock().read_to_end(&mut payload) {
            Ok(_) => Ok(payload),
            Err(error) => Err(Failure::environment(format!("cannot read the event: {error}"))),
        };
    }
    std::fs::read(path).map_err(|error| Failure::bad(format!("cannot read {shown}: {error}")))
}

fn wants_jobs(delivery: &Delivery) -> bool {
    delivery
        .events
        .iter()
        .flatten()
        .any(|event| matches!(event, Event::Schedule(_) | Event::S3(_) | Event::Manual(_)))
}

/// What one event would do.
#[derive(Default)]
struct Explained {
    kind: Option<&'static str>,
    occurrence: Option<String>,
    runs: Vec<Planned>,
    /// Why nothing happens.
    note: Option<String>,
    /// What keeps an object from each trigger of its bucket.
    unmet: Vec<Unmet>,
    task_state: Option<Value>,
    /// Why it cannot be acted upon.
    error: Option<String>,
}

/// A trigger that does not take an object, and what keeps it from that.
pub(super) struct Unmet {
    job: String,
    condition: String,
}

impl Unmet {
    /// All of them, where no job wants the event.
    pub(super) fn of(jobs: &Jobs, event: &Event) -> Vec<Self> {
        let Event::S3(object) = event else { return Vec::new() };
        let unmet = jobs.mismatches(object).map(|(job, mismatch)| Self {
            job: job.name.to_string(),
            condition: mismatch.to_string(),
        });
        unmet.collect()
    }

    pub(super) fn to_text(&self) -> String {
        format!("{}: {}", self.job, printable(&self.condition))
    }

    fn to_json(&self) -> Value {
        json!({ "job": self.job, "condition": self.condition })
    }
}

/// A run that would be.
struct Planned {
    job: String,
    run_id: String,
    started_by: String,
    client_token: String,
    request: Option<Value>,
    registers: Option<Value>,
    overrides_chars: Option<usize>,
    /// What is not in the request yet.
    note: Option<String>,
    /// Why the run would fail before it is launched.
    problem: Option<String>,
}

fn explain(common: &Common, jobs: &Jobs, event: &Event) -> Explained {
    let occurrence = event.occurrence();
    let mut explained = Explained {
        kind: Some(event.kind()),
        occurrence: occurrence.as_ref().map(ToString::to_string),
        ..Explained::default()
    };
    match event {
        Event::TaskState(state) => explained.task_state = Some(explain_state(state)),
        Event::Test => {
            explained.note = Some("S3's test message: accepted and ignored".to_owned());
        }
        Event::Reminder(reminder) => {
            explained.note = Some(format!("reminds dispatch of run {}", reminder.run));
        }
        Event::Rerun(rerun) => {
            let (id, of) = (rerun.run_id(), &rerun.run);
            explained.note = Some(format!(
                "starts {id} for the values of {of}, which are in the ledger where that one ran"
            ));
        }
        Event::Observation(observation) => {
            explained.note = Some(format!("tells record of run {}", observation.run));
        }
        Event::Schedule(_) | Event::S3(_) | Event::Manual(_) => {
            match jobs.wanting(event, &common.namespace) {
                Ok(wanting) => {
                    let plan = |wanted| Some(plan(common, occurrence.as_ref()?, wanted));
                    explained.runs = wanting.iter().filter_map(plan).collect();
                    if explained.runs.is_empty() {
                        let note = "no job wants this event: it meets no trigger's conditions";
                        explained.note = Some(note.to_owned());
                        explained.unmet = Unmet::of(jobs, event);
                    }
                }
                Err(error @ (Unwanted::UnknownBucket(_) | Unwanted::UnknownSchedule { .. })) => {
                    explained.note = Some(format!(
                        "no job wants this event: {error}; on AWS it would go to the reject queue"
                    ));
                }
                Err(error @ (Unwanted::UnknownJob { .. } | Unwanted::BadParameters { .. })) => {
                    explained.error = Some(error.to_string());
                }
            }
        }
    }
    explained
}

fn plan(common: &Common, occurrence: &Occurrence, wanted: &Match<'_>) -> Planned {
    let job = &wanted.job.name;
    let run = occurrence.run_id(job);
    let namespace = &common.namespace;
    let token = ClientToken::new(namespace, &run, 1, 1);
    let started_by = StartedBy { namespace: namespace.clone(), run: run.clone(), attempt: 1 };
    let spec = RunSpec { namespace, run: &run, attempt: 1, values: &wanted.values };
    let request = wanted.job.request(spec);
    let mut planned = Planned {
        job: job.to_string(),
        run_id: run.to_string(),
        started_by: started_by.to_string(),
        client_token: token.to_string(),
        request: None,
        registers: None,
        overrides_chars: None,
        note: network_note(wanted),
        problem: None,
    };
    match request {
        Ok(request) => {
            planned.request = Some(request.to_run_task(&token));
            planned.overrides_chars = Some(request.overrides_chars());
            if let TaskSource::Inline(definition) = &request.source {
                planned.registers = Some(definition.to_register());
            }
        }
        Err(error) => planned.problem = Some(error.to_string()),
    }
    planned
}

/// What RunTask gets beyond what is known offline.
fn network_note(wanted: &Match<'_>) -> Option<String> {
    let network = wanted.job.network.as_ref()?;
    let mut found = Vec::new();
    if !network.subnet_tags.is_empty() {
        let tags: Vec<String> =
            network.subnet_tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
        found.push(format!("the subnets tagged {}", tags.join(", ")));
    }
    if let Some(group) = &network.security_group {
        found.push(format!("the security group `{}`", group.name));
    }
    let vpc = network.vpc.as_deref().unwrap_or_default();
    (!found.is_empty()).then(|| {
        format!("{} of {vpc} are looked up when the task is launched", found.join(" and "))
    })
}

fn explain_state(state: &TaskState) -> Value {
    let started_by = state.started_by.as_deref().and_then(|text| text.parse::<StartedBy>().ok());
    let mut explained = Map::new();
    let mut set = |name: &str, value: Value| drop(explained.insert(name.to_owned(), value));
    set("task", json!(state.task_arn));
    set("runId", json!(started_by.as_ref().map(|ours| &ours.run)));
    set("attempt", json!(started_by.as_ref().map(|ours| ours.attempt)));
    set("lastStatus", json!(state.last_status));
    set("version", json!(state.version));
    let sighting = Sighting::of(state, None);
    set("fact", json!(sighting.as_ref().map(|sighting| sighting.news.name())));
    let verdict = sighting.as_ref().and_then(|sighting| match &sighting.news {
        News::Ended(ending) => Some(ending.verdict(None)),
        News::Pending | News::Running => None,
    });
    set("verdict", json!(verdict));
    set("exitCode", json!(sighting.as_ref().and_then(|sighting| sighting.exit_code)));
    let reason = sighting.map(reason_of).filter(|reason| !reason.is_empty());
    set("reason", json!(reason));
    if started_by.is_none() {
        set("note", json!("not a task of longshore's: `startedBy` is somebody else's"));
    }
    Value::Object(explained)
}

/// What the state says; why it was us who stopped the task is known here by the reason we gave.
fn reason_of(sighting: Sighting) -> String {
    match &sighting.news {
        News::Ended(Ending::Stopped { cause: Some(cause) }) => {
            format!("stopped by {}; {}", cause.to_reason(), sighting.reason)
        }
        News::Ended(_) | News::Pending | News::Running => sighting.reason,
    }
}

impl Explained {
    fn is_bad(&self) -> bool {
        self.error.is_some() || self.runs.iter().any(|planned| planned.problem.is_some())
    }

    fn to_json(&self) -> Value {
        let mut value = Map::new();
        value.insert("kind".to_owned(), json!(self.kind));
        value.insert("occurrence".to_owned(), json!(self.occurrence));
        let runs: Vec<Value> = self.runs.iter().map(Planned::to_json).collect();
        value.insert("runs".to_owned(), json!(runs));
        for (name, text) in [("note", &self.note), ("error", &self.error)] {
            if let Some(text) = text {
                value.insert(name.to_owned(), json!(text));
            }
        }
        if !self.unmet.is_empty() {
            let unmet: Vec<Value> = self.unmet.iter().map(Unmet::to_json).collect();
            value.insert("unmet".to_owned(), json!(unmet));
        }
        if let Some(state) = &self.task_state {
            value.insert("taskState".to_owned(), state.clone());
        }
        Value::Object(value)
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        let Some(kind) = self.kind else { return text };
        let occurrence = self.occurrence.as_deref().unwrap_or(kind);
        let _ = writeln!(text, "{BOLD}{}{BOLD:#}", printable(occurrence));
        if let Some(note) = &self.note {
            let _ = writeln!(text, "  {}", printable(note));
        }
        for unmet in &self.unmet {
            let _ = writeln!(text, "    {}", unmet.to_text());
        }
        if let Some(Value::Object(state)) = &self.task_state {
            for (name, value) in state.iter().filter(|(_, value)| !value.is_null()) {
                let value = value.as_str().map_or_else(|| value.to_string(), printable);
                let _ = writeln!(text, "  {DIM}{name:11}{DIM:#} {value}");
            }
        }
        for planned in &self.runs {
            planned.write_text(&mut text);
        }
        text
    }
}

impl Planned {
    fn to_json(&self) -> Value {
        let mut value = Map::new();
        value.insert("job".to_owned(), json!(self.job));
        value.insert("runId".to_owned(), json!(self.run_id));
        value.insert("startedBy".to_owned(), json!(self.started_by));
        value.insert("clientToken".to_owned(), json!(self.client_token));
        value.insert("request".to_owned(), json!(self.request));
        value.insert("overridesChars".to_owned(), json!(self.overrides_chars));
        if let Some(registers) = &self.registers {
            value.insert("registerTaskDefinition".to_owned(), registers.clone());
        }
        for (name, text) in [("note", &self.note), ("problem", &self.problem)] {
            if let Some(text) = text {
                value.insert(name.to_owned(), json!(text));
            }
        }
        Value::Object(value)
    }

    fn write_text(&self, text: &mut String) {
        let _ = writeln!(text, "  {DIM}job{DIM:#}        {}", self.job);
        let _ = writeln!(text, "  {DIM}run{DIM:#}        {}", self.run_id);
        let _ = writeln!(text, "  {DIM}started by{DIM:#} {}", self.started_by);
        let _ = writeln!(text, "  {DIM}token{DIM:#}      {}", self.client_token);
        if let Some(chars) = self.overrides_chars {
            let _ = writeln!(
                text,
                "  {DIM}overrides{DIM:#}  {chars} of {OVERRIDES_CHARS_MAX} characters"
            );
        }
        if let Some(note) = &self.note {
            let _ = writeln!(text, "  {DIM}network{DIM:#}    {}", printable(note));
        }
        if let Some(problem) = &self.problem {
            let _ = writeln!(text, "  {BAD}would fail{BAD:#} {}", printable(problem));
        }
        for (title, value) in
            [("RegisterTaskDefinition", &self.registers), ("RunTask", &self.request)]
        {
            let Some(value) = value else { continue };
            let json = serde_json::to_string_pretty(value).unwrap_or_default();
            let _ = writeln!(text, "  {DIM}{title}{DIM:#}");
            for line in json.lines() {
                let _ = writeln!(text, "    {}", printable(line));
            }
        }
    }
}
