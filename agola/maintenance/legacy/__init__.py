"""Reading what Agola 0.7, the one in Go, exports: its records turned into ours.

The rooms: `entries` cuts the stream, `document` reads one record as Go writes it, `configstore` and
`runservice` turn the records of either service into ours, and `conversion` is the way in.
"""

from agola.maintenance.legacy.conversion import Conversion, converted

__all__ = ["Conversion", "converted"]
