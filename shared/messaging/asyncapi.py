"""The AsyncAPI 3.0 document of all topics: made of the contracts and of how the topics are created."""

import inspect
from typing import Any, Literal

from pydantic.json_schema import models_json_schema

from shared.contracts import Event, registry, topics
from shared.messaging.admin import COMPACTED, TOPICS, retention_ms
from shared.messaging.dead_letters import DEAD_SUFFIX

VERSION = "1.0.0"
PARTITIONS = 6

# What outside systems write, the platform receives; the rest it sends.
_RECEIVED = frozenset({"purchases", "activity", "correspondence", "deliveries"})
_ABOUT = {
    "purchases": "What shops, web sites and apps report of purchases.",
    "activity": "What shops, web sites and apps report of customers' other doings.",
    "customers": "The current public details of each customer; compacted.",
    "tickets": "What happens to tickets.",
    "balances": "Every movement of customers' money, and every refusal.",
    "correspondence": "Requests to tell a customer something.",
    "deliveries": "What became of messages, as mail servers and providers report it.",
    "loyalty": "Points earned and clawed back.",
}

Document = dict[str, Any]


def build_asyncapi() -> Document:
    """The whole document; the same for the same contracts."""
    contracts = topics()
    mode: Literal["validation"] = "validation"
    _, schemas = models_json_schema(
        [(contract, mode) for contract in registry().values()], ref_template="#/components/schemas/{model}"
    )
    messages = {contract.type: _message(contract) for contract in registry().values()}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Recourse events",
            "version": VERSION,
            "description": (
                "CloudEvents 1.0 in Kafka binary mode, keyed by customer id; structured mode is accepted too. Readers "
                "ignore fields that they do not know. A change that an older reader or writer cannot take gets a new "
                "version of the type."
            ),
        },
        "defaultContentType": "application/json",
        "servers": {"local": {"host": "localhost:9192", "protocol": "kafka", "description": "The local stack."}},
        "channels": {
            **{_id(topic): _channel(topic, contracts.get(topic, [])) for topic in TOPICS},
            **{_id(topic + DEAD_SUFFIX): _dead_channel(topic) for topic in TOPICS},
        },
        "operations": {
            _operation_id(topic): _operation(topic, contracts[topic]) for topic in TOPICS if topic in contracts
        },
        "components": {
            "messages": {**messages, "dead_letter": _dead_letter()},
            "messageTraits": {"event": {"headers": _event_headers()}},
            "schemas": dict(sorted(schemas["$defs"].items())),
        },
    }


def _id(topic: str) -> str:
    return topic.replace(".", "_")


def _channel(topic: str, contracts: list[type[Event]]) -> Document:
    return {
        "address": topic,
        "description": _ABOUT[topic],
        "messages": {
            contract.type.replace(".", "_"): {"$ref": f"#/components/messages/{contract.type}"}
            for contract in contracts
        },
        "bindings": _topic_binding(topic),
    }


def _dead_channel(topic: str) -> Document:
    return {
        "address": topic + DEAD_SUFFIX,
        "description": f"Records of {topic} that a consumer could not handle, as they came, with the reason.",
        "messages": {"dead_letter": {"$ref": "#/components/messages/dead_letter"}},
        "bindings": _topic_binding(topic + DEAD_SUFFIX),
    }


def _topic_binding(topic: str) -> Document:
    retention = retention_ms(topic)
    policy: Document = {"cleanup.policy": ["compact" if topic in COMPACTED else "delete"]}
    if retention is not None:
        policy["retention.ms"] = retention
    return {"kafka": {"topic": topic, "partitions": PARTITIONS, "topicConfiguration": policy}}


def _operation_id(topic: str) -> str:
    return f"{'receive' if topic in _RECEIVED else 'send'}_{topic}"


def _operation(topic: str, contracts: list[type[Event]]) -> Document:
    return {
        "action": "receive" if topic in _RECEIVED else "send",
        "channel": {"$ref": f"#/channels/{_id(topic)}"},
        "messages": [
            {"$ref": f"#/channels/{_id(topic)}/messages/{contract.type.replace('.', '_')}"} for contract in contracts
        ],
    }


def _message(contract: type[Event]) -> Document:
    about = inspect.cleandoc(contract.__doc__ or "")
    return {
        "name": contract.type,
        "title": contract.__name__,
        "summary": about,
        "contentType": "application/json",
        "traits": [{"$ref": "#/components/messageTraits/event"}],
        "payload": {"$ref": f"#/components/schemas/{contract.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": "The customer's id."}}},
        "examples": [{"headers": _example_headers(contract), "payload": contract.example}],
    }


def _example_headers(contract: type[Event]) -> dict[str, str]:
    return {
        "ce_specversion": "1.0",
        "ce_id": "0199a1f0-0000-7000-8000-00000000000a",
        "ce_source": "shop.example",
        "ce_type": contract.type,
        "ce_time": "2026-11-22T09:30:00Z",
        "content-type": "application/json",
    }


def _event_headers() -> Document:
    return {
        "type": "object",
        "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "content-type"],
        "properties": {
            "ce_specversion": {"type": "string", "const": "1.0"},
            "ce_id": _text("Unique within the source: the same id twice takes effect once."),
            "ce_source": _text("The system that wrote the event."),
            "ce_type": _text("The event type with its version."),
            "ce_time": {"type": "string", "format": "date-time"},
            "ce_subject": {"type": "string", "description": "The customer's id."},
            "content-type": {"type": "string", "enum": ["application/json", "application/cloudevents+json"]},
            "traceparent": {"type": "string", "description": "W3C trace context."},
        },
    }


def _text(description: str) -> Document:
    return {"type": "string", "minLength": 1, "maxLength": 256, "description": description}


def _dead_letter() -> Document:
    reasons = {
        "dead-letter-id": "The letter's id in the service's own list.",
        "dead-letter-consumer": "Who could not handle the record.",
        "dead-letter-code": "The stable reason.",
        "dead-letter-detail": "The reason for people.",
        "dead-letter-topic": "Where the record came from.",
        "dead-letter-partition": "Its partition there.",
        "dead-letter-offset": "Its offset there.",
    }
    return {
        "name": "dead_letter",
        "title": "DeadLetter",
        "summary": "The record as it came, its own headers included, with the reason in headers.",
        "contentType": "application/octet-stream",
        "headers": {
            "type": "object",
            "required": list(reasons),
            "properties": {name: {"type": "string", "description": about} for name, about in reasons.items()}
            | {
                "dead-letter-key": {"type": "string", "description": "The record's own key, if it had one."},
                "dead-letter-omitted": {"type": "string", "description": "Why the value is not here, if it is not."},
            },
        },
        "payload": {"description": "Any bytes, or none."},
        "bindings": {"kafka": {"key": {"type": "string", "description": "The customer's id if known."}}},
    }
