"""The reader of returned mail: what came back, for whom, why, and the lines that show it. Pure: bytes in, facts out."""

from campaigns.tracking.returned.diagnosis import CAUSES, Diagnosis, diagnose, explain
from campaigns.tracking.returned.read import Recipient, Returned, read_returned

__all__ = ["CAUSES", "Diagnosis", "Recipient", "Returned", "diagnose", "explain", "read_returned"]
