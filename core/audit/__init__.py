"""What a model will learn from its data: asking, the answer, and what follows from it."""
