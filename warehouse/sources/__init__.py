"""Where raw data come from: which files a build reads, whether they are what they were, how fresh they are."""
