"""What people say about images, all of it as a file."""

from __future__ import annotations

from pages.shared.downloads import offer_file
from pages.shared.reviews import review_store


def offer_reviews(dataset: str) -> None:
    """All reviews of a dataset as CSV, read when somebody asks."""
    offer_file(
        "Reviews, CSV",
        lambda: review_store().to_csv(dataset),
        f"reviews-{dataset}.csv",
        "text/csv",
        key="reviews",
        meaning="Everything that was said about images of this dataset, by whom and when.",
    )
