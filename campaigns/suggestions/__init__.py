"""What goes with what they bought: products to suggest, each with its reason and how many bought both."""

from campaigns.suggestions.actions import refresh
from campaigns.suggestions.model import Affinity, Learning
from campaigns.suggestions.queries import MOST, Suggestion, learned, suggestions_for

__all__ = ["MOST", "Affinity", "Learning", "Suggestion", "learned", "refresh", "suggestions_for"]
