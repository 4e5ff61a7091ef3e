"""Correspondence: what customers are to be told and were told, with its contents."""
