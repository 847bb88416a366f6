"""The exporters: HTTP apps that turn device answers into metrics, and discovery from the inventory."""
