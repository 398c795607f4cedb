"""What is seen in a photo. A seer turns a photo into a `Sight`; the built-in one is `builtin`."""

from __future__ import annotations

from typing import Protocol

from image2poem.model import Context, Photo, Sight


class Seer(Protocol):
    """Looks at photos."""

    def see(self, photo: Photo, context: Context | None = None) -> Sight:
        """What the photo shows, leaning on when and where it was taken if that is known."""
