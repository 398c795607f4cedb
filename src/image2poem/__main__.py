"""`python -m image2poem` is the command `image2poem`."""

from image2poem.cli import main

main()
