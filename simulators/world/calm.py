"""What stations measure on a day on which nothing happens. All values are proposals of our own."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Calm:
    """One indicator, in its unit. value: what is usual, above the site's `mark` where one is named. noise: standard
    deviation of a measurement. decimals: how many are told. day: how far it goes up by mid-afternoon, down by night.
    change: from which difference on a station reports at once; None: only in its turn. tidal: rise and fall with the
    tide. whole: a state or a count, nothing between two values."""

    value: float
    noise: float = 0.0
    decimals: int = 1
    day: float = 0.0
    mark: str | None = None
    change: float | None = None
    tidal: float = 0.0
    whole: bool = False


def _state(value: int = 0) -> Calm:
    return Calm(value, decimals=0, change=0.5, whole=True)


CALM = {
    "battery_voltage": Calm(12.6, 0.02, 2, day=0.2),
    # water
    "water_depth": Calm(0.0),
    "rain_total": Calm(0.0),
    "manhole_headroom": Calm(180.0, 1.0, 0, change=10),
    "pump_expected": _state(),
    "pump_running": _state(),
    "pump_fault": _state(),
    "power_loss": _state(),
    "sump_level": Calm(35.0, 0.5, 1, change=5),
    "gate_closed": _state(),
    "stage": Calm(-1.2, 0.004, 2, mark="stage_warning", change=0.05),
    "work_permit": _state(),
    "reservoir_stage": Calm(-1.5, 0.004, 2, mark="reservoir_flood_limit", change=0.05),
    "tide": Calm(-1.3, 0.01, 2, mark="tide_warning", change=0.1, tidal=0.8),
    "seepage_head": Calm(0.0, 0.01, 2, mark="seepage_head", change=0.3),
    "dam_displacement": Calm(3.0, 0.05, 2, change=1),
    # ground
    "displacement": Calm(12.0, 0.1, 2, day=0.2, change=1),
    "crack_width": Calm(0.0, 0.02, 2, mark="crack_width", change=0.5),
    "tilt": Calm(0.0, 0.004, 3, mark="tilt", change=0.05),
    "soil_moisture": Calm(22.0, 0.2, 1, change=3),
    "settlement": Calm(0.0, 0.05, 2, mark="settlement", change=1),
    "cover_moved": _state(),
    # air
    "air_temperature": Calm(22.0, 0.2, 1, day=4),
    "wind_speed": Calm(2.5, 0.3, 1, change=3),
    "wind_gust": Calm(5.0, 0.6, 1, change=3),
    "air_pressure": Calm(1008.0, 0.05, 1, day=-0.8, change=2),
    "pm25": Calm(30.0, 2.0, 0),
    "pm10": Calm(55.0, 3.0, 0),
    "o3": Calm(70.0, 2.0, 0, day=30),
    "noise_leq": Calm(57.0, 1.0, 1, day=2),
    # pipes
    "methane_lel": Calm(0.6, 0.1, 1, change=2),
    "manhole_temp": Calm(24.0, 0.2, 1, day=1, change=5),
    "h2s": Calm(0.3, 0.03, 2, change=1),
    "co": Calm(1.5, 0.2, 1, change=5),
    "co2": Calm(0.1, 0.01, 2, change=0.3),
    "humidity": Calm(80.0, 1.0, 0),
    "outlet_pressure": Calm(0.0, 1.0, 1, mark="outlet_pressure", change=10),
    "gas_flow": Calm(300.0, 5.0, 0, day=80),
    "pipe_pressure": Calm(0.32, 0.002, 3, day=-0.02, change=0.02),
    "leak_noise": Calm(18.0, 1.0, 1),
    "sewer_fill_ratio": Calm(45.0, 1.0, 0, day=8, change=5),
    # structures and machines
    "response_ratio": Calm(35.0, 4.0, 1, change=20),
    "accel_peak": Calm(0.01, 0.002, 3, change=0.05),
    "vehicle_gross": Calm(18.0, 5.0, 1, change=25),
    "crane_moment_ratio": Calm(45.0, 5.0, 0, change=25),
    "crane_wind": Calm(3.5, 0.4, 1, change=2),
    "hook_height": Calm(25.0, 4.0, 1),
    "pit_wall_disp": Calm(5.0, 0.03, 2, change=1),
    "axial_force": Calm(800.0, 3.0, 0, day=10, change=100),
    # plants
    "combustible_lel": Calm(0.5, 0.2, 1, change=3),
    "toxic_oel_ratio": Calm(0.05, 0.01, 2, change=0.2),
    "tank_level": Calm(60.0, 0.1, 1, change=3),
    "tank_temp_margin": Calm(25.0, 0.3, 1, day=-4, change=5),
    "tank_pressure_ratio": Calm(60.0, 0.5, 1, change=5),
    "hopper_temp": Calm(36.0, 0.5, 1, day=3, change=5),
    "dp_in_out": Calm(950.0, 15.0, 0, change=150),
    "lock_valve_fault": _state(),
    "wet_flow_ratio": Calm(99.0, 0.8, 0, change=5),
    "fan_running": _state(1),
    "oxygen": Calm(20.9, 0.03, 1, change=0.3),
    "person_detected": _state(),
    # water quality
    "nh3n": Calm(0.5, 0.02, 2),
    "do": Calm(6.8, 0.1, 2, day=0.5),
    "ph": Calm(7.3, 0.03, 2),
    "data_flag": _state(),
    # fire and crowds
    "smoke_alarm": _state(),
    "residual_current": Calm(60.0, 4.0, 0, change=80),
    "cable_temp": Calm(36.0, 0.5, 1, day=4, change=5),
    "hydrant_pressure": Calm(0.35, 0.004, 3, change=0.05),
    "ebike_batt_temp": Calm(31.0, 0.8, 1, day=3, change=5),
    "crowd_density": Calm(0.6, 0.08, 2, change=0.5),
}
"""Every indicator that a type of the feed telemetry measures, and of gauges the
depth on a dry road and the rain since the play began."""
