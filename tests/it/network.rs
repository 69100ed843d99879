//! Networks looked up in an EC2 we did not write.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panic")]

use std::sync::Arc;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use longshore::jobs::{Network, SecurityGroup};
use longshore::network::ec2::Ec2;
use longshore::network::{Awsvpc, NetworkError};

use crate::moto;

/// A VPC with a private and a public subnet in each of three zones.
pub(crate) struct Vpc {
    pub(crate) id: String,
    pub(crate) private: Vec<String>,
    ec2: Client,
}

impl Vpc {
    pub(crate) async fn new(config: &aws_config::SdkConfig) -> Self {
        let ec2 = Client::new(config);
        let made = ec2.create_vpc().cidr_block("10.0.0.0/16").send().await.unwrap();
        let id = made.vpc().and_then(|vpc| vpc.vpc_id()).unwrap().to_owned();
        let on = aws_sdk_ec2::types::AttributeBooleanValue::builder().value(true).build();
        ec2.modify_vpc_attribute().vpc_id(&id).enable_dns_hostnames(on).send().await.unwrap();
        let mut vpc = Self { id, private: Vec::new(), ec2 };
        for (number, zone) in ["a", "b", "c"].into_iter().enumerate() {
            let private = vpc.subnet(zone, number, "private").await;
            vpc.subnet(zone, number + 10, "public").await;
            vpc.private.push(private);
        }
        vpc.private.sort();
        vpc
    }

    async fn subnet(&self, zone: &str, number: usize, kind: &str) -> String {
        let tags = TagSpecification::builder()
            .resource_type(ResourceType::Subnet)
            .tags(Tag::builder().key("Type").value(kind).build())
            .build();
        let made = self.ec2.create_subnet().vpc_id(&self.id).tag_specifications(tags);
        let made = made
            .availability_zone(format!("eu-west-1{zone}"))
            .cidr_block(format!("10.0.{number}.0/24"))
            .send()
            .await
            .unwrap();
        made.subnet().and_then(|subnet| subnet.subnet_id()).unwrap().to_owned()
    }

    /// Its private subnets and a group by name.
    pub(crate) fn network(&self, group: &str, create: bool) -> Network {
        Network {
            vpc: Some(self.id.clone()),
            subnet_tags: [("Type".to_owned(), "private".to_owned())].into(),
            security_group: Some(SecurityGroup { name: group.to_owned(), create }),
            ..Network::default()
        }
    }

    /// A group as EC2 makes it, with tags of ours.
    async fn open_group(&self, name: &str, tags: &[(&str, &str)]) -> String {
        let mut made = self.ec2.create_security_group().group_name(name).description("x");
        let tags: Vec<Tag> =
            tags.iter().map(|(k, v)| Tag::builder().key(*k).value(*v).build()).collect();
        if !tags.is_empty() {
            made = made.tag_specifications(
                TagSpecification::builder()
                    .resource_type(ResourceType::SecurityGroup)
                    .set_tags(Some(tags))
                    .build(),
            );
        }
        made.vpc_id(&self.id).send().await.unwrap().group_id.unwrap()
    }

    /// The groups with this name: id, what may leave, our tag.
    async fn groups(&self, name: &str) -> Vec<(String, Vec<String>, Option<String>)> {
        let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
        let found = self.ec2.describe_security_groups().filters(filter("vpc-id", &self.id));
        let found = found.filters(filter("group-name", name)).send().await.unwrap();
        let found = found.security_groups.unwrap().into_iter();
        found
            .map(|group| {
                assert_eq!(group.ip_permissions(), [], "something may come in");
                let mut egress = Vec::new();
                for rule in group.ip_permissions_egress() {
                    let (protocol, port) = (rule.ip_protocol().unwrap(), rule.from_port());
                    let port = port.map_or("all".to_owned(), |port| port.to_string());
                    let v4 = rule.ip_ranges().iter().map(|range| range.cidr_ip().unwrap());
                    let v6 = rule.ipv6_ranges().iter().map(|range| range.cidr_ipv6().unwrap());
                    egress.extend(v4.chain(v6).map(|to| format!("{protocol} {port} {to}")));
                }
                egress.sort();
                let tag = group.tags().iter().find(|tag| tag.key() == Some("longshore:egress"));
                let tag = tag.and_then(|tag| tag.value()).map(str::to_owned);
                (group.group_id.unwrap(), egress, tag)
            })
            .collect()
    }

    /// What a group looks like that may be used.
    async fn assert_https_only(&self, name: &str) -> String {
        let groups = self.groups(name).await;
        let [(id, egress, tag)] = groups.as_slice() else { panic!("{groups:?}") };
        assert_eq!(egress, &["tcp 443 0.0.0.0/0", "tcp 443 ::/0"]);
        assert_eq!(tag.as_deref(), Some("https-only"));
        id.clone()
    }
}

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

