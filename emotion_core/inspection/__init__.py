"""Which images does a run get wrong, and why? One table an image, and what is sorted, filtered and counted in it."""
