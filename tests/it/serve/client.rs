//! The program as a server, and a client that speaks HTTP by hand, so that it sees what is really
//! on the wire.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panic")]

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::program::{Project, Running, wait_for};

pub(super) const TARGET: &str = "AmazonEC2ContainerServiceV20141113.";

/// A server that runs, and its folder.
pub(super) struct Served {
    pub(super) project: Project,
    pub(super) running: Running,
    pub(super) address: String,
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    Whole {
        status: u16,
        body: Value,
    },
    /// The connection was closed in the middle of the body.
    Cut {
        status: u16,
    },
    /// The connection was closed without an answer.
    Closed,
}

impl Served {
    pub(super) fn start(options: &[&str]) -> Self {
        Self::start_in(Project::new("jobs: {}\n"), options)
    }

    pub(super) fn start_in(project: Project, options: &[&str]) -> Self {
        let arguments = [&["local", "--serve", "127.0.0.1:0", "-o", "json"], options].concat();
        let mut command = project.command(&arguments);
        // The project's own programs come first.
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", project.path("bin").display()));
        let running = Running::start(command);
        wait_for("the address", || running.stdout().contains('\n'));
        let stdout = running.stdout();
        let first: Value = serde_json::from_str(stdout.lines().next().unwrap()).unwrap();
        let address = first["address"].as_str().unwrap().to_owned();
        Self { project, running, address }
    }

    /// A call that must succeed.
    #[track_caller]
    pub(super) fn ok(&self, operation: &str, parameters: Value) -> Value {
        match self.call(operation, &parameters) {
            Answer::Whole { status: 200, body } => body,
            other => panic!("{operation} {parameters}: {other:#?}"),
        }
    }

    /// A call that must fail; its error's name and message.
    #[track_caller]
    pub(super) fn error(&self, operation: &str, parameters: Value) -> (String, String) {
        match self.call(operation, &parameters) {
            Answer::Whole { status: 400, body } => (text(&body["__type"]), text(&body["message"])),
            other => panic!("{operation} {parameters}: {other:#?}"),
        }
    }

    pub(super) fn call(&self, operation: &str, parameters: &Value) -> Answer {
        let target = format!("{TARGET}{operation}");
        let headers = [
            ("X-Amz-Target", target.as_str()),
            ("Content-Type", "application/x-amz-json-1.1"),
            ("Authorization", "AWS4-HMAC-SHA256 Credential=x/y/z, Signature=0"),
        ];
        self.send("POST", "/", &headers, parameters.to_string().as_bytes())
    }

    /// Makes a call and goes away as soon as it has been heard.
    pub(super) fn abandon(&self, operation: &str, parameters: &Value) {
        let body = parameters.to_string();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nX-Amz-Target: {TARGET}{operation}\r\n\
             Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        wait_for("the call to be heard", || match self.faults("GET", "") {
            Answer::Whole { body, .. } => body["left"] == json!([]),
            answer => panic!("{answer:#?}"),
        });
    }

    pub(super) fn faults(&self, method: &str, body: &str) -> Answer {
        let headers = [("Content-Type", "application/json")];
        self.send(method, "/longshore/faults", &headers, body.as_bytes())
    }

    /// A request on a connection of its own.
    pub(super) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            write!(head, "Host: {}\r\n", self.address).unwrap();
        }
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        write!(head, "Content-Length: {}\r\n\r\n", body.len()).unwrap();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        // Whoever refuses a body may not read it to its end.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        read(&String::from_utf8(answer).unwrap())
    }

    /// Registers a definition whose one container runs this script; its ARN.
    pub(super) fn register(&self, family: &str, script: &str) -> String {
        let answer = self.ok("RegisterTaskDefinition", definition(family, script));
        text(&answer["taskDefinition"]["taskDefinitionArn"])
    }

    /// Starts a task; its ARN.
    #[track_caller]
    pub(super) fn run(&self, change: Value) -> String {
        text(&self.ok("RunTask", request(change))["tasks"][0]["taskArn"])
    }

    #[track_caller]
    pub(super) fn describe(&self, task: &str) -> Value {
        let answer = self.ok("DescribeTasks", json!({ "tasks": [task] }));
        assert_eq!(answer["failures"], json!([]), "{answer:#}");
        answer["tasks"][0].clone()
    }

    /// Waits until a task stands so; the task.
    #[track_caller]
    pub(super) fn await_status(&self, task: &str, status: &str) -> Value {
        wait_for(status, || self.describe(task)["lastStatus"] == status);
        self.describe(task)
    }

    /// The ARNs that ListTasks shows.
    pub(super) fn list(&self, filter: Value) -> Vec<String> {
        let answer = self.ok("ListTasks", filter);
        answer["taskArns"].as_array().unwrap().iter().map(text).collect()
    }

    /// Ends the server as a person would, and looks whether it went well.
    #[track_caller]
    pub(super) fn end(self) -> Project {
        self.running.signal(Signal::TERM);
        let done = self.running.finish();
        assert_eq!(done.code, Some(0), "{done:#?}");
        self.project
    }
}

/// What came over the wire.
fn read(answer: &str) -> Answer {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return Answer::Closed };
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
    });
    if length != Some(body.len()) {
        return Answer::Cut { status };
    }
    Answer::Whole { status, body: serde_json::from_str(body).unwrap() }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn definition(family: &str, script: &str) -> Value {
    json!({
        "family": family,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [
            { "name": "main", "image": "alpine", "command": ["sh", "-c", script], "stopTimeout": 2 }
        ],
    })
}

/// A RunTask request for the family `work`, with changes.
pub(super) fn request(change: Value) -> Value {
    let mut request = json!({
        "taskDefinition": "work",
        "launchType": "FARGATE",
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1", "subnet-2"] } },
    });
    for (name, value) in change.as_object().unwrap() {
        request[name] = value.clone();
    }
    request
}
