"""Loyalty: what customers earn with paid tickets.

Owns: points, earned and clawed back, with the balance of each customer.
Consumes: `tickets` (paid, cancelled).
Publishes: `loyalty` (points awarded, points clawed back).
"""
