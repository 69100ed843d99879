//! The sizes Fargate sells: cpu in ECS units (1024 is one vCPU), memory in MiB
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html>).

/// GiB of ephemeral storage a job may ask for; every task has 20 without asking.
pub const EPHEMERAL_STORAGE_GIB: std::ops::RangeInclusive<u32> = 21..=200;

/// Seconds between SIGTERM and SIGKILL Fargate allows; 30 when the container does not say.
pub const STOP_TIMEOUT_SECS: std::ops::RangeInclusive<u64> = 2..=120;

/// Memory one cpu size can have: first, last and step, in MiB. Steps below 1 GiB are listed alone.
const SIZES: [(u32, u32, u32, u32); 7] = [
    (256, 512, 2_048, 0),
    (512, 1_024, 4_096, 1_024),
    (1_024, 2_048, 8_192, 1_024),
    (2_048, 4_096, 16_384, 1_024),
    (4_096, 8_192, 30_720, 1_024),
    (8_192, 16_384, 61_440, 4_096),
    (16_384, 32_768, 122_880, 8_192),
];

/// The memory sizes that go with `cpu`, ascending; `None` when Fargate has no such cpu size.
pub fn memory_sizes(cpu: u32) -> Option<Vec<u32>> {
    let (_, first, last, step) = SIZES.into_iter().find(|size| size.0 == cpu)?;
    Some(match step {
        0 => vec![512, 1_024, 2_048],
        step => (first..=last).step_by(step as usize).collect(),
    })
}

/// A pair that Fargate does not sell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// What is wrong with it.
    pub message: String,
    /// The nearest pair that works.
    pub remedy: String,
}

/// Holds a pair against what Fargate sells.
pub fn check_size(cpu: u32, memory: u32) -> Result<(), Misfit> {
    let Some(sizes) = memory_sizes(cpu) else {
        let cpus: Vec<String> = SIZES.iter().map(|size| size.0.to_string()).collect();
        return Err(Misfit {
            message: format!("Fargate has no cpu {cpu}"),
            remedy: format!("use {}", cpus.join(", ")),
        });
    };
    if sizes.contains(&memory) {
        return Ok(());
    }
    let enough = sizes.iter().find(|size| **size >= memory);
    let remedy = match (enough, SIZES.iter().find(|size| size.0 > cpu && size.2 >= memory)) {
        (Some(next), _) => format!("use memory {next}"),
        (None, Some(larger)) => format!("use cpu {}", larger.0),
        (None, None) => "use 122880 at most, with cpu 16384: no Fargate task has more".to_owned(),
    };
    let (first, last) = (sizes.first().copied().unwrap_or(0), sizes.last().copied().unwrap_or(0));
    Err(Misfit {
        message: format!(
            "Fargate has no memory {memory} with cpu {cpu} (it goes from {first} to {last} MiB)"
        ),
        remedy,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_fargate_sells_is_known_and_no_other() {
        for (cpu, memory) in [
            (256, 512),
            (256, 2_048),
            (512, 3_072),
            (1_024, 8_192),
            (4_096, 30_720),
            (8_192, 20_480),
            (16_384, 122_880),
        ] {
            assert_eq!(check_size(cpu, memory), Ok(()), "{cpu}/{memory}");
        }
        for (cpu, memory, remedy) in [
            (256, 3_072, "use cpu 512"),
            (256, 600, "use memory 1024"),
            (512, 512, "use memory 1024"),
            (300, 512, "use 256, 512"),
            (8_192, 17_408, "use memory 20480"),
            (16_384, 200_000, "no Fargate task"),
        ] {
            let found = check_size(cpu, memory).err().map(|misfit| misfit.remedy);
            let found = found.unwrap_or_default();
            assert!(found.contains(remedy), "{cpu}/{memory}: {found}");
        }
    }
}
