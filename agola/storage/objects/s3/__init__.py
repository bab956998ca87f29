"""Objects in Amazon S3, or in a server that speaks as it does.

Package `minio` signs requests and reads answers.  Ours are the threads, the time-outs, what is
tried again, and uploads and downloads that hold no thread while the other side is slow.
"""

from agola.storage.objects.s3.opening import opening

__all__ = ["opening"]
