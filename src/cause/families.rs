//! By which words each family is known. The first that has all of its words decides, so what says
//! more comes before what says less.

use super::Kind;
use super::text::Words;

/// The words of a family, in lower case, with `'` for every quote.
const FAMILIES: &[(&[&str], Kind)] = &[
    // What only the cause itself says, wherever it stands.
    (&["toomanyrequests"], Kind::RateLimit),
    (&["pull rate limit"], Kind::RateLimit),
    (&["rate exceeded", "pull"], Kind::RateLimit),
    (&["no space left on device"], Kind::DiskFull),
    (&["descriptor matching platform"], Kind::Platform),
    (&["exec format error"], Kind::Platform),
    (&["outofmemory"], Kind::OutOfMemory),
    (&["out of memory"], Kind::OutOfMemory),
    (&["insufficientfreeaddresses"], Kind::NoFreeAddresses),
    (&["not have enough free addresses"], Kind::NoFreeAddresses),
    (&["network interface", "authfailure"], Kind::InterfaceRefused),
    (&["error while attempting to create network interface"], Kind::InterfaceFailed),
    (&["waiting for network interface provisioning"], Kind::InterfaceTimeout),
    (&["waiting for ephemeralstorage provisioning"], Kind::StorageTimeout),
    // Volumes.
    (&["efs", "failed to resolve"], Kind::EfsName),
    (&["efs", "access denied by server"], Kind::EfsDenied),
    (&["efs", "no such file or directory"], Kind::EfsPath),
    (&["efs", "timed out"], Kind::EfsUnreachable),
    (&["efs", "connection reset"], Kind::EfsUnreachable),
    (&["efs utils"], Kind::EfsFailed),
    // The log, before the task runs.
    (&["log stream", "accessdenied"], Kind::LogDenied),
    (&["log group", "accessdenied"], Kind::LogDenied),
    (&["log", "not authorized to perform: logs:"], Kind::LogDenied),
    (&["cannot find the amazon cloudwatch log group"], Kind::LogGroupOrRoute),
    (&["connection issue between the task and amazon cloudwatch"], Kind::LogGroupOrRoute),
    (&["the specified log group does not exist"], Kind::LogGroupMissing),
    (&["logger args", "resourcenotfoundexception"], Kind::LogGroupMissing),
    (&["logger args", "i/o timeout"], Kind::LogGroupOrRoute),
    (&["logger args", "signal: killed"], Kind::LogGroupOrRoute),
    (&["validate logger args"], Kind::LogDriver),
    (&["initialize logging driver"], Kind::LogDriver),
    // Secrets.
    (&["unable to retrieve secret", "accessdenied"], Kind::SecretDenied),
    (&["unable to retrieve secret", "not authorized"], Kind::SecretDenied),
    (&["unable to retrieve secret", "resourcenotfound"], Kind::SecretMissing),
    (&["unable to retrieve secret", "can't find the specified secret"], Kind::SecretMissing),
    (&["unable to retrieve secret", "invalid ssm parameters"], Kind::SecretMissing),
    (&["unable to retrieve secret", "versionid"], Kind::SecretVersion),
    (&["unable to retrieve secret", "awscurrent"], Kind::SecretVersion),
    (&["unable to retrieve secret", "invalidparameter"], Kind::SecretVersion),
    (&["unable to retrieve secret", "context deadline"], Kind::SecretUnreachable),
    (&["unable to retrieve secret", "i/o timeout"], Kind::SecretUnreachable),
    (&["unable to retrieve secret", "request canceled"], Kind::SecretUnreachable),
    (&["unable to retrieve secret"], Kind::SecretUnreadable),
    (&["cannot pull secrets"], Kind::SecretUnreadable),
    // The registry, before the image.
    (&["cannot pull registry auth"], Kind::RegistryUnreachable),
    (&["ecr registry auth", "accessdenied"], Kind::ImageDenied),
    (&["ecr registry auth", "not authorized"], Kind::ImageDenied),
    (
        &["unable to pull secrets or registry auth", "pull command failed"],
        Kind::RegistryUnreachable,
    ),
    (&["unable to pull secrets or registry auth", "signal: killed"], Kind::RegistryUnreachable),
    (&["unable to pull secrets or registry auth", "i/o timeout"], Kind::RegistryUnreachable),
    (&["pull command failed"], Kind::LayersUnreachable),
    (&["failed to copy: httprea"], Kind::LayersUnreachable),
    (&["unable to pull secrets or registry auth"], Kind::RegistryUnreachable),
    // The image. Unreachable comes before missing: `failed to resolve ref` says both.
    (&["invalid reference format"], Kind::ImageName),
    (&["cannotpull", "has the permissions"], Kind::ImageDenied),
    (&["cannotpull", "not authorized"], Kind::ImageDenied),
    (&["cannotpull", "accessdenied"], Kind::ImageDenied),
    (&["cannotpull", "403 forbidden"], Kind::ImageDenied),
    (&["pull access denied"], Kind::RegistryDenied),
    (&["cannotpull", "authorization failed"], Kind::RegistryDenied),
    (&["cannotpull", "no basic auth credentials"], Kind::RegistryDenied),
    (&["cannotpull", "connection issue"], Kind::ImageUnreachable),
    (&["cannotpull", "request canceled"], Kind::ImageUnreachable),
    (&["cannotpull", "context canceled"], Kind::ImageUnreachable),
    (&["cannotpull", "context deadline"], Kind::ImageUnreachable),
    (&["cannotpull", "i/o timeout"], Kind::ImageUnreachable),
    (&["cannotpull", "failed to do request"], Kind::ImageUnreachable),
    (&["cannotpull", "no such host"], Kind::ImageUnreachable),
    (&["cannotpull", "connection refused"], Kind::ImageUnreachable),
    (&["cannotpull", "manifest unknown"], Kind::ImageMissing),
    (&["cannotpull", "not found"], Kind::ImageMissing),
    (&["cannotpull", "whether the image exists"], Kind::ImageMissing),
    (&["cannotpull", "does not exist"], Kind::ImageMissing),
    (&["cannotpull", "invalid argument"], Kind::PullInterrupted),
    (&["cannotpull", "eof"], Kind::PullInterrupted),
    (&["cannotpull", "failed to resolve ref"], Kind::ImageMissing),
    (&["cannotpull"], Kind::ImageUnpullable),
    // The container.
    (&["executable file not found"], Kind::ProgramMissing),
    (&["exec:", "no such file or directory"], Kind::ProgramMissing),
    (&["permission denied", "exec"], Kind::ProgramDenied),
    (&["containerruntimetimeout"], Kind::RuntimeTimeout),
    (&["could not transition to running"], Kind::RuntimeTimeout),
    (&["containerruntimeerror"], Kind::RuntimeFailed),
    (&["cannotcreatevolume"], Kind::VolumeFailed),
    (&["cannotstartcontainer"], Kind::ContainerNotStarted),
    (&["cannotcreatecontainer"], Kind::ContainerNotStarted),
    (&["cannotstopcontainer"], Kind::RuntimeFailed),
    (&["cannotinspectcontainer"], Kind::RuntimeFailed),
    // Capacity and limits.
    (&["capacity is unavailable at this time"], Kind::NoCapacity),
    (&["reached the limit on the number of vcpus"], Kind::CpuQuota),
    (&["reached the limit on the number of tasks"], Kind::CpuQuota),
    (&["configuration is above your limit"], Kind::SizeQuota),
    (&["account is currently blocked"], Kind::AccountBlocked),
    (&["not compatible with the selected compute strategy"], Kind::Incompatible),
    (&["no active instances"], Kind::NoInstances),
    (&["empty capacity provider"], Kind::NoInstances),
    (&["memberof placement constraint"], Kind::Constraint),
    (&["resource:eni"], Kind::InstanceFull),
    (&["resource:"], Kind::InstanceFull),
    (&["throttling"], Kind::Throttled),
    (&["rate exceeded"], Kind::Throttled),
    // Our own words, where ECS has none.
    (&["longshore: did not start in time"], Kind::StartTimeout),
    (&["stopped because it took longer than"], Kind::StartTimeout),
    (&["stopped because it had not started within"], Kind::StartTimeout),
    // What AWS's own side did.
    (&["service discovery instance could not be registered"], Kind::ServiceDiscovery),
    (&["task provisioning failed"], Kind::ProvisioningFailed),
    (&["spot task was interrupted"], Kind::SpotInterruption),
    (&["spotinterruption"], Kind::SpotInterruption),
    (&["spot interruption"], Kind::SpotInterruption),
    (&["host ec2"], Kind::HostStopped),
    (&["scaling activity initiated by"], Kind::StoppedByService),
    (&["task stopped by user"], Kind::StoppedByUser),
    (&["stopped by user"], Kind::StoppedByUser),
    (&["resourceinitializationerror"], Kind::Initialization),
    (&["resourcenotfoundexception"], Kind::ResourceMissing),
    (&["essential container in task exited"], Kind::EssentialExited),
    (&["internalerror"], Kind::InternalError),
];

/// Texts that are nothing but a word of RunTask's, after whatever it was put behind.
const ALONE: &[(&str, Kind)] = &[
    ("agent", Kind::AgentGone),
    ("attribute", Kind::Constraint),
    ("location", Kind::Constraint),
    ("missing", Kind::ResourceMissing),
    ("inactive", Kind::ResourceMissing),
    ("internal error", Kind::ZoneWithoutFargate),
];

/// The family a text belongs to.
pub(super) fn kind_of(words: &Words) -> Option<Kind> {
    let alone = ALONE.iter().find(|(word, _)| words.are(word));
    let family = || FAMILIES.iter().find(|(all, _)| all.iter().all(|word| words.have(word)));
    alone.map(|(_, kind)| *kind).or_else(|| Some(family()?.1))
}
