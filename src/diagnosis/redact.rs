//! Evidence that may leave the house: account ids and names replaced, each by the same word
//! wherever it stands, so that the findings stay what they are. Ids that EC2 gave out, as
//! `subnet-...`, stay: they say nothing, and the findings are about them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Map, Value};

use super::Source;
use super::evidence::{Evidence, EvidenceError, SubjectTrigger, whole_secret};
use super::needs::ImageName;

/// Maps whose keys are names.
const NAMED: [&str; 6] = ["clusters", "images", "roles", "logGroups", "secrets", "triggers"];
/// Fields that hold AWS's words or ours, never anybody's.
const KEPT_FIELDS: [&str; 13] = [
    "kind",
    "status",
    "state",
    "stopCode",
    "permission",
    "platforms",
    "region",
    "action",
    "trustedServices",
    "capacity",
    "capacityProviders",
    "architecture",
    "taskShown",
];
/// Words that host names and ARNs are made of, which somebody may have used as a name as well.
const KEPT_WORDS: [&str; 16] = [
    "amazonaws",
    "arn",
    "aws",
    "bucket",
    "com",
    "default",
    "dkr",
    "ecr",
    "iam",
    "log-group",
    "parameter",
    "role",
    "rule",
    "schedule",
    "secret",
    "secretsmanager",
];

/// Registries that everybody knows, beside those of AWS's.
const PUBLIC_REGISTRIES: [&str; 9] = [
    "docker.io",
    "gcr.io",
    "ghcr.io",
    "mcr.microsoft.com",
    "nvcr.io",
    "public.ecr.aws",
    "quay.io",
    "registry-1.docker.io",
    "registry.k8s.io",
];

/// The evidence without account ids and names.
pub fn redact(evidence: &Evidence) -> Result<Evidence, EvidenceError> {
    let mut masks = Masks::default();
    masks.note_names(evidence);
    let value = serde_json::to_value(evidence)?;
    let mut redacted: Evidence = serde_json::from_value(masks.cover(value))?;
    if let Source::Seen(gateways) = &mut redacted.network.nat_gateways {
        // That it has an address is what counts, not which.
        for address in gateways.iter_mut().filter_map(|gateway| gateway.address.as_mut()) {
            *address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        }
    }
    if let Source::Seen(lists) = &mut redacted.network.prefix_lists {
        // AWS's are known by their names, others by their ids.
        for list in lists.iter_mut().filter(|list| !list.name.starts_with("com.amazonaws.")) {
            list.name.clear();
        }
    }
    Ok(redacted)
}

/// What stands for what.
#[derive(Default)]
struct Masks {
    words: BTreeMap<String, String>,
    /// Regions that keys begin with: as a name of somebody's too, they stay as they are.
    regions: BTreeSet<String>,
    counts: BTreeMap<&'static str, usize>,
    accounts: BTreeMap<String, String>,
}

impl Masks {
    fn note(&mut self, kind: &'static str, name: &str) {
        self.note_as(kind, name, "");
    }

    /// Notes a name whose mask must look like one of its kind by what it ends in.
    fn note_as(&mut self, kind: &'static str, name: &str, end: &str) {
        let is_kept = KEPT_WORDS.contains(&name) || self.regions.contains(name);
        if !name.is_empty() && !is_kept && !self.words.contains_key(name) {
            let count = self.counts.entry(kind).or_default();
            *count += 1;
            self.words.insert(name.to_owned(), format!("{kind}-{count}{end}"));
        }
    }

    /// A role, by its path and name, and by the name alone, as sessions have it.
    fn note_role(&mut self, arn: &str) {
        let name = own_name(arn);
        self.note("role", name);
        self.note("role", name.rsplit('/').next().unwrap_or(name));
    }

    /// A secret, and its key; a parameter's name begins with a slash or not.
    fn note_secret(&mut self, named: &str) {
        self.note("secret", own_name(whole_secret(named)).trim_start_matches('/'));
    }

    /// A key by its id or alias.
    fn note_key(&mut self, key: Option<&String>) {
        let name = key.and_then(|key| key.rsplit([':', '/']).next());
        self.note("key", name.unwrap_or_default());
    }

    fn note_image(&mut self, image: &str) {
        let name = ImageName::of(image);
        self.note("repository", name.repository);
        let is_public = PUBLIC_REGISTRIES.contains(&name.host) || name.ecr.is_some();
        if !is_public {
            self.note_as("registry", name.host, ".example");
        }
    }

