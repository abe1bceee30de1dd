"""Carriers: the places in a document where settings sit, and how one is written there."""

from helmmail.settings.carriers.base import Carrier, Entry, Form, Name, Path, Value, read_value, secret_name
from helmmail.settings.carriers.lines import LineCarrier
from helmmail.settings.carriers.lists import ListCarrier, PairCarrier
from helmmail.settings.carriers.maps import MapCarrier

__all__ = [
    "Carrier",
    "Entry",
    "Form",
    "LineCarrier",
    "ListCarrier",
    "MapCarrier",
    "Name",
    "PairCarrier",
    "Path",
    "Value",
    "read_value",
    "secret_name",
]
