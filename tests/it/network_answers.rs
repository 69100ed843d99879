//! What EC2's answers mean, and in which order a security group is made: the real SDK against
//! answers that are played.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::time::Duration;

use aws_config::retry::RetryConfig;
use jiff::Timestamp;
use longshore::jobs::{Network, SecurityGroup};
use longshore::network::ec2::Ec2;
use longshore::network::{Awsvpc, NetworkError};
use serde_json::Value;

use crate::moto;
use crate::wire::{Answer, Wire};

/// EC2's answer of this operation.
fn answer(operation: &str, inside: &str) -> Answer {
    Answer::Xml(200, format!("<{operation}Response>{inside}</{operation}Response>"))
}

fn error(code: &str, message: &str) -> Answer {
    let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    Answer::Xml(400, format!("<Response><Errors>{error}</Errors></Response>"))
}

/// The operation was done.
fn done(operation: &str) -> Answer {
    answer(operation, "<return>true</return>")
}

/// The groups EC2 has: one with the value of our tag, or none.
fn groups(egress: Option<&str>) -> Answer {
    let Some(egress) = egress else {
        return answer("DescribeSecurityGroups", "<securityGroupInfo/>");
    };
    let tag = format!("<item><key>longshore:egress</key><value>{egress}</value></item>");
    let group = format!(
        "<item><groupId>sg-1</groupId><groupName>tasks</groupName><tagSet>{tag}</tagSet></item>"
    );
    answer("DescribeSecurityGroups", &format!("<securityGroupInfo>{group}</securityGroupInfo>"))
}

fn created() -> Answer {
    answer("CreateSecurityGroup", "<return>true</return><groupId>sg-1</groupId>")
}

async fn resolve(network: &Network, answers: Vec<Answer>) -> (Result<Awsvpc, NetworkError>, Wire) {
    let wire = Wire::play(answers).await;
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    let config = moto::connect_to(&wire.endpoint).await.into_builder().retry_config(retries);
    let resolved = Ec2::new(&config.build()).resolve(network, Timestamp::UNIX_EPOCH).await;
    (resolved, wire)
}

/// A subnet by id, and a group to be made.
fn network() -> Network {
    Network {
        vpc: Some("vpc-1".to_owned()),
        subnets: vec!["subnet-1".to_owned()],
        security_group: Some(SecurityGroup { name: "tasks".to_owned(), create: true }),
        ..Network::default()
    }
}

#[tokio::test]
async fn a_network_by_ids_asks_nobody() {
    let written = Network {
        subnets: vec!["subnet-2".to_owned(), "subnet-1".to_owned()],
        security_groups: vec!["sg-1".to_owned()],
        assign_public_ip: true,
        ..Network::default()
    };
    let (resolved, wire) = resolve(&written, vec![groups(None)]).await;
    let expected = Awsvpc {
        subnets: written.subnets.clone(),
        security_groups: written.security_groups.clone(),
        assign_public_ip: true,
    };
    assert_eq!(resolved, Ok(expected));
    assert_eq!(wire.asked().len(), 0);
}

#[tokio::test]
async fn a_group_is_closed_before_it_is_opened_and_marked_last() {
    let duplicate = || error("InvalidGroup.Duplicate", "there is one");
    let gone = || error("InvalidPermission.NotFound", "no such rule");
    let there = || error("InvalidPermission.Duplicate", "the rule exists");
    let (close, open) = ("RevokeSecurityGroupEgress", "AuthorizeSecurityGroupEgress");
    let steps = [close, close, open, open, "CreateTags"];
    let all = steps.map(done).to_vec();
    let by_others = vec![gone(), gone(), there(), there(), done("CreateTags")];
    for (before, finish, looks) in [
        (vec![groups(None), created()], all.clone(), 2),
        (vec![groups(None), duplicate(), groups(Some("unfinished"))], all.clone(), 3),
        (vec![groups(Some("unfinished"))], all, 1),
        (vec![groups(Some("unfinished"))], by_others, 1),
    ] {
        let (resolved, wire) = resolve(&network(), [before, finish].concat()).await;
        assert_eq!(resolved.unwrap().security_groups, ["sg-1"]);
        let asked: Vec<(String, Value)> =
            wire.asked().into_iter().map(|asked| (asked.operation, asked.body)).collect();
        let finish: Vec<&str> =
            asked[looks..].iter().map(|(operation, _)| operation.as_str()).collect();
        assert_eq!(finish, steps);
        // In VPCs with IPv6, EC2 allows everything there too.
        for (number, cidr) in [(0, "0.0.0.0%2F0"), (1, "%3A%3A%2F0")] {
            let close = asked[looks + number].1.as_str().unwrap();
            assert!(close.contains("IpProtocol=-1") && close.contains(cidr), "{close}");
            let open = asked[looks + 2 + number].1.as_str().unwrap();
            assert!(open.contains("FromPort=443") && open.contains(cidr), "{open}");
        }
    }
}

#[tokio::test]
async fn a_finished_group_of_somebody_quicker_is_used_as_it_is() {
    let duplicate = error("InvalidGroup.Duplicate", "there is one");
    let answers = vec![groups(None), duplicate, groups(Some("https-only"))];
    let (resolved, wire) = resolve(&network(), answers).await;
    assert_eq!(resolved.unwrap().security_groups, ["sg-1"]);
    assert_eq!(wire.asked().len(), 3);
}

#[tokio::test]
async fn what_may_work_later_is_told_from_what_never_will() {
    let duplicate = || error("InvalidGroup.Duplicate", "there is one");
    let denial = "You are not authorized. User: arn:aws:sts::1:assumed-role/d is not authorized \
                  to perform: ec2:DescribeSecurityGroups because. Encoded authorization failure \
                  message: abcdef";
    let tagged = Network {
        subnets: Vec::new(),
        subnet_tags: [("Type".to_owned(), "private".to_owned())].into(),
        ..network()
    };
    for (network, answers, later, text) in [
        (network(), vec![error("RequestLimitExceeded", "slow")], true, "RequestLimitExceeded"),
        (network(), vec![Answer::Closed], true, "ec2:DescribeSecurityGroups"),
        (network(), vec![groups(None), duplicate(), groups(None)], true, "is not shown yet"),
        (
            network(),
            vec![groups(None), created(), error("InvalidGroup.NotFound", "too new")],
            true,
            "too new",
        ),
        (network(), vec![error("UnauthorizedOperation", denial)], false, "`longshore render`"),
        (
            network(),
            vec![groups(None), error("SecurityGroupLimitExceeded", "500 groups")],
            false,
            "EC2 refuses ec2:CreateSecurityGroup: SecurityGroupLimitExceeded: 500 groups",
        ),
        (tagged, vec![error("InvalidVpcID.Malformed", "no id")], false, "ec2:DescribeSubnets"),
        (Network { vpc: None, ..network() }, vec![groups(None)], false, "has no `vpc`"),
    ] {
        let (resolved, _) = resolve(&network, answers).await;
        let told = resolved.unwrap_err();
        assert_eq!(matches!(told, NetworkError::Unavailable(_)), later, "{told}");
        let told = told.to_string();
        assert!(told.contains(text), "{told}");
        assert!(!told.contains("abcdef"), "{told}");
    }
}
