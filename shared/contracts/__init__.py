"""Every event that crosses Kafka, as pydantic models: the one place that says what a topic carries.

`registry()` maps an event type such as `recourse.purchase.completed.v1` to its model. Reading ignores fields
it does not know, so that a newer writer never breaks an older reader; what it does know is checked strictly.
"""

from shared.contracts.activity import (
    CartChanged,
    CheckoutCompleted,
    FeedbackLeft,
    LoginFailed,
    LoginSucceeded,
    VisitMade,
)
from shared.contracts.autoplays import (
    AutoplayCancelled,
    AutoplayChanged,
    AutoplayCreated,
    AutoplayNotRun,
    AutoplayPaused,
    AutoplayPaymentFailed,
    AutoplayRan,
    AutoplayResumed,
    AutoplaySkipped,
)
from shared.contracts.balances import BalanceCredited, BalanceDebited, BalanceRefused
from shared.contracts.base import Event, event_types, registry, topics
from shared.contracts.correspondence import CorrespondenceRequested
from shared.contracts.customers import CustomerChanged, CustomerErased, CustomerMerged, CustomerUnmerged
from shared.contracts.deliveries import DeliveryReported
from shared.contracts.loyalty import PointsAwarded, PointsClawedBack
from shared.contracts.prizes import PrizePaid
from shared.contracts.purchases import PurchaseCompleted, PurchaseFailed
from shared.contracts.tickets import (
    TicketCancellationRequested,
    TicketCancelled,
    TicketsInLimbo,
    TicketsPaid,
    TicketsPaymentRetried,
    TicketsPurchased,
)

__all__ = [
    "AutoplayCancelled",
    "AutoplayChanged",
    "AutoplayCreated",
    "AutoplayNotRun",
    "AutoplayPaused",
    "AutoplayPaymentFailed",
    "AutoplayRan",
    "AutoplayResumed",
    "AutoplaySkipped",
    "BalanceCredited",
    "BalanceDebited",
    "BalanceRefused",
    "CartChanged",
    "CheckoutCompleted",
    "CorrespondenceRequested",
    "CustomerChanged",
    "CustomerErased",
    "CustomerMerged",
    "CustomerUnmerged",
    "DeliveryReported",
    "Event",
    "FeedbackLeft",
    "LoginFailed",
    "LoginSucceeded",
    "PointsAwarded",
    "PointsClawedBack",
    "PrizePaid",
    "PurchaseCompleted",
    "PurchaseFailed",
    "TicketCancellationRequested",
    "TicketCancelled",
    "TicketsInLimbo",
    "TicketsPaid",
    "TicketsPaymentRetried",
    "TicketsPurchased",
    "VisitMade",
    "event_types",
    "registry",
    "topics",
]
