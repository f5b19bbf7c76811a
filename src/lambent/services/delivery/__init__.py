"""What companion services cause elsewhere: kept in the outbox, handed over until it is taken."""
