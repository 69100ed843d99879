//! Fargate's prices as AWS publishes them: the one place where they stand.
//!
//! From <https://aws.amazon.com/fargate/pricing/>, Linux, on demand, read on [`DATE`]. Only regions
//! whose prices were read there are here; `prices` in jobs.yaml adds others.

use crate::jobs::prices::{Rate, RegionPrices};

/// When the page was read.
pub const DATE: &str = "2026-09-23";
/// Where the prices are from.
pub const PAGE: &str = "https://aws.amazon.com/fargate/pricing/";
/// Every region of the table.
pub const REGIONS: [&str; 1] = ["us-east-1"];

/// Spot's price moves; AWS says "up to 70 %", and that is what it mostly is.
pub(super) const SPOT_DISCOUNT: f64 = 0.7;

/// What the table has of a region.
pub(super) fn of(region: &str) -> Option<RegionPrices> {
    REGIONS.contains(&region).then_some(RegionPrices {
        x86_64: Some(Rate { vcpu_hour: 0.040_48, memory_hour: 0.004_445 }),
        arm64: Some(Rate { vcpu_hour: 0.032_38, memory_hour: 0.003_56 }),
        storage_hour: Some(0.000_111),
        spot_discount: Some(SPOT_DISCOUNT),
    })
}
