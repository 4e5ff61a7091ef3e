"""What people did to a customer's details: every change with before and after, and every look at a masked field."""
