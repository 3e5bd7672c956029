"""The whole story, played with fictitious people on real parts, and checked by reading back."""

from hub.demo.playing import play

__all__ = ["play"]
