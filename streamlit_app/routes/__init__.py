"""What the browser asks the app for beside its pages: numbers, logs and files, as needed."""
