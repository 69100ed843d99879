//! An account in which nothing is wrong, and one permission after another that is missing.

#![expect(clippy::expect_used, reason = "a test may fail by panic")]

use std::collections::BTreeSet;
use std::path::Path;

use aws_sdk_scheduler::types::{FlexibleTimeWindow, FlexibleTimeWindowMode, Target};
use aws_sdk_sqs::types::QueueAttributeName;
use longshore::diagnosis::Check;
use serde_json::{Value, json};

use super::account::Account;
use super::worlds::{build, written};
use super::{ask, findings, finish, network, says};
use crate::moto;
use crate::program::{Done, Project};

/// The checks that are skipped when a permission is missing.
const NEEDED_BY: [(&str, &[&str]); 25] = [
    ("ec2:DescribeVpcs", &["vpc-dns"]),
    ("ec2:DescribeVpcAttribute", &["vpc-dns"]),
    ("ec2:DescribeNatGateways", &["route"]),
    ("ec2:DescribeVpcEndpoints", &["endpoint"]),
    ("ec2:DescribeSecurityGroups", &["security-group"]),
    ("ec2:DescribeNetworkAcls", &["network-acl"]),
    ("ecs:DescribeClusters", &["cluster", "capacity-provider"]),
    ("ecr:DescribeImages", &["image", "image-platform"]),
    ("ecr:GetRepositoryPolicy", &["image"]),
    ("ecr:BatchGetImage", &["image-platform"]),
    ("events:DescribeRule", &["trigger"]),
    ("events:ListTargetsByRule", &["trigger"]),
    ("lambda:GetFunctionConfiguration", &["pass-role"]),
    ("logs:DescribeLogGroups", &["log-group"]),
    ("s3:GetBucketNotification", &["trigger"]),
    ("iam:GetRole", &["execution-role", "execution-role-permissions", "task-role", "pass-role"]),
    ("iam:ListRolePolicies", &["execution-role-permissions", "pass-role"]),
    ("scheduler:GetSchedule", &["trigger"]),
    ("secretsmanager:DescribeSecret", &["secrets"]),
    ("servicequotas:GetServiceQuota", &["quota"]),
    ("ecs:ListClusters", &["quota"]),
    ("ecs:ListTasks", &["quota"]),
    ("ec2:DescribeRouteTables", &["route"]),
    ("sqs:GetQueueAttributes", &["trigger"]),
    ("ec2:DescribeManagedPrefixLists", &[]),
];

/// Everything that a job with both kinds of triggers needs.
struct Healthy {
    account: Account,
    jobs: String,
}

impl Healthy {
    async fn new() -> Self {
        let account = Account::new().await;
        account.register().await;
        let world = written("private with NAT").with(&[
            "subnet app-b b 10.0.2.0/24",
            "table rtb-app for=app,app-b 0.0.0.0/0=nat-1",
            "task in=app,app-b groups=sg-task",
        ]);
        let built = build(&account.aws, &world).await;
        let healthy = Self { jobs: Self::jobs(&account, &network(&built)), account };
        healthy.make_queue().await;
        healthy.make_triggers().await;
        healthy.make_dispatch().await;
        healthy
    }

    fn jobs(account: &Account, network: &str) -> String {
        format!(
            "jobs:\n  report:\n    cluster: {name}\n    triggers:\n      - schedule: rate(1 day)\n      \
             - s3: {{ bucket: {name} }}\n{network}    task:\n      taskDefinition: {name}\n      \
             container: main\n",
            name = account.name,
        )
    }

