"""Made-up facts to look round with; the numbers they give are real, the history is not."""
