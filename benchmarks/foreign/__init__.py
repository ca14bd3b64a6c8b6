"""Networks of others, measured by their own packages in an environment of their own."""
