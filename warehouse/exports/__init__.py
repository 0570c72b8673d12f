"""Making a version: from a build's table, through checks, to an immutable folder."""
