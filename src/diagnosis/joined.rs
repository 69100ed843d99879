//! The one thing that is broken: what ECS says, joined with what was found. ECS's words are often
//! the same for two causes; the findings decide between them.

use serde::{Deserialize, Serialize};

use super::evidence::{Evidence, RunSeen};
use super::{Check, Finding, Status};
use crate::cause::{Cause, Kind};
use crate::event::StopCode;

/// The cause, with its proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedCause {
    /// What ECS's words mean, where there are any.
    pub kind: Option<Kind>,
    /// The check that found it, where one did.
    pub check: Option<Check>,
    /// In one sentence.
    pub sentence: String,
    /// What it rests on.
    pub proof: Vec<String>,
    /// What to do.
    pub remedy: String,
}

/// The cause, if there is one.
pub(super) fn cause(evidence: &Evidence, findings: &[Finding]) -> Option<NamedCause> {
    let failed = || findings.iter().filter(|finding| finding.status == Status::Fail);
    let Some(run) = &evidence.run else {
        return failed().min_by_key(|finding| finding.check).map(of_finding);
    };
    if run.status == "Succeeded" {
        return None;
    }
    if let Some(told) = told(run) {
        return Some(join(run, told, findings));
    }
    // What somebody wanted, or a limit of ours, is its own cause.
    if ["Cancelled", "Skipped"].contains(&run.status.as_str()) {
        return of_itself(run, evidence);
    }
    // Whatever should have started it did.
    let is_its_own = |finding: &&Finding| job_of(finding) == run.job;
    let first = failed().filter(is_its_own).filter(|f| f.check != Check::Trigger);
    let first = first.min_by_key(|finding| finding.check);
    if run.ended_badly() && (run.exit_code.is_some() || first.is_none()) {
        return of_itself(run, evidence);
    }
    // It ended without a word, or did not begin: what is broken is what keeps it.
    let is_kept = run.status != "Running" && !run.waits_for_slot();
    first.filter(|_| is_kept).map(of_finding)
}

/// The program's own end, or ours: nothing that the account could be blamed for.
fn of_itself(run: &RunSeen, evidence: &Evidence) -> Option<NamedCause> {
    // This machine's evidence has no region.
    let on = if evidence.region.is_empty() { "" } else { " --on aws" };
    Some(NamedCause {
        kind: None,
        check: None,
        sentence: run.reasons.first()?.clone(),
        proof: run.reasons.iter().skip(1).map(|reason| format!("ECS: {reason}")).collect(),
        remedy: match run.exit_code {
            Some(1..) => format!("longshore logs {}{on}", run.id),
            Some(_) | None => format!("longshore show {}{on}", run.id),
        },
    })
}

/// The cause that the run's own words name.
fn told(run: &RunSeen) -> Option<Cause> {
    let code = run.stop_code.as_deref().map(StopCode::from);
    let read = |reason: &String| Cause::of_reason(reason, None).filter(|c| !c.kind.is_generic());
    let by_code = || Cause::of_reason("", code.as_ref());
    run.cause.clone().or_else(|| run.reasons.iter().find_map(read)).or_else(by_code)
}

fn join(run: &RunSeen, told: Cause, findings: &[Finding]) -> NamedCause {
    let suspects = suspects(told.kind);
    let related: Vec<&Finding> = findings
        .iter()
        .filter(|finding| suspects.contains(&finding.check) && concerns(finding, run, told.kind))
        .collect();
    let is = |status: Status| related.iter().filter(move |finding| finding.status == status);
    let mut proof: Vec<String> =
        run.reasons.iter().map(|reason| format!("ECS: {reason}")).collect();
    if let Some(culprit) = is(Status::Fail).min_by_key(|finding| rank(suspects, finding.check)) {
        proof.push(format!("{}: {}", culprit.check, culprit.evidence));
        return NamedCause {
            kind: Some(told.kind),
            check: Some(culprit.check),
            sentence: format!("{}: {}", without_guess(&told), culprit.evidence),
            proof,
            remedy: culprit.remedy.clone().unwrap_or(told.remedy),
        };
    }
    let looked_at = suspects.first().is_some_and(|first| related.iter().any(|f| f.check == *first));
    let all_fine = related.iter().all(|finding| finding.status == Status::Ok);
    let (sentence, remedy) = if may_pass(told.kind) && looked_at && all_fine {
        let fine = is(Status::Ok).map(|f| format!("{}: {}: {}", f.check, f.subject, f.evidence));
        proof.extend(fine);
        (
            format!("{}; all is in order now, so it passed by itself", without_guess(&told)),
            "run it again; if it comes again, look at the service's own health".to_owned(),
        )
    } else {
        // What may be behind it, and what could not be looked at.
        let open = related.iter().filter(|finding| finding.status != Status::Ok);
        proof.extend(open.map(|finding| format!("{}: {}", finding.check, finding.evidence)));
        (told.sentence, told.remedy)
    };
    NamedCause { kind: Some(told.kind), check: None, sentence, proof, remedy }
}

