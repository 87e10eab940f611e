"""`doctor`: each check looks at one thing and says how it is and what to do."""
