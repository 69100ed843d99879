//! `check`: is jobs.yaml right, and when does what run next?

use jiff::Timestamp;
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::jobs_file::{self, JobsFile};
use super::output::{self, GOOD};
use super::{Common, Format, layout};
use crate::jobs::{Job, Jobs, Source, Trigger};

/// Next times shown of one schedule.
const NEXT_TIMES: usize = 5;

pub(super) fn run(common: &Common) -> Result<Exit, Failure> {
    let file = jobs_file::open(&common.jobs)?;
    match common.output {
        Format::Json => print_json(&file),
        Format::Text => print_text(common, &file),
    }
}

fn print_json(file: &JobsFile) -> Result<Exit, Failure> {
    let now = Timestamp::now();
    let problems: Vec<_> = file.problems.iter().map(|p| p.record(&file.source)).collect();
    let jobs: Vec<Value> =
        file.jobs.iter().flat_map(Jobs::iter).map(|job| job_json(job, now)).collect();
    output::print_json(&json!({ "ok": file.jobs.is_some(), "problems": problems, "jobs": jobs }))?;
    Ok(if file.jobs.is_some() { Exit::Good } else { Exit::Bad })
}

fn job_json(job: &Job, now: Timestamp) -> Value {
    let triggers: Vec<Value> =
        job.triggers.iter().map(|trigger| trigger_json(trigger, now)).collect();
    json!({ "job": job.name, "runs": what(job), "triggers": triggers })
}

fn trigger_json(trigger: &Trigger, now: Timestamp) -> Value {
    match trigger {
        Trigger::Schedule(schedule) => json!({
            "schedule": schedule.expression.as_ref().map(ToString::to_string),
            "timeZone": schedule.zone_name,
            "scheduleName": schedule.name,
            "next": schedule.next(now, NEXT_TIMES),
        }),
        Trigger::S3(s3) => json!({
            "s3": {
                "bucket": s3.bucket, "prefix": s3.prefix, "suffix": s3.suffix, "glob": s3.glob,
                "minSize": s3.min_size, "maxSize": s3.max_size,
            }
        }),
    }
}

fn print_text(common: &Common, file: &JobsFile) -> Result<Exit, Failure> {
    output::print_aside(&jobs_file::report(&common.jobs, &file.source, &file.problems));
    let Some(jobs) = &file.jobs else {
        return Err(Failure::bad(jobs_file::summary(&common.jobs, &file.problems)));
    };
    let now = Timestamp::now();
    let rows: Vec<Vec<String>> = jobs.iter().flat_map(|job| rows(job, now)).collect();
    let table = layout::table(&["JOB", "RUNS", "TRIGGER", "NEXT"], &rows, None);
    let count = jobs.iter().count();
    let noun = if count == 1 { "job is" } else { "jobs are" };
    let path = common.jobs.display();
    output::print_text(&format!("{table}\n{GOOD}ok:{GOOD:#} {count} {noun} right in {path}\n"))
}

/// A row for each trigger and each of its next times; the job is named in the first.
fn rows(job: &Job, now: Timestamp) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for trigger in &job.triggers {
        let (text, mut next) = trigger_cells(trigger, now);
        let first = if next.is_empty() { String::new() } else { next.remove(0) };
        rows.push([String::new(), String::new(), text, first]);
        rows.extend(
            next.into_iter().map(|time| [String::new(), String::new(), String::new(), time]),
        );
    }
    if rows.is_empty() {
        rows.push([String::new(), String::new(), "by hand only".to_owned(), String::new()]);
    }
    if let Some([name, runs, ..]) = rows.first_mut() {
        *name = job.name.to_string();
        *runs = what(job);
    }
    rows.into_iter().map(Vec::from).collect()
}

fn what(job: &Job) -> String {
    match &job.task.source {
        Source::Image(image) => image.clone(),
        Source::TaskDefinition(family) => format!("task definition {family}"),
    }
}

/// A trigger as text, and its next times.
fn trigger_cells(trigger: &Trigger, now: Timestamp) -> (String, Vec<String>) {
    match trigger {
        Trigger::Schedule(schedule) => {
            let text = match (&schedule.expression, &schedule.name) {
                (Some(expression), _) => format!("{expression} {}", schedule.zone_name),
                (None, name) => format!("schedule {}", name.as_deref().unwrap_or_default()),
            };
            let next = schedule.next(now, NEXT_TIMES).into_iter().map(|time| {
                let local = time.to_zoned_datetime(schedule.zone.clone());
                local.strftime("%a %Y-%m-%d %H:%M %Z").to_string()
            });
            (text, next.collect())
        }
        Trigger::S3(s3) => {
            let key = format!(
                "{}{}{}",
                s3.prefix.as_deref().unwrap_or_default(),
                s3.glob.as_deref().unwrap_or("*"),
                s3.suffix.as_deref().unwrap_or_default()
            );
            (format!("s3://{}/{key}", s3.bucket), Vec::new())
        }
    }
}
