//! Logs: JSON in Lambda, text on a terminal. An event's body, an environment value or a secret
//! never gets into them; what may is named at each place: `run`, `job`, `attempt`, `task`.

use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Sets logging up for this process, on standard error. A second call does nothing.
///
/// - The level is Lambda's `AWS_LAMBDA_LOG_LEVEL`, which means longshore alone: the libraries below
///   it keep to warnings, since at their finest they print requests. Without it `RUST_LOG` says who
///   logs what, and without that `default` does.
/// - The format is JSON, one object for each line, when `AWS_LAMBDA_LOG_FORMAT` is `JSON`; else
///   text, coloured on a terminal.
pub fn init(default: &str) {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let level = variable("AWS_LAMBDA_LOG_LEVEL");
    let directives = directives(level.as_deref(), variable("RUST_LOG").as_deref(), default);
    // Not `EnvFilter`: what that knows beside targets are spans, and it brings a regex engine.
    let filter: Targets = directives.parse().or_else(|_| default.parse()).unwrap_or_default();
    let builder =
        tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(io::stderr);
    let result = match variable("AWS_LAMBDA_LOG_FORMAT") {
        Some(format) if format.eq_ignore_ascii_case("json") => {
            builder.json().flatten_event(true).finish().with(filter).try_init()
        }
        _ => {
            let coloured = io::stderr().is_terminal();
            builder.with_ansi(coloured).compact().finish().with(filter).try_init()
        }
    };
    // Somebody set it up before: theirs stays.
    drop(result);
}

/// Who logs what.
fn directives(lambda_level: Option<&str>, rust_log: Option<&str>, default: &str) -> String {
    let level = lambda_level.and_then(|level| match level.to_ascii_uppercase().as_str() {
        // Lambda has one level more than we do.
        "FATAL" => Some(LevelFilter::ERROR),
        level => level.parse().ok(),
    });
    match level {
        Some(level) => format!("{},longshore={level}", level.min(LevelFilter::WARN)),
        None => rust_log.unwrap_or(default).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambdas_level_comes_first_and_means_longshore_alone() {
        for (lambda, rust_log, expected) in [
            (None, None, "longshore=error"),
            (None, Some("hyper=trace"), "hyper=trace"),
            (Some("TRACE"), Some("hyper=trace"), "warn,longshore=trace"),
            (Some("info"), None, "warn,longshore=info"),
            (Some("ERROR"), None, "error,longshore=error"),
            (Some("FATAL"), None, "error,longshore=error"),
            (Some("loud"), Some("hyper=trace"), "hyper=trace"),
            (Some("loud"), None, "longshore=error"),
        ] {
            assert_eq!(directives(lambda, rust_log, "longshore=error"), expected, "{lambda:?}");
        }
    }
}
