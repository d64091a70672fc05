"""Addresses of made-up devices, in the form of the protocol that devices of their type speak."""

from city.catalogue import DeviceType
from city.registry import AdminUnit

CAMERA, PLATFORM = "132", "200"
"""Type codes of GB/T 28181."""
_HYDROLOGY = {"water_depth", "rain_total", "stage", "tide", "reservoir_stage"}
_ENVIRONMENT = {"data_flag", "pm10"}


def address_of(device_type: DeviceType, number: int, street: AdminUnit) -> str | None:
    """Twenty digits of GB/T 28181, an MN of HJ 212, ten digits of SL 651; None for types that speak none of them."""
    area, measures = street.code[:6] + street.code[-2:], set(device_type.measures or ())
    if device_type.feed == "video":
        return f"{area}00{CAMERA}{number:07}"
    if device_type.feed == "gb28181":
        return f"{area}00{PLATFORM}{number:07}"
    if measures & _ENVIRONMENT:
        return f"{area}{number:016}"
    if measures & _HYDROLOGY:
        return f"{number:010}"
    return None
