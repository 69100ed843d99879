//! What an account would have after a deployment: every parameter, reference and condition filled
//! in, the nested stack among the rest.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

pub(super) const REGION: &str = "eu-west-1";
pub(super) const ACCOUNT: &str = "123456789012";
pub(super) const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/0a1b";
pub(super) const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:on-call";
/// A namespace that is nobody's default.
pub(super) const NAMESPACE: &str = "shore";

/// Both templates, as they are written.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) template: Value,
    pub(super) triggers: Value,
}

/// Resources by logical id, filled in.
#[derive(Debug, Default)]
pub(super) struct Account {
    resources: BTreeMap<String, Value>,
}

impl Files {
    pub(super) fn deploy(&self, parameters: &[(&str, &str)]) -> Account {
        let mut given: BTreeMap<String, Value> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        given.insert("Namespace".to_owned(), json!(NAMESPACE));
        let mut account = Account::default();
        let outer = Stack { template: &self.template, given };
        outer.deploy_into(&mut account);
        let inner = account.properties("Triggers")["Parameters"].as_object().cloned();
        let inner = inner.unwrap_or_default().into_iter().collect();
        Stack { template: &self.triggers, given: inner }.deploy_into(&mut account);
        account
    }
}

impl Account {
    /// Everything of one type, by logical id.
    pub(super) fn all<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let is_one = move |(_, resource): &(&String, &Value)| resource["Type"] == kind;
        let found = self.resources.iter().filter(is_one);
        found.map(|(id, resource)| (id.as_str(), &resource["Properties"]))
    }

    pub(super) fn resource(&self, id: &str) -> &Value {
        self.resources.get(id).unwrap_or(&Value::Null)
    }

    pub(super) fn properties(&self, id: &str) -> &Value {
        &self.resource(id)["Properties"]
    }

    /// The ARN of a resource as it is written, before anything else is known of it.
    pub(super) fn arn(&self, id: &str) -> String {
        arn(id, self.resource(id))
    }

    /// What a role allows, inline or by a policy that is attached to it.
    pub(super) fn allowed(&self, role: &str) -> Vec<&Value> {
        let inline = list(&self.properties(role)["Policies"]).iter();
        let attached = self
            .all("AWS::IAM::Policy")
            .filter(|(_, policy)| list(&policy["Roles"]).contains(&json!(role)));
        inline
            .chain(attached.map(|(_, policy)| policy))
            .flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]))
            .filter(|statement| statement["Effect"] == "Allow")
            .collect()
    }
}

/// A list, or nothing.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// One text or a list of them.
pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        other => list(other).iter().filter_map(Value::as_str).collect(),
    }
}

struct Stack<'a> {
    template: &'a Value,
    given: BTreeMap<String, Value>,
}

