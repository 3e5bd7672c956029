"""Who may do what on the broker: a partner reads its own `to` with its own group, writes its own `from`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ConfigResource,
    ConfigResourceType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from contracts.topics import from_topic, to_topic
from hub.adapters.broker.kafka import KafkaSettings, told
from hub.errors import Invalid, Unavailable

_ITERATIONS: Final = 8_192


def grant_partner(settings: KafkaSettings, slug: str, municipality: str, password: str) -> None:
    """Make the partner's user (or change its password) and give it its three rights, and none else.

    Raises `Invalid` where the hub itself logs in by that name.
    """
    _refuse_our_own(settings, slug)
    scram = UserScramCredentialUpsertion(slug, ScramMechanism.SCRAM_SHA_512, password, iterations=_ITERATIONS)
    rights = _rights(slug, municipality)
    with told(), settings.admin() as admin:
        _check(admin.alter_user_scram_credentials([scram]))
        if failed := admin.create_acls(rights)["failed"]:
            raise Unavailable(f"the broker refused the partner's rights ({failed[0].__name__})")


def amiss_with(settings: KafkaSettings, slugs: Iterable[str], municipality: str) -> str | None:
    """The first partner that lacks a right or has one too many, and which; None where all are right."""
    with told(), settings.admin() as admin:
        everything, _ = admin.describe_acls(_of(None))
    for slug in slugs:
        found = [right for right in everything if right.principal == f"User:{slug}"]
        wanted = _rights(slug, municipality)
        if any(right not in found for right in wanted):
            return f"{slug} lacks a right"
        if any(right not in wanted for right in found):
            return f"{slug} has a right that it should not have"
    return None


def amiss_with_topics(settings: KafkaSettings, topics: Iterable[str]) -> str | None:
    """The first topic that is not as `hub topics` makes it, and could lose what was acknowledged."""
    names = sorted(topics)
    with told(), settings.admin() as admin:
        found = {topic["name"]: topic["partitions"] for topic in admin.describe_topics(names)}
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        configs = admin.describe_configs(asked)["topic"]
    for name in names:
        if amiss := _amiss(found[name], configs[name], settings.replication_factor):
            return f"{name} {amiss}"
    return None


def _amiss(partitions: Sequence[Any], configs: Mapping[str, Any], replicas: int) -> str | None:
    if len(partitions) != 1:
        return f"has {len(partitions)} partitions, and only one keeps its order: delete it when it is read"
    if len(partitions[0]["replica_nodes"]) < replicas:
        return "has fewer replicas than HUB_KAFKA_REPLICATION: give it more"
    if len(partitions[0]["isr_nodes"]) < replicas:
        return "is not on every replica now: see which broker is away"
    if configs.get("cleanup.policy", {"value": "delete"})["value"] != "delete":
        return "is compacted, and loses what has no key: set cleanup.policy=delete"
    return None


def cut_off_partner(settings: KafkaSettings, slug: str) -> None:
    """Take every right first, then the login. An open connection lives on, with no right to anything.

    Raises `Invalid` where the hub itself logs in by that name.
    """
    _refuse_our_own(settings, slug)
    with told(), settings.admin() as admin:
        admin.delete_acls([_of(f"User:{slug}")])
        if slug in admin.describe_user_scram_credentials():
            _check(admin.alter_user_scram_credentials([UserScramCredentialDeletion(slug, "SCRAM-SHA-512")]))


def _refuse_our_own(settings: KafkaSettings, slug: str) -> None:
    """Whoever logs in as the hub reads every topic; and cut off with a partner, the hub would be away."""
    if slug == settings.username:
        raise Invalid(
            f"the hub itself logs in to the broker as {slug}: give the hub another HUB_KAFKA_USERNAME first",
            field="slug",
        )


def _rights(slug: str, municipality: str) -> list[Any]:
    return [
        _allow(slug, ACLOperation.READ, ResourceType.TOPIC, to_topic(municipality, slug)),
        _allow(slug, ACLOperation.WRITE, ResourceType.TOPIC, from_topic(municipality, slug)),
        # The dot at the end keeps `ngo-ab` out of the groups of `ngo-a`.
        _allow(slug, ACLOperation.READ, ResourceType.GROUP, f"{slug}.", ACLResourcePatternType.PREFIXED),
    ]


def _of(principal: str | None) -> Any:
    """Every right of one login, or of all."""
    everything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    return ACLFilter(principal, None, ACLOperation.ANY, ACLPermissionType.ANY, everything)


def _allow(
    slug: str, operation: Any, kind: Any, name: str, pattern: Any = ACLResourcePatternType.LITERAL
) -> Any:
    resource = ResourcePattern(kind, name, pattern)
    return ACL(f"User:{slug}", "*", operation, ACLPermissionType.ALLOW, resource)


def _check(answers: dict[str, str | None]) -> None:
    if any(error is not None for error in answers.values()):
        raise Unavailable("the broker refused the partner's login: see its log")
