//! The command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    longshore::cli::main(std::env::args_os())
}
