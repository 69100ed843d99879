//! How tasks run on this machine, as the command line says it.

use super::super::exit::Failure;
use super::super::{Common, LedgerPath, this_program};
use crate::ecs::local::{Host, Runtime};
use crate::local::Settings;

/// How tasks run on this machine.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Machine {
    /// What runs the tasks.
    #[arg(long, value_enum, default_value = "process")]
    pub(super) runtime: Runtime,
    /// Give tasks this variable of your own environment, like AWS_PROFILE. May be repeated.
    #[arg(long = "pass-env", value_name = "NAME")]
    pass_env: Vec<String>,
    /// Give the container engine this option for each container, like `--network=host` or
    /// `--volume=/data:/data:ro`. May be repeated.
    #[arg(
        long = "engine-option",
        value_name = "OPTION",
        allow_hyphen_values = true,
        value_parser = engine_option
    )]
    engine_options: Vec<String>,
    /// Do not print the tasks' output while they run.
    #[arg(short, long)]
    pub(super) quiet: bool,
    #[command(flatten)]
    pub(in crate::cli) ledger: LedgerPath,
}

/// Reads an option for the container engine: what would take a container from our hands is refused.
fn engine_option(text: &str) -> Result<String, String> {
    let ours = ["--rm", "--name", "--cidfile", "--restart"];
    match text.split('=').next() {
        Some(name) if ours.contains(&name) => {
            Err(format!("longshore itself names, starts and removes containers: leave {name} out"))
        }
        _ => Ok(text.to_owned()),
    }
}

impl Machine {
    /// What this command line opens, once it is known that tasks can run so.
    pub(super) fn settings(&self, common: &Common) -> Result<Settings, Failure> {
        if self.runtime == Runtime::Process && !self.engine_options.is_empty() {
            let hint = "--engine-option is for containers: add --runtime docker, podman or finch";
            return Err(Failure::usage(hint));
        }
        self.runtime.check().map_err(|missing| Failure::environment(missing.to_string()))?;
        Ok(Settings {
            ledger: self.ledger.path(common),
            namespace: common.namespace.clone(),
            host: Host {
                runtime: self.runtime,
                passed_variables: self.pass_env.clone(),
                engine_options: self.engine_options.clone(),
            },
            program: this_program()?,
        })
    }
}
