//! A job that has all it needs, to be broken in one place at a time.

use std::collections::BTreeMap;

use crate::diagnosis::Source::{self, Seen};
use crate::diagnosis::evidence::{
    Cluster, ContainerDefinition, Decision, Definition, Evidence, Image, LogGroup, LogTarget,
    Quota, Role, RunSeen, Secret, Subject, SubjectTrigger, Trigger,
};

use super::sketch::{REGION, Sketch};
use super::worlds;

pub(super) const EXECUTION: &str = "arn:aws:iam::123456789012:role/report-execution";
pub(super) const TASK: &str = "arn:aws:iam::123456789012:role/report-task";
pub(super) const DISPATCH: &str = "arn:aws:iam::123456789012:role/longshore-dispatch";
pub(super) const IMAGE: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/acme/report:1.4.2";
pub(super) const SECRET: &str =
    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:report-db-AbCdEf";
pub(super) const GROUP: &str = "/ecs/report-log";
/// Its key.
pub(super) const LOG: &str = "eu-west-1:/ecs/report-log";

/// Two zones, each with a private subnet that leads to a NAT gateway.
const TWO_ZONES: &str = "
subnet app-b b 10.0.2.0/24
table rtb-app for=app,app-b 0.0.0.0/0=nat-1
acl acl-1 for=app,app-b,edge in:100:allow:all:0.0.0.0/0 out:100:allow:all:0.0.0.0/0
task in=app,app-b groups=sg-task
";

/// The evidence of a job `report` that lacks nothing.
pub(super) fn healthy() -> Evidence {
    with_network("nat", TWO_ZONES)
}

/// The same job in another network.
pub(super) fn with_network(kind: &str, lines: &str) -> Evidence {
    let sketch = worlds::like(kind, lines);
    let mut evidence = Evidence::new(REGION, "2026-11-24T09:14:07Z".parse().unwrap());
    evidence.account = Some("123456789012".to_owned());
    evidence.jobs.push(subject(&sketch));
    evidence.network = sketch.world;
    let cluster = Cluster {
        status: "ACTIVE".to_owned(),
        capacity_providers: vec!["FARGATE".to_owned(), "FARGATE_SPOT".to_owned()],
    };
    evidence.clusters = map("batch-cluster", cluster);
    let image =
        Image { platforms: Seen(vec!["linux/amd64".to_owned()]), policy_admits: Seen(None) };
    evidence.images = map(IMAGE, image);
    evidence.log_groups = map(LOG, LogGroup::default());
    evidence.secrets = map(SECRET, Secret { has_value: true, ..Secret::default() });
    let sends = Trigger { enabled: true, to_queue: Seen(true) };
    evidence.triggers = map("schedule/report-nightly", sends.clone());
    evidence.triggers.extend(map("rule/report-objects", sends));
    let tells = Trigger { enabled: true, to_queue: Source::NotAsked };
    evidence.triggers.extend(map("bucket/report-uploads", tells));
    evidence.queue_admits = Seen(Some(true));
    let quota = Quota { vcpus_max: 6.0, vcpus_used: Seen(1.0) };
    for provider in ["FARGATE", "FARGATE_SPOT"] {
        evidence.quotas.insert(provider.to_owned(), Seen(quota.clone()));
    }
    let tasks = "ecs-tasks.amazonaws.com";
    evidence.roles =
        map(EXECUTION, role(tasks, &[("logs:CreateLogStream", GROUP), ("ecr:BatchGetImage", "*")]));
    evidence.roles.extend(map(TASK, role(tasks, &[])));
    let passes = [("iam:PassRole", EXECUTION), ("iam:PassRole", TASK)];
    evidence.roles.extend(map(DISPATCH, role("lambda.amazonaws.com", &passes)));
    evidence
}

fn map<T>(key: &str, value: T) -> BTreeMap<String, Source<Option<T>>> {
    BTreeMap::from([(key.to_owned(), Seen(Some(value)))])
}

fn role(trusted: &str, may: &[(&str, &str)]) -> Role {
    let decisions = may.iter().map(|(action, resource)| Decision {
        action: (*action).to_owned(),
        resource: (*resource).to_owned(),
        allowed: Some(true),
    });
    Role { trusted_services: vec![trusted.to_owned()], decisions: Seen(decisions.collect()) }
}

fn subject(sketch: &Sketch) -> Subject {
    let container = ContainerDefinition {
        name: "report-main".to_owned(),
        image: IMAGE.to_owned(),
        secrets: vec![SECRET.to_owned()],
        logs: Some(LogTarget { group: GROUP.to_owned(), region: REGION.to_owned(), create: false }),
    };
    Subject {
        job: "report".to_owned(),
        cluster: "batch-cluster".to_owned(),
        capacity: vec!["FARGATE_SPOT".to_owned(), "FARGATE".to_owned()],
        container: "report-main".to_owned(),
        definition: Seen(Some(Definition {
            name: "report-family:3".to_owned(),
            active: true,
            fargate: true,
            cpu: 256,
            memory: 512,
            architecture: "X86_64".to_owned(),
            windows: false,
            execution_role: Some(EXECUTION.to_owned()),
            task_role: Some(TASK.to_owned()),
            containers: vec![container],
        })),
        subnets: Seen(sketch.subnets.clone()),
        security_groups: Seen(sketch.groups.clone()),
        assign_public_ip: sketch.public,
        enable_execute_command: false,
        dispatch_role: Some(DISPATCH.to_owned()),
        triggers: vec![
            SubjectTrigger::Schedule { name: "report-nightly".to_owned(), elsewhere: false },
            SubjectTrigger::Bucket {
                bucket: "report-uploads".to_owned(),
                rule: "report-objects".to_owned(),
            },
        ],
    }
}

/// Its definition, to be changed.
pub(super) fn definition(evidence: &mut Evidence) -> &mut Definition {
    match &mut evidence.jobs[0].definition {
        Seen(Some(definition)) => definition,
        other => panic!("no definition: {other:?}"),
    }
}

/// A run of it that ended with this reason.
pub(super) fn failed(mut evidence: Evidence, reason: &str) -> Evidence {
    evidence.run = Some(RunSeen {
        id: "report-aaaaabbbbbcccccddddd".to_owned(),
        job: "report".to_owned(),
        status: "Failed".to_owned(),
        attempt: 1,
        reasons: vec![reason.to_owned()],
        stop_code: Some("TaskFailedToStart".to_owned()),
        exit_code: None,
        cause: None,
        task_shown: Source::NotAsked,
    });
    evidence
}
