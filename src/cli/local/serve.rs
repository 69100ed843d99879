//! `local --serve`: the local ECS on a port, for AWS's SDKs and command line.

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::cli::exit::{Exit, Failure};
use crate::cli::interrupts::Interrupts;
use crate::cli::output::{self, WARN, printable};
use crate::cli::{Common, Format};
use crate::jobs::Period;
use crate::local::Settings;
use crate::serve::{Endpoint, Receiver, Server};

/// Why tasks are stopped when the server is.
const REASON: &str = "longshore: the server was stopped";

#[derive(Debug, clap::Args)]
pub(super) struct Serving {
    /// Serve ECS's API there instead, like 127.0.0.1:4510, for AWS's SDKs and command line
    /// (AWS_ENDPOINT_URL_ECS=http://127.0.0.1:4510). With port 0 a free one is chosen. jobs.yaml is
    /// not read.
    #[arg(long, value_name = "ADDRESS", value_parser = read_address, conflicts_with = "events")]
    pub(super) serve: Option<SocketAddr>,
    /// POST every task state change event to this http:// URL, until it answers with a 2xx.
    #[arg(long, value_name = "URL", requires = "serve", conflicts_with = "events_queue")]
    events_to: Option<Endpoint>,
    /// Send every task state change event to this SQS queue, like
    /// http://127.0.0.1:4566/000000000000/states. For emulators: requests are not signed, and only
    /// http:// is spoken. The region is AWS_REGION, or us-east-1.
    #[arg(long, value_name = "URL", requires = "serve")]
    events_queue: Option<Endpoint>,
    /// How long stopped tasks and their client tokens are remembered, as in ECS.
    #[arg(long, value_name = "DURATION", default_value = "1h", requires = "serve")]
    remember: Period,
}

impl Serving {
    fn receiver(&self, format: Format) -> Receiver {
        match (&self.events_to, &self.events_queue) {
            (Some(endpoint), _) => Receiver::Http(endpoint.clone()),
            (None, Some(url)) => Receiver::Queue { url: url.clone(), region: region() },
            (None, None) => Receiver::Print(match format {
                Format::Text => print_line,
                Format::Json => print_event,
            }),
        }
    }
}

/// Reads an IP address, or localhost, and a port.
fn read_address(text: &str) -> Result<SocketAddr, String> {
    let text = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    text.parse().map_err(|_| "write an IP address and a port, like 127.0.0.1:4510".to_owned())
}

fn region() -> String {
    let named = ["AWS_REGION", "AWS_DEFAULT_REGION"];
    named.iter().find_map(|name| std::env::var(name).ok()).unwrap_or("us-east-1".to_owned())
}

/// Serves until it is interrupted, then stops the tasks.
pub(super) async fn run(
    common: &Common,
    arguments: &Serving,
    settings: Settings,
    wanted: SocketAddr,
) -> Result<Exit, Failure> {
    let cannot =
        |error| Failure::environment(format!("cannot serve at {wanted}: {error}: name another"));
    let listener = TcpListener::bind(wanted).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let remember = SignedDuration::try_from(arguments.remember.duration());
    let runtime = settings.host.runtime;
    let shown = printable(&settings.ledger.display().to_string());
    let server = Server::open(settings, remember.unwrap_or(SignedDuration::MAX), address)?;
    let server = Arc::new(server);
    let mut interrupts = Interrupts::listen()?;
    if !server.is_loopback() {
        output::print_aside(&format!(
            "{WARN}warning:{WARN:#} whoever reaches {address} runs commands on this machine: \
             nothing is checked but the protocol\n"
        ));
    }
    match common.output {
        Format::Text => output::print_text(&format!(
            "longshore: ECS at http://{address}; {}; the ledger is {shown}\n",
            runtime.describe()
        ))?,
        Format::Json => print_line_of_json(&json!({
            "address": address.to_string(),
            "endpoint": format!("http://{address}"),
            "runtime": runtime,
            "ledger": shown,
        }))?,
    };
    let receiver = arguments.receiver(common.output);
    tokio::select! {
        () = Arc::clone(&server).serve(listener) => {}
        () = server.tend() => {}
        () = server.deliver(&receiver) => {}
        _ = interrupts.next() => {}
    }
    stop(&server, &receiver, &mut interrupts).await
}

/// Stops the tasks and tells of their ends; another interrupt does not wait for them.
async fn stop(
    server: &Server,
    receiver: &Receiver,
    interrupts: &mut Interrupts,
) -> Result<Exit, Failure> {
    if server.running()? > 0 {
        output::print_aside(&format!(
            "{WARN}stopping the tasks, which may take each its stopTimeout; Ctrl-C again leaves \
             without waiting for them{WARN:#}\n"
        ));
    }
    let ended = async {
        tokio::select! {
            stopped = server.stop_tasks(REASON) => stopped?,
            () = server.deliver(receiver) => {}
        }
        Ok::<i64, crate::backend::PortError>(server.deliver_rest(receiver).await?)
    };
    tokio::select! {
        left = ended => {
            let left = left?;
            if left > 0 {
                output::print_aside(&format!(
                    "{WARN}{left} events were not taken: the next `--serve` on this ledger sends \
                     them{WARN:#}\n"
                ));
            }
            Ok(Exit::Good)
        }
        _ = interrupts.next() => Err(Failure {
            exit: Exit::Interrupted,
            message: "left before the tasks had ended: they are being stopped".to_owned(),
        }),
    }
}

fn print_line_of_json(value: &Value) -> Result<Exit, Failure> {
    output::print_text(&format!("{value}\n"))
}

/// Prints an event on a line of its own. There is nobody left to tell that it failed.
fn print_event(event: &Value) {
    drop(print_line_of_json(event));
}

/// `09:14:09.000  task 075b3bd9  STOPPED  EssentialContainerExited: main exited with code 0`
fn print_line(event: &Value) {
    let detail = &event["detail"];
    let text = |value: &Value| printable(value.as_str().unwrap_or_default());
    let arn = text(&detail["taskArn"]);
    let time = detail["updatedAt"].as_str().and_then(|time| time.parse().ok());
    let mut line = format!(
        "{}  {}  {:<14}",
        time.map(output::clock).unwrap_or_default(),
        arn.rsplit('/').next().unwrap_or_default(),
        text(&detail["lastStatus"])
    );
    if detail["lastStatus"] == "STOPPED" {
        line += &format!(" {}: {}", text(&detail["stopCode"]), text(&detail["stoppedReason"]));
    }
    for container in detail["containers"].as_array().into_iter().flatten() {
        if let Some(code) = container["exitCode"].as_i64() {
            line += &format!(", {} exited with {code}", text(&container["name"]));
        }
        if container["reason"].is_string() {
            line += &format!(", {}: {}", text(&container["name"]), text(&container["reason"]));
        }
    }
    drop(output::print_text(&format!("{}\n", line.trim_end())));
}
