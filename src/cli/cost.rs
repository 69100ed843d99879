//! What a run cost, as a line and as JSON.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::output;
use crate::cost::{Cost, DATE, PAGE, Unpriced};

/// A run's cost, or why it is not known.
pub(super) type Costed = Result<Cost, Unpriced>;

/// One line, where there is something to tell: on this machine, and before the first task, there is
/// not.
pub(super) fn line(costed: &Costed) -> Option<String> {
    match costed {
        Ok(cost) => Some(told(cost)),
        Err(Unpriced::ThisMachine | Unpriced::NoTask) => None,
        Err(unpriced) => Some(format!("cost not known: {unpriced}")),
    }
}

fn told(cost: &Cost) -> String {
    let spot = cost.tasks.iter().any(|task| task.spot);
    let open = cost.tasks.iter().any(|task| task.open);
    let about = if spot { "about " } else { "" };
    let so_far = if open { " so far" } else { "" };
    let seconds = cost.tasks.iter().map(|task| task.seconds).sum();
    let billed = output::span(SignedDuration::from_secs(seconds));
    let region = &cost.basis.region;
    let of = if cost.basis.own {
        format!("{region}'s prices in jobs.yaml")
    } else {
        format!("{region}'s prices of {DATE}")
    };
    format!("cost {about}{}{so_far}: {billed} of Fargate at {of}", dollars(cost.dollars))
}

/// `$12.30`, `$0.0123`, `under $0.0001`.
fn dollars(dollars: f64) -> String {
    match dollars {
        1.0.. => format!("${dollars:.2}"),
        0.0001.. => format!("${dollars:.4}"),
        0.0 => "$0".to_owned(),
        _ => "under $0.0001".to_owned(),
    }
}

pub(super) fn to_json(costed: &Costed) -> Value {
    let cost = match costed {
        Ok(cost) => cost,
        Err(unpriced) => return json!({ "dollars": null, "reason": unpriced.to_string() }),
    };
    let tasks: Vec<Value> = cost
        .tasks
        .iter()
        .map(|task| {
            json!({
                "attempt": task.attempt,
                "launch": task.launch,
                "dollars": rounded(task.dollars),
                "billedSeconds": task.seconds,
                "spot": task.spot,
                "goesOn": task.open,
            })
        })
        .collect();
    json!({
        "dollars": rounded(cost.dollars),
        "isEstimate": cost.tasks.iter().any(|task| task.spot),
        "tasks": tasks,
        "prices": {
            "region": cost.basis.region,
            "from": if cost.basis.own { "jobs.yaml" } else { PAGE },
            "date": (!cost.basis.own).then_some(DATE),
        },
    })
}

/// To a millionth of a dollar: what lies beyond is arithmetic's alone.
fn rounded(dollars: f64) -> f64 {
    (dollars * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::dollars;

    #[test]
    fn small_amounts_keep_their_figures() {
        for (amount, text) in [
            (0.0, "$0"),
            (0.000_04, "under $0.0001"),
            (0.000_1, "$0.0001"),
            (0.012_345, "$0.0123"),
            (1.0, "$1.00"),
            (12.3, "$12.30"),
        ] {
            assert_eq!(dollars(amount), text);
        }
    }
}
