//! jobs.yaml of a new project, line by line, each with the answer it was made of: what is wrong with
//! the file is told in the words of whoever answered.

use serde_json::Value;

use super::{Answer, Fault, Plan};

/// Words that YAML takes for something else than text.
const NO_TEXT: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];

/// The file as it grows.
pub(super) struct Draft {
    lines: Vec<(Option<Answer>, String)>,
}

impl Draft {
    /// The file, unless an answer has not even the form it must have to stand in one.
    pub(super) fn new(plan: &Plan) -> Result<Self, Fault> {
        let mut draft = Self { lines: Vec::new() };
        draft.add("# What runs, and when. `longshore check` tells what is wrong with it.");
        draft.add("");
        draft.defaults(plan)?;
        draft.add("");
        draft.job(plan);
        Ok(draft)
    }

    /// The text.
    pub(super) fn text(&self) -> String {
        self.lines.iter().map(|(_, line)| format!("{line}\n")).collect()
    }

    /// The answer in the line at this byte of the text.
    pub(super) fn answer_at(&self, offset: usize) -> Option<Answer> {
        let mut end = 0;
        let line = self.lines.iter().find(|(_, line)| {
            end += line.len() + 1;
            offset < end
        });
        line.and_then(|(answer, _)| *answer)
    }

    fn defaults(&mut self, plan: &Plan) -> Result<(), Fault> {
        let namespace = &plan.namespace;
        self.add("defaults:");
        self.answer(plan, Answer::Cluster, "  cluster: ");
        self.add("  network:");
        self.answer(plan, Answer::Vpc, "    vpc: ");
        self.subnets(plan);
        self.subnet_tags(plan)?;
        self.add("    # Made when it is missing, with HTTPS out and nothing in.");
        self.add(&format!("    securityGroup: {{ name: {namespace}-tasks, create: true }}"));
        if plan.assign_public_ip {
            self.add("    assignPublicIp: true");
        }
        if plan.answers.contains_key(&Answer::ExecutionRole) {
            self.add("  # What ECS may do to start tasks: pull the image, write the log.");
            self.answer(plan, Answer::ExecutionRole, "  executionRoleArn: ");
            self.add("  # The group must be there: `longshore doctor` looks.");
            self.add(&format!("  logs: {{ group: /ecs/{namespace} }}"));
        }
        self.add("  timeout: 1h");
        Ok(())
    }

    fn subnets(&mut self, plan: &Plan) {
        let Some(subnets) = plan.answers.get(&Answer::Subnets) else { return };
        self.add("    subnets:");
        for subnet in subnets.split(',') {
            self.push(Answer::Subnets, format!("      - {}", scalar(subnet.trim())));
        }
    }

    fn subnet_tags(&mut self, plan: &Plan) -> Result<(), Fault> {
        let Some(tags) = plan.answers.get(&Answer::SubnetTags) else { return Ok(()) };
        self.add("    subnetTags:");
        for tag in tags.split(',') {
            let (name, value) = tag.split_once('=').ok_or_else(|| Fault {
                answer: Some(Answer::SubnetTags),
                message: format!("`{}` is no tag: write NAME=VALUE", tag.escape_debug()),
            })?;
            let line = format!("      {}: {}", scalar(name.trim()), scalar(value.trim()));
            self.push(Answer::SubnetTags, line);
        }
        Ok(())
    }

    fn job(&mut self, plan: &Plan) {
        let job = plan.answers.get(&Answer::Job).map_or("", String::as_str);
        self.add("jobs:");
        self.push(Answer::Job, format!("  {}:", scalar(job)));
        self.add("    triggers:");
        self.answer(plan, Answer::Schedule, "      - schedule: ");
        self.answer(plan, Answer::TimeZone, "        timeZone: ");
        let objects = plan.answers.contains_key(&Answer::Bucket);
        if objects {
            self.add("      - s3:");
            self.answer(plan, Answer::Bucket, "          bucket: ");
            self.answer(plan, Answer::Prefix, "          prefix: ");
        }
        self.add("    task:");
        self.answer(plan, Answer::Image, "      image: ");
        self.add("      cpu: 256");
        self.add("      memory: 512");
        self.add(
            "      # Without `command` the image's own runs; a process of this machine needs one:",
        );
        self.add(r#"      # command: [sh, -c, 'echo "hello from $LONGSHORE_JOB"']"#);
        if objects {
            self.add("      # What landed:");
            self.add(r#"      environment: { BUCKET: "{{ bucket }}", KEY: "{{ key }}" }"#);
        }
    }

    /// A line without an answer in it.
    fn add(&mut self, line: &str) {
        self.lines.push((None, line.to_owned()));
    }

    fn push(&mut self, answer: Answer, line: String) {
        self.lines.push((Some(answer), line));
    }

    /// A line that ends with the answer, if there is one.
    fn answer(&mut self, plan: &Plan, answer: Answer, before: &str) {
        if let Some(value) = plan.answers.get(&answer) {
            self.push(answer, format!("{before}{}", scalar(value)));
        }
    }
}

/// A text as YAML: bare where nothing else could be meant, else in JSON's quotes, which are YAML's.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/-:".contains(c);
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(plain)
        && !text.ends_with(':')
        && !NO_TEXT.contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { Value::from(text).to_string() }
}