/// What is wrong, without the guess why: the findings know.
fn without_guess(told: &Cause) -> &str {
    match told.kind {
        Kind::LogGroupOrRoute => "the task cannot open its log",
        Kind::InterfaceFailed => "EC2 could not make the task's network interface",
        Kind::StartTimeout => "the task did not start within its limit",
        _ => &told.sentence,
    }
}

/// Whether a finding is about the run's job, and, where it is about services, about one that the
/// words can mean.
fn concerns(finding: &Finding, run: &RunSeen, kind: Kind) -> bool {
    let about = finding.subject.split_once(": ").map(|(_, about)| about);
    let is_way = matches!(
        finding.check,
        Check::Route
            | Check::SecurityGroup
            | Check::NetworkAcl
            | Check::VpcDns
            | Check::PublicIp
            | Check::Endpoint
    );
    let is_meant = |about: &str| match finding.check {
        _ if is_way => about.split(", ").any(|service| kind_is_about(kind, service)),
        Check::ExecutionRolePermissions => kind_is_of(kind, about),
        _ => true,
    };
    job_of(finding) == run.job && about.is_none_or(is_meant)
}

/// The job that a finding is about.
fn job_of(finding: &Finding) -> &str {
    finding.subject.split_once(": ").map_or(finding.subject.as_str(), |(job, _)| job)
}

/// Whether the words are about an action: `ecr:BatchGetImage`.
fn kind_is_of(kind: Kind, action: &str) -> bool {
    let service = action.split(':').next().unwrap_or(action);
    match kind {
        Kind::ImageDenied | Kind::ImageUnpullable => service == "ecr",
        Kind::LogDenied => service == "logs",
        Kind::SecretDenied | Kind::SecretUnreadable => {
            ["secretsmanager", "ssm", "kms"].contains(&service)
        }
        _ => true,
    }
}

fn kind_is_about(kind: Kind, service: &str) -> bool {
    let others = ["logs", "secretsmanager", "ssm", "kms", "ssmmessages"];
    match kind {
        Kind::RegistryUnreachable => service.starts_with("ecr.") || service.contains(".dkr"),
        Kind::LayersUnreachable => service == "s3",
        Kind::ImageUnreachable | Kind::ImageUnpullable | Kind::PullInterrupted => {
            !others.contains(&service)
        }
        Kind::SecretUnreachable | Kind::SecretUnreadable => {
            ["secretsmanager", "ssm", "kms"].contains(&service)
        }
        Kind::LogGroupOrRoute => service == "logs",
        _ => true,
    }
}

fn of_finding(finding: &Finding) -> NamedCause {
    NamedCause {
        kind: None,
        check: Some(finding.check),
        sentence: format!("{}: {}", finding.subject, finding.evidence),
        proof: vec![format!("{}: {}", finding.check, finding.evidence)],
        remedy: finding.remedy.clone().unwrap_or_default(),
    }
}

fn rank(suspects: &[Check], check: Check) -> usize {
    suspects.iter().position(|suspect| *suspect == check).unwrap_or(usize::MAX)
}

/// Whether the words fit a disturbance as well as something broken.
fn may_pass(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::RegistryUnreachable
            | Kind::LayersUnreachable
            | Kind::ImageUnreachable
            | Kind::SecretUnreachable
            | Kind::LogGroupOrRoute
            | Kind::InterfaceFailed
    )
}

