//! Where a container's output goes, as its task definition says.

use std::collections::BTreeMap;

use super::TaskDefinition;

/// Of which option a driver's place is known; others may hold secrets.
const PLACES: [(&str, &str); 6] = [
    ("awsfirelens", "Name"),
    ("fluentd", "fluentd-address"),
    ("gelf", "gelf-address"),
    ("splunk", "splunk-url"),
    ("syslog", "syslog-address"),
    ("logentries", "logentries-region"),
];

/// Where a container's output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogRoute {
    /// Into a stream for each task.
    CloudWatch {
        /// The group.
        group: String,
        /// Its region, when it is not the task's.
        region: Option<String>,
        /// What the streams' names begin with.
        prefix: String,
    },
    /// Past CloudWatch Logs, or into it by other hands.
    Elsewhere {
        /// The log driver.
        driver: String,
        /// Where it sends to, as far as it says.
        place: Option<String>,
    },
    /// Nowhere.
    Nowhere,
}

impl LogRoute {
    /// What a log configuration says.
    pub fn of(driver: &str, options: &BTreeMap<String, String>) -> Self {
        let option = |name: &str| options.get(name).cloned();
        let elsewhere = || {
            let place = PLACES.iter().find(|(known, _)| *known == driver);
            let place = place.and_then(|(_, name)| option(name));
            Self::Elsewhere { driver: driver.to_owned(), place }
        };
        match (driver, option("awslogs-group"), option("awslogs-stream-prefix")) {
            ("awslogs", Some(group), Some(prefix)) => {
                Self::CloudWatch { group, region: option("awslogs-region"), prefix }
            }
            _ => elsewhere(),
        }
    }
}

impl TaskDefinition {
    /// Where its container's output goes.
    pub fn log_route(&self) -> LogRoute {
        match &self.logs {
            Some(logs) => LogRoute::CloudWatch {
                group: logs.group.clone(),
                region: logs.region.clone(),
                prefix: self.family.clone(),
            },
            None => LogRoute::Nowhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(driver: &str, options: &[(&str, &str)], expected: &LogRoute) {
        let options = options.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        assert_eq!(LogRoute::of(driver, &options.collect()), *expected, "{driver}");
    }

    #[test]
    fn a_log_configuration_says_where_the_log_is_and_keeps_its_secrets() {
        let group = ("awslogs-group", "/ecs/report");
        let (region, prefix) = (("awslogs-region", "eu-west-3"), ("awslogs-stream-prefix", "r"));
        let found = LogRoute::CloudWatch {
            group: "/ecs/report".to_owned(),
            region: Some("eu-west-3".to_owned()),
            prefix: "r".to_owned(),
        };
        check("awslogs", &[group, region, prefix], &found);
        let elsewhere = |driver: &str, place: Option<&str>| LogRoute::Elsewhere {
            driver: driver.to_owned(),
            place: place.map(str::to_owned),
        };
        // Without a prefix its streams have names of the agent's own.
        check("awslogs", &[group], &elsewhere("awslogs", None));
        let splunk = [("splunk-token", "planted"), ("splunk-url", "https://s:8088")];
        check("splunk", &splunk, &elsewhere("splunk", Some("https://s:8088")));
        check("awsfirelens", &[("Name", "firehose")], &elsewhere("awsfirelens", Some("firehose")));
        check("awsfirelens", &[], &elsewhere("awsfirelens", None));
    }
}