    /// The events queue, with the policy that template.yaml gives it.
    async fn make_queue(&self) {
        let name = &self.account.name;
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "events.amazonaws.com" },
            "Action": "sqs:SendMessage",
            "Resource": format!("arn:aws:sqs:eu-west-1:123456789012:{name}-events"),
            "Condition": { "ArnLike": {
                "aws:SourceArn": format!("arn:aws:events:eu-west-1:123456789012:rule/{name}-*"),
            } },
        }] });
        let sqs = aws_sdk_sqs::Client::new(&self.account.aws);
        let call = sqs.create_queue().queue_name(format!("{name}-events"));
        let call = call.attributes(QueueAttributeName::Policy, policy.to_string());
        call.send().await.expect("a queue");
    }

    /// A rule that sends to the events queue.
    async fn make_rule(&self, rule: &str) {
        let events = aws_sdk_eventbridge::Client::new(&self.account.aws);
        let made = events.put_rule().name(rule).event_pattern(r#"{"source":["aws.s3"]}"#);
        made.send().await.expect("a rule");
        let arn = format!("arn:aws:sqs:eu-west-1:123456789012:{}-events", self.account.name);
        let target = aws_sdk_eventbridge::types::Target::builder().id("queue").arn(arn);
        let targets = events.put_targets().rule(rule);
        targets.targets(target.build().expect("a target")).send().await.expect("a target");
    }

    async fn make_triggers(&self) {
        let name = &self.account.name;
        self.make_rule(&format!("{name}-report-s3")).await;
        let scheduler = aws_sdk_scheduler::Client::new(&self.account.aws);
        scheduler.create_schedule_group().name(name).send().await.expect("a group");
        let arn = format!("arn:aws:sqs:eu-west-1:123456789012:{name}-events");
        let target = Target::builder().arn(arn).role_arn(&self.account.role).build();
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build();
        let schedule = scheduler.create_schedule().name(format!("{name}-report"));
        let schedule = schedule.group_name(name).schedule_expression("rate(1 day)");
        let schedule = schedule.target(target.expect("a target"));
        let schedule = schedule.flexible_time_window(window.expect("a window"));
        schedule.send().await.expect("a schedule");
    }

    /// The dispatch function, whose role may hand over the task's as triggers.yaml has it.
    async fn make_dispatch(&self) {
        let name = format!("{}-dispatch", self.account.name);
        let iam = aws_sdk_iam::Client::new(&self.account.aws);
        let trust = json!({ "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "lambda.amazonaws.com" },
            "Action": "sts:AssumeRole",
        }] });
        let role = iam.create_role().role_name(&name);
        let role = role.assume_role_policy_document(trust.to_string()).send().await;
        let role = role.expect("a role").role.expect("it").arn;
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": self.account.role,
            "Condition": {
                "StringEquals": { "iam:PassedToService": "ecs-tasks.amazonaws.com" },
            },
        }] });
        let own = iam.put_role_policy().role_name(&name).policy_name("pass");
        own.policy_document(policy.to_string()).send().await.expect("a policy");
        let function = json!({
            "FunctionName": name,
            "Runtime": "provided.al2023",
            "Handler": "dispatch",
            "Role": role,
            // A zip with nothing in it.
            "Code": { "ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==" },
        });
        let path = "/2015-03-31/functions";
        moto::ask("lambda", "POST", path, None, function.to_string()).await;
    }

    async fn ask(&self, endpoint: &str) -> Done {
        let arguments = ["doctor", "-o", "json", "--namespace", &self.account.name];
        ask(Project::new(&self.jobs), &arguments, endpoint).await.1
    }
}

/// Whether a finding names the permission that is missing. A role's policies are read in the place
/// of a simulation, which would have told more.
fn names(finding: &Value, permission: &str) -> bool {
    let wanted = match permission {
        "iam:ListRolePolicies" => "iam:SimulatePrincipalPolicy",
        permission => permission,
    };
    finding["evidence"].as_str().is_some_and(|evidence| evidence.contains(wanted))
}

fn all(diagnosis: &Value) -> &Vec<Value> {
    diagnosis["findings"].as_array().expect("findings")
}

/// The permissions of the policy in the documentation.
fn documented() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/diagnosis.md");
    let text = std::fs::read_to_string(path).expect("the documentation");
    let policy = text.split("```json").nth(1).and_then(|rest| rest.split("```").next());
    let policy: Value = serde_json::from_str(policy.expect("a policy")).expect("JSON");
    let actions = policy["Statement"][0]["Action"].as_array().expect("actions");
    actions.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[tokio::test]
