//! What Fargate costs the account that pays, where that is not what longshore's own table says.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::problem::Problem;
use super::task::Architecture;
use super::yaml::Path;

/// No price of Fargate's comes near: what is above it was meant for a month, or in cents.
const HOUR_MAX: f64 = 10.0;

/// Prices by region.
pub type Prices = BTreeMap<String, RegionPrices>;

/// What Fargate costs in one region. What is not said is as in longshore's own table, if that has
/// the region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RegionPrices {
    /// Of Linux on Intel and AMD. Without it: the table's, for its regions.
    #[serde(rename = "X86_64")]
    pub x86_64: Option<Rate>,
    /// Of Linux on Graviton. Without it: the table's, for its regions.
    #[serde(rename = "ARM64")]
    pub arm64: Option<Rate>,
    /// Dollars for an hour of each GB of ephemeral storage beyond the 20 that every task has.
    /// Without it: the table's, for its regions.
    pub storage_hour: Option<f64>,
    /// What part of the price of vCPU and memory Spot saves: 0.7 is 70 %. Without it: 0.7.
    pub spot_discount: Option<f64>,
}

/// Dollars for an hour, of Linux.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rate {
    /// Of one vCPU.
    pub vcpu_hour: f64,
    /// Of one GB of memory.
    pub memory_hour: f64,
}

impl RegionPrices {
    /// The rate of an architecture.
    pub fn rate(&self, architecture: Architecture) -> Option<Rate> {
        match architecture {
            Architecture::X86_64 => self.x86_64,
            Architecture::Arm64 => self.arm64,
        }
    }

    /// Each price as said here, else as said there.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        Self {
            x86_64: self.x86_64.or(other.x86_64),
            arm64: self.arm64.or(other.arm64),
            storage_hour: self.storage_hour.or(other.storage_hour),
            spot_discount: self.spot_discount.or(other.spot_discount),
        }
    }

    fn check(&self, at: &Path, problems: &mut Vec<Problem>) {
        for (name, rate) in [("X86_64", self.x86_64), ("ARM64", self.arm64)] {
            let at = at.key(name);
            check_price(&at.key("vcpuHour"), rate.map(|rate| rate.vcpu_hour), problems);
            check_price(&at.key("memoryHour"), rate.map(|rate| rate.memory_hour), problems);
        }
        check_price(&at.key("storageHour"), self.storage_hour, problems);
        if let Some(discount) = self.spot_discount.filter(|part| !(0.0..=1.0).contains(part)) {
            problems.push(
                Problem::error(at.key("spotDiscount"), format!("is {discount}"))
                    .remedy("write the part that is saved, from 0 to 1: 0.7 for 70 %"),
            );
        }
    }
}

/// Checks all of them.
pub(super) fn check(prices: &Prices, problems: &mut Vec<Problem>) {
    let at = Path::root().key("prices");
    for (region, prices) in prices {
        let at = at.key(region);
        if !is_region(region) {
            problems.push(
                Problem::error(at.clone(), format!("`{}` is no region", region.escape_debug()))
                    .remedy("write its code, like `eu-west-3`"),
            );
        }
        prices.check(&at, problems);
    }
}

fn check_price(at: &Path, price: Option<f64>, problems: &mut Vec<Problem>) {
    if let Some(price) = price.filter(|price| !(0.0..=HOUR_MAX).contains(price)) {
        problems.push(
            Problem::error(at.clone(), format!("is {price}"))
                .remedy(format!("write dollars for an hour, from 0 to {HOUR_MAX}")),
        );
    }
}

/// Whether it may be the code of a region: `us-east-1`, `us-gov-west-1`.
pub(crate) fn is_region(text: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    match text.rsplit_once('-') {
        Some((words, number)) => {
            words.contains('-') && words.split('-').all(is_word) && is_number(number)
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use crate::jobs::{self, Architecture};

    const JOB: &str = "jobs: { hello: { task: { image: alpine } } }\n";

    fn read(prices: &str) -> jobs::Reading {
        jobs::read(format!("{JOB}prices:\n{prices}").as_bytes(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn prices_are_read_by_region_and_architecture() {
        let reading = read(
            "  eu-west-3: { X86_64: { vcpuHour: 0.0486, memoryHour: 0.0053 } }\n  \
             us-gov-west-1: { spotDiscount: 0.5 }\n",
        );
        let jobs = reading.jobs.unwrap_or_default();
        let rate = jobs.prices["eu-west-3"].rate(Architecture::X86_64);
        assert_eq!(rate.map(|rate| (rate.vcpu_hour, rate.memory_hour)), Some((0.0486, 0.0053)));
        assert_eq!(jobs.prices["eu-west-3"].rate(Architecture::Arm64), None);
        assert_eq!(jobs.prices["us-gov-west-1"].spot_discount, Some(0.5));
    }

    #[test]
    fn what_is_no_price_is_told_with_its_place() {
        for (prices, told) in [
            ("  paris: {}\n", "prices.paris: `paris` is no region"),
            ("  eu-west-: {}\n", "no region"),
            ("  eu-west-3: { spotDiscount: 70 }\n", "prices.eu-west-3.spotDiscount: is 70"),
            ("  eu-west-3: { storageHour: -1 }\n", "prices.eu-west-3.storageHour: is -1"),
            (
                "  eu-west-3: { ARM64: { vcpuHour: 29.1, memoryHour: 0 } }\n",
                "prices.eu-west-3.ARM64.vcpuHour: is 29.1: write dollars for an hour",
            ),
            ("  eu-west-3: { ARM64: { vcpuHour: 0.1 } }\n", "memoryHour"),
            ("  eu-west-3: { x86: {} }\n", "x86"),
        ] {
            let reading = read(prices);
            let problems: Vec<String> = reading.problems.iter().map(ToString::to_string).collect();
            assert!(reading.jobs.is_none(), "{prices}");
            assert!(problems.iter().any(|problem| problem.contains(told)), "{prices}{problems:?}");
        }
    }
}
