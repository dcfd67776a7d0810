"""Whether the words of a picture can be read."""


def boxes(texts):
    """Where texts stand, in pixels, once everything is drawn."""
    texts = list(texts)
    texts[0].figure.draw_without_rendering()
    return [text.get_window_extent() for text in texts if text.get_text()]


def overlaps(found):
    return [(i, j) for i, a in enumerate(found) for j in range(i) if a.overlaps(found[j])]