async fn where_nothing_is_wrong_nothing_fails_and_nobody_is_warned() {
    let healthy = Healthy::new().await;
    let proxy = Account::proxy().await;
    let done = healthy.ask(proxy.endpoint()).await;
    let diagnosis = done.json();
    assert_eq!((done.code, &diagnosis["cause"]), (Some(0), &Value::Null), "{diagnosis:#}");
    let of = |status: &str| -> Vec<&str> {
        let found = all(&diagnosis).iter().filter(|finding| finding["status"] == status);
        found.filter_map(|finding| finding["check"].as_str()).collect()
    };
    assert_eq!((of("fail"), of("warn")), (vec![], vec![]), "{diagnosis:#}");
    assert_eq!(of("skipped"), [""; 0], "{diagnosis:#}");
    let checks: BTreeSet<&str> = of("ok").into_iter().collect();
    let whole: BTreeSet<&str> = Check::ALL.iter().map(|check| check.as_str()).collect();
    let rest: Vec<&str> = whole.difference(&checks).copied().collect();
    // No endpoint, no public address, and no run's task to look at.
    assert_eq!(rest, ["endpoint", "public-ip", "task"], "{diagnosis:#}");
    let policy = documented();
    for call in proxy.calls() {
        let is_it = |action: &String| action.split(':').nth(1) == Some(call.as_str());
        assert!(policy.iter().any(is_it), "{call} is not in the documentation's policy");
    }
}

#[tokio::test]
async fn a_permission_that_is_missing_hides_nothing_but_what_needs_it() {
    let healthy = Healthy::new().await;
    let whole = healthy.ask(healthy.account.endpoint()).await.json();
    for (permission, needed_by) in NEEDED_BY {
        let proxy = Account::proxy().await;
        proxy.refuse(permission);
        let done = healthy.ask(proxy.endpoint()).await;
        let diagnosis = done.json();
        let shown = format!("{permission}: {diagnosis:#}");
        assert_eq!(done.code, Some(0), "{shown}");
        for finding in all(&whole) {
            let check = finding["check"].as_str().expect("a check");
            // Where a way ends is told with the ACLs and groups on it.
            let same =
                |known: &&Value| known["check"] == *check && known["status"] == finding["status"];
            let told = all(&diagnosis).iter().filter(same).count() > 0;
            let lost = needed_by.contains(&check);
            let is_way = needed_by.contains(&"route") && told;
            assert!(lost || is_way || all(&diagnosis).contains(finding), "{finding:#} {shown}");
        }
        for check in needed_by {
            let skipped = findings(&diagnosis, check, "skipped");
            assert!(skipped.iter().any(|finding| names(finding, permission)), "{check}: {shown}");
        }
    }
}

#[tokio::test]
async fn what_was_gathered_and_redacted_names_nobody_and_says_the_same() {
    let healthy = Healthy::new().await;
    let namespace = healthy.account.name.as_str();
    let arguments =
        ["doctor", "-o", "json", "--namespace", namespace, "--save", "kept.json", "--redact"];
    let project = Project::new(&healthy.jobs);
    let (project, done) = ask(project, &arguments, healthy.account.endpoint()).await;
    assert_eq!(done.code, Some(0), "{done:#?}");
    let kept = String::from_utf8(project.read("kept.json")).expect("text");
    for name in [namespace, "123456789012"] {
        assert!(!kept.contains(name) && !done.stdout.contains(name), "{name}: {kept}");
    }
    let again = project.run(&["doctor", "-o", "json", "--from", "kept.json"]);
    assert_eq!(again.stdout, done.stdout);
}

#[tokio::test]
async fn an_image_that_is_not_there_fails_unless_the_registry_fetches_it() {
    let mut healthy = Healthy::new().await;
    healthy.account.image = healthy.account.image.replace(":1", ":2");
    healthy.account.register().await;
    let proxy = Account::proxy().await;
    let beginning = &healthy.account.name[..6];
    for (prefix, code, status) in
        [("other", 1, "fail"), (beginning, 1, "fail"), ("ROOT", 0, "skipped")]
    {
        let rules = json!({ "pullThroughCacheRules": [{ "ecrRepositoryPrefix": prefix }] });
        proxy.always("DescribePullThroughCacheRules", 200, &rules.to_string());
        let done = healthy.ask(proxy.endpoint()).await;
        let diagnosis = done.json();
        assert_eq!(done.code, Some(code), "{prefix}: {diagnosis:#}");
        assert_eq!(findings(&diagnosis, "image", status).len(), 1, "{prefix}: {diagnosis:#}");
    }
    // Where the rules may not be seen, one of them may be about it.
    let permission = "ecr:DescribePullThroughCacheRules";
    proxy.refuse(permission);
    let diagnosis = healthy.ask(proxy.endpoint()).await.json();
    let told = findings(&diagnosis, "image", "skipped");
    assert!(told.iter().any(|finding| names(finding, permission)), "{diagnosis:#}");
}

