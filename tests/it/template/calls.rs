//! Holds the list of what each function calls against the sources: the adapters name the SDKs'
//! operations, and the use cases the ports' methods. Without it the list is what somebody believes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::roles::CALLS;

/// Each adapter and the service it speaks to.
const ADAPTERS: [(&str, &str); 4] = [
    ("ledger/dynamodb", "dynamodb"),
    ("queue/sqs", "sqs"),
    ("ecs/fargate", "ecs"),
    ("network/ec2", "ec2"),
];
/// The operations that each method of a port comes to, as far as they are not of Lambda's own.
const METHODS: [(&str, &[&str]); 15] = [
    ("ledger.claim", &["dynamodb:PutItem", "dynamodb:GetItem"]),
    ("ledger.load", &["dynamodb:GetItem"]),
    ("ledger.load_all", &["dynamodb:BatchGetItem"]),
    ("ledger.save", &["dynamodb:UpdateItem", "dynamodb:GetItem"]),
    ("ledger.due", &["dynamodb:Query"]),
    ("ledger.list", &["dynamodb:Query", "dynamodb:BatchGetItem", "dynamodb:GetItem"]),
    ("ledger.acquire", &["dynamodb:UpdateItem", "dynamodb:GetItem"]),
    ("ledger.release", &["dynamodb:UpdateItem"]),
    ("ledger.holders", &["dynamodb:GetItem"]),
    ("queue.send", &["sqs:SendMessage"]),
    ("queue.emit", &["events:PutEvents"]),
    (
        "ecs.run_task",
        &[
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:CreateSecurityGroup",
            "ec2:CreateTags",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:RevokeSecurityGroupEgress",
            "ecs:DescribeTaskDefinition",
            "ecs:RegisterTaskDefinition",
            "ecs:RunTask",
        ],
    ),
    ("ecs.describe", &["ecs:DescribeTasks"]),
    ("ecs.list_started_by", &["ecs:ListTasks"]),
    ("ecs.stop", &["ecs:StopTask"]),
];
/// What the use cases share, and the methods it calls.
const SHARED: [(&str, &[&str]); 9] = [
    ("ledger::update", &["ledger.load", "ledger.save"]),
    ("ledger::update_held", &["ledger.load", "ledger.save"]),
    ("ledger::release_over", &["ledger.load_all", "ledger.release"]),
    ("backend.remind", &["queue.send"]),
    ("backend.remind_at", &["queue.send"]),
    ("backend.tell", &["queue.send"]),
    ("wake_waiters", &["ledger.list", "queue.send"]),
    ("ask_to_stop", &["ledger.load", "ledger.save", "ecs.stop", "queue.send"]),
    ("stop_asked", &["ecs.stop", "queue.send"]),
];
/// What a role needs although no line of ours calls it: what Lambda does for the function, and what
/// IAM asks for beside an operation that tags or passes a role.
const NOT_CALLED: [&str; 9] = [
    "ecs:TagResource",
    "iam:PassRole",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
];
/// What only the command line calls, with a person's own permissions.
const BY_PEOPLE: [&str; 4] =
    ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"];

/// The code of a room's file and of those in its folder, without comments and unit tests.
fn code(room: &str) -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files: Vec<PathBuf> = vec![source.join(format!("{room}.rs"))];
    for entry in fs::read_dir(source.join(room)).into_iter().flatten() {
        files.push(entry.unwrap().path());
    }
    let read = |file: &PathBuf| {
        let text = fs::read_to_string(file).unwrap();
        let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
        lines.map(|line| line.split("//").next().unwrap().to_owned() + "\n").collect::<String>()
    };
    files.iter().filter(|file| file.is_file()).map(read).collect()
}

/// `run_task` is `RunTask`.
fn operation(method: &str) -> String {
    method.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

/// The operations that the adapters send: whatever is called of a client without arguments.
fn sent() -> BTreeSet<String> {
    let call = Regex::new(r"\b(client|sqs|eventbridge)(?:\(\))?\s*\.([a-z_]+)\(\)").unwrap();
    let mut found = BTreeSet::new();
    for (room, service) in ADAPTERS {
        for sent in call.captures_iter(&code(room)) {
            let service = if &sent[1] == "eventbridge" { "events" } else { service };
            found.insert(format!("{service}:{}", operation(&sent[2])));
        }
    }
    found
}

/// The ports' methods that are called in these rooms, straight or through what they share.
fn methods(rooms: &[&str]) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    for text in rooms.iter().map(|room| code(room)) {
        let calls = |name: &str| {
            let name = name.replace('.', r"\s*\.\s*");
            Regex::new(&format!(r"\b{name}\(")).unwrap().is_match(&text)
        };
        found.extend(METHODS.iter().filter(|(name, _)| calls(name)).map(|(name, _)| *name));
        let shared = SHARED.iter().filter(|(name, _)| calls(name));
        found.extend(shared.flat_map(|(_, methods)| *methods));
    }
    found
}

fn texts(actions: &[&str]) -> BTreeSet<String> {
    actions.iter().map(|action| (*action).to_owned()).collect()
}

#[test]
fn the_ports_methods_come_to_what_the_adapters_send() {
    let known = METHODS.iter().flat_map(|(_, actions)| texts(actions));
    assert_eq!(known.chain(texts(&BY_PEOPLE)).collect::<BTreeSet<String>>(), sent());
}

#[test]
fn no_method_of_a_port_is_unknown_here() {
    let method = Regex::new(r"(?m)^    (?:async )?fn ([a-z_]+)\(\s*&self").unwrap();
    for port in ["ledger", "queue", "ecs"] {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/{port}.rs"));
        let text = fs::read_to_string(source).unwrap();
        let body = text.split_once("pub trait ").unwrap().1.split_once("\n}").unwrap().0;
        let found: BTreeSet<String> =
            method.captures_iter(body).map(|it| format!("{port}.{}", &it[1])).collect();
        let known = METHODS.iter().map(|(name, _)| *name);
        let known: Vec<&str> = known.filter(|name| name.starts_with(&format!("{port}."))).collect();
        assert_eq!(found, texts(&known), "{port}");
    }
}

#[test]
fn each_function_s_list_is_what_its_source_calls() {
    let rooms: [(&str, &[&str]); 3] = [
        ("DispatchRole", &["function", "dispatch"]),
        ("RecordRole", &["function", "record"]),
        ("SweepRole", &["sweep"]),
    ];
    for (role, rooms) in rooms {
        let methods = methods(rooms);
        let called = METHODS.iter().filter(|(name, _)| methods.contains(name));
        let called: BTreeSet<String> = called.flat_map(|(_, actions)| texts(actions)).collect();
        let (_, listed) = CALLS.iter().find(|(name, _)| *name == role).unwrap();
        let listed: BTreeSet<String> =
            texts(listed).difference(&texts(&NOT_CALLED)).cloned().collect();
        assert_eq!(listed, called, "{role}");
    }
}
