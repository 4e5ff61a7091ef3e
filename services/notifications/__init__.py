"""Notifications: what customers are told, and what became of it.

Owns the correspondence of every customer: what it says, to which address it went, each attempt to send it and each
report on its delivery. Keeps names and addresses of customers as accounts publishes them.

Consumes `customers` (CustomerChanged, CustomerErased), `tickets` (TicketsPaid, TicketCancelled), `correspondence`
(CorrespondenceRequested) and `deliveries` (DeliveryReported). Publishes nothing; sends mail over SMTP.
"""
