"""The sandbox as others see it: what can be asked, and how."""
