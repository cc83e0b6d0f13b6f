"""selfline: a self-service telephone line whose menus are YAML, whose answers are spoken, whose promises are kept."""
