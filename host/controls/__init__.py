"""What people see and order without an agent: the same answers for every surface that shows them."""
