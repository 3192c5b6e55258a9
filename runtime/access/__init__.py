"""Who may use a service: foreign web pages, keys, sessions and tickets."""