#[tokio::test]
async fn vcpus_of_more_tasks_than_are_counted_are_not_known() {
    let healthy = Healthy::new().await;
    let proxy = Account::proxy().await;
    let arn = |n| format!("arn:aws:ecs:eu-west-1:123456789012:task/{}/{n}", healthy.account.name);
    let tasks: Vec<String> = (0..=2_000).map(arn).collect();
    let page = json!({ "taskArns": tasks, "nextToken": "more" });
    proxy.always("ListTasks", 200, &page.to_string());
    let diagnosis = healthy.ask(proxy.endpoint()).await.json();
    let told = findings(&diagnosis, "quota", "skipped");
    assert!(told.iter().any(|f| says(f, "more than 2000 tasks run")), "{diagnosis:#}");
    let calls = proxy.calls();
    let count = |name: &str| calls.iter().filter(|call| *call == name).count();
    assert_eq!((count("ListTasks"), count("DescribeTasks")), (1, 0), "{calls:?}");
}

#[tokio::test]
async fn a_rule_that_sends_elsewhere_starts_nothing() {
    let healthy = Healthy::new().await;
    let events = aws_sdk_eventbridge::Client::new(&healthy.account.aws);
    let rule = format!("{}-report-s3", healthy.account.name);
    let removed = events.remove_targets().rule(&rule).ids("queue").send().await;
    removed.expect("removed");
    let done = healthy.ask(healthy.account.endpoint()).await;
    let diagnosis = done.json();
    assert_eq!(done.code, Some(1), "{diagnosis:#}");
    let sentence = diagnosis["cause"]["sentence"].as_str().expect("a sentence");
    assert!(sentence.ends_with("does not send to the events queue"), "{sentence}");
}

#[tokio::test]
async fn a_schedule_that_is_made_elsewhere_may_be_a_rule() {
    let mut healthy = Healthy::new().await;
    let name = healthy.account.name.clone();
    let (within, outside) = (format!("{name}-theirs"), format!("theirs-{name}"));
    healthy.make_rule(&within).await;
    healthy.make_rule(&outside).await;
    let jobs = healthy.jobs.clone();
    for (rule, code, told) in [
        (within.as_str(), 0, "it is enabled"),
        // The queue's policy lets in what begins with the namespace.
        (outside.as_str(), 1, "policy does not let in"),
        ("nobody-has-it", 1, "is neither a schedule nor a rule"),
    ] {
        healthy.jobs = jobs.replace("schedule: rate(1 day)", &format!("scheduleName: {rule}"));
        let proxy = Account::proxy().await;
        let done = healthy.ask(proxy.endpoint()).await;
        let diagnosis = done.json();
        assert_eq!(done.code, Some(code), "{rule}: {diagnosis:#}");
        let status = if code == 0 { "ok" } else { "fail" };
        let found = findings(&diagnosis, "trigger", status);
        assert!(found.iter().any(|finding| says(finding, told)), "{rule}: {diagnosis:#}");
        proxy.refuse("events:DescribeRule");
        let done = healthy.ask(proxy.endpoint()).await;
        assert_eq!(done.code, Some(0), "{rule}: {:#}", done.json());
    }
}

#[tokio::test]
async fn what_a_simulation_denies_is_told_with_its_remedy() {
    let healthy = Healthy::new().await;
    let proxy = Account::proxy().await;
    proxy.always("SimulatePrincipalPolicy", 200, &denied(""));
    let done = healthy.ask(proxy.endpoint()).await;
    let diagnosis = done.json();
    assert_eq!(done.code, Some(1), "{diagnosis:#}");
    assert_eq!(diagnosis["cause"]["check"], "execution-role-permissions", "{diagnosis:#}");
    let remedy = diagnosis["cause"]["remedy"].as_str().expect("a remedy");
    assert!(remedy.contains("aws iam put-role-policy") && remedy.contains("ecr:BatchGetImage"));
}

