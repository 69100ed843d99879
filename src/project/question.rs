//! What a new project has to know, one question after the other, each with what may be proposed.

use super::choices::Choices;
use super::{Answer, Plan, job_name};

/// A name for a job where its image has none.
const FIRST_JOB: &str = "first-job";

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// The region.
    Region,
    /// The image.
    Image,
    /// The job's name.
    Job,
    /// A schedule, or objects.
    Trigger,
    /// The cluster.
    Cluster,
    /// The VPC.
    Vpc,
    /// Subnets by id, or by tags.
    Subnets,
    /// The role that ECS pulls the image and writes logs with. The only one that may stay open.
    ExecutionRole,
}

impl Question {
    /// All of them, in the order in which they are asked.
    pub const ALL: [Self; 8] = [
        Self::Region,
        Self::Image,
        Self::Job,
        Self::Trigger,
        Self::Cluster,
        Self::Vpc,
        Self::Subnets,
        Self::ExecutionRole,
    ];

    /// What a project that is there has to know anew.
    pub const OF_UPGRADE: [Self; 1] = [Self::Region];

    /// The question.
    pub fn text(self) -> &'static str {
        match self {
            Self::Region => "AWS region",
            Self::Image => "container image",
            Self::Job => "name of the job",
            Self::Trigger => {
                "what starts it: rate(1 day), cron(0 2 * * ? *) in UTC, or s3://BUCKET/PREFIX"
            }
            Self::Cluster => "ECS cluster",
            Self::Vpc => "VPC",
            Self::Subnets => "subnets: ids separated by commas, or tags NAME=VALUE",
            Self::ExecutionRole => {
                "ARN of the role that ECS pulls from ECR and writes logs with (`-` for none)"
            }
        }
    }

    /// The answers that settle it, any of them.
    pub fn answers(self) -> &'static [Answer] {
        match self {
            Self::Region => &[Answer::Region],
            Self::Image => &[Answer::Image],
            Self::Job => &[Answer::Job],
            Self::Trigger => &[Answer::Schedule, Answer::Bucket],
            Self::Cluster => &[Answer::Cluster],
            Self::Vpc => &[Answer::Vpc],
            Self::Subnets => &[Answer::Subnets, Answer::SubnetTags],
            Self::ExecutionRole => &[Answer::ExecutionRole],
        }
    }

    /// Whether the project can do without it.
    pub fn is_optional(self) -> bool {
        self == Self::ExecutionRole
    }

    /// Whether the plan has no answer to it.
    pub fn is_open(self, plan: &Plan) -> bool {
        !self.answers().iter().any(|answer| plan.answers.contains_key(answer))
    }

    /// What is taken when nobody says otherwise.
    pub fn proposal(self, plan: &Plan, choices: &Choices) -> Option<String> {
        let answered = |answer| plan.answers.get(&answer).map(String::as_str);
        match self {
            Self::Region => choices.region.clone(),
            Self::Job => {
                let named = answered(Answer::Image).and_then(job_name);
                Some(named.unwrap_or_else(|| FIRST_JOB.to_owned()))
            }
            Self::Cluster => choices.cluster(),
            Self::Vpc => choices.vpc(),
            Self::Subnets => choices.subnets(answered(Answer::Vpc)?),
            Self::ExecutionRole => choices.execution_role.clone(),
            Self::Image | Self::Trigger => None,
        }
    }

    /// What there is to choose from: each with what it is, for people.
    pub fn offers(self, plan: &Plan, choices: &Choices) -> Vec<(String, String)> {
        match self {
            Self::Cluster => {
                choices.clusters.iter().map(|name| (name.clone(), String::new())).collect()
            }
            Self::Vpc => {
                let about = |is_default| if is_default { "the default VPC" } else { "" };
                let vpcs = choices.vpcs.iter();
                vpcs.map(|vpc| (vpc.id.clone(), join(&[&vpc.name, about(vpc.is_default)])))
                    .collect()
            }
            Self::Subnets => {
                let vpc = plan.answers.get(&Answer::Vpc).map_or("", String::as_str);
                let kind = |is_public| if is_public { "public" } else { "private" };
                let subnets = choices.subnets_of(vpc);
                subnets
                    .map(|subnet| {
                        let about = join(&[&subnet.zone, kind(subnet.is_public), &subnet.name]);
                        (subnet.id.clone(), about)
                    })
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// What a text means as an answer.
    pub fn read(self, text: &str) -> Vec<(Answer, String)> {
        let one = |answer| vec![(answer, text.to_owned())];
        match (self, text.strip_prefix("s3://")) {
            (Self::Trigger, Some(place)) => {
                let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
                let mut answers = vec![(Answer::Bucket, bucket.to_owned())];
                if !prefix.is_empty() {
                    answers.push((Answer::Prefix, prefix.to_owned()));
                }
                answers
            }
            (Self::Subnets, _) if text.contains('=') => one(Answer::SubnetTags),
            _ => self.answers().first().map(|answer| one(*answer)).unwrap_or_default(),
        }
    }
}

fn join(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    parts.join(", ")
}
