//! `execution-role`, `execution-role-permissions`, `task-role` and `pass-role`.

use std::collections::BTreeSet;

use super::{Look, source};
use crate::diagnosis::evidence::{Decision, Definition};
use crate::diagnosis::needs::ImageName;
use crate::diagnosis::{Check, Finding, Status, Unseen};

/// Who takes on a task's roles.
const ECS_TASKS: &str = "ecs-tasks.amazonaws.com";
/// What hands a role over.
const PASS_ROLE: &str = "iam:PassRole";

pub(super) fn findings(look: Look<'_>, definition: &Definition) -> Vec<Finding> {
    let mut found = Vec::new();
    match &definition.execution_role {
        Some(role) => {
            found.push(trust(look, Check::ExecutionRole, role));
            found.extend(permissions(look, role));
        }
        None => found.push(none(look, definition)),
    }
    if let Some(role) = &definition.task_role {
        found.push(trust(look, Check::TaskRole, role));
    }
    found.extend(pass(look, definition));
    found
}

/// A task without an execution role: fine, as long as nothing is done in its name.
fn none(look: Look<'_>, definition: &Definition) -> Finding {
    let needs = definition.containers.iter().any(|container| {
        ImageName::of(&container.image).ecr.is_some()
            || !container.secrets.is_empty()
            || container.logs.is_some()
    });
    if needs {
        look.fail(
            Check::ExecutionRole,
            format!("{} has no execution role, which image, secrets or log need", definition.name),
            "set `executionRoleArn`, for example to one with AmazonECSTaskExecutionRolePolicy",
        )
    } else {
        look.ok(Check::ExecutionRole, "none is set, and nothing needs one")
    }
}

/// Whether the role exists and ECS may take it on.
fn trust(look: Look<'_>, check: Check, arn: &str) -> Finding {
    let role = match source(&look.evidence.roles, arn, "roles") {
        Ok(Some(role)) => role,
        Ok(None) => {
            return look.fail(
                check,
                format!("{arn} does not exist"),
                "correct its ARN, or make it",
            );
        }
        Err(unseen) => return look.skip(check, &unseen),
    };
    if role.trusted_services.iter().any(|service| service == ECS_TASKS) {
        return look.ok(check, format!("{arn} exists, and ECS may take it on"));
    }
    look.fail(
        check,
        format!("{arn} does not let {ECS_TASKS} take it on"),
        format!(
            "aws iam update-assume-role-policy --role-name {} --policy-document \
             '{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Allow\",\"Principal\":\
             {{\"Service\":\"{ECS_TASKS}\"}},\"Action\":\"sts:AssumeRole\"}}]}}'",
            name(arn)
        ),
    )
}

fn name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn decisions<'e>(look: Look<'e>, arn: &str) -> Result<Option<&'e Vec<Decision>>, Unseen> {
    match source(&look.evidence.roles, arn, "roles")? {
        Some(role) => Ok(Some(role.decisions.seen("permissions")?)),
        None => Ok(None),
    }
}

/// What the execution role may do.
fn permissions(look: Look<'_>, arn: &str) -> Vec<Finding> {
    let check = Check::ExecutionRolePermissions;
    let decisions = match decisions(look, arn) {
        Ok(Some(decisions)) => decisions,
        // That it does not exist is told once.
        Ok(None) => return Vec::new(),
        Err(unseen) => return vec![look.skip(check, &unseen)],
    };
    let of = |allowed: Option<bool>| {
        let its = decisions.iter().filter(|decision| decision.action != PASS_ROLE);
        its.filter(move |decision| decision.allowed == allowed)
    };
    let denied = of(Some(false)).map(|Decision { action, resource, .. }| {
        let sentence = format!("{} may not {action} on {resource}", name(arn));
        Finding::fail(check, &look.about(action), sentence, allow(arn, action, resource))
    });
    let open = of(None).map(|Decision { action, resource, .. }| {
        let role = name(arn);
        let decides = match action.starts_with("kms:") {
            true => "the key's own policy, which could not be read,",
            false => "a condition",
        };
        let sentence = format!("{decides} decides whether {role} may {action} on {resource}");
        Finding::open(check, &look.about(action), sentence)
    });
    let found: Vec<Finding> = denied.chain(open).collect();
    let may: BTreeSet<&str> = of(Some(true)).map(|decision| decision.action.as_str()).collect();
    let may: Vec<&str> = may.into_iter().collect();
    let fine = match may.as_slice() {
        [] => format!("{} needs no permission", name(arn)),
        may => format!("{} may {}", name(arn), may.join(", ")),
    };
    let is_fine = found.iter().all(|finding| finding.status != Status::Fail);
    let is_known = !may.is_empty() || found.is_empty();
    let fine = (is_fine && is_known).then(|| look.ok(check, fine));
    found.into_iter().chain(fine).collect()
}

/// Whether dispatch may hand over both roles.
fn pass(look: Look<'_>, definition: &Definition) -> Option<Finding> {
    let check = Check::PassRole;
    let dispatch = look.subject.dispatch_role.as_ref()?;
    let roles: Vec<&String> =
        [&definition.execution_role, &definition.task_role].into_iter().flatten().collect();
    if roles.is_empty() {
        return None;
    }
    let decisions = match decisions(look, dispatch) {
        Ok(Some(decisions)) => decisions,
        Ok(None) => {
            let sentence = format!("{dispatch} does not exist");
            return Some(look.fail(check, sentence, "deploy template.yaml"));
        }
        Err(unseen) => return Some(look.skip(check, &unseen)),
    };
    let told =
        |role: &&&String| decisions.iter().find(|d| d.action == PASS_ROLE && d.resource == ***role);
    let allowed = |role: &&String| told(&role).and_then(|decision| decision.allowed);
    let denied = roles.iter().find(|role| allowed(role) == Some(false));
    let unknown = roles.iter().any(|role| allowed(role).is_none());
    Some(match denied {
        Some(role) => look.fail(
            check,
            format!("dispatch may not hand over {role}"),
            "longshore render, then deploy triggers.yaml: it allows what jobs.yaml names",
        ),
        None if unknown => {
            look.open(check, "a condition decides whether dispatch may hand over the task's roles")
        }
        None => look.ok(check, "dispatch may hand over the task's roles"),
    })
}

fn allow(arn: &str, action: &str, resource: &str) -> String {
    format!(
        "aws iam put-role-policy --role-name {} --policy-name longshore-task --policy-document \
         '{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Allow\",\"Action\":\
         \"{action}\",\"Resource\":\"{resource}\"}}]}}'",
        name(arn)
    )
}
