"""Settings to adapters to services, one module a capability; `bridges` joins capabilities through their ports."""