#[tokio::test]
async fn a_group_that_is_missing_is_made_with_https_out_and_found_again_by_everyone() {
    let config = moto::connect().await;
    let vpc = Vpc::new(&config).await;
    let network = vpc.network("tasks", true);
    let first = Ec2::new(&config).resolve(&network, now()).await.unwrap();
    let group = vpc.assert_https_only("tasks").await;
    let expected = Awsvpc {
        subnets: vpc.private.clone(),
        security_groups: vec![group],
        assign_public_ip: false,
    };
    assert_eq!(first, expected);
    for create in [true, false] {
        let again = Ec2::new(&config).resolve(&vpc.network("tasks", create), now()).await;
        assert_eq!(again.unwrap(), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_make_the_same_group_at_once_use_one() {
    let config = moto::connect().await;
    let vpc = Arc::new(Vpc::new(&config).await);
    let launches = (0..8).map(|_| {
        let (config, vpc) = (config.clone(), Arc::clone(&vpc));
        tokio::spawn(async move {
            // Each a process of its own.
            Ec2::new(&config).resolve(&vpc.network("raced", true), now()).await
        })
    });
    let resolved = join_all(launches).await;
    let group = vpc.assert_https_only("raced").await;
    for resolved in resolved {
        assert_eq!(resolved.unwrap().unwrap().security_groups, std::slice::from_ref(&group));
    }
}

#[tokio::test]
async fn a_group_left_open_by_whoever_made_it_is_restricted_before_use() {
    let config = moto::connect().await;
    let vpc = Vpc::new(&config).await;
    vpc.open_group("left-open", &[("longshore:egress", "unfinished")]).await;
    Ec2::new(&config).resolve(&vpc.network("left-open", false), now()).await.unwrap();
    vpc.assert_https_only("left-open").await;
}

#[tokio::test]
async fn a_group_of_others_and_a_finished_one_keep_their_rules() {
    let config = moto::connect().await;
    let vpc = Vpc::new(&config).await;
    let rows: [(&str, &[(&str, &str)]); 2] =
        [("theirs", &[]), ("widened", &[("longshore:egress", "https-only")])];
    for (name, tags) in rows {
        let id = vpc.open_group(name, tags).await;
        let resolved = Ec2::new(&config).resolve(&vpc.network(name, true), now()).await.unwrap();
        assert_eq!(resolved.security_groups, [id]);
        let groups = vpc.groups(name).await;
        assert_eq!(groups[0].1, ["-1 all 0.0.0.0/0"], "{name}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_with_what_is() {
    let config = moto::connect().await;
    let vpc = Vpc::new(&config).await;
    let ec2 = Ec2::new(&config);
    let told = |network: Network| {
        let ec2 = &ec2;
        async move {
            match ec2.resolve(&network, now()).await.unwrap_err() {
                NetworkError::Invalid(text) => text,
                NetworkError::Unavailable(text) => panic!("{text}"),
            }
        }
    };
    let group = told(vpc.network("nowhere", false)).await;
    assert!(group.contains("no security group `nowhere`, there are: `default`"), "{group}");
    let mut network = vpc.network("nowhere", true);
    network.subnet_tags = [("type".to_owned(), "private".to_owned())].into();
    let subnets = told(network.clone()).await;
    assert!(subnets.contains("has the tags type=private; there are: subnet-"), "{subnets}");
    assert!(subnets.contains("eu-west-1a: Type=private"), "{subnets}");
    // No group was made for a network that has no place.
    assert_eq!(vpc.groups("nowhere").await, []);
    network.vpc = Some("vpc-00000000".to_owned());
    let nothing = told(network).await;
    assert!(nothing.contains("vpc-00000000 has no subnets"), "{nothing}");
}

#[tokio::test]
async fn an_answer_is_kept_for_five_minutes_and_a_failure_is_not() {
    let config = moto::connect().await;
    let vpc = Vpc::new(&config).await;
    let ec2 = Ec2::new(&config);
    let network = vpc.network("kept", false);
    ec2.resolve(&network, now()).await.unwrap_err();
    let group = vpc.open_group("kept", &[]).await;
    let first = ec2.resolve(&network, now()).await.unwrap();
    assert_eq!(first.security_groups, [group]);
    let more = vpc.subnet("a", 20, "private").await;
    let later = |secs| now() + SignedDuration::from_secs(secs);
    assert_eq!(ec2.resolve(&network, later(299)).await.unwrap(), first);
    let last = ec2.resolve(&network, later(300)).await.unwrap();
    assert!(last.subnets.contains(&more), "{last:?}");
}