/// The checks that can prove a kind, the likeliest first.
fn suspects(kind: Kind) -> &'static [Check] {
    // A task that hangs hangs at the first thing it has to wait for.
    const AFTER_TRIGGER: &[Check] = match &Check::ALL {
        [_, rest @ ..] => rest,
    };
    const LOG_GROUP_OR_WAY: &[Check] = &[
        Check::LogGroup,
        Check::Route,
        Check::SecurityGroup,
        Check::NetworkAcl,
        Check::VpcDns,
        Check::PublicIp,
        Check::Endpoint,
    ];
    const WAY: &[Check] = match LOG_GROUP_OR_WAY {
        [_, rest @ ..] => rest,
        [] => &[],
    };
    match kind {
        Kind::RegistryUnreachable
        | Kind::LayersUnreachable
        | Kind::ImageUnreachable
        | Kind::SecretUnreachable
        | Kind::PullInterrupted => WAY,
        Kind::StartTimeout => AFTER_TRIGGER,
        Kind::LogGroupOrRoute => LOG_GROUP_OR_WAY,
        Kind::LogGroupMissing => &[Check::LogGroup],
        Kind::LogDenied | Kind::SecretDenied => {
            &[Check::ExecutionRolePermissions, Check::ExecutionRole]
        }
        Kind::ImageDenied => &[Check::ExecutionRolePermissions, Check::ExecutionRole, Check::Image],
        Kind::ImageMissing | Kind::RegistryDenied => &[Check::Image],
        Kind::ImageUnpullable => &[Check::Image, Check::ExecutionRolePermissions, Check::Route],
        Kind::Platform => &[Check::ImagePlatform],
        Kind::SecretMissing | Kind::SecretVersion => &[Check::Secrets],
        Kind::SecretUnreadable => &[Check::Secrets, Check::ExecutionRolePermissions, Check::Route],
        Kind::EfsName => &[Check::VpcDns],
        Kind::NoFreeAddresses | Kind::InterfaceFailed => &[Check::FreeAddresses, Check::Subnets],
        Kind::CpuQuota | Kind::SizeQuota => &[Check::Quota],
        Kind::NoCapacity | Kind::ZoneWithoutFargate => &[Check::Zones],
        Kind::Incompatible => &[Check::TaskDefinition, Check::CapacityProvider],
        Kind::LaunchDenied => &[Check::PassRole],
        Kind::RoleRefused => &[Check::ExecutionRole, Check::TaskRole, Check::PassRole],
        Kind::ClusterMissing => &[Check::Cluster],
        Kind::ProviderMissing => &[Check::CapacityProvider],
        Kind::DefinitionMissing => &[Check::TaskDefinition],
        Kind::ContainerMissing => &[Check::Container],
        Kind::NetworkMissing => &[Check::Subnets, Check::SecurityGroup],
        Kind::ResourceMissing => &[Check::Cluster, Check::TaskDefinition],
        Kind::Initialization => {
            &[Check::ExecutionRolePermissions, Check::Secrets, Check::LogGroup, Check::Route]
        }
        Kind::ImageName
        | Kind::RateLimit
        | Kind::SecretThrottled
        | Kind::DiskFull
        | Kind::LogDriver
        | Kind::EfsUnreachable
        | Kind::EfsDenied
        | Kind::EfsPath
        | Kind::EfsFailed
        | Kind::InterfaceRefused
        | Kind::InterfaceTimeout
        | Kind::StorageTimeout
        | Kind::ProvisioningFailed
        | Kind::ServiceDiscovery
        | Kind::AccountBlocked
        | Kind::Throttled
        | Kind::NoInstances
        | Kind::InstanceFull
        | Kind::Constraint
        | Kind::AgentGone
        | Kind::OutOfMemory
        | Kind::ProgramMissing
        | Kind::ProgramDenied
        | Kind::RuntimeTimeout
        | Kind::RuntimeFailed
        | Kind::ContainerNotStarted
        | Kind::VolumeFailed
        | Kind::SpotInterruption
        | Kind::HostFailed
        | Kind::HostStopped
        | Kind::StoppedByService
        | Kind::StoppedByUser
        | Kind::EssentialExited
        | Kind::InternalError
        | Kind::Other => &[],
    }
}
