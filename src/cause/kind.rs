//! The causes: a stable name, a sentence, a remedy each.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares the kinds: name, sentence, remedy.
macro_rules! kinds {
    ($($variant:ident = $name:literal: $sentence:literal => $remedy:literal;)*) => {
        /// What went wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "each has its sentence")]
        pub enum Kind {
            $(#[serde(rename = $name)] $variant,)*
            /// One that a newer longshore knows.
            #[serde(other, rename = "other")]
            Other,
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its stable name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* Self::Other => "other" }
            }

            /// What is wrong.
            pub fn sentence(self) -> &'static str {
                match self {
                    $(Self::$variant => $sentence,)*
                    Self::Other => "something this longshore does not know",
                }
            }

            /// What to do.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)* Self::Other => "use the newer longshore" }
            }
        }
    };
}

kinds! {
    RegistryUnreachable = "registry-unreachable":
        "the task cannot reach Amazon ECR to sign in"
        => "give a public subnet assignPublicIp: true, a private one a NAT route or the endpoints ecr.api, ecr.dkr and s3 (gateway), with private DNS on and port 443 open";
    LayersUnreachable = "layers-unreachable":
        "the task reaches the registry but not S3, where ECR keeps the image's layers"
        => "add the S3 gateway endpoint to the subnet's route table, or a NAT route, and let the security group out to S3's prefix list on port 443";
    ImageUnreachable = "image-unreachable":
        "the task cannot reach the image's registry"
        => "if it comes again, look at public address, NAT route, endpoints and security group; once alone it is a passing disturbance";
    PullInterrupted = "pull-interrupted":
        "pulling the image broke off half-way"
        => "nothing: the next launch pulls it again; if it comes again, look at the way to the registry";
    ImageMissing = "image-missing":
        "the image or its tag is not in the registry"
        => "correct the image's name, tag or digest, or push it; a digest or a fixed tag does not go away as :latest does";
    ImageDenied = "image-denied":
        "the execution role may not pull the image"
        => "allow the execution role ecr:GetAuthorizationToken, ecr:BatchCheckLayerAvailability, ecr:GetDownloadUrlForLayer and ecr:BatchGetImage, and, in another account, the repository's own policy as well";
    RegistryDenied = "registry-denied":
        "the registry denies the image: it is private there, or not there at all"
        => "check the image's name; for a private registry keep the credentials in Secrets Manager and name them in the task definition's repositoryCredentials";
    ImageName = "image-name":
        "the image's name is no name of an image"
        => "write HOST/REPOSITORY:TAG, in lower case, without https://";
    ImageUnpullable = "image-unpullable":
        "the image cannot be pulled"
        => "look whether it exists, whether the execution role may pull it, and whether the subnet leads to its registry";
    RateLimit = "rate-limit":
        "the registry serves no more pulls for now: its rate limit is reached"
        => "sign in at Docker Hub (repositoryCredentials), or keep a copy of the image in ECR: a pull through cache rule does so by itself";
    DiskFull = "disk-full":
        "the image does not fit into the task's storage, packed and unpacked"
        => "set task.ephemeralStorage to 21-200 (GiB), or make the image smaller";
    Platform = "platform":
        "the image was built for another processor than the task's"
        => "build it with docker buildx build --platform linux/amd64 (or linux/arm64), or set task.architecture to what it was built for";
    SecretDenied = "secret-denied":
        "the execution role may not read a secret"
        => "allow the execution role secretsmanager:GetSecretValue or ssm:GetParameters on it, and kms:Decrypt on its own key";
    SecretMissing = "secret-missing":
        "a secret or parameter does not exist under that name"
        => "correct the ARN or name in task.secrets, with its region, or create it";
    SecretVersion = "secret-version":
        "a secret has no value in the version that is asked for"
        => "put a value into it: its AWSCURRENT version is missing, or the version in the ARN is wrong";
    SecretThrottled = "secret-throttled":
        "the service that keeps the secrets was asked too often at once"
        => "start fewer at once (concurrency.limit); for parameters: aws ssm update-service-setting --setting-id /ssm/parameter-store/high-throughput-enabled --setting-value true";
    SecretUnreachable = "secret-unreachable":
        "the task cannot reach the service that keeps its secrets"
        => "give the subnet a NAT route or the endpoint secretsmanager or ssm, with private DNS on and port 443 open";
    SecretUnreadable = "secret-unreadable":
        "a secret cannot be read"
        => "look whether it exists, whether the execution role may read it, and whether the subnet leads to its service";
    LogGroupMissing = "log-group-missing":
        "the log group does not exist"
        => "aws logs create-log-group --log-group-name GROUP";
    LogDenied = "log-denied":
        "the execution role may not write the log"
        => "allow the execution role logs:CreateLogStream and logs:PutLogEvents on the log group, and logs:CreateLogGroup if the task shall create it";
    LogGroupOrRoute = "log-group-or-route":
        "the log group does not exist, or, more often, the task cannot reach CloudWatch Logs"
        => "aws logs create-log-group --log-group-name GROUP, if it is missing; else give the subnet a NAT route or the endpoint logs, with private DNS on and port 443 open";
    LogDriver = "log-driver":
        "the log driver does not start with its options"
        => "correct logConfiguration in the task definition";
    EfsName = "efs-name":
        "the name of the EFS file system cannot be resolved"
        => "turn on DNS support and DNS hostnames in the VPC, and make a mount target in each of the task's zones";
    EfsUnreachable = "efs-unreachable":
        "the EFS file system does not answer"
        => "open port 2049 from the task's security group to the mount targets', and make one in each of the task's zones";
    EfsDenied = "efs-denied":
        "the EFS file system refuses the task"
        => "allow the task role elasticfilesystem:ClientMount (and ClientWrite), and correct access point and file system policy";
    EfsPath = "efs-path":
        "the directory does not exist on the EFS file system"
        => "create it, or use an access point that does";
    EfsFailed = "efs-failed":
        "the EFS volume cannot be mounted"
        => "look at mount targets, port 2049, file system policy and the directory";
    NoFreeAddresses = "no-free-addresses":
        "a subnet has no free address"
        => "use more or larger subnets, or free addresses in this one";
    InterfaceFailed = "interface-failed":
        "EC2 could not make the task's network interface, most often because the subnet has no free address"
        => "aws ec2 describe-subnets --query 'Subnets[].[SubnetId,AvailableIpAddressCount]', and use other subnets where it is near 0";
    InterfaceRefused = "interface-refused":
        "EC2 refused the task's network interface for a moment"
        => "nothing: the next launch is likely to pass";
    InterfaceTimeout = "interface-timeout":
        "the task's network interface was not ready in time"
        => "nothing: the next launch is likely to pass";
    StorageTimeout = "storage-timeout":
        "the task's storage was not ready in time"
        => "nothing: the next launch is likely to pass";
    ProvisioningFailed = "provisioning-failed":
        "Fargate could not make the task's machine ready"
        => "nothing: the next launch is likely to pass; subnets in several zones help";
    ZoneWithoutFargate = "zone-without-fargate":
        "ECS could not place the task: most often a subnet is in a zone without Fargate"
        => "use subnets in other zones";
    ServiceDiscovery = "service-discovery":
        "the task could not be registered for service discovery"
        => "nothing: the next launch is likely to pass";
    NoCapacity = "no-capacity":
        "Fargate has no capacity of this size in these zones for now"
        => "use subnets in more zones, another cpu or memory, or FARGATE after FARGATE_SPOT in capacity; later launches may pass";
    CpuQuota = "cpu-quota":
        "the account's limit of vCPUs that run at the same time is reached"
        => "aws service-quotas request-service-quota-increase --service-code fargate --quota-code L-3032A538 --desired-value N (Spot: L-36FBB829), or set concurrency.limit";
    SizeQuota = "size-quota":
        "the task is larger than the account's limit of vCPUs allows at all"
        => "aws service-quotas request-service-quota-increase --service-code fargate --quota-code L-3032A538 --desired-value N, or use less cpu and memory";
    AccountBlocked = "account-blocked":
        "AWS has blocked the account from running tasks, as it does with new ones"
        => "open a case with AWS Support";
    Throttled = "throttled":
        "AWS was asked too often at once by this account"
        => "nothing: longshore asks again later; concurrency.limit helps where it comes again";
    LaunchDenied = "launch-denied":
        "longshore may not start the task"
        => "longshore render, then deploy triggers.yaml: it allows what jobs.yaml names";
    RoleRefused = "role-refused":
        "ECS may not take on one of the task's roles"
        => "let ecs-tasks.amazonaws.com take the role on in its trust policy, and longshore's role pass it";
    ClusterMissing = "cluster-missing":
        "the cluster does not exist or is not active"
        => "correct cluster, or make it: aws ecs create-cluster --cluster-name CLUSTER";
    ProviderMissing = "capacity-provider-missing":
        "the cluster does not have the capacity provider"
        => "aws ecs put-cluster-capacity-providers --cluster CLUSTER --capacity-providers FARGATE FARGATE_SPOT --default-capacity-provider-strategy capacityProvider=FARGATE";
    DefinitionMissing = "task-definition-missing":
        "the task definition does not exist or is not active"
        => "correct task.taskDefinition, or register it";
    ContainerMissing = "container-missing":
        "the task definition has no such container"
        => "correct task.container";
    NetworkMissing = "network-missing":
        "a subnet or security group does not exist"
        => "correct the job's network";
    Incompatible = "incompatible":
        "the task definition is not one for Fargate"
        => "add FARGATE to its requiresCompatibilities, with networkMode awsvpc, cpu and memory";
    NoInstances = "no-instances":
        "the cluster has no instance that could take the task"
        => "use FARGATE or FARGATE_SPOT as capacity: longshore starts Fargate tasks";
    InstanceFull = "instance-full":
        "no instance of the cluster has enough left of a resource"
        => "use FARGATE or FARGATE_SPOT as capacity, or make the cluster larger";
    Constraint = "constraint":
        "no place meets the task definition's constraints"
        => "take out its placementConstraints, or make what they ask for";
    AgentGone = "agent-gone":
        "the agent that should start the task is not connected"
        => "nothing: the next launch is likely to pass";
    OutOfMemory = "out-of-memory":
        "the container ran out of memory"
        => "raise task.memory, or let the program use less";
    ProgramMissing = "program-missing":
        "the image has no such program"
        => "correct command and entryPoint, or the image's PATH";
    ProgramDenied = "program-denied":
        "the program in the image may not be executed"
        => "set its executable bit (chmod +x) when the image is built, or correct the user";
    RuntimeTimeout = "runtime-timeout":
        "the container did not become ready in time"
        => "try again; if it comes again, look at volumes, log driver and entry point";
    RuntimeFailed = "runtime-failed":
        "the container runtime failed"
        => "try again; if it comes again, look at command, entry point and volumes";
    ContainerNotStarted = "container-not-started":
        "the container could not be started"
        => "look at command, entry point, user and volumes";
    VolumeFailed = "volume-failed":
        "a volume could not be made"
        => "correct the task definition's volumes";
    SpotInterruption = "spot-interruption":
        "Fargate Spot took the capacity back, or had none"
        => "retry.on: [spotInterruption], subnets in several zones, FARGATE as the last entry of capacity";
    HostFailed = "host-failed":
        "the host under the task failed"
        => "retry.on: [infrastructureHealth]";
    HostStopped = "host-stopped":
        "the instance under the task was stopped or terminated"
        => "retry.on: [infrastructureHealth], or FARGATE as capacity";
    StoppedByService = "stopped-by-service":
        "a service or its scaling stopped the task"
        => "let no ECS service use this task definition's tasks";
    StoppedByUser = "stopped-by-user":
        "somebody stopped the task"
        => "look for StopTask in CloudTrail to see who";
    ResourceMissing = "resource-missing":
        "something the task needs does not exist"
        => "look at cluster, task definition and what it names";
    Initialization = "initialization":
        "something the task needs before its program could not be had"
        => "look at registry, secrets, log group and volumes, and at the way to them";
    StartTimeout = "start-timeout":
        "the task did not start within its limit, and ECS does not say why"
        => "look at the image's size and at the way to its registry, secrets and log; startWithin is the limit";
    EssentialExited = "essential-exited":
        "a container that the task cannot do without exited"
        => "look at its exit code and its log";
    InternalError = "internal-error":
        "ECS failed by itself"
        => "nothing: the next launch is likely to pass";
}

impl Kind {
    /// Whether it says no more than that the task ended: others know better why.
    pub fn is_generic(self) -> bool {
        matches!(self, Self::EssentialExited | Self::StoppedByUser | Self::Other)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