/// What a simulation answers of pulling, with this beside it.
fn denied(more: &str) -> String {
    format!(
        "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><EvaluationResults>\
         <member><EvalActionName>ecr:BatchGetImage</EvalActionName>\
         <EvalResourceName>*</EvalResourceName>\
         <EvalDecision>implicitDeny</EvalDecision>{more}</member>\
         </EvaluationResults><IsTruncated>false</IsTruncated>\
         </SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
    )
}

#[tokio::test]
async fn what_a_simulation_cannot_know_is_not_denied() {
    let healthy = Healthy::new().await;
    let proxy = Account::proxy().await;
    let missing = "<MissingContextValues><member>aws:SourceVpce</member></MissingContextValues>";
    proxy.always("SimulatePrincipalPolicy", 200, &denied(missing));
    let done = healthy.ask(proxy.endpoint()).await;
    let diagnosis = done.json();
    assert_eq!(done.code, Some(0), "{diagnosis:#}");
    let open = findings(&diagnosis, "execution-role-permissions", "skipped");
    assert!(open.iter().any(|f| says(f, "a condition decides")), "{diagnosis:#}");
}

#[tokio::test]
async fn an_image_by_itself_says_in_its_configuration_what_it_was_built_for() {
    let healthy = Healthy::new().await;
    for (processor, code, status) in [("amd64", 0, "ok"), ("arm64", 1, "fail")] {
        let proxy = Account::proxy().await;
        let config = json!({ "digest": format!("sha256:{}", "c".repeat(64)), "size": 7_000 });
        let manifest = json!({ "schemaVersion": 2, "config": config, "layers": [] });
        let images = json!({ "images": [{ "imageManifest": manifest.to_string() }] });
        proxy.always("BatchGetImage", 200, &images.to_string());
        let url =
            json!({ "downloadUrl": format!("{}/config?X-Amz-Signature=0", proxy.endpoint()) });
        proxy.always("GetDownloadUrlForLayer", 200, &url.to_string());
        let config = json!({ "os": "linux", "architecture": processor, "config": {} });
        proxy.always("/config", 200, &config.to_string());
        let done = healthy.ask(proxy.endpoint()).await;
        let diagnosis = done.json();
        assert_eq!(done.code, Some(code), "{diagnosis:#}");
        let told = findings(&diagnosis, "image-platform", status);
        assert!(told.iter().any(|f| says(f, &format!("built for linux/{processor}"))));
        proxy.refuse("ecr:GetDownloadUrlForLayer");
        let diagnosis = healthy.ask(proxy.endpoint()).await.json();
        let told = findings(&diagnosis, "image-platform", "skipped");
        assert!(told.iter().any(|f| says(f, "ecr:GetDownloadUrlForLayer")), "{diagnosis:#}");
    }
}

#[tokio::test]
async fn a_key_that_does_not_let_the_execution_role_in_is_told() {
    let healthy = Healthy::new().await;
    let key = "arn:aws:kms:eu-west-1:123456789012:key/0a1b";
    let secret = json!({
        "ARN": healthy.account.secret,
        "KmsKeyId": key,
        "VersionIdsToStages": { "1": ["AWSCURRENT"] },
    });
    let principal = |name: &str| {
        let statement = json!({
            "Effect": "Allow",
            "Principal": { "AWS": name },
            "Action": "kms:*",
            "Resource": "*",
        });
        json!({ "Policy": json!({ "Statement": [statement] }).to_string() }).to_string()
    };
    for (named, code, status) in [
        (healthy.account.role.as_str(), 0, "ok"),
        // It leaves it to the role, whose own policies say nothing of keys.
        ("arn:aws:iam::123456789012:root", 1, "fail"),
    ] {
        let proxy = Account::proxy().await;
        proxy.always("DescribeSecret", 200, &secret.to_string());
        proxy.always("GetKeyPolicy", 200, &principal(named));
        let done = healthy.ask(proxy.endpoint()).await;
        let diagnosis = done.json();
        assert_eq!(done.code, Some(code), "{named}: {diagnosis:#}");
        let told = findings(&diagnosis, "execution-role-permissions", status);
        assert!(told.iter().any(|f| says(f, "kms:Decrypt")), "{named}: {diagnosis:#}");
        proxy.refuse("kms:GetKeyPolicy");
        let diagnosis = healthy.ask(proxy.endpoint()).await.json();
        let told = findings(&diagnosis, "execution-role-permissions", "skipped");
        assert!(told.iter().any(|f| says(f, "the key's own policy")), "{named}: {diagnosis:#}");
    }
}

