//! What a task needs beside a network, made in moto under names of its own.

#![expect(clippy::expect_used, reason = "a test may fail by panic")]

use aws_config::SdkConfig;
use aws_sdk_ecs::types::{
    Compatibility, ContainerDefinition, LogConfiguration, LogDriver, NetworkMode, Secret,
};
use serde_json::json;

use crate::moto;
use crate::proxy::Proxy;

const REGISTRY: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
/// The list of an image for two processors, as a registry has it.
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A cluster, an image, a secret, and a role that may do what they need.
pub(crate) struct Account {
    pub(crate) aws: SdkConfig,
    /// Of the cluster, the repository, the role and the task definition.
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) role: String,
    pub(crate) secret: String,
    /// moto does not simulate policies and would be asked three times: nobody may.
    proxy: Proxy,
}

impl Account {
    pub(crate) async fn new() -> Self {
        let aws = moto::connect().await;
        let name = moto::fresh("doctor")[..24].to_owned();
        let ecs = aws_sdk_ecs::Client::new(&aws);
        let cluster = ecs.create_cluster().cluster_name(&name);
        cluster.capacity_providers("FARGATE").send().await.expect("a cluster");
        let mut account = Self {
            image: format!("{REGISTRY}/{name}:1"),
            role: String::new(),
            secret: String::new(),
            proxy: Self::proxy().await,
            name,
            aws,
        };
        account.push().await;
        let group = json!({ "logGroupName": account.log_group() }).to_string();
        moto::ask("logs", "POST", "/", Some("Logs_20140328.CreateLogGroup"), group).await;
        account.secret = account.make_secret().await;
        account.role = account.make_role().await;
        account
    }

    /// One that speaks for moto.
    pub(crate) async fn proxy() -> Proxy {
        let proxy = Proxy::start().await;
        proxy.refuse("iam:SimulatePrincipalPolicy");
        // moto keeps it and does not tell.
        let told = "<NotificationConfiguration><EventBridgeConfiguration/>\
                    </NotificationConfiguration>";
        proxy.always("GetBucketNotification", 200, told);
        // moto knows no quotas of Fargate's, and other tests' tasks are not ours to count.
        proxy.always("GetServiceQuota", 200, r#"{"Quota":{"Value":6.0}}"#);
        proxy.always("ListTasks", 200, r#"{"taskArns":[]}"#);
        proxy
    }

    /// Where it answers.
    pub(crate) fn endpoint(&self) -> &str {
        self.proxy.endpoint()
    }

    pub(crate) fn log_group(&self) -> String {
        format!("/ecs/{}", self.name)
    }

    /// Makes a repository with an image for both processors.
    async fn push(&self) {
        let ecr = aws_sdk_ecr::Client::new(&self.aws);
        ecr.create_repository().repository_name(&self.name).send().await.expect("a repository");
        let built = |processor: &str, digit: &str| {
            json!({
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": format!("sha256:{}", digit.repeat(64)),
                "size": 500,
                "platform": { "os": "linux", "architecture": processor },
            })
        };
        let index = json!({
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [built("amd64", "a"), built("arm64", "b")],
        });
        let image = ecr.put_image().repository_name(&self.name).image_tag("1");
        let image = image.image_manifest(index.to_string()).image_manifest_media_type(INDEX);
        image.send().await.expect("an image");
    }

    async fn make_secret(&self) -> String {
        let secrets = aws_sdk_secretsmanager::Client::new(&self.aws);
        let made = secrets.create_secret().name(&self.name).secret_string("planted");
        made.send().await.expect("a secret").arn.expect("its ARN")
    }

    async fn make_role(&self) -> String {
        let iam = aws_sdk_iam::Client::new(&self.aws);
        let trust = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "ecs-tasks.amazonaws.com" },
            "Action": "sts:AssumeRole",
        }] });
        let role = iam.create_role().role_name(&self.name);
        let role = role.assume_role_policy_document(trust.to_string()).send().await;
        let role = role.expect("a role").role.expect("it").arn;
        let managed = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";
        let attached = iam.attach_role_policy().role_name(&self.name).policy_arn(managed);
        attached.send().await.expect("attached");
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": self.secret,
        }] });
        let own = iam.put_role_policy().role_name(&self.name).policy_name("secret");
        own.policy_document(policy.to_string()).send().await.expect("a policy");
        role
    }

    /// Registers a task definition with everything in it.
    pub(crate) async fn register(&self) {
        let logs = LogConfiguration::builder().log_driver(LogDriver::Awslogs);
        let logs = logs.options("awslogs-group", self.log_group());
        let logs = logs.options("awslogs-region", "eu-west-1");
        let logs = logs.options("awslogs-stream-prefix", "report").build().expect("a log");
        let secret = Secret::builder().name("TOKEN").value_from(&self.secret).build();
        let container = ContainerDefinition::builder().name("main").image(&self.image);
        // moto wants sizes of each container.
        let container = container.essential(true).log_configuration(logs).cpu(256).memory(512);
        let container = container.secrets(secret.expect("a secret")).build();
        let ecs = aws_sdk_ecs::Client::new(&self.aws);
        let call = ecs.register_task_definition().family(&self.name);
        let call = call.requires_compatibilities(Compatibility::Fargate);
        let call = call.network_mode(NetworkMode::Awsvpc).cpu("256").memory("512");
        let call = call.execution_role_arn(&self.role).task_role_arn(&self.role);
        call.container_definitions(container).send().await.expect("registered");
    }
}
