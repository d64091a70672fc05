"""Which incidents of devices and of what they hang on should follow from the faults of a play."""

from collections.abc import Iterator
from dataclasses import dataclass

from city.city import City
from city.levels import Level
from city.registry import Device, Parent
from city.transitions import Nature
from simulators.faults.links import Lost
from simulators.faults.parents import Cut, VerifyOutage
from simulators.faults.plan import Injection, Plan
from simulators.faults.speech import ClockSkew, Unregistered
from simulators.truth.expected import Demand, Expected
from simulators.truth.plan import LEAST_SILENCE_MS, Cause, Silence, TruthPlan, after_ms
from simulators.words import Span, ms_of

SLACK_MS = 120_000
"""Ticks, the network, and the moment within its interval at which a device reports."""
DAY_MS = 86_400_000


@dataclass(frozen=True)
class Limits:
    """When silence of a device is told, by the age of its last message, ms. first: of the lowest level, settled."""

    after: dict[Level, int]
    first: int
    lowest: Level
    cause: str


class DeviceTruth:
    """Finds the expected incidents of a plan's faults."""

    def __init__(self, city: City, plan: Plan, truth: TruthPlan, passed_on: set[str]) -> None:
        self._city, self._plan, self._truth, self._passed_on = city, plan, truth, passed_on
        self._silence: dict[str, Silence] = {slug: silence for silence in truth.silence for slug in silence.types}

    def expected(self) -> Iterator[Expected]:
        for injection in self._plan.injections:
            fault = injection.fault
            if isinstance(fault, Cut):
                yield from self._of_cut(injection)
            elif isinstance(fault, VerifyOutage):
                yield from self._of_verify(injection)
            elif isinstance(fault, Unregistered):
                yield from self._of_strangers(injection)
            elif fault.title not in self._truth.unseen:
                yield from self._of_devices(injection)

    def _of_devices(self, injection: Injection) -> Iterator[Expected]:
        fault = injection.fault
        cause = self._truth.causes.get(fault.cause or "")
        for device_id in injection.devices:
            device = self._city.devices[device_id]
            if fault.anonymous and device_id in self._passed_on:
                yield self._stranger(Demand.MAY, self._city.area_of(device).admin, injection)
            elif cause is not None:
                yield self._lasting(device, injection, fault.cause or "", cause)
            if fault.mutes or isinstance(fault, Lost) or (isinstance(fault, ClockSkew) and ms_of(fault.by) < 0):
                yield from self._muted(device, injection)
        yield from self._silent_devices(injection, injection.devices)

    def _silent_devices(self, injection: Injection, devices: list[str]) -> Iterator[Expected]:
        for device_id in devices:
            device = self._city.devices[device_id]
            for of, span in self._plan.dark(device_id):
                if of is injection:
                    yield from self._silent(device, span, injection)

    def _silent(self, device: Device, span: Span, injection: Injection) -> Iterator[Expected]:
        """Of a device that publishes nothing within a span: between its last message and its next one lies the span,
        and at most an interval more."""
        limits = self._limits(device)
        if limits is None:
            return
        longest_ms = span.length_ms + self._interval_ms(device) + SLACK_MS
        told_at = {level: max(after, limits.first) for level, after in limits.after.items()}
        surely = [level for level, told_ms in told_at.items() if span.length_ms >= told_ms + SLACK_MS]
        maybe = [level for level, told_ms in told_at.items() if longest_ms >= told_ms]
        if maybe:
            yield self._device(
                Demand.MUST if surely else Demand.MAY,
                device,
                limits.cause,
                (max(surely, default=limits.lowest), max(maybe)),
                (span.start_ms, span.start_ms + limits.first + self._interval_ms(device) + SLACK_MS),
                f"{device.id} 静默 {span.length_ms // 60_000} 分钟 ({injection.fault.title})",
            )

    def _muted(self, device: Device, injection: Injection) -> Iterator[Expected]:
        """Little or nothing of the device is understood: that it seems silent as well is neither right nor wrong."""
        limits = self._limits(device)
        longest_ms = injection.span.length_ms + self._interval_ms(device) + SLACK_MS
        maybe = [level for level, after in limits.after.items() if longest_ms >= after] if limits else []
        if limits is not None and maybe:
            times = (injection.span.start_ms, injection.span.end_ms)
            why = f"{device.id} 的报文不可用或丢失 ({injection.fault.title}), 也可判为失联"
            yield self._device(Demand.MAY, device, limits.cause, (limits.lowest, max(maybe)), times, why)

    def _lasting(self, device: Device, injection: Injection, name: str, cause: Cause) -> Expected:
        """Of a device whose fault must have lasted for so many messages, and so long."""
        interval_ms, span = self._interval_ms(device), injection.span
        needed_ms = max((cause.messages + 1) * interval_ms, after_ms(cause.hold, interval_ms) + interval_ms)
        enough = span.length_ms >= needed_ms + SLACK_MS
        lowest, highest = (Level.of(word) for word in cause.levels)
        latest_ms = span.start_ms + needed_ms + ms_of(cause.within)
        return self._device(
            Demand.MUST if enough else Demand.MAY,
            device,
            name,
            (lowest, highest),
            (span.start_ms, latest_ms if enough else span.end_ms + ms_of(cause.within)),
            f"{device.id} {injection.fault.title}",
        )

    def _device(
        self,
        demand: Demand,
        device: Device,
        cause: str,
        levels: tuple[Level, Level],
        times: tuple[int, int],
        why: str,
    ) -> Expected:
        """An incident of one device. times: onset and latest opening."""
        return Expected(
            demand=demand,
            nature=Nature.DEVICE,
            subjects=(device.id,),
            causes=(cause,),
            lowest=levels[0],
            highest=levels[1],
            onset_ms=times[0],
            earliest_ms=times[0],
            latest_ms=times[1],
            why=why,
        )

    def _of_cut(self, injection: Injection) -> Iterator[Expected]:
        for parent_id, children in injection.parents.items():
            parent = self._city.parents[parent_id]
            watched = [self._city.devices[child] for child in children]
            limits = [found for device in watched if (found := self._limits(device)) is not None]
            rule = self._truth.parents.get(parent.kind.value)
            if rule is None or len(limits) < rule.at_least:
                yield from self._silent_devices(injection, children)
                continue
            yield self._parent(parent, children, injection, limits, Level.of(rule.level))

    def _parent(
        self, parent: Parent, children: list[str], injection: Injection, limits: list[Limits], level: Level
    ) -> Expected:
        """One incident of the parent, or of another one on which exactly the same devices hang."""
        span, same = injection.span, self._same_children(children)
        interval_ms = max(self._interval_ms(self._city.devices[child]) for child in children)
        last_ms = max(x.first for x in limits)
        return Expected(
            demand=Demand.MUST if span.length_ms >= last_ms + SLACK_MS else Demand.MAY,
            nature=Nature.PARENT,
            subjects=tuple(one.id for one in same),
            causes=tuple(dict.fromkeys(f"{one.kind.value}-dark" for one in same)),
            lowest=level,
            highest=level,
            onset_ms=span.start_ms,
            earliest_ms=span.start_ms,
            latest_ms=span.start_ms + last_ms + interval_ms + SLACK_MS,
            covers=tuple(children),
            why=f"{parent.name}中断 ({injection.fault.title}), 下挂 {len(children)} 台",
        )

    def _same_children(self, children: list[str]) -> list[Parent]:
        """Every parent on which these devices hang, and no others."""
        hanging: dict[str, set[str]] = {}
        first = self._city.devices[children[0]]
        candidates = {first.gateway, first.power, first.network, first.platform} - {None}
        for device in self._city.devices.values():
            for parent_id in (device.gateway, device.power, device.network, device.platform):
                if parent_id in candidates and parent_id is not None and device.in_service:
                    hanging.setdefault(parent_id, set()).add(device.id)
        return [self._city.parents[id_] for id_ in sorted(hanging) if hanging[id_] == set(children)]

    def _of_verify(self, injection: Injection) -> Iterator[Expected]:
        verify, span = self._truth.verify, injection.span
        for parent_id, children in injection.parents.items():
            parent = self._city.parents[parent_id]
            yield Expected(
                demand=Demand.MUST,
                nature=Nature.HAZARD,
                risk_class=self._city.area_of(self._city.devices[children[0]]).risk_class,
                subjects=(parent_id,),
                causes=(verify.cause,),
                lowest=Level.of(verify.levels[0]),
                highest=Level.of(verify.levels[1]),
                onset_ms=span.start_ms,
                earliest_ms=span.start_ms,
                latest_ms=span.start_ms + ms_of(verify.within),
                covers=tuple(children),
                why=f"{parent.name}核验后台中断, {len(children)} 条通道",
            )

    def _of_strangers(self, injection: Injection) -> Iterator[Expected]:
        """One a street. It is dated to the day on which strangers were heard, which begins at midnight UTC."""
        for street in dict.fromkeys(self._city.area_of(self._city.devices[id_]).admin for id_ in injection.devices):
            yield self._stranger(Demand.MUST, street, injection)

    def _stranger(self, demand: Demand, street: str, injection: Injection) -> Expected:
        truth, onset_ms = self._truth.unregistered, injection.span.start_ms
        interval_ms = max(self._interval_ms(self._city.devices[id_]) for id_ in injection.devices)
        latest_ms = onset_ms + interval_ms + SLACK_MS + ms_of(truth.within)
        return Expected(
            demand=demand,
            nature=Nature.DEVICE,
            subjects=(street,),
            causes=(truth.cause,),
            lowest=Level.of(truth.level),
            highest=Level.of(truth.level),
            onset_ms=onset_ms,
            earliest_ms=onset_ms - onset_ms % DAY_MS,
            latest_ms=latest_ms if demand is Demand.MUST else injection.span.end_ms + SLACK_MS,
            why=f"{self._city.admin[street].name}有未登记设备上报",
        )

    def _limits(self, device: Device) -> Limits | None:
        silence = self._silence.get(device.type)
        if silence is None:
            return None
        interval_ms = self._interval_ms(device)
        after = {
            Level.of(word): max(LEAST_SILENCE_MS, after_ms(text, interval_ms)) for word, text in silence.levels.items()
        }
        first = min(after.values()) + after_ms(silence.settle, interval_ms)
        return Limits(after, first, min(after), silence.cause)

    def _interval_ms(self, device: Device) -> int:
        return self._plan.interval_ms(device.id)
