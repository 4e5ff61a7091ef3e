"""The rows of the requirements that accounts (A) and tickets (T) owe, in the words in which they were asked for."""

ROWS = {
    "A1": (
        "Quick search: one box, any identifying detail (name, e-mail, phone, customer id, receipt id, ticket "
        "id, transaction id, checkout id), no type prefix"
    ),
    "A2": "Customer search form: by phone, name, e-mail, receipt id, combined, paged",
    "A3": "Register a customer: first name, last name, phone, e-mail mandatory; duplicates reported, not created",
    "A4": "Edit personal details; each change becomes a customer event with before and after",
    "A5": "Profile: financial summary with the account balance; shows a withdrawal at once",
    "A6": "The last 7 activities of the customer, across all services, newest first",
    "A7": (
        "Notes with a kind (complaint, query, reminder, other): everyone on the team reads them; only the "
        "author edits or deletes"
    ),
    "A8": (
        "Transaction history of money: deposits, withdrawals, purchases, reversals; unsuccessful and pending ones too"
    ),
    "A9": "Its columns: date and exact time, type, reason, money in, money out, running balance",
    "A10": "The same restricted to deposits, or to withdrawals",
    "A11": (
        "Manual withdrawal: shows the balance, amount, type admin / card / cheque, internal note, mandatory "
        "customer-visible description"
    ),
    "A12": (
        "Refused when the balance does not cover it; the description appears in the customer's own "
        "transaction history; the payout itself happens outside"
    ),
    "A13": "Customer events: failed logins, changes of personal details, failed and successful purchases",
    "A14": "Login history: all successful logins",
    "A15": "Customer feedback left on the website and in the app",
    "A16": "Checkout history: all successful checkouts",
    "A17": "Customer cart: the tickets in the cart now",
    "A18": "Access levels: viewing an account and changing it are separate rights",
    "A19": "Consumes balance-affecting events (ticket cancelled, purchase settled or failed) exactly once in effect",
    "T1": "Order history: every ticket since registration, current and archived",
    "T2": (
        "Its columns: ticket id, lottery draw, draw number, game offer (id and label, such as a book of six "
        "for ten dollars), draw date, order date, status, created from AutoPlay, checkout id, customer name"
    ),
    "T3": "Ticket statuses: purchased, paid, cancelling, cancelled, limbo, with one total, tested transition table",
    "T4": "Ticket detail by ticket id, with its own timeline",
    "T5": "Cancel a ticket: explicit confirmation, then cancelling, then cancelled",
    "T6": (
        "A cancellation publishes a balance event; accounts credits the price back as a reversal; the "
        "withdrawal stays a separate step"
    ),
    "T7": (
        "Recurring purchases (AutoPlay; also called membership, star supporter or VIP): list, detail, "
        "timeline, create, pause (until a date or open-ended), resume, skip, change, cancel with a reason; "
        "each run buys tickets marked as created from AutoPlay"
    ),
    "T8": (
        "Purchase events arrive on Kafka from other systems: orders with several tickets, several draws, with "
        "or without AutoPlay"
    ),
    "T9": (
        "Lotteries, draws (number, date, closing time, state) and game offers, managed by API and learned "
        "from purchase events"
    ),
    "T10": "Archived tickets: older than a month past their draw; still viewable and searchable",
}
