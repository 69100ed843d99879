//! `run --on aws`: asks the installation for a run, and waits for it if told to.

use serde_json::json;

use super::Wish;
use super::watch::Watcher;
use crate::cli::exit::{Exit, Failure};
use crate::cli::interrupts::Interrupts;
use crate::cli::output;
use crate::cli::{Common, Format};
use crate::cloud::Cloud;
use crate::jobs::Jobs;

pub(super) async fn run(
    common: &Common,
    jobs: &Jobs,
    wish: &Wish,
    wait: bool,
) -> Result<Exit, Failure> {
    let cloud = Cloud::connect(common.namespace.clone(), jobs).await;
    let id = &wish.run_id();
    if wait {
        // From before it is asked for, so that nobody is left without its id.
        let interrupts = Interrupts::listen()?;
        cloud.ask_for(&wish.message()).await?;
        output::print_aside(&format!("asked for {id}\n"));
        return Watcher::new(common, &cloud, id).watch(interrupts).await;
    }
    cloud.ask_for(&wish.message()).await?;
    match common.output {
        Format::Json => output::print_json(&json!({ "runId": id })),
        Format::Text => output::print_text(&format!(
            "asked for {id}\n`longshore show {id} --on aws` tells how it goes\n"
        )),
    }
}
