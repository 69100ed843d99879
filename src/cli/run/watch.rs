//! `run --on aws --wait`: tells what happens to a run until it has ended, or whoever waits leaves.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::cli::exit::{Exit, Failure};
use crate::cli::interrupts::{Interrupt, Interrupts};
use crate::cli::logs::Aside;
use crate::cli::output;
use crate::cli::records::PATIENCE;
use crate::cli::show::{conclusion, tell};
use crate::cli::stop::wish;
use crate::cli::timeline::{self, timeline};
use crate::cli::{Common, Format, layout};
use crate::cloud::Cloud;
use crate::identity::RunId;
use crate::ledger::LedgerError;
use crate::run::Run;

/// How often a run is looked at while it is waited for.
const LOOK: Duration = Duration::from_secs(1);
/// After this long without a claim, a person should look at the queues.
const CLAIM_EXPECTED: Duration = Duration::from_secs(30);
/// After this long it is no use to wait: an event that was rejected is never claimed.
const CLAIM_LIMIT: Duration = Duration::from_secs(15 * 60);

/// Waits for one run.
pub(super) struct Watcher<'a> {
    common: &'a Common,
    cloud: &'a Cloud,
    id: &'a RunId,
    begun: Instant,
    /// When the ledger answered last.
    reached: Instant,
    /// Whether it was said that nobody has claimed the run.
    warned: bool,
    /// The moments that were told.
    told: Vec<String>,
    /// What its task prints.
    log: Aside,
}

impl<'a> Watcher<'a> {
    pub(super) fn new(common: &'a Common, cloud: &'a Cloud, id: &'a RunId) -> Self {
        let begun = Instant::now();
        Self {
            common,
            cloud,
            id,
            begun,
            reached: begun,
            warned: false,
            told: Vec::new(),
            log: Aside::new(),
        }
    }

    pub(super) async fn watch(mut self, mut interrupts: Interrupts) -> Result<Exit, Failure> {
        loop {
            if let Some(run) = self.look().await? {
                self.tell(&run)?;
                self.log.tell(self.cloud, &run).await;
                if run.verdict().is_some() && self.log.has_settled() {
                    self.end(&run)?;
                    return Ok(Exit::of(&run));
                }
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                interrupt = interrupts.next() => self.interrupted(interrupt, &mut interrupts).await?,
            }
        }
    }

    /// The run as it stands; `None` while there is none, or it cannot be looked at for a while.
    async fn look(&mut self) -> Result<Option<Run>, Failure> {
        match self.cloud.load(self.id).await {
            Ok(Some(run)) => {
                self.reached = Instant::now();
                Ok(Some(run))
            }
            Ok(None) if self.begun.elapsed() > CLAIM_LIMIT => {
                Err(Failure::environment(self.unclaimed()))
            }
            Ok(None) => {
                if self.begun.elapsed() > CLAIM_EXPECTED && !self.warned {
                    self.warned = true;
                    output::print_aside(&format!("{}\n", self.unclaimed()));
                }
                Ok(None)
            }
            // A run may take hours: one that cannot be looked at for a while goes on all the same.
            Err(LedgerError::Unavailable(_)) if self.reached.elapsed() < PATIENCE => Ok(None),
            Err(error) => Err(Failure::environment(format!("{error}; {}", self.goes_on()))),
        }
    }

    fn unclaimed(&self) -> String {
        let (id, namespace) = (self.id, &self.common.namespace);
        format!(
            "{id} is not claimed yet: it waits in the queue {namespace}-events, was rejected \
             (`longshore replay --dry-run --on aws` tells why), or the log of {namespace}-dispatch \
             tells more"
        )
    }

    fn goes_on(&self) -> String {
        let id = self.id;
        format!(
            "{id} goes on: `longshore show {id} --on aws` tells how, `longshore stop {id} --on aws` \
             stops it"
        )
    }

    /// Prints what is new about the run.
    fn tell(&mut self, run: &Run) -> Result<(), Failure> {
        if self.common.output == Format::Json {
            return Ok(());
        }
        let now = Timestamp::now();
        let ended = run.verdict().is_some();
        let width = layout::width();
        let mut news = String::new();
        // What is still to come is told when it is there.
        for moment in timeline(run).iter().filter(|moment| ended || moment.at <= now) {
            let line = tell(moment, width);
            if !self.told.contains(&line) {
                news.push_str(&line);
                self.told.push(line);
            }
        }
        output::print_text(&news).map(drop)
    }

    fn end(&self, run: &Run) -> Result<Exit, Failure> {
        match self.common.output {
            Format::Json => output::print_json(&timeline::to_json(run)),
            Format::Text => output::print_text(&format!("  {}\n", conclusion(run))),
        }
    }

    /// The first Ctrl-C asks whether to stop the task; whoever cannot answer, or asks again, leaves.
    async fn interrupted(
        &self,
        interrupt: Interrupt,
        interrupts: &mut Interrupts,
    ) -> Result<(), Failure> {
        let leave = |message| Err(Failure { exit: Exit::Interrupted, message });
        if interrupt.count > 1 {
            let id = self.id;
            return leave(format!(
                "{id} is asked to stop: `longshore show {id} --on aws` tells how it ends"
            ));
        }
        if interrupts.ask_to_stop(interrupt).await != Some(true) {
            return leave(self.goes_on());
        }
        let unasked = |why: String| Failure::environment(format!("{why}; {}", self.goes_on()));
        let asked = self.cloud.ask_to_stop(self.id, wish(None)).await;
        if asked.map_err(|error| unasked(error.to_string()))?.is_none()
            && self.cloud.load(self.id).await.is_ok_and(|run| run.is_none())
        {
            return Err(unasked(format!("{} is not claimed yet, so nothing can stop it", self.id)));
        }
        output::print_aside("asked it to stop; Ctrl-C again does not wait for its end\n");
        Ok(())
    }
}