impl Stack<'_> {
    fn deploy_into(&self, account: &mut Account) {
        let none = Map::new();
        for (id, resource) in self.template["Resources"].as_object().unwrap_or(&none) {
            if resource["Condition"].as_str().is_none_or(|name| self.holds(name)) {
                let mut resource = self.fill(resource).unwrap_or_default();
                if resource["Type"] == "AWS::Serverless::Function" {
                    let globals = self.fill(&self.template["Globals"]["Function"]);
                    inherit(&mut resource["Properties"], globals.unwrap_or_default());
                }
                account.resources.insert(id.clone(), resource);
            }
        }
    }

    /// A value without anything to be filled in; `None` for `AWS::NoValue`.
    fn fill(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Array(items) => {
                Some(Value::Array(items.iter().filter_map(|item| self.fill(item)).collect()))
            }
            Value::Object(map) => match map.iter().next() {
                Some((name, inner)) if map.len() == 1 && name == "Ref" => {
                    self.refer(inner.as_str()?)
                }
                Some((name, inner)) if map.len() == 1 && name.starts_with("Fn::") => {
                    self.call(name, inner)
                }
                _ => {
                    let filled =
                        |(key, value): (&String, &Value)| Some((key.clone(), self.fill(value)?));
                    Some(Value::Object(map.iter().filter_map(filled).collect()))
                }
            },
            plain => Some(plain.clone()),
        }
    }

    fn refer(&self, name: &str) -> Option<Value> {
        match name {
            "AWS::NoValue" => None,
            "AWS::Region" => Some(json!(REGION)),
            "AWS::AccountId" => Some(json!(ACCOUNT)),
            "AWS::Partition" => Some(json!("aws")),
            _ => {
                let parameter = &self.template["Parameters"][name];
                if parameter.is_object() {
                    let given = self.given.get(name).cloned();
                    return Some(given.unwrap_or_else(|| parameter["Default"].clone()));
                }
                let resource = self.named(name);
                let called = called(name, &resource);
                Some(match resource["Type"].as_str().unwrap() {
                    "AWS::SQS::Queue" => {
                        json!(format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{called}"))
                    }
                    "AWS::Serverless::LayerVersion" => json!(arn(name, &resource)),
                    _ => json!(called),
                })
            }
        }
    }

    /// A resource with what names it filled in.
    fn named(&self, id: &str) -> Value {
        let mut resource = self.template["Resources"][id].clone();
        assert!(resource.is_object(), "`{id}` is neither a parameter nor a resource");
        let none = Map::new();
        let properties = resource["Properties"].as_object().unwrap_or(&none);
        let names = properties.iter().filter(|(key, _)| key.ends_with("Name"));
        let names = names.filter_map(|(key, value)| Some((key.clone(), self.fill(value)?)));
        resource["Properties"] = Value::Object(names.collect());
        resource
    }

    fn call(&self, name: &str, inner: &Value) -> Option<Value> {
        match (name, list(inner)) {
            ("Fn::GetAtt", [id, attribute]) => {
                let (id, attribute) = (id.as_str()?, attribute.as_str()?);
                Some(json!(self.attribute(id, attribute)))
            }
            ("Fn::If", [condition, yes, no]) => {
                self.fill(if self.holds(condition.as_str()?) { yes } else { no })
            }
            ("Fn::Sub", _) => Some(json!(self.substitute(inner.as_str()?))),
            _ => panic!("`{name}` is nothing these templates have"),
        }
    }

    fn attribute(&self, id: &str, attribute: &str) -> String {
        let resource = self.named(id);
        match attribute {
            "Arn" => arn(id, &resource),
            "QueueName" => called(id, &resource),
            other => panic!("`{other}` of {id}"),
        }
    }

    fn substitute(&self, text: &str) -> String {
        let mut parts = text.split("${");
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap();
            match name.split_once('.') {
                Some((id, attribute)) => filled.push_str(&self.attribute(id, attribute)),
                None => filled.push_str(self.refer(name).unwrap().as_str().unwrap()),
            }
            filled.push_str(rest);
        }
        filled
    }

    fn holds(&self, condition: &str) -> bool {
        fn eval(stack: &Stack<'_>, value: &Value) -> bool {
            if let [inner] = list(&value["Fn::Not"]) {
                return !eval(stack, inner);
            }
            let [one, other] = list(&value["Fn::Equals"]) else { panic!("{value}") };
            stack.fill(one) == stack.fill(other)
        }
        eval(self, &self.template["Conditions"][condition])
    }
}

/// What a resource is called in the account.
fn called(id: &str, resource: &Value) -> String {
    let properties = resource["Properties"].as_object();
    let name = properties.into_iter().flatten().find(|(key, _)| {
        matches!(
            key.as_str(),
            "Name" | "QueueName" | "TableName" | "FunctionName" | "LogGroupName" | "DashboardName"
        )
    });
    name.and_then(|(_, name)| name.as_str()).unwrap_or(id).to_owned()
}

fn arn(id: &str, resource: &Value) -> String {
    let (service, prefix, suffix) = match resource["Type"].as_str().unwrap_or_default() {
        "AWS::SQS::Queue" => ("sqs", "", ""),
        "AWS::DynamoDB::Table" => ("dynamodb", "table/", ""),
        "AWS::Events::EventBus" => ("events", "event-bus/", ""),
        "AWS::Events::Rule" => ("events", "rule/", ""),
        "AWS::Scheduler::ScheduleGroup" => ("scheduler", "schedule-group/", ""),
        "AWS::Serverless::Function" => ("lambda", "function:", ""),
        "AWS::Serverless::LayerVersion" => ("lambda", "layer:", ":1"),
        "AWS::Logs::LogGroup" => ("logs", "log-group:", ":*"),
        "AWS::IAM::Role" => ("iam", "role/", ""),
        other => panic!("the ARN of {id}, which is `{other}`"),
    };
    let region = if service == "iam" { "" } else { REGION };
    format!("arn:aws:{service}:{region}:{ACCOUNT}:{prefix}{}{suffix}", called(id, resource))
}

/// What a function does not say is said for all.
fn inherit(properties: &mut Value, globals: Value) {
    let Value::Object(globals) = globals else { return };
    for (key, value) in globals {
        if properties[&key].is_null() {
            properties[&key] = value;
        }
    }
}
