//! Logs: JSON in Lambda, text on a terminal. An event's body, an environment value or a secret
//! never gets into them; what may is named at each place: `run`, `job`, `attempt`, `task`.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// Sets logging up for this process: `AWS_LAMBDA_LOG_FORMAT` and `AWS_LAMBDA_LOG_LEVEL` as Lambda
/// sets them, else `RUST_LOG`, else `default`. A second call does nothing.
pub fn init(default: &str) {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let level = variable("AWS_LAMBDA_LOG_LEVEL").or_else(|| variable("RUST_LOG"));
    let filter = EnvFilter::builder()
        .parse(level.as_deref().unwrap_or(default))
        .unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let result = match variable("AWS_LAMBDA_LOG_FORMAT") {
        Some(format) if format.eq_ignore_ascii_case("json") => {
            builder.json().flatten_event(true).try_init()
        }
        _ => builder.with_ansi(io::stderr().is_terminal()).compact().try_init(),
    };
    // Somebody set it up before: theirs stays.
    drop(result);
}
