//! Which jobs want an event.

use super::nearest::nearest;
use super::parameter::{self, ParameterError};
use super::request::default_parameters;
use super::{Job, Jobs, Mismatch, Trigger};
use crate::event::{Event, Manual, Object, Rerun, Schedule, Values};
use crate::identity::Namespace;

/// A job that wants an event, with the values its templates may use.
#[derive(Clone, Debug)]
pub struct Match<'a> {
    /// The job.
    pub job: &'a Job,
    /// The event's values and the run's parameters.
    pub values: Values,
}

/// Why an event cannot belong here: not that every trigger's conditions excluded it (that is
/// normal), but that nothing in jobs.yaml could ever want it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unwanted {
    /// The event names a job that does not exist.
    #[error("there is no job `{name}`{hint}")]
    UnknownJob {
        /// The name.
        name: String,
        /// The nearest one.
        hint: String,
    },
    /// No job is named after the schedule and no trigger names it.
    #[error(
        "no job is named after the schedule `{name}`, and no trigger has \
         `scheduleName: {name}`{hint}"
    )]
    UnknownSchedule {
        /// The schedule's name.
        name: String,
        /// The nearest job.
        hint: String,
    },
    /// No trigger names the bucket.
    #[error("no trigger names the bucket `{0}`")]
    UnknownBucket(String),
    /// The parameters do not fit the job.
    #[error("job `{job}`: {problem}")]
    BadParameters {
        /// The job.
        job: String,
        /// What does not fit.
        problem: ParameterError,
    },
}

impl Jobs {
    /// The jobs that want `event`, by name; none when every trigger's conditions exclude it.
    pub fn wanting(
        &self,
        event: &Event,
        namespace: &Namespace,
    ) -> Result<Vec<Match<'_>>, Unwanted> {
        match event {
            Event::Schedule(schedule) => self
                .wanting_schedule(schedule, namespace)
                .map(|jobs| jobs.into_iter().map(|job| triggered(job, event)).collect()),
            Event::S3(object) => self
                .wanting_object(object)
                .map(|jobs| jobs.into_iter().map(|job| triggered(job, event)).collect()),
            Event::Manual(manual) => self.wanting_manual(manual).map(|found| vec![found]),
            // A rerun is wanted by the job of its run: see `wanting_again`.
            Event::Rerun(_)
            | Event::TaskState(_)
            | Event::Reminder(_)
            | Event::Observation(_)
            | Event::Test => Ok(Vec::new()),
        }
    }

    /// The job of a run that is wanted once more, as it is now. `earlier` are that run's values:
    /// its event's stay as they are; its parameters are held against what the job declares now.
    pub fn wanting_again(&self, rerun: &Rerun, earlier: &Values) -> Result<Match<'_>, Unwanted> {
        let job = self.named(rerun.run.job())?;
        let values = parameter::accept_again(&job.parameters, rerun, earlier)
            .map_err(|problem| Unwanted::BadParameters { job: job.name.to_string(), problem })?;
        Ok(Match { job, values })
    }

    /// The job our own input names, else the ones named after the schedule, else the ones with a
    /// trigger that names it.
    fn wanting_schedule(
        &self,
        schedule: &Schedule,
        namespace: &Namespace,
    ) -> Result<Vec<&Job>, Unwanted> {
        if let Some(name) = &schedule.job {
            return self.named(name.as_str()).map(|job| vec![job]);
        }
        let prefix = format!("{namespace}-");
        let bare = schedule.name.strip_prefix(&prefix).unwrap_or(&schedule.name);
        let exact = self.get(&schedule.name).or_else(|| self.get(bare));
        let after = || self.iter().find(|job| job.owns_schedule(&schedule.name, namespace));
        if let Some(job) = exact.or_else(after) {
            return Ok(vec![job]);
        }
        let names_it = |trigger: &Trigger| match trigger {
            Trigger::Schedule(trigger) => trigger.name.as_ref() == Some(&schedule.name),
            Trigger::S3(_) => false,
        };
        let jobs: Vec<&Job> = self.iter().filter(|job| job.triggers.iter().any(names_it)).collect();
        if jobs.is_empty() {
            let name = schedule.name.clone();
            return Err(Unwanted::UnknownSchedule { hint: self.hint(bare), name });
        }
        Ok(jobs)
    }

    fn wanting_object(&self, object: &Object) -> Result<Vec<&Job>, Unwanted> {
        let matches = |job: &&Job| {
            job.triggers.iter().any(|trigger| match trigger {
                Trigger::S3(trigger) => trigger.matches(object),
                Trigger::Schedule(_) => false,
            })
        };
        let jobs: Vec<&Job> = self.iter().filter(matches).collect();
        let known = self.iter().flat_map(|job| &job.triggers).any(|trigger| match trigger {
            Trigger::S3(trigger) => trigger.bucket == object.bucket,
            Trigger::Schedule(_) => false,
        });
        if known { Ok(jobs) } else { Err(Unwanted::UnknownBucket(object.bucket.clone())) }
    }

    /// What keeps an object from each trigger of its bucket, by job.
    pub fn mismatches<'a>(
        &'a self,
        object: &'a Object,
    ) -> impl Iterator<Item = (&'a Job, Mismatch<'a>)> {
        let of_trigger = |trigger: &'a Trigger| match trigger {
            Trigger::S3(trigger) if trigger.bucket == object.bucket => trigger.mismatch(object),
            Trigger::S3(_) | Trigger::Schedule(_) => None,
        };
        self.iter().flat_map(move |job| {
            job.triggers.iter().filter_map(of_trigger).map(move |mismatch| (job, mismatch))
        })
    }

    fn wanting_manual(&self, manual: &Manual) -> Result<Match<'_>, Unwanted> {
        let job = self.named(manual.job.as_str())?;
        let values = parameter::accept(&job.parameters, &manual.parameters)
            .map_err(|problem| Unwanted::BadParameters { job: job.name.to_string(), problem })?;
        Ok(Match { job, values })
    }

    fn named(&self, name: &str) -> Result<&Job, Unwanted> {
        self.get(name)
            .ok_or_else(|| Unwanted::UnknownJob { name: name.to_owned(), hint: self.hint(name) })
    }

    fn hint(&self, name: &str) -> String {
        let names: Vec<&str> = self.iter().map(|job| job.name.as_str()).collect();
        nearest(name, &names).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
    }
}

fn triggered<'a>(job: &'a Job, event: &Event) -> Match<'a> {
    let mut values = event.values();
    values.extend(default_parameters(job));
    Match { job, values }
}