#[tokio::test]
async fn what_the_owner_of_a_shared_vpc_alone_sees_is_not_taken_for_gone() {
    let healthy = Healthy::new().await;
    let proxy = Account::proxy().await;
    let name = &healthy.account.name;
    let clusters = json!({ "clusters": [{
        "clusterArn": format!("arn:aws:ecs:eu-west-1:210987654321:cluster/{name}"),
        "clusterName": name,
        "status": "ACTIVE",
        "capacityProviders": ["FARGATE"],
    }] });
    proxy.always("DescribeClusters", 200, &clusters.to_string());
    let none = "<DescribeNatGatewaysResponse><natGatewaySet/></DescribeNatGatewaysResponse>";
    proxy.always("DescribeNatGateways", 200, none);
    let diagnosis = healthy.ask(proxy.endpoint()).await.json();
    assert_eq!(findings(&diagnosis, "route", "fail"), Vec::<&Value>::new(), "{diagnosis:#}");
    let told = findings(&diagnosis, "route", "skipped");
    assert!(told.iter().any(|f| says(f, "is shared by another account")), "{diagnosis:#}");
}

#[tokio::test]
async fn a_service_is_asked_where_the_environment_says_for_it_alone() {
    let healthy = Healthy::new().await;
    let others = Account::proxy().await;
    for (service, call) in [
        ("CLOUDWATCH_LOGS", "DescribeLogGroups"),
        ("S3", "GetBucketNotification"),
        ("LAMBDA", "GetFunctionConfiguration"),
    ] {
        let its_own = Account::proxy().await;
        let project = Project::new(&healthy.jobs);
        let mut command = project.command(&["doctor", "--namespace", &healthy.account.name]);
        command.env(format!("AWS_ENDPOINT_URL_{service}"), its_own.endpoint());
        let done = finish(command, others.endpoint()).await;
        assert_eq!(done.code, Some(0), "{done:#?}");
        assert_eq!(its_own.calls(), [call]);
        assert!(!others.calls().iter().any(|known| known == call), "{service}");
    }
}

#[tokio::test]
async fn an_account_that_cannot_be_asked_is_an_error_and_no_clean_bill() {
    let project = Project::new(&crate::program::job("true", &[]));
    let (_, done) = ask(project, &["doctor"], "http://127.0.0.1:9").await;
    assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""), "{done:#?}");
    assert!(done.stderr.contains("AWS cannot be asked"), "{done:#?}");
}

#[test]
fn the_documentations_policy_allows_what_is_asked_and_nothing_else() {
    let room = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/gather");
    let mut folders = vec![room];
    let mut asked = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(path).expect("a file");
            let code = text.split("#[cfg(test)]").next().expect("code").to_owned();
            let quoted = code.split('"').skip(1).step_by(2);
            asked.extend(quoted.filter(|text| is_permission(text)).map(str::to_owned));
        }
    }
    assert_eq!(asked, documented());
}

/// `ec2:DescribeSubnets`.
fn is_permission(text: &str) -> bool {
    text.split_once(':').is_some_and(|(service, action)| {
        let reads = ["Batch", "Describe", "Get", "List", "Simulate"];
        service.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            && action.chars().all(char::is_alphanumeric)
            && reads.iter().any(|verb| action.starts_with(verb))
            // It is asked of policies, and done by nobody here.
            && action != "BatchCheckLayerAvailability"
    })
}
