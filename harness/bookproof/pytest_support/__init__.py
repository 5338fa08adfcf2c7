"""What the pytest plugin does once it is used; `bookproof.pytest_plugin` imports these modules when it needs them."""