    /// Gives every name in the evidence its mask.
    fn note_names(&mut self, evidence: &Evidence) {
        let log_groups: Vec<(&str, &str)> =
            evidence.log_groups.keys().filter_map(|key| key.split_once(':')).collect();
        self.regions = log_groups.iter().map(|(region, _)| (*region).to_owned()).collect();
        for subject in &evidence.jobs {
            self.note("job", &subject.job);
            self.note("cluster", &subject.cluster);
            self.note("container", &subject.container);
            for trigger in &subject.triggers {
                match trigger {
                    SubjectTrigger::Schedule { name, .. } => self.note("schedule", name),
                    SubjectTrigger::Bucket { bucket, rule } => {
                        self.note("bucket", bucket);
                        self.note("rule", rule);
                    }
                }
            }
            if let Source::Seen(Some(definition)) = &subject.definition {
                self.note("family", definition.name.split(':').next().unwrap_or_default());
                for container in &definition.containers {
                    self.note("container", &container.name);
                    self.note_image(&container.image);
                    if let Some(logs) = &container.logs {
                        self.note("log-group", &logs.group);
                    }
                    container.secrets.iter().for_each(|secret| self.note_secret(secret));
                }
                let roles = [&definition.execution_role, &definition.task_role];
                roles.into_iter().flatten().for_each(|role| self.note_role(role));
            }
            // A group that is not there is known by the name that jobs.yaml has.
            if let Source::Seen(groups) = &subject.security_groups {
                let named = groups.iter().filter(|group| !group.starts_with("sg-"));
                named.for_each(|group| self.note("group", group));
            }
            if let Some(role) = &subject.dispatch_role {
                self.note_role(role);
            }
        }
        if let Some(run) = &evidence.run {
            self.note("run", &run.id);
            self.note("job", &run.job);
        }
        evidence.roles.keys().for_each(|role| self.note_role(role));
        evidence.clusters.keys().for_each(|cluster| self.note("cluster", cluster));
        log_groups.iter().for_each(|(_, group)| self.note("log-group", group));
        evidence.secrets.keys().for_each(|secret| self.note_secret(secret));
        evidence.images.keys().for_each(|image| self.note_image(image));
        for secret in evidence.secrets.values() {
            if let Source::Seen(Some(secret)) = secret {
                self.note_key(secret.key.as_ref());
            }
        }
        for group in evidence.log_groups.values() {
            if let Source::Seen(Some(group)) = group {
                self.note_key(group.key.as_ref());
            }
        }
    }

    /// Puts the masks on every text; the names of fields are ours and stay.
    fn cover(&mut self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.cover_text(&text)),
            Value::Array(values) => values.into_iter().map(|value| self.cover(value)).collect(),
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(key, value)| {
                    let value = match value {
                        Value::Object(map) if NAMED.contains(&key.as_str()) => {
                            Value::Object(self.cover_map(map))
                        }
                        value if key == "network" => self.cover_reasons(value),
                        value if KEPT_FIELDS.contains(&key.as_str()) => value,
                        value => self.cover(value),
                    };
                    (key, value)
                });
                Value::Object(fields.collect())
            }
            other => other,
        }
    }

    /// Of the network only why something was not seen is anybody's words.
    fn cover_reasons(&mut self, value: Value) -> Value {
        let Value::Object(fields) = value else { return value };
        let fields = fields.into_iter().map(|(key, value)| match value {
            Value::String(reason) if key == "reason" => {
                let reason = self.cover_text(&reason);
                (key, Value::String(reason))
            }
            value => {
                let value = self.cover_reasons(value);
                (key, value)
            }
        });
        Value::Object(fields.collect())
    }

    fn cover_map(&mut self, map: Map<String, Value>) -> Map<String, Value> {
        map.into_iter().map(|(key, value)| (self.cover_text(&key), self.cover(value))).collect()
    }

    /// The text with every name and account id in it covered, the longest first.
    fn cover_text(&mut self, text: &str) -> String {
        // A whole word at a time: a job `a` is not in every `a`.
        static ACCOUNT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\b\d{12}\b").ok());
        static ASKER: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(r"(:(?:user|assumed-role|federated-user)/)[\w+=,.@/-]+").ok()
        });
        let mut text = text.to_owned();
        let mut words: Vec<(&String, &String)> = self.words.iter().collect();
        words.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
        for (word, mask) in words {
            text = replace_word(&text, word, mask);
        }
        // Whoever asked stands in what AWS refused, and is in no list of ours.
        if let Some(asker) = ASKER.as_ref() {
            text = asker.replace_all(&text, "${1}somebody").into_owned();
        }
        let accounts = &mut self.accounts;
        match ACCOUNT.as_ref() {
            Some(account) => account
                .replace_all(&text, |found: &Captures<'_>| {
                    let count = accounts.len() + 1;
                    let mask = || format!("{count:012}");
                    accounts.entry(found[0].to_owned()).or_insert_with(mask).clone()
                })
                .into_owned(),
            None => text,
        }
    }
}

/// The last part of an ARN, or of a path: what people gave it.
fn own_name(arn: &str) -> &str {
    let last = arn.rsplit(':').next().unwrap_or(arn);
    match arn.contains(":role/") || arn.contains(":parameter/") {
        true => last.split_once('/').map_or(last, |(_, name)| name),
        false => last,
    }
}

/// Replaces a name where it stands by itself.
fn replace_word(text: &str, word: &str, mask: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let (mut out, mut rest, mut before) = (String::new(), text, None::<char>);
    while let Some(at) = rest.find(word) {
        let (head, tail) = (&rest[..at], &rest[at + word.len()..]);
        let left = head.chars().next_back().or(before.filter(|_| head.is_empty()));
        let alone = !left.is_some_and(is_part) && !tail.chars().next().is_some_and(is_part);
        out.push_str(head);
        out.push_str(if alone { mask } else { word });
        before = word.chars().next_back();
        rest = tail;
    }
    out + rest
}
