"""Image2Poem: a photo in, a fitting line of real classical Chinese verse out."""
